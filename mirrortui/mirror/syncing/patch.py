"""A window that no copy has in one piece, copied page by page: from whoever can read it, or else a bad block."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from mirrortui.device.base import Op
from mirrortui.device.buffers import Buffer, Pool
from mirrortui.mirror.array import Array, Member
from mirrortui.mirror.executor import Operation, wait
from mirrortui.mirror.metadata.scribe import Scribe
from mirrortui.mirror.syncing.correct import Corrector, Reader, cut
from mirrortui.mirror.syncing.rewrite import Pen
from mirrortui.mirror.tuning import Tuning
from mirrortui.units import SECTOR, format_size

Wrote = Callable[[Member, Operation, int], None]
"""Told what a member took of a copy (Sync._wrote)."""
Holes = dict[Member, int]
"""Bytes that members go without."""


class Patcher:
    """The sync's hand where sources cannot be read. The caller holds a ticket on the window."""

    def __init__(
        self,
        array: Array,
        scribe: Scribe,
        reader: Reader,
        edges: Callable[[int, int], list[int]],
        corrector: Corrector,
        pool: Pool,
        tuning: Tuning,
        wrote: Wrote,
    ) -> None:
        self._array = array
        self._reader = reader
        self._edges = edges
        self._corrector = corrector
        self._pool = pool
        self._pen = Pen(array, scribe, pool)
        self._pen.unread = corrector.note
        self._page = tuning.page
        self._wrote = wrote

    async def copy(self, lo: int, hi: int) -> bool:
        """Copy what can be read, and list the rest as bad on those who need it: durably, before anything counts on it.
        False: one of them has no bad-block log, or nothing more can be done now.
        """
        holes: Holes = {}
        try:
            return await self._pages(lo, hi, self._grain(page=True), holes)
        finally:
            self._tell(lo, holes)

    def _tell(self, lo: int, holes: Holes) -> None:
        for member, length in holes.items():
            text = (
                f"{format_size(length)} from {format_size(lo)} on of {self._array.label} cannot be read on any copy: "
                f"{member.path} goes on without, and lists it as bad. A write there heals it."
            )
            self._array.observer("bad-blocks-copied", "error", text, member.path)

    async def _pages(self, lo: int, hi: int, unit: int, holes: Holes) -> bool:
        fine = True
        for a, b in self._cut(lo, hi, unit):
            if self._array.broken:
                return False
            fine &= await self._page_at(a, b, holes)
        return fine

    def _cut(self, lo: int, hi: int, unit: int) -> Iterator[tuple[int, int]]:
        """Where another copy may be the one to read: at pages, and where bad ranges begin and end."""
        edges = {*self._edges(lo, hi - lo)}
        for member in self._array.targets():
            edges.update(edge for part in member.bad.within(lo, hi) for edge in part)
        for a, b in itertools.pairwise(sorted(edges)):
            yield from cut(a, b, unit, self._array.in_sync()[0].data)

    async def _page_at(self, lo: int, hi: int, holes: Holes) -> bool:
        """From a good copy; where the least that can be read is nowhere good, from one that waits for a resync: its
        version is as good as any that nobody can read, and no better than what may have been read of a good one.
        """
        length, least = hi - lo, self._grain(page=False)

        def choose(tried: list[Member]) -> Member | None:
            return self._reader(lo, length, tried) or (
                self._version(lo, hi, tried) if length <= least else None
            )

        found = await self._pen.fetch(lo, hi, choose)
        if found:
            source, buffer = found
            try:
                return await self._write(source, lo, hi, buffer)
            finally:
                buffer.drop()
        if length > least:
            return await self._pages(lo, hi, least, holes)
        return await self._leave_out(lo, hi, holes)

    def _version(self, lo: int, hi: int, tried: list[Member]) -> Member | None:
        waiting = (m for m in self._array.in_sync() if self._needs(m, lo) and not m.bad.touches(lo, hi))
        return next((m for m in waiting if m not in tried), None)

    async def _write(self, source: Member, lo: int, hi: int, buffer: Buffer) -> bool:
        """To all who need it; where the source needed it itself its version is everybody's from now on."""
        adopted = self._needs(source, lo)
        # Decided after the last wait, and written all at once: a source that fails meanwhile is no longer the measure.
        others = [m for m in self._array.targets() if m is not source and not m.bad.touches(lo, hi)]
        if not all(m.told for m in others):
            return False  # who was taken in meanwhile may still call itself whole on disk
        needing = [m for m in others if self._needs(m, lo)]
        writes = [Operation(m.device, Op.WRITE, m.data + lo, buffer, hi - lo) for m in needing]
        for _ in writes:
            buffer.hold()
        for member, write, result in zip(needing, writes, await wait(writes), strict=True):
            self._wrote(member, write, result)
        if adopted:
            for member in others:
                if member not in needing and member.active:
                    await self._put_right(member, lo, hi, buffer)
        self._array.regain(lo, hi)
        return True

    async def _put_right(self, member: Member, lo: int, hi: int, buffer: Buffer) -> None:
        """A copy that could not be read gets the version that could."""
        if await self._pen.rewrite(member, lo, hi, buffer):
            member.corrected += (hi - lo) // SECTOR
        elif member.active:
            await self._corrector.give_up(
                member, lo, hi, "it could not be rewritten, and is read from other members"
            )

    async def _leave_out(self, lo: int, hi: int, holes: Holes) -> bool:
        """Nobody has it."""
        self._array.lose(lo, hi)
        needing = [m for m in self._array.targets() if self._needs(m, lo)]
        if not all(m.has_log for m in needing):
            return False
        for member in needing:
            if member.active and member.bad.without(lo, hi) and await self._corrector.enlist(member, lo, hi):
                holes[member] = holes.get(member, 0) + hi - lo
        return not self._array.broken

    def _needs(self, member: Member, at: int) -> bool:
        return bool(member.need.flags[at >> self._array.chunk_shift])

    def _grain(self, *, page: bool) -> int:
        """Bytes of a page, or of the least that all members can be told of."""
        least = self._array.grain(self._page)
        return max(self._page, least) if page else least
