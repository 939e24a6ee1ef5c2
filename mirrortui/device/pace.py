"""How fast a device can be read: measured for a moment, or else what is usual for its kind."""

from __future__ import annotations

import mmap
import os
import time

from mirrortui.device import bounded, drive
from mirrortui.device.physical import disks
from mirrortui.device.probe import Peek
from mirrortui.errors import MirrortuiError
from mirrortui.units import MIB

MOMENT = 0.15
"""Seconds of reading."""
_PATIENCE = 2.0
"""Seconds for the whole of it, the opening of a slow file system too."""
_LEAST = 4 * MIB
"""Bytes from which on it counts."""


def measure(path: str) -> int | None:
    """Bytes a second of one reader past the page cache, in the middle of what lies there; None where that cannot be
    told: nothing lies there, it has no O_DIRECT, or it does not answer. Blocks for two seconds at most; never writes.
    """
    try:
        return bounded.within(_PATIENCE, lambda: _measure(path))
    except (TimeoutError, OSError, MirrortuiError):
        return None


def usual(path: str) -> tuple[int, str] | None:
    """Bytes a second of a disk like the one below, and what kind that is; None where no disk is seen."""
    found = [_usual(name) for name in disks(path).values() if drive.exists(name)]
    return min(found, default=None)


def _usual(disk: str) -> tuple[int, str]:
    if drive.sleeps_at_times(disk):
        return 150_000_000, "a disk that spins"
    if disk.startswith("nvme"):
        return 1_000_000_000, "an NVMe disk"
    return 400_000_000, "a disk without moving parts"


def _measure(path: str) -> int | None:
    with Peek(path) as peek:
        first, end = max(peek.data_ranges(), key=lambda extent: extent[1] - extent[0], default=(0, 0))
    length = end - first
    if length < _LEAST:
        return None
    at = (first + length // 2) // MIB * MIB
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECT)
    try:
        with mmap.mmap(-1, MIB) as page:
            os.preadv(descriptor, [page], at - MIB)  # the way there does not count
            return _read_on(descriptor, page, at, end)
    finally:
        os.close(descriptor)


def _read_on(descriptor: int, page: mmap.mmap, at: int, end: int) -> int | None:
    begun, done = time.monotonic(), 0
    while at + done + MIB <= end and time.monotonic() - begun < MOMENT:
        count = os.preadv(descriptor, [page], at + done)
        if not count:
            break
        done += count
    passed = time.monotonic() - begun
    return int(done / passed) if done and passed else None
