"""Which disks a member's bytes lie on in the end: through partitions, stacked devices and file systems. Reads only."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mirrortui.device import usage

_DEEPEST = 16
"""Devices stacked on each other that are looked through."""


def disks(path: str) -> dict[int, str]:
    """Device numbers and names of the disks under a block device or an image; of an image on a file system that shows
    no disk, that of the file system. Empty for what is not there.
    """
    try:
        found = Path(path).stat()
    except OSError:
        return {}
    if stat.S_ISBLK(found.st_mode):
        return _under(found.st_rdev, _DEEPEST)
    if usage.device_directory(found.st_dev).exists():
        return _under(found.st_dev, _DEEPEST)
    mount = next((mount for mount in usage.mounts() if mount.device == found.st_dev), None)
    return {found.st_dev: f"the file system {mount.where}" if mount else "one file system"}


def _under(device: int, depth: int) -> dict[int, str]:
    disk = usage.parent(device) or device
    if not depth:
        return {disk: _name(disk)}
    if backing := usage.backing_file(disk):
        return disks(backing) or {disk: _name(disk)}
    below = [_number(entry) for entry in sorted((usage.device_directory(disk) / "slaves").glob("*"))]
    found: dict[int, str] = {}
    for number in below:
        if number is not None:
            found |= _under(number, depth - 1)
    return found or {disk: _name(disk)}


def _name(device: int) -> str:
    directory = usage.device_directory(device)
    return directory.name if directory.exists() else f"device {os.major(device)}:{os.minor(device)}"


def _number(entry: Path) -> int | None:
    try:
        major, _, minor = (entry / "dev").read_text().strip().partition(":")
        return os.makedev(int(major), int(minor))
    except (OSError, ValueError):
        return None
