"""What makes one copy equal to another: data, holes, or only where the two differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mirrortui.device.base import Op
from mirrortui.device.buffers import Buffer, Pool, same
from mirrortui.mirror.array import Member
from mirrortui.mirror.executor import Operation, wait

PAGE = 4096
"""Bytes that are compared at once, as the kernel does."""

Run = tuple[int, int]
"""First byte of a range, and the one behind its last."""


def is_hole(member: Member, lo: int, length: int) -> bool:
    """The whole range is a hole and reads as zeroes."""
    return all(extent.hole for extent in member.device.extents(member.data + lo, length))


def operations(
    source: Member, target: Member, lo: int, buffer: Buffer, where: Iterable[Run], pool: Pool
) -> Iterator[Operation]:
    """Write these runs of a range that begins at `lo` and whose content is in the buffer; nothing where both have a
    hole. An operation that has a buffer of its own holds it once.
    """
    for start, end in where:
        at, length = lo + start, end - start
        if is_hole(source, at, length):
            if not is_hole(target, at, length):
                yield Operation(target.device, Op.ZERO, target.data + at, None, length)
        else:
            if start:
                part = pool.take(buffer.view[start:end])
            else:
                part = buffer
                part.hold()
            yield Operation(target.device, Op.WRITE, target.data + at, part, length)


def apart(member: Member, lo: int, where: Iterable[Run]) -> Iterator[Run]:
    """These runs of a range that begins at `lo` without what the member's bad-block log lists: that is healed with more
    care, and a medium that does not take it there costs no member.
    """
    for start, end in where:
        yield from ((a - lo, b - lo) for a, b in member.bad.without(lo + start, lo + end))


async def differing(member: Member, at: int, right: Buffer, length: int, pool: Pool) -> list[Run]:
    """Runs in which the member's copy, from byte `at` of the array on, is not what it should be. What cannot be read
    differs.
    """
    buffer = pool.empty(length)
    try:
        read = Operation(member.device, Op.READ, member.data + at, buffer, length)
        (result,) = await wait([read])
        if result != length:
            member.read_errors += 1
            return [(0, length)]
        member.read_bytes += length
        return runs(buffer, right, length, max(PAGE, member.device.block_size))
    finally:
        buffer.drop()


def runs(one: Buffer, other: Buffer, length: int, page: int = PAGE) -> list[Run]:
    """Where two ranges of the same length differ, in whole pages, neighbours joined."""
    if same(one, other, 0, length):
        return []
    found: list[Run] = []
    for lo in range(0, length, page):
        hi = min(lo + page, length)
        if same(one, other, lo, hi - lo):
            continue
        if found and found[-1][1] == lo:
            found[-1] = (found[-1][0], hi)
        else:
            found.append((lo, hi))
    return found
