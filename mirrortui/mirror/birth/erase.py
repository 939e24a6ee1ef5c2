"""Superblocks of a device's earlier lives, erased before anything else is written to it.

First, because a cut between must not leave an old superblock over data that is no longer its array's: whoever finds it
would take the device for a good copy. mdadm does the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from mirrortui.device.base import Device
from mirrortui.device.buffers import Pool
from mirrortui.errors import MemberError
from mirrortui.format.ondisk import SUPERBLOCK_BYTES
from mirrortui.mirror.assembly.reading import find_superblocks
from mirrortui.mirror.birth.durable import write_durably


async def old_superblocks(device: Device, pool: Pool, *, keeping: bool = False) -> list[int]:
    """Where superblocks lie that somebody may find, in bytes, in the order in which they must go: the youngest array's
    last, for it is the one that counts, and those before it describe data that it has overwritten.

    One that was not written for this device is left alone: nobody takes it for this device's, and it may be content.
    A place that cannot be read now may hold one, and be read one day. It goes last: it may be content of the youngest.
    `keeping`: what else is on the device is still needed; raises FormatError if a place cannot be read.
    """
    found, unread = await find_superblocks(device, pool)
    for problem in unread.values() if keeping else ():
        raise problem
    return [*(one.offset for one in reversed(found) if one.for_this_device), *unread]


async def erase(device: Device, ranges: Iterable[tuple[int, int]], pool: Pool) -> None:
    """Write zeroes to byte ranges (first, end), each durable before the next. Raises MemberError."""
    for lo, hi in ranges:
        if why := await write_durably(device, lo, bytes(hi - lo), pool):
            raise MemberError(
                f"{device.path} did not let an old superblock at byte {lo} be erased: {why}.",
                hint="Nothing else was written to it. Check the device, then try again.",
            )


async def erase_superblocks(device: Device, pool: Pool) -> None:
    """Erase all of old_superblocks(). Raises MemberError."""
    await erase(device, map(page, await old_superblocks(device, pool)), pool)


def page(offset: int) -> tuple[int, int]:
    """The bytes set aside for a superblock there."""
    return offset, offset + SUPERBLOCK_BYTES
