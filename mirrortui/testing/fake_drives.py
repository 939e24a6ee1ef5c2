"""Disks under the members of fake mirrors, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.mirrors import Drive, Member, Mirror

_WARMTH = {"sdb": 34, "sdc": 36, "sdd": 33, "sde": 35, "sdg": 29, "sdh": 31, "nvme0n1": 43}


def watched(mirrors: Sequence[Mirror], now: float) -> list[Mirror]:
    """The mirrors, with the disks under those members that have none yet."""
    return [
        replace(mirror, members=[_watched(member, now) for member in mirror.members]) for mirror in mirrors
    ]


def listed(devices: Sequence[DeviceInfo], now: float) -> list[DeviceInfo]:
    """The devices likewise."""
    return [replace(device, drives=_drives(device.path, now)) for device in devices]


def failing(member: Member, now: float) -> Member:
    """The member, on a disk that foretells its end."""
    drives = [
        replace(drive, failing=True, health="past the limit: Reallocated_Sector_Ct")
        for drive in _drives(member.path, now)
    ]
    return replace(member, drives=drives)


def _watched(member: Member, now: float) -> Member:
    if member.drives is not None or member.state in ("missing", "faulty"):
        return member
    return replace(member, drives=_drives(member.path, now))


def _drives(path: str, now: float) -> list[Drive]:
    """Those that /dev names; images lie on a disk that nobody knows."""
    if not path.startswith("/dev/"):
        return []
    name = path.removeprefix("/dev/").partition("p")[0]
    name = name if name.startswith("nvme") else name[:3]
    if name not in _WARMTH:
        return [Drive(name=name, asked=now - 20, no_temperature="no sensor", health="it has none")]
    return [Drive(name=name, asked=now - 20, temperature=_WARMTH[name], failing=False)]
