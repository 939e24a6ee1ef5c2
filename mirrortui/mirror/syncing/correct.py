"""Reads that failed, made good: what really cannot be read is rewritten from another copy and read again.

What a member does not take is put on its bad-block log, durably; there is no third way but to fail it. The last copy of
a range is never put there: should it be readable one day, it is right.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from weakref import WeakKeyDictionary

from mirrortui.device.buffers import Buffer, Pool
from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.executor import Executor, Host
from mirrortui.mirror.metadata.scribe import Scribe
from mirrortui.mirror.syncing.rewrite import Pen
from mirrortui.mirror.tickets import Tickets
from mirrortui.mirror.tuning import Tuning
from mirrortui.units import SECTOR, format_size

Reader = Callable[[int, int, Collection[Member]], Member | None]
"""A member, none of those, whose copy of `length` bytes at an offset may be read (Book.reader)."""
_HOUR = 3600.0


class ErrorRate:
    """How many reads failed of late: the count halves with every hour."""

    __slots__ = ("_count", "_since")

    def __init__(self) -> None:
        self._count = 0
        self._since = 0.0

    def add(self, now: float) -> int:
        """One more, at these monotonic seconds. How many it makes."""
        hours = int((now - self._since) // _HOUR)
        if hours:
            self._count >>= min(hours, 64)
            self._since += hours * _HOUR
        self._count += 1
        return self._count


class Corrector:
    """Puts right what members could not read. One task for each read that failed."""

    def __init__(
        self,
        executor: Executor,
        host: Host,
        array: Array,
        scribe: Scribe,
        tickets: Tickets,
        reader: Reader,
        pool: Pool,
        tuning: Tuning,
    ) -> None:
        self._executor = executor
        self._host = host
        self._array = array
        self._scribe = scribe
        self._tickets = tickets
        self._reader = reader
        self._pool = pool
        self._tuning = tuning
        self._pen = Pen(array, scribe, pool)
        self._pen.unread = self.note
        self._rates: WeakKeyDictionary[Member, ErrorRate] = WeakKeyDictionary()
        self._at_work: list[tuple[Member, int, int]] = []
        self.stopped = False

    @property
    def busy(self) -> bool:
        """A range is being put right."""
        return bool(self._at_work)

    def note(self, member: Member, offset: int, length: int) -> None:
        """A member that answers could not read this. One that has had too many of these is out, unless it is the last
        copy of anything.
        """
        lo, hi = self._widened(member, offset, offset + length)
        if not self._may(member) or any(
            m is member and a <= lo and hi <= b for m, a, b in self._at_work
        ):  # many reads of one bad sector are one error
            return
        copies = [m for m in self._array.in_sync() if m is not member]
        if copies and not self._too_many(member, lo, hi, copies):
            self._at_work.append((member, lo, hi))
            self._executor.spawn(self._work(member, lo, hi))

    def _too_many(self, member: Member, lo: int, hi: int, copies: list[Member]) -> bool:
        """Count an error, if it is news; the member is out for it."""
        if not self._array.lost.without(lo, hi):
            return False
        most = self._tuning.read_errors
        count = self._rates.setdefault(member, ErrorRate()).add(self._host.monotonic())
        if count <= most or all(m.bad or m.need.count for m in copies):
            return False
        why = f"too many read errors: {count}, and {most} an hour are tolerated"
        return self._scribe.fault(member, why)

    async def _work(self, member: Member, lo: int, hi: int) -> None:
        try:
            await self._search(member, lo, hi)
        finally:
            self._at_work.remove((member, lo, hi))

    async def _search(self, member: Member, lo: int, hi: int) -> None:
        """Halve the range until what is left cannot be read and is small; what can be read is left alone."""
        parts = member.bad.without(lo, hi)
        todo = [piece for a, b in parts for piece in cut(a, b, self._tuning.window, member.data)][::-1]
        pages = 0
        while todo and pages < self._tuning.corrections and self._may(member):
            lo, hi = todo.pop()
            if await self._can_read(member, lo, hi):
                continue
            middle = self._page_edge(member, (lo + hi) // 2)
            if lo < middle < hi:
                todo += [(middle, hi), (lo, middle)]
            elif lo < (edge := self._page_edge(member, hi - 1)) < hi:
                todo += [(edge, hi), (lo, edge)]
            else:
                pages += 1
                await self._correct(member, lo, hi)

    async def _can_read(self, member: Member, lo: int, hi: int) -> bool:
        buffer = self._pool.empty(hi - lo)
        try:
            return await self._pen.read(member, lo, hi, buffer) == hi - lo
        finally:
            buffer.drop()

    async def _correct(self, member: Member, lo: int, hi: int) -> None:
        """Put a page right. Under a ticket: no write comes between what is read and what is rewritten (I8)."""
        ticket = self._tickets.enter(lo, hi, self._tuning.page)  # it goes past the page cache
        try:
            await ticket
            await self._put_right(member, lo, hi)
        finally:
            self._tickets.leave(ticket)

    async def _put_right(self, member: Member, lo: int, hi: int) -> None:
        if not self._may_rewrite(member, lo, hi):
            return
        if await self._can_read(member, lo, hi):
            self._array.regain(lo, hi)
            return  # a write came first, or it can be read after all
        found = await self._pen.fetch(lo, hi, lambda tried: self._reader(lo, hi - lo, [member, *tried]))
        if found:
            source, buffer = found
            await self._rewrite(member, lo, hi, source, buffer)
            buffer.drop()
        elif smaller := self._smaller(member, lo, hi):
            for a, b in smaller:
                await self._put_right(member, a, b)
        elif self._may_rewrite(member, lo, hi):
            await self._unreadable(member, lo, hi)

    async def _rewrite(self, member: Member, lo: int, hi: int, source: Member, buffer: Buffer) -> None:
        if not self._may_rewrite(member, lo, hi):
            return
        if await self._pen.rewrite(member, lo, hi, buffer):
            self._array.regain(lo, hi)
            member.corrected += (hi - lo) // SECTOR
            text = (
                f"{format_size(hi - lo)} at {format_size(lo)} of {member.path} could not be read: rewritten from "
                f"{source.path}, and read again."
            )
            self._array.observer("read-error-corrected", "good", text, member.path)
        elif self._reader(lo, hi - lo, [member]):
            await self.give_up(member, lo, hi, "it could not be rewritten, and is read from other members")

    async def _unreadable(self, member: Member, lo: int, hi: int) -> None:
        """No copy can be read here. It is listed as bad where another is still to be tried."""
        if member.has_log and self._reader(lo, hi - lo, [member]):
            await self.give_up(member, lo, hi, "no copy can be read there")

    async def give_up(self, member: Member, lo: int, hi: int, why: str) -> None:
        """List a range as bad, and tell."""
        what = f"{format_size(hi - lo)} at {format_size(lo)} of {member.path}"
        if await self.enlist(member, lo, hi):
            text = f"{what} is bad from now on: {why}. A write there heals it."
            self._array.observer("bad-blocks-found", "warning", text, member.path)

    async def enlist(self, member: Member, lo: int, hi: int) -> bool:
        """List a range as bad, and wait until that is on disk. Without room for it the member is out (False), as with
        md; the last copy stays as it is.
        """
        if not member.list_bad(lo, hi):
            room = "its bad-block log is full" if member.has_log else "it has no bad-block log"
            self._scribe.fault(
                member, f"{format_size(hi - lo)} at {format_size(lo)} of it is bad, and {room}"
            )
            return False
        self._array.changed()
        return await self._scribe.durable(self._scribe.want()) and member.active

    def _may(self, member: Member) -> bool:
        """The member serves, and something may be written to it."""
        array = self._array
        return member.state is State.IN_SYNC and not (self.stopped or array.readonly or array.broken)

    def _may_rewrite(self, member: Member, lo: int, hi: int) -> bool:
        """Its copy of the range counts, and no late write can come over it."""
        shift = self._array.chunk_shift
        return (
            self._may(member)
            and not member.need.touches(lo >> shift, hi - 1 >> shift)
            and not member.bad.touches(lo, hi)
            and not any(m.device.zombies for m in self._array.targets())
        )

    def _widened(self, member: Member, lo: int, hi: int) -> tuple[int, int]:
        """In whole units of what can be put right."""
        unit = self._array.grain(self._tuning.page)
        return _down(lo, unit, member.data), min(self._array.size, _down(hi - 1, unit, member.data) + unit)

    def _page_edge(self, member: Member, at: int) -> int:
        """The last edge of a page up to there."""
        page = self._tuning.page
        return _down(at, max(page, self._array.grain(page)), member.data)

    def _smaller(self, member: Member, lo: int, hi: int) -> list[tuple[int, int]]:
        """A page in the smallest parts that can be put right; none if it is one."""
        unit = self._array.grain(self._tuning.page)
        return list(cut(lo, hi, unit, member.data)) if hi - lo > unit else []


def cut(lo: int, hi: int, unit: int, base: int) -> Iterator[tuple[int, int]]:
    """Parts of a range of the array that end at whole units of a device on which it begins at `base`."""
    while lo < hi:
        end = min(hi, _down(lo, unit, base) + unit)
        yield lo, end
        lo = end


def _down(at: int, unit: int, base: int) -> int:
    """The last edge of a unit up to there, 0 at least."""
    return max(0, (at + base) // unit * unit - base)
