"""Who uses a device or an image: mounts, swap, holders, loop devices, processes. Reads /proc and /sys only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
SYS = Path("/sys")

_OWN_NUMBERS = ("btrfs", "overlay", "bcachefs")
"""File systems whose files bear other device numbers than their mounts."""


@dataclass(frozen=True, slots=True)
class Use:
    """Why something may not be taken."""

    reason: str
    """``"is mounted on /home"``: follows the name of what is used."""
    hint: str
    """What would free it, as a sentence."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of mountinfo."""

    device: int
    """Of the files on it; a number of the file system's own on btrfs and overlays."""
    where: str
    kind: str
    source: str


def mounts() -> list[Mount]:
    """What is mounted in this mount namespace."""
    found = []
    for line in _read(PROC / "self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        _, _, numbers, _, where, *_ = before.split()
        kind, source, *_ = after.split()
        major, _, minor = numbers.partition(":")
        found.append(Mount(os.makedev(int(major), int(minor)), _unescape(where), kind, _unescape(source)))
    return found


def swaps() -> list[str]:
    """Paths of the swap devices and files in use."""
    return [_unescape(line.split()[0]) for line in _read(PROC / "swaps").splitlines()[1:]]


def device_directory(device: int) -> Path:
    """Where sysfs describes the block device with this number; resolved, whether it exists or not."""
    return (SYS / f"dev/block/{os.major(device)}:{os.minor(device)}").resolve()


def parent(device: int) -> int | None:
    """The disk that this block device is a partition of."""
    directory = device_directory(device)
    return _number(directory.parent) if (directory / "partition").exists() else None


def partitions(device: int) -> dict[int, str]:
    """Numbers and names of the partitions on this block device."""
    found = {}
    for mark in sorted(device_directory(device).glob("*/partition")):
        number = _number(mark.parent)
        if number is not None:
            found[number] = mark.parent.name
    return found


def backing_file(device: int) -> str | None:
    """The file behind a loop device, where it still has a name."""
    name = _read(device_directory(device) / "loop/backing_file").rstrip("\n")
    return name if name and not name.endswith(" (deleted)") else None


def loop_devices(image: os.stat_result) -> list[str]:
    """Loop devices whose bytes live in the image."""
    found = []
    for entry in sorted((SYS / "block").glob("loop*/loop/backing_file")):
        name = entry.parent.parent.name
        path = _read(entry).rstrip("\n")
        backing = _stat(path) if _may_lie_on(path, image.st_dev) else None
        if backing and os.path.samestat(backing, image):
            found.append(f"/dev/{name}")
    return found


def _may_lie_on(path: str, device: int) -> bool:
    """False of what lies on another file system for sure: that one is not asked, because it may hang."""
    around = [m for m in mounts() if path.startswith(f"{m.where.rstrip('/')}/")]
    nearest = max(reversed(around), key=lambda mount: len(mount.where), default=None)
    return nearest is None or nearest.device == device or nearest.kind in _OWN_NUMBERS


def use_of(found: os.stat_result) -> Use | None:
    """Why a block device or an image, known by its stat, is in use; None where nothing speaks of it."""
    if stat.S_ISBLK(found.st_mode):
        return _use_of_block(found.st_rdev)
    for path in swaps():
        swap = _stat(path)
        if swap and os.path.samestat(swap, found):
            return Use("is a swap file in use", f"Stop swapping on it first: swapoff {path}")
    for loop in loop_devices(found):
        return Use(
            f"is the backing file of {loop}", f"Detach it first, losetup -d {loop}, or use {loop} instead."
        )
    return None


def _use_of_block(device: int) -> Use | None:
    parts = partitions(device)
    for number in (device, *parts):
        on_it = f" by its partition {parts[number]}" if number in parts else ""
        for use in (_mounted(number), _swapped(number), _held(number)):
            if use:
                return Use(use.reason + on_it, use.hint)
    disk = parent(device)
    held = _held(disk) if disk is not None else None
    return Use(f"is part of a disk that {held.reason}", held.hint) if held else None


def _mounted(device: int) -> Use | None:
    for mount in mounts():
        if mount.device == device or _is_block(mount.source, device):
            return Use(f"is mounted on {mount.where}", f"Unmount it first: umount {mount.where}")
    return None


def _swapped(device: int) -> Use | None:
    for path in swaps():
        if _is_block(path, device):
            return Use("is swap space in use", f"Stop swapping on it first: swapoff {path}")
    return None


def _held(device: int) -> Use | None:
    for holder in sorted((device_directory(device) / "holders").glob("*")):
        name = holder.name
        mapped = _read(holder / "dm/name").strip()
        if mapped:
            return Use(
                f"is held by the device-mapper volume {mapped}", f"Remove it first: dmsetup remove {mapped}"
            )
        if (holder / "md").exists():
            return Use(
                f"is a member of the kernel's array {name}", f"Stop it first: mdadm --stop /dev/{name}"
            )
        return Use(f"is held by {name}", f"Stop what uses /dev/{name} first.")
    return None


def openers(wanted: os.stat_result, *, locked: bool = False) -> list[str]:
    """Processes that have it open, as ``"qemu-img (pid 12)"``; only those with a file lock on it where `locked`. What
    belongs to other users is seen by root alone.
    """
    return [f"{comm} (pid {pid})" for pid, comm in _openers(wanted, locked)]


def _openers(wanted: os.stat_result, locked: bool) -> Iterator[tuple[int, str]]:
    for process in sorted(PROC.glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            descriptors = list((process / "fd").iterdir())
        except OSError:
            continue
        for descriptor in descriptors:
            found = _stat(str(descriptor))
            if not found or not _same(found, wanted):
                continue
            if locked and "\nlock:" not in _read(process / "fdinfo" / descriptor.name):
                continue
            yield int(process.name), _read(process / "comm").strip() or "a process"
            break


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    """The same storage; device nodes may exist more than once."""
    if stat.S_ISBLK(one.st_mode) and stat.S_ISBLK(other.st_mode):
        return one.st_rdev == other.st_rdev
    return os.path.samestat(one, other)


def _is_block(path: str, device: int) -> bool:
    found = _stat(path) if path.startswith("/") else None
    return found is not None and stat.S_ISBLK(found.st_mode) and found.st_rdev == device


def _number(directory: Path) -> int | None:
    major, _, minor = _read(directory / "dev").strip().partition(":")
    return os.makedev(int(major), int(minor)) if minor else None


def _stat(path: str) -> os.stat_result | None:
    try:
        return Path(path).stat()
    except (OSError, ValueError):
        return None


def _read(path: Path) -> str:
    """A kernel file's text; empty where it is not there or not ours to read."""
    try:
        return path.read_text(errors="surrogateescape")
    except OSError:
        return ""


def _unescape(text: str) -> str:
    """The kernel writes blanks, tabs, newlines and backslashes of paths in octal."""
    for code, plain in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, plain)
    return text
