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
    source: Member, target: Member, lo: int, buffer: Buffer, where: Iterable[Run], pool: Pool, page: int
) -> Iterator[Operation]:
    """Write these runs of a range that begins at `lo` and whose content is in the buffer; nothing where both have a
    hole, or the target's bad-block log lists it. An operation that has a buffer of its own holds it once. What lies in
    one `page` with something listed goes past the page cache.
    """
    for start, end in _apart(target, lo, where, page):
        at, length = lo + start, end - start
        if target.bad and target.torn(at, at + length, page):
            device = target.device.past_cache(target.data + at, length)
            yield Operation(device, Op.WRITE, target.data + at, pool.take(buffer.view[start:end]), length)
        elif is_hole(source, at, length):
            if not is_hole(target, at, length):
                yield Operation(target.device, Op.ZERO, target.data + at, None, length)
        else:
            if start:
                part = pool.take(buffer.view[start:end])
            else:
                part = buffer
                part.hold()
            yield Operation(target.device, Op.WRITE, target.data + at, part, length)


def _apart(member: Member, lo: int, where: Iterable[Run], page: int) -> Iterator[Run]:
    """These runs of a range that begins at `lo` without what the member's bad-block log lists: that is healed with more
    care, and a medium that does not take it there costs no member. Runs end where pages do of which a part is listed.
    """
    for start, end in where:
        torn = member.torn(lo + start, lo + end, page)
        for part in torn.without(lo + start, lo + end):
            yield part[0] - lo, part[1] - lo
        for a, b in torn:
            yield from ((c - lo, d - lo) for c, d in member.bad.without(a, b))


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
