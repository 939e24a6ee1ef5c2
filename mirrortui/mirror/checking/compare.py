"""What copies of a range have: read and compared, and made like one of them. Whoever asks holds the range's ticket
where it matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from mirrortui.device.base import Op
from mirrortui.device.buffers import Buffer, Pool
from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.executor import Operation, wait
from mirrortui.mirror.metadata.scribe import Scribe
from mirrortui.mirror.reasons import reason
from mirrortui.mirror.syncing.copying import PAGE, Run, runs
from mirrortui.mirror.traffic.book import Book
from mirrortui.units import format_size


class Copy(NamedTuple):
    """What a member has in a range."""

    member: Member
    buffer: Buffer


class Comparer:
    """Of one mirror."""

    def __init__(self, array: Array, scribe: Scribe, book: Book, pool: Pool) -> None:
        self._array = array
        self._scribe = scribe
        self._book = book
        self._pool = pool

    def late(self) -> bool:
        """A timed-out operation may still land: what is read now need not stay."""
        return any(m.device.zombies for m in self._array.targets())

    def comparable(self, lo: int, hi: int) -> list[Member]:
        """Members whose copies of the range must be equal: no resync is to come there, and no bad block is in it."""
        first, last = self._book.span(lo, hi - lo)
        return [
            m for m in self._array.in_sync() if not m.need.touches(first, last) and not m.bad.touches(lo, hi)
        ]

    async def read(self, lo: int, hi: int, only: Member | None = None) -> list[Copy]:
        """The range on every member that can be compared and read; `only`: on that one."""
        asked = self.comparable(lo, hi) if only is None else [only]
        copies = [Copy(m, self._pool.empty(hi - lo)) for m in asked]
        # What is on the disk counts, not what the page cache makes of it; and what clients have there stays there.
        results = await wait(
            Operation(m.device.past_cache(m.data + lo, hi - lo), Op.READ, m.data + lo, b, hi - lo)
            for m, b in copies
        )
        read = []
        for copy, result in zip(copies, results, strict=True):
            if result == hi - lo:
                copy.member.read_bytes += result
                read.append(copy)
                continue
            copy.buffer.drop()
            self._book.read_failed(copy.member, lo, hi - lo, result)
        return read

    async def give(self, members: Sequence[Member], lo: int, right: Buffer, where: Run) -> list[Member]:
        """Write a run of a buffer, whose content is that of the range from `lo` on, to these members as far as they are
        in sync. Returns those that took it; who did not take it is out.
        """
        start, end = where
        at, length = lo + start, end - start
        members = [m for m in members if m.state is State.IN_SYNC]
        part = self._pool.take(right.view[start:end])
        try:
            results = await wait(Operation(m.device, Op.WRITE, m.data + at, part, length) for m in members)
        finally:
            part.drop()
        took = []
        for member, result in zip(members, results, strict=True):
            if result == length:
                member.written_bytes += length
                took.append(member)
                continue
            member.write_errors += 1
            why = reason(result)
            self._scribe.fault(member, f"write error at {format_size(at)} while it was repaired: {why}")
        return took


def differing(copies: Sequence[Copy], length: int) -> list[Run]:
    """Runs of whole pages in which not all are equal."""
    if len(copies) < 2:
        return []
    page = max(PAGE, *(c.member.device.block_size for c in copies))
    first, *others = copies
    found = sorted(run for other in others for run in runs(first.buffer, other.buffer, length, page))
    return list(_joined(found))


def _joined(found: Iterable[Run]) -> Iterator[Run]:
    """Runs in order, those that touch as one."""
    last: Run | None = None
    for lo, hi in found:
        if last is None or lo > last[1]:
            if last:
                yield last
            last = lo, hi
        else:
            last = last[0], max(last[1], hi)
    if last:
        yield last


def drop(copies: Iterable[Copy]) -> None:
    """Give their buffers back."""
    for copy in copies:
        copy.buffer.drop()
