"""A running mirror: the data path's three layers, and the parts behind them.

Inline (`try_write`, `try_read`) is taken only in the steady state and promises nothing when it returns False; steady
(`start_*`) is one object a request; the book has every rule. Single-threaded: every call comes from one loop.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from operator import attrgetter

from mirrortui.device.base import Extent, Op
from mirrortui.device.buffers import Buffer, Pool
from mirrortui.mirror import lastcopy
from mirrortui.mirror.array import Array, Member, Signature, State
from mirrortui.mirror.checking.check import Checker
from mirrortui.mirror.chunks import ChunkSet
from mirrortui.mirror.executor import Executor, Host
from mirrortui.mirror.metadata.daemon import Daemon
from mirrortui.mirror.metadata.intent import HOT, Intent
from mirrortui.mirror.metadata.scribe import Scribe
from mirrortui.mirror.syncing.correct import Corrector
from mirrortui.mirror.syncing.sync import Sync
from mirrortui.mirror.tickets import Tickets
from mirrortui.mirror.traffic.behind import BehindWrite, Lag
from mirrortui.mirror.traffic.book import Book, prefer
from mirrortui.mirror.traffic.gate import Gate
from mirrortui.mirror.traffic.hedges import Hedges
from mirrortui.mirror.traffic.laggards import Laggards
from mirrortui.mirror.traffic.losses import Losses
from mirrortui.mirror.traffic.refusals import Refusals
from mirrortui.mirror.traffic.silence import Silence
from mirrortui.mirror.traffic.steady import ReadDone, SteadyRead, SteadyWrite
from mirrortui.mirror.tuning import Tuning
from mirrortui.mirror.verbs import spares

_QUEUE = 4
"""Reads in flight on a member from which on one that has fewer is asked, whose turn it is not."""
_READING = attrgetter("reading")
Done = Callable[[int], None]
"""Called with 0 or an errno, never inside the call that was given it."""


class Mirror:
    """What clients read and write. Made by assemble()."""

    def __init__(
        self,
        executor: Executor,
        host: Host,
        array: Array,
        intent: Intent,
        pool: Pool,
        tuning: Tuning,
        written: Signature,
    ) -> None:
        self.executor = executor
        self.host = host
        self.array = array
        self.intent = intent
        self.pool = pool
        self.tuning = tuning
        self.size = array.size
        self.tickets = Tickets(executor, tuning.bucket_shift)
        self.scribe = Scribe(executor, host, array, intent, pool, written)
        self.lag = Lag(executor, array, intent)
        self.book = Book(executor, array, intent, self.scribe, self.tickets, pool, tuning, self.lag)
        self.corrector = Corrector(
            executor, host, array, self.scribe, self.tickets, self.book.reader, pool, tuning
        )
        self.sync = Sync(
            executor,
            host,
            array,
            self.scribe,
            self.book,
            self.corrector,
            self.tickets,
            intent.pending,
            pool,
            tuning,
        )
        self.hedges = Hedges(host, array, self.book, pool, tuning)
        self.laggards = Laggards(executor, host, array, pool)
        self.losses = Losses(array, self.scribe)
        self.refusals = Refusals(host, array)
        self.silence = Silence(executor, host, array, pool, self.settle_traffic)
        self.checker = Checker(
            executor, host, array, self.scribe, self.book, self.tickets, pool, tuning, self.sync
        )
        self.daemon = Daemon(executor, host, array, intent, self.scribe, self.book, tuning, self.look_again)
        self._writers: list[tuple[Callable[[memoryview, int], int], int]] | None = None
        self._readers: list[tuple[Callable[[memoryview, int], int], int, Member]] = []
        self._written_inline = 0
        self._copies: list[Member] = []
        self._steady = False
        self._may_lag = False
        self.gate = Gate(executor)
        self._stripe_shift = tuning.stripe_shift
        self.book.suspected = lambda: self.sync.kick("a write did not reach every copy")
        self.book.healed = self.sync.retry
        self.book.unread = self.corrector.note
        self.book.refused = self.refusals.note
        self.sync.ended = self.daemon.hurry
        self.scribe.faulted = self._member_failed
        array.changed = self._refresh

    def start(self, reason: str = "") -> None:
        """Begin: metadata that assembly left to be written, lazy clearing, and what must be copied, for that reason."""
        self._refresh()
        if self.array.readonly:
            return
        self.executor.spawn(self.scribe.run())
        self.executor.spawn(self.daemon.run())
        if not self.scribe.settled or self.intent.pages or any(m.fresh for m in self.array.members):
            self.scribe.want()
        new = "it is new, and its members are made equal" if self.array.events <= 1 else ""
        self.sync.kick(reason or new)
        self.fill_vacancy()

    @property
    def block_size(self) -> int:
        """Bytes that offsets and lengths must be multiples of."""
        return max((m.device.block_size for m in self.array.members), default=1)

    @property
    def can_punch(self) -> bool:
        """Every member can give space back, and then reads as zeroes there."""
        return all(m.device.can_punch for m in self.array.targets())

    @property
    def readonly(self) -> bool:
        """Writes are refused."""
        return self.array.readonly or self.array.closing

    def _refresh(self) -> None:
        """Decide anew which shortcuts may be taken."""
        self.settle_traffic()
        array, scribe = self.array, self.scribe
        targets = array.targets()
        self._steady = (
            scribe.settled
            and not scribe.holding
            and not array.broken
            and not self.readonly
            and not self.gate.shut
            and not array.lost
            and not any(m.device.zombies or m.bad for m in targets)
        )
        doors = [(m.device.pwrite, m.data) for m in targets if m.device.pwrite and not m.silent]
        self._writers = doors if self._steady and len(doors) == len(targets) else None
        self._may_lag = bool(self.lag.members())
        shy = self.lag.shy()
        whole = [m for m in array.in_sync() if not (m.need.count or m.bad or m in shy)]
        self._copies = prefer(whole)
        self.hedges.refresh(len(whole))
        self._readers = [(m.device.pread, m.data, m) for m in self._copies if m.device.pread]

    def settle_traffic(self) -> None:
        """Count what was written inline: all members took it."""
        if self._written_inline:
            for member in self.array.targets():
                member.written_bytes += self._written_inline
            self._written_inline = 0

    def fill(
        self,
        member: Member,
        role: int,
        need: ChunkSet,
        *,
        guided: bool = False,
        recovered: int = 0,
        replacement: bool = False,
    ) -> None:
        """From now on the member takes every write, and what it needs is copied; no wait in between."""
        member.state = State.RECOVERING
        member.role = role
        member.need = need
        member.replacement = replacement
        member.guided = guided
        member.compare = False
        member.recovered = recovered
        member.told = False
        member.fresh = self.array.has_bitmap
        member.since = self.host.now()
        member.why = ""
        self.book.epoch += 1
        self.array.changed()

    def _member_failed(self, unreplaced: Member | None) -> None:
        """A spare may take its place; and another may be the source now of what could not be read before. If it was to
        replace one that serves, that one is still to be replaced, but a vacant place comes first.
        """
        self.fill_vacancy()
        if unreplaced is not None and unreplaced.state is State.IN_SYNC:
            self._replace_after_all(unreplaced)
        self.sync.kick("a member failed, and another is the source now")

    def fill_vacancy(self) -> None:
        """If a place is vacant the best spare takes it."""
        array = self.array
        role, spare = array.vacant_role(), spares.best(array)
        if role is None or spare is None or self.sync.stopped or array.readonly or array.broken:
            return
        self.fill(spare, role, ChunkSet.full(array.chunks))
        self.scribe.want()
        text = f"Spare {spare.path} takes a place in {array.label}."
        array.observer("spare-activated", "info", text, spare.path)
        self.sync.kick(f"spare {spare.path} takes over: full copy")

    def _replace_after_all(self, member: Member) -> None:
        """The best spare takes up what a replacement failed to do; without one the member stays."""
        array = self.array
        spare = spares.best(array)
        if spare is None or self.sync.stopped or array.readonly or array.broken:
            return
        self.fill(spare, member.role or 0, ChunkSet.full(array.chunks), replacement=True)
        self.scribe.want()
        text = f"Spare {spare.path} is to replace {member.path} in {array.label} now, which serves until it is filled."
        array.observer("member-replacing", "info", text, member.path)

    def look_again(self) -> None:
        """A late operation may have landed since: the last copy may be trusted again, shortcuts be open, and a spare be
        fit.
        """
        if not self.scribe.stopped and lastcopy.answers_again(self.array):
            self.scribe.want()
            self.sync.kick("the last copy answers again")
        self._refresh()
        self.fill_vacancy()

    def try_write(self, offset: int, data: memoryview) -> bool:
        """Write to the page cache of every member, if that is all there is to do. False: use start_write."""
        writers = self._writers
        if writers is None:
            return False
        length = len(data)
        shift = self.array.chunk_shift
        first, last = offset >> shift, (offset + length - 1) >> shift
        if self.intent.heat[first] != HOT or (first != last and not self.intent.hot(first, last)):
            return False
        if self.tickets.buckets and not self.tickets.free(offset, offset + length):
            return False
        try:
            for pwrite, base in writers:
                if pwrite(data, base + offset) != length:
                    return self._torn(offset, length)
        except OSError:
            return self._torn(offset, length)
        self._written_inline += length
        return True

    def _torn(self, offset: int, length: int) -> bool:
        """Some copies took it and some did not. By the book it meets the error again, unless its client is gone by
        then and nobody repeats it.
        """
        self.book.suspect(offset, length)
        return False

    def try_read(self, offset: int, into: memoryview) -> bool:
        """Read from the page cache, if it is there. False: use start_read."""
        readers = self._readers
        if not readers:
            return False
        pread, base, member = readers[(offset >> self._stripe_shift) % len(readers)]
        try:
            if pread(into, base + offset) != len(into):
                return False
        except OSError:
            return False
        member.read_bytes += len(into)
        return True

    def start_write(self, offset: int, buffer: Buffer, length: int, fua: bool, done: Done) -> None:
        """Write the buffer's first `length` bytes; the caller drops the buffer after `done`."""
        self._start_change(Op.WRITE, offset, buffer, length, fua, done)

    def _start_change(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, done: Done
    ) -> None:
        if self.readonly:
            self.executor.spawn(self._answer(errno.EPERM), done)
            return
        if self.gate.shut:
            self.executor.spawn(self._change_later(op, offset, buffer, length, fua), done)
            return
        end = offset + length
        ticket = self.tickets.enter(offset, end) if self._steady else self.book.enter(offset, length)
        if self._steady and not ticket.blocked and self.intent.hot(*self.book.span(offset, length)):
            if self._may_lag and buffer and op is Op.WRITE and not fua and self.lag.room(length):
                BehindWrite(self, offset, buffer, length, ticket, done)
            else:
                SteadyWrite(self, op, offset, buffer, length, fua, ticket, done)
        else:
            self.executor.spawn(self.book.write(op, offset, buffer, length, fua, ticket), done)

    async def _change_later(self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool) -> int:
        await self.gate.passed()
        return errno.EPERM if self.readonly else await self.book.write(op, offset, buffer, length, fua)

    def shut_gate(self) -> None:
        """Writes that come from now on wait, in their order."""
        self.gate.shut = True
        self.array.changed()

    def open_gate(self) -> None:
        """Let them go on."""
        self.gate.open()
        self.array.changed()

    def start_read(self, offset: int, buffer: Buffer, length: int, done: ReadDone) -> None:
        """Fill the buffer's first `length` bytes, or another's: `done` gets the one that is filled, and its receiver
        drops it.
        """
        copies = self._copies
        if copies:
            member = copies[(offset >> self._stripe_shift) % len(copies)]
            if member.reading >= _QUEUE:
                member = min(copies, key=_READING)
            SteadyRead(self, member, offset, buffer, length, done)
        else:
            self.executor.spawn(self.book.read(offset, buffer, length), lambda answer: done(*answer))

    def start_flush(self, done: Done) -> None:
        """Everything acknowledged before is durable when this is done."""
        self.executor.spawn(self.book.flush_for_client(), done)

    def start_zero(self, offset: int, length: int, fua: bool, keep: bool, done: Done) -> None:
        """Make the range read as zeroes; with `keep` it stays allocated."""
        op = Op.ZERO_KEEP if keep else Op.ZERO
        if length <= self.tuning.zero_limit:
            self._start_change(op, offset, None, length, fua, done)
        else:
            self.executor.spawn(self._zero_pieces(op, offset, length, fua), done)

    async def _zero_pieces(self, op: Op, offset: int, length: int, fua: bool) -> int:
        """A ticket on terabytes would cost as much as the work: bounded pieces."""
        for at in range(offset, offset + length, self.tuning.zero_limit):
            piece = min(self.tuning.zero_limit, offset + length - at)
            await self.gate.passed()
            if self.readonly:
                return errno.EPERM
            if problem := await self.book.write(op, at, None, piece, fua):
                return problem
        return 0

    def start_trim(self, offset: int, length: int, fua: bool, done: Done) -> None:
        """Give space back, where every member then reads zeroes there; else the hint is not taken."""
        unit = self.block_size
        if self.can_punch and not (offset % unit or length % unit):
            self.start_zero(offset, length, fua, False, done)
        else:
            self.executor.spawn(self._answer(0), done)

    async def _answer(self, error: int) -> int:
        return error

    def extents(self, offset: int, length: int) -> list[Extent]:
        """Data and holes of a good copy."""
        member = self.book.reader(offset, length)
        if member is None:
            return [Extent(offset, length, False)]
        found = member.device.extents(member.data + offset, length)
        return [Extent(extent.offset - member.data, extent.length, extent.hole) for extent in found]
