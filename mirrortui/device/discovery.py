"""Every block device of this machine, and why it cannot be a member. Never writes.

Works without root and without udev's database, as in containers; what cannot be seen then is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyudev

from mirrortui.device import usage
from mirrortui.device.bounded import Survey
from mirrortui.device.probe import Probe, probe
from mirrortui.device.signatures import Signature
from mirrortui.errors import MemberError
from mirrortui.units import SECTOR, format_size

_BY_NAME = {
    "nvme": "nvme",
    "loop": "loop",
    "dm-": "device-mapper",
    "md": "md",
    "nbd": "nbd",
    "mmcblk": "mmc",
    "zram": "memory",
}
_BY_PARENT = ("usb", "virtio", "mmc", "nvme", "scsi")
"""Subsystems of a device's ancestors that say how it is attached, the most telling first."""
ANSWERS_WITHIN = 12.0
"""Seconds that a device may take to show what is on it: one that sleeps takes ten to wake up."""
_survey: Survey[Probe | MemberError] = Survey()
_UDEV_RUNS = Path("/run/udev/control")


@dataclass(frozen=True, slots=True)
class DiscoveredDevice:
    """A block device with a medium in it."""

    path: str
    size: int
    """Bytes."""
    sector: int
    """Bytes of a logical sector; 512 where it may not be opened."""
    model: str
    serial: str
    transport: str
    """``"nvme"``, ``"usb"``, ``"ata"``, ``"loop"``...; empty where unknown."""
    signatures: tuple[Signature, ...]
    """What is on it, as far as it could be read and is known here."""
    why_not: str | None
    """``"mounted on /home"``; None: it can be a member as it is."""
    parent: str = ""
    """Path of the disk that it is a partition of, or of the first device that a volume lies on."""


def discover(members: Mapping[str, str] | None = None, *, at_least: int = 0) -> list[DiscoveredDevice]:
    """All block devices, by path. `members`: path of a member -> name of its mirror, for those that run or are
    remembered. `at_least`: bytes that are wanted. Reads both ends of every device: blocks, call it beside the loop.

    Raises MemberError without libudev.
    """
    names = {Path(path).resolve(): name for path, name in (members or {}).items()}
    devices = {
        device.device_node: device
        for device in _udev().list_devices(subsystem="block")
        if device.device_node and int(_attribute(device, "size") or 0)
    }
    seen = _survey.ask({path: partial(_look, path) for path in devices}, ANSWERS_WITHIN)
    found = [
        _describe(device, path, seen[path], names.get(Path(path).resolve()), at_least)
        for path, device in devices.items()
    ]
    return sorted(found, key=lambda each: each.path)


def _look(path: str) -> Probe | MemberError:
    try:
        return probe(path)
    except MemberError as error:  # the kernel knows it, and /dev does not
        return error


def _udev() -> pyudev.Context:
    try:
        return pyudev.Context()
    except ImportError:
        raise MemberError(
            "Block devices cannot be listed: libudev is not installed.",
            hint="Install it (Debian: libudev1), or give members by their paths: /dev/sdb.",
        ) from None


def _describe(
    device: pyudev.Device, path: str, seen: Probe | MemberError | None, member_of: str | None, at_least: int
) -> DiscoveredDevice:
    size = int(_attribute(device, "size")) * SECTOR
    sector = SECTOR
    signatures: tuple[Signature, ...] = ()
    why_not: str | None
    if seen is None:
        why_not = f"member of {member_of}" if member_of else "does not answer"
    elif isinstance(seen, MemberError):
        why_not = f"member of {member_of}" if member_of else seen.what
    else:
        sector, signatures = seen.sector, seen.signatures
        partitions = list(usage.partitions(device.device_number).values())
        why_not = _why_not(seen, size, partitions, member_of, at_least)
    return DiscoveredDevice(
        path,
        size,
        sector,
        _property(device, "ID_MODEL").replace("_", " ") or _attribute(device, "device/model"),
        _property(device, "ID_SERIAL_SHORT")
        or _attribute(device, "serial")
        or _attribute(device, "device/serial"),
        _transport(device),
        signatures,
        why_not,
        _parent(device),
    )


def _why_not(
    seen: Probe, size: int, partitions: list[str], member_of: str | None, at_least: int
) -> str | None:
    """The first reason, the strongest first."""
    if member_of:
        return f"member of {member_of}"
    if seen.in_use:
        return seen.in_use.reason.removeprefix("is ")
    if partitions:
        return f"has partitions: {', '.join(partitions)}"
    if seen.problem:
        return (
            f"{seen.problem.what.removeprefix(seen.path).split(';')[0].strip()}; what is on it cannot be seen"
        )
    if seen.readonly:
        return "read-only"
    if size < at_least:
        return f"too small: {format_size(at_least - size)} are missing"
    if seen.signatures:
        return f"holds {' and '.join(str(signature) for signature in seen.signatures)}"
    return None


def _parent(device: pyudev.Device) -> str:
    if device.device_type == "partition":
        disk = device.find_parent("block")
        return str(disk.device_node or "") if disk is not None else ""
    below = sorted(entry.name for entry in Path(device.sys_path, "slaves").glob("*"))
    return f"/dev/{below[0].replace('!', '/')}" if below else ""


def _transport(device: pyudev.Device) -> str:
    bus = _property(device, "ID_BUS")
    if bus:
        return bus
    for prefix, transport in _BY_NAME.items():
        if device.sys_name.startswith(prefix):
            return transport
    above = {ancestor.subsystem for ancestor in device.ancestors}
    if "/ata" in device.device_path:
        return "ata"
    return next((subsystem for subsystem in _BY_PARENT if subsystem in above), "")


def _property(device: pyudev.Device, name: str) -> str:
    """Of udev's database; empty where there is none."""
    return str(device.properties.get(name, ""))


def _attribute(device: pyudev.Device, name: str) -> str:
    """Of sysfs; empty where there is none."""
    value = device.attributes.get(name)
    return value.decode(errors="replace").strip() if value else ""


class Hotplug:
    """Tells an event loop that block devices came, went or changed."""

    def __init__(self) -> None:
        """Raises OSError where the kernel's events cannot be heard, MemberError without libudev."""
        source = "udev" if _UDEV_RUNS.exists() else "kernel"
        self._monitor = pyudev.Monitor.from_netlink(_udev(), source=source)
        self._monitor.filter_by("block")
        self._monitor.start()

    @property
    def fd(self) -> int:
        """Readable when something happened."""
        return int(self._monitor.fileno())

    def drain(self) -> set[str]:
        """Paths of the devices that something happened to since the last call. Does not wait."""
        changed = set()
        while (device := self._monitor.poll(timeout=0)) is not None:
            changed.add(device.device_node or device.sys_name)
        return changed
