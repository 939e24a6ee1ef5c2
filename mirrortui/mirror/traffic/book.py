"""The data path by the book: every wait, cold chunk and failure of a read, write or flush.

The shortcuts (mirror.py inline, steady.py) end here whenever anything is out of the ordinary; the rules live once.
"""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any

from mirrortui.device.base import Op
from mirrortui.device.buffers import Buffer, Pool
from mirrortui.format.superblock import WRITE_MOSTLY
from mirrortui.mirror import lastcopy
from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.executor import Executor, Operation, Signal, wait
from mirrortui.mirror.metadata.intent import Intent
from mirrortui.mirror.metadata.scribe import Scribe
from mirrortui.mirror.reasons import reason
from mirrortui.mirror.syncing.rewrite import GONE
from mirrortui.mirror.tickets import Ticket, Tickets
from mirrortui.mirror.traffic.behind import Lag
from mirrortui.mirror.traffic.overwrite import Overwriter
from mirrortui.mirror.tuning import Tuning
from mirrortui.units import format_size


class Book:
    """Reads, writes and flushes of one mirror, in order and in full. Every method returns 0 or an errno."""

    def __init__(
        self,
        executor: Executor,
        array: Array,
        intent: Intent,
        scribe: Scribe,
        tickets: Tickets,
        pool: Pool,
        tuning: Tuning,
        lag: Lag,
    ) -> None:
        self._array = array
        self._intent = intent
        self._lag = lag
        self._scribe = scribe
        self._tickets = tickets
        self._pool = pool
        self._stripe_shift = tuning.stripe_shift
        self._page = tuning.page
        self._overwriter = Overwriter(array, scribe, pool, tuning.page)
        self._flushed = Signal(executor)
        self._flushes_begun = 0
        self._flushes_ended = 0
        self._flush_result = 0
        self._unsaved = False
        self.epoch = 0
        """Changes whenever chunks are put back into a member's `need`: a copy begun before does not count."""
        self.suspected: Callable[[], None] = lambda: None
        """Called when that happened: there is something to copy."""
        self.healed: Callable[[int, int], None] = lambda first, last: None
        """Called with the first and last chunk of a write over what was bad or lost: perhaps they can be copied now."""
        self.refused: Callable[[Sequence[tuple[Member, int]], int], None] = lambda failed, offset: None
        """Called with who did not take a write, and where, if its client hears of it."""
        self.unread: Callable[[Member, int, int], None] = lambda member, offset, length: None
        """Called when a member that answers could not read that: perhaps it can be put right."""

    def span(self, offset: int, length: int) -> tuple[int, int]:
        """First and last chunk of a range."""
        shift = self._array.chunk_shift
        return offset >> shift, (offset + length - 1) >> shift

    def enter(self, offset: int, length: int) -> Ticket:
        """A change's place in the queue. Where some copy has bad ranges it has the pages that it touches to itself."""
        torn = any(m.bad for m in self._array.targets())
        return self._tickets.enter(offset, offset + length, self._page if torn else 0)

    async def write(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, ticket: Ticket | None = None
    ) -> int:
        """Data or zeroes to every member (I1, I2, I4, I7)."""
        ticket = ticket or self.enter(offset, length)
        await ticket
        first, last = self.span(offset, length)
        self._intent.hold(first, last)  # before the intent, or the daemon could clear the bit again
        try:
            if not await self._open(first, last) or self._last_copy_owes():
                return errno.EIO
            members = self._array.targets()
            if any(m.torn(offset, offset + length, self._page) for m in members if m.bad):
                results, healed = await self._overwriter.change(members, op, offset, buffer, length, fua)
                return await self.settle(op, offset, length, members, results, fua=fua, healed=healed)
            results = await wait(
                Operation(m.device, op, m.data + offset, buffer, length, fua) for m in members
            )
            return await self.settle(op, offset, length, members, results, fua=fua)
        finally:
            self._intent.release(first, last)
            self._tickets.leave(ticket)

    async def mark(self, offset: int, length: int) -> bool:
        """Have the bits of a range set, durably, as if it was written to: members that are away get it when they are
        back. False: the mirror is broken.
        """
        first, last = self.span(offset, length)
        self._intent.hold(first, last)
        try:
            return await self._open(first, last)
        finally:
            self._intent.release(first, last)

    async def settle(
        self,
        op: Op,
        offset: int,
        length: int,
        members: Sequence[Member],
        results: Sequence[int],
        *,
        fua: bool,
        healed: bool = False,
    ) -> int:
        """What a finished write amounts to; called with its ticket held. `healed`: bad-block logs are to be shorter."""
        expected = length if op is Op.WRITE else 0
        failed = [(m, r) for m, r in zip(members, results, strict=True) if r != expected]
        kept = [m for m, r in zip(members, results, strict=True) if r == expected]
        for member, _ in failed:
            member.write_errors += 1
        for member in kept:
            member.written_bytes += expected
        known = 0
        if healed:
            known = self._scribe.want()
        if self._array.regain(offset, offset + length) or healed:
            self.healed(*self.span(offset, length))
        if failed:
            self._array.changed()  # a timed-out write may still land: the shortcuts must know before the next one
        if not any(m.state is State.IN_SYNC for m in kept):
            self._unsaved |= fua and any(r != -errno.ETIMEDOUT for _, r in failed)
            self.refused(failed, offset)
            await self._scribe.durable(self.suspect(offset, length))
            return next((-r for m, r in failed if m.state is State.IN_SYNC and r < 0), errno.EIO)
        for member, result in failed:
            self._scribe.fault(member, f"write error at {format_size(offset)}: {reason(result)}")
        await self._scribe.durable(known)
        if self._lost(offset, length):
            return errno.EIO
        return await self.acknowledge()

    def _lost(self, offset: int, length: int) -> bool:
        """What was written is bad on every copy, still or because it was a part of a sector: it cannot be read back."""
        copies = self._array.in_sync()
        return all(m.bad for m in copies) and any(
            all(m.bad.touches(lo, hi) for m in copies)
            for lo, hi in itertools.pairwise(self.edges(offset, length))
        )

    async def acknowledge(self) -> int:
        """Hold an answer back until every failure so far is on disk (I4)."""
        while self._scribe.holding and not self._array.broken:
            await self._scribe.progress
        return errno.EIO if self._array.broken else 0

    def suspect(self, offset: int, length: int) -> int:
        """A write came to nothing: nobody is failed for it, but the copies may differ now: one is copied again. Returns
        the value that the scribe's `done` will have when the superblocks know.
        """
        first, last = self.span(offset, length)
        source = self._array.authority(first, last)
        others = [m for m in self._array.targets() if m is not source]
        if not others:
            return self._scribe.done
        for member in others:
            member.need.update(range(first, last + 1))
            if member.state is State.RECOVERING:
                member.recovered = min(member.recovered, first << self._array.chunk_shift)
        for chunk in range(first, last + 1):
            source.need.discard(chunk)
        self.epoch += 1
        self._array.changed()
        self.suspected()
        return self._scribe.want()

    async def _open(self, first: int, last: int) -> bool:
        """Make the chunks hot: superblocks "not clean", then bits, both durable (I2). False: the mirror is broken."""
        while not self._array.broken:
            self._array.active = True
            self._array.resync_from = 0
            asked = self._intent.ask(first, last)
            if asked and self._scribe.settled and not self._scribe.holding:
                self._intent.warm(first, last)
                return True
            self._scribe.want()
            await self._scribe.progress
        return False

    def _last_copy_owes(self) -> bool:
        """Take out whoever still owes the end of a timed-out operation, which might land on top of a newer write: a
        look at a member may have timed out, which fails nobody. True: the last copy owes one, and stays.
        """
        late = [m for m in self._array.in_sync() if m.device.zombies]
        return any(not self._scribe.fault(m, "it does not answer") for m in late)

    async def flush_for_client(self) -> int:
        """As `flush`; and it fails once after a durable write that failed on every copy. The kernel tells an error of
        its page cache once: with that answer may be gone what else was waiting to be written.
        """
        result = await self.flush()
        if self._array.broken:
            return result
        late = [m.device for m in self._array.in_sync() if m.device.failed_late]
        unsaved, self._unsaved = self._unsaved or bool(late), False
        for device in late:
            device.failed_late = False
        return errno.EIO if unsaved else result

    async def flush(self) -> int:
        """Make every write completed before durable on every copy (I1). Flushes that wait for one share the next."""
        mine = self._flushes_begun + 1
        while self._flushes_begun < mine:
            if self._flushes_ended < self._flushes_begun:
                await self._flushed
                continue
            self._flushes_begun += 1
            self._flush_result = await self._flush_members()
            self._flushes_ended += 1
            self._flushed.fire()
        while self._flushes_ended < mine:
            await self._flushed
        return self._flush_result or await self.acknowledge()

    async def _flush_members(self) -> int:
        await self._lag.drained()
        if self._array.broken:
            return errno.EIO
        members = self._array.targets()
        results = await wait(Operation(m.device, Op.FLUSH) for m in members)
        failed = [(m, r) for m, r in zip(members, results, strict=True) if r != 0]
        for member, result in failed:
            member.write_errors += 1
            why = f"flush error: {reason(result)}"
            if not self._scribe.fault(member, why):
                # What it said it had taken may be gone, and a second flush would not tell: believe none.
                lastcopy.distrust(self._array, member, why, result)
        return await self.acknowledge()

    def reader(
        self, offset: int, length: int, tried: Collection[Member] = (), favoured: Member | None = None
    ) -> Member | None:
        """A member whose copy of the whole range may be read (I6): `favoured` if it can be, else stripes spread the
        reads and stay sequential.
        """
        first, last = self.span(offset, length)
        end = offset + length
        usable = [
            m
            for m in self._array.in_sync()
            if m not in tried
            and not m.need.touches(first, last)
            and not m.bad.touches(offset, end)
            and not self._lag.touches(m, offset, end)
        ]
        preferred = [favoured] if favoured in usable else prefer(usable)
        return preferred[(offset >> self._stripe_shift) % len(preferred)] if preferred else None

    def afresh(self, buffer: Buffer, length: int) -> Buffer:
        """Another buffer in the place of one that a read failed with: if it timed out, it may still write there."""
        fresh = self._pool.empty(length)
        buffer.drop()
        return fresh

    async def read(self, offset: int, buffer: Buffer, length: int) -> tuple[int, Buffer]:
        """Fill the buffer from a good copy, another if the first fails; EIO when all do (I5). Also returns the buffer,
        which may be another in the place of the one given.
        """
        tried: list[Member] = []
        while True:
            while member := self.reader(offset, length, tried):
                place = member.data + offset
                (result,) = await wait([Operation(member.device, Op.READ, place, buffer, length)])
                if result == length:
                    member.read_bytes += length
                    self._array.regain(offset, offset + length)
                    return 0, buffer
                tried.append(member)
                self.read_failed(member, offset, length, result)
                buffer = self.afresh(buffer, length)
            if not await self._lag.caught_up(offset, offset + length):
                break
            tried.clear()  # who lagged there can be asked now
        edges = self.edges(offset, length)
        if len(edges) > 2 and not all(m in tried for m in self._array.in_sync()):
            return await self._read_pieces(offset, buffer, edges, self.read), buffer
        if len(tried) > 1:
            pages = self._page_edges(offset, length)
            return await self._read_pieces(offset, buffer, pages, self._read_page), buffer
        self._array.lose(offset, offset + length)
        return errno.EIO, buffer

    async def _read_page(self, offset: int, buffer: Buffer, length: int) -> tuple[int, Buffer]:
        """Where no copy can be read in one go, a page from any; errors are known by then."""
        tried: list[Member] = []
        while member := self.reader(offset, length, tried):
            (result,) = await wait([Operation(member.device, Op.READ, member.data + offset, buffer, length)])
            if result == length:
                member.read_bytes += length
                return 0, buffer
            tried.append(member)
            buffer = self.afresh(buffer, length)
        self._array.lose(offset, offset + length)
        return errno.EIO, buffer

    def read_failed(self, member: Member, offset: int, length: int, result: int) -> None:
        """Count a read error; a member that does not answer at all is failed, unless it is the last copy, and what
        another could not read is put right.
        """
        member.read_errors += 1
        self._array.changed()
        if -result in GONE:
            self._scribe.fault(member, f"read error at {format_size(offset)}: {reason(result)}")
        else:
            self.unread(member, offset, length)
        if member.state is not State.FAULTY:
            self._array.observer(
                "read-error",
                "warning",
                f"{member.path} could not read at {format_size(offset)} of {self._array.label}: {reason(result)}.",
                member.path,
            )

    def _page_edges(self, offset: int, length: int) -> list[int]:
        """Where a range can be cut into the least that can be read."""
        page = self._array.grain(self._page)
        return [offset, *range((offset // page + 1) * page, offset + length, page), offset + length]

    def edges(self, offset: int, length: int) -> list[int]:
        """Where the copies that may be read can change in a range: at chunks, and where bad ranges begin and end."""
        end, chunk = offset + length, 1 << self._array.chunk_shift
        edges = {offset, end, *range((offset // chunk + 1) * chunk, end, chunk)}
        for member in self._array.in_sync():
            edges.update(edge for part in member.bad.within(offset, end) for edge in part)
        return sorted(edges)

    async def _read_pieces(
        self,
        offset: int,
        buffer: Buffer,
        edges: list[int],
        read: Callable[[int, Buffer, int], Coroutine[Any, Any, tuple[int, Buffer]]],
    ) -> int:
        """No one copy may be good for the whole range: piece by piece then."""
        for lo, hi in itertools.pairwise(edges):
            piece = self._pool.empty(hi - lo)
            try:
                problem, piece = await read(lo, piece, hi - lo)
                if problem:
                    return problem
                buffer.view[lo - offset : hi - offset] = piece.view[: hi - lo]
            finally:
                piece.drop()
        return 0


def prefer(members: list[Member]) -> list[Member]:
    """Those to read from: write-mostly ones only if there is no other, and of the rest slow ones likewise."""
    wanted = [m for m in members if not m.devflags & WRITE_MOSTLY] or members
    return [m for m in wanted if not m.lags] or wanted
