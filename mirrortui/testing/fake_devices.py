"""The block devices of a FakeEngine's worlds."""

from __future__ import annotations

from mirrortui.api.answers import DeviceInfo
from mirrortui.units import GIB, TIB


def all_devices() -> list[DeviceInfo]:
    return [
        DeviceInfo(path="/dev/sdg", size=2 * TIB, model="WDC WD20EFRX", serial="WD-4M21KX", transport="sata"),
        DeviceInfo(
            path="/dev/sdh",
            size=4 * TIB,
            model="ST4000VN008",
            serial="ZDH0A1",
            transport="sata",
            holds="ext4, label old",
            why_not="holds ext4, label old",
        ),
        DeviceInfo(
            path="/dev/sdf1",
            size=2 * TIB,
            model="WDC WD20EFRX",
            serial="WD-4M21KZ",
            transport="sata",
            parent="/dev/sdf",
            holds="ext4, label backup",
            why_not="mounted on /backup",
        ),
        DeviceInfo(
            path="/dev/sdb", size=2 * TIB, model="HGST HUS724020", transport="sata", why_not="member of vault"
        ),
        DeviceInfo(
            path="/dev/nvme0n1p2",
            size=930 * GIB,
            model="Samsung 980",
            transport="nvme",
            parent="/dev/nvme0n1",
            holds="swap",
            why_not="swap is on it",
        ),
        DeviceInfo(
            path="/dev/sdc",
            size=2 * TIB,
            model="HGST HUS724020",
            serial="PN2134P6",
            transport="sata",
            why_not="member of vault",
        ),
        DeviceInfo(
            path="/dev/sdf",
            size=4 * TIB,
            model="WDC WD20EFRX",
            serial="WD-4M21KZ",
            transport="sata",
            why_not="has partitions: sdf1",
        ),
        DeviceInfo(
            path="/dev/nvme0n1",
            size=931 * GIB,
            model="Samsung 980",
            serial="S64DNX0R",
            transport="nvme",
            why_not="has partitions: nvme0n1p2",
        ),
    ]
