"""A read that is late is asked of another copy, too, and the first answer counts.

Nothing is set up per read: while some are in flight they are looked at when the oldest becomes late. Each copy reads
into a buffer of its own, so that an answer that comes too late finds nobody to disturb.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from mirrortui.device.base import Op
from mirrortui.device.buffers import Pool
from mirrortui.mirror.array import Array, Member
from mirrortui.mirror.executor import Host
from mirrortui.mirror.traffic.book import Book
from mirrortui.mirror.tuning import Tuning

if TYPE_CHECKING:
    from mirrortui.mirror.traffic.steady import SteadyRead

SHARE = 0.05
"""Of all reads, at most, that are asked twice."""
BURST = 32
"""Of those that were not needed before, at most, that may come at once."""
_UNKNOWN = 0.05
"""Seconds until a read is late where nothing is known yet."""
_LEARN = 0.25
"""Seconds that what was learnt of the members' times holds."""
_LOOK = 64
"""Reads that are looked at, at most, at once."""


class Hedges:
    """Of one mirror."""

    def __init__(self, host: Host, array: Array, book: Book, pool: Pool, tuning: Tuning) -> None:
        self._host = host
        self._array = array
        self.book = book
        self.pool = pool
        self._tuning = tuning
        self.flying: dict[SteadyRead, None] = {}
        """Reads that nobody else was asked for, the oldest first."""
        self.idle = False
        """The next read is to call `begin`."""
        self.asked = 0
        """Reads that another copy was asked for, too."""
        self.won = 0
        """Of these, how many it answered first."""
        self._wanted = False
        self._looking = False
        self._saved = float(BURST)
        self._reads_before = 0
        self._patience = _UNKNOWN
        self._learned = float("-inf")

    def refresh(self, copies: int) -> None:
        """So many copies could be read."""
        self._wanted = copies > 1 and self._tuning.hedge_sweep > 0
        self.idle = self._wanted and not self._looking

    def begin(self) -> None:
        """A read is in flight: look after it."""
        self.idle = False
        self._looking = True
        self._host.call_later(max(self._tuning.hedge_sweep, self._patience), self._look)

    def _look(self) -> None:
        now = self._host.monotonic()
        if now - self._learned > _LEARN:
            self._learned, self._patience = now, self._learn()
        for read in self._late(now):
            if not self._afford() or not self._hedge(read):
                break
        if self.flying and self._wanted:
            self._host.call_later(self._until_late(now), self._look)
        else:
            self._looking = False
            self.idle = self._wanted

    def _until_late(self, now: float) -> float:
        """Seconds until the oldest read is late. One that was late already and may not be asked twice can wait."""
        left = next(iter(self.flying)).begun + self._patience - now
        return max(self._tuning.hedge_sweep, left if left > 0 else self._patience)

    def _late(self, now: float) -> list[SteadyRead]:
        due = itertools.takewhile(lambda read: now - read.begun > self._patience, self.flying)
        return list(itertools.islice(due, _LOOK))

    def _learn(self) -> float:
        """Seconds after which a read is late: by then the fastest copy has answered all but SHARE of its own."""
        percent = round(100 * (1 - SHARE))
        known = [took for m in self._array.in_sync() if (took := m.timing.quantile(percent)) is not None]
        return max(self._tuning.hedge_floor, min(known, default=_UNKNOWN))

    def _afford(self) -> bool:
        """One more is within the bound."""
        reads = sum(m.timing.reads for m in self._array.members)
        self._saved = min(float(BURST), self._saved + SHARE * max(0, reads - self._reads_before))
        self._reads_before = reads
        return self._saved >= 1

    def _hedge(self, read: SteadyRead) -> bool:
        """Ask another copy. False: there is none."""
        other = self.book.reader(read.offset, read.length, (read.member,))
        if other is None:
            return False
        self._saved -= 1
        self.asked += 1
        del self.flying[read]
        read.hedge = Hedge(self, read, other, self._host.monotonic())
        return True


class Hedge:
    """A read that two copies were asked for; the waiter of both."""

    __slots__ = ("_answered", "_begun", "_buffers", "_hedges", "_left", "_members", "_read")

    def __init__(self, hedges: Hedges, read: SteadyRead, other: Member, now: float) -> None:
        self._hedges = hedges
        self._read = read
        self._members = (read.member, other)
        self._buffers = (read.buffer, hedges.pool.empty(read.length))
        self._begun = (read.begun, now)
        self._left = 2
        self._answered = False
        other.reading += 1
        other.device.submit(Op.READ, other.data + read.offset, self._buffers[1], read.length, False, self, 1)

    def complete(self, index: int, result: int) -> None:
        """One of the two answers: 0 is who was asked first (device.base.Waiter)."""
        self._left -= 1
        member, read = self._members[index], self._read
        member.reading -= 1
        if result == read.length:
            member.timing.took_to_read(read.mirror.host.monotonic() - self._begun[index])
            member.read_bytes += result
            self._succeed(index)
        else:
            self._hedges.book.read_failed(member, read.offset, read.length, result)
            self._fail(index)

    def _succeed(self, index: int) -> None:
        buffer = self._buffers[index]
        if self._answered:
            buffer.drop()
            return
        self._answered = True
        self._hedges.won += index
        self._read.done(0, buffer)

    def _fail(self, index: int) -> None:
        """The device still holds the buffer of an operation that may land later."""
        if self._answered or self._left:
            self._buffers[index].drop()
        else:
            self._read.again(self._buffers[index])
