"""Bad ranges of one copy made good: read from another, written over, and struck from the member's bad-block log."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from mirrortui.device.buffers import Pool
from mirrortui.mirror.array import Array, Member
from mirrortui.mirror.metadata.scribe import Scribe
from mirrortui.mirror.syncing.rewrite import Pen
from mirrortui.mirror.tickets import Tickets
from mirrortui.mirror.traffic.book import Book
from mirrortui.mirror.tuning import Tuning
from mirrortui.units import format_size


class Wound(NamedTuple):
    """Bytes of a member's copy that may be healed."""

    member: Member
    lo: int
    hi: int


class Healer:
    """The sync's hand for bad ranges. What cannot be healed is given up until `forget`."""

    def __init__(
        self, array: Array, scribe: Scribe, book: Book, tickets: Tickets, pool: Pool, tuning: Tuning
    ) -> None:
        self._array = array
        self._scribe = scribe
        self._book = book
        self._tickets = tickets
        self._pool = pool
        self._pen = Pen(array, scribe, pool)
        self._window = tuning.window
        self._page = tuning.page
        self._given_up: set[tuple[str, int]] = set()

    def next(self, of: Member | None = None) -> Wound | None:
        """One that was not given up, of a member that is not the only copy; of this one only, if one is named."""
        return next((wound for wound in self._wounds() if of in (None, wound.member)), None)

    @property
    def bytes(self) -> int:
        """Left to heal."""
        return sum(wound.hi - wound.lo for wound in self._wounds())

    def forget(self) -> None:
        """Try everything again: another copy may have come, or the medium may take it now."""
        self._given_up.clear()

    def _wounds(self) -> Iterator[Wound]:
        copies = self._array.in_sync()
        for member in self._array.targets():
            others = [copy for copy in copies if copy is not member]
            if not others:
                continue
            for start, end in member.bad:
                for lo, hi in itertools.pairwise(self._edges(start, end, others)):
                    if (member.path, lo) not in self._given_up:
                        yield Wound(member, lo, hi)

    def _edges(self, start: int, end: int, others: list[Member]) -> list[int]:
        """Where to cut a bad range: at windows, at chunks, and where those of other copies begin and end, so that what
        is bad on all of them, or still to be copied, does not keep the rest from being healed.
        """
        chunk = 1 << self._array.chunk_shift
        edges = {start, end}
        for step in (self._window, chunk):
            edges.update(range((start // step + 1) * step, end, step))
        for other in others:
            edges.update(edge for part in other.bad.within(start, end) for edge in part)
        return sorted(edges)

    async def heal(self, wound: Wound) -> bool:
        """False: no other copy has all of it, or the member does not take it; it is given up for now."""
        member, lo, hi = wound
        ticket = self._tickets.enter(lo, hi, self._page)  # it goes past the page cache
        try:
            await ticket
            if not member.bad.touches(lo, hi):
                return True  # a write came first
            if healed := await self._write_over(wound):
                text = (
                    f"{format_size(hi - lo)} at {format_size(lo)} of {member.path} was bad and is good again."
                )
                self._array.observer("bad-blocks-healed", "good", text, member.path)
            elif member.active:
                self._given_up.add((member.path, lo))
                text = f"{format_size(hi - lo)} at {format_size(lo)} of {member.path} stays bad for now."
                self._array.observer("bad-blocks-left", "warning", text, member.path)
            return healed
        finally:
            self._tickets.leave(ticket)

    async def _write_over(self, wound: Wound) -> bool:
        member, lo, hi = wound
        problem, buffer = await self._book.read(lo, self._pool.empty(hi - lo), hi - lo)
        try:
            if problem or not member.active:
                return False
            # Durable before the log says so; and no bit for it: until then the range is not read.
            if not await self._pen.rewrite(member, lo, hi, buffer):
                return False
        finally:
            buffer.drop()
        if member.list_good(lo, hi):
            self._array.changed()
            self._scribe.want()
        return not member.bad.touches(lo, hi)
