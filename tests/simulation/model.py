"""What a mirror may answer: for each sector the writes that a read may return now, and those that a crash may leave."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mirrortui.units import SECTOR


class WrongAnswerError(AssertionError):
    """The mirror broke a promise."""


@dataclass(eq=False, slots=True)
class Write:
    """One write of a client, to some sectors."""

    number: int
    """Also its content; 0 for zeroes."""
    first: int
    count: int
    issued: int
    fua: bool
    ended: int | None = None
    """When it was answered, or the power went."""
    failed: bool = False
    """It was answered with an error: it may have taken effect, or do so late."""


def content(number: int) -> bytes:
    """A sector that says which write it came from."""
    return struct.pack("<Q", number) * (SECTOR // 8)


class Model:
    """All sectors of one mirror."""

    def __init__(
        self, sectors: int, garbage: int | None = None, born: int | None = None, behind: int = 0
    ) -> None:
        """At its birth the first `born` sectors are zeroes or `garbage`, those that come later zeroes or `behind`."""
        self.sectors = sectors
        self._clock = itertools.count(1)
        self._numbers = itertools.count(1)
        numbers = {0} if garbage is None else {0, garbage}
        old, new = (
            [Write(number, 0, sectors, 0, True, 0) for number in sorted(some)]
            for some in (numbers, numbers | {behind})
        )
        edge = sectors if born is None else born
        first = [old if sector < edge else new for sector in range(sectors)]
        self.readable: list[list[Write]] = [list(writes) for writes in first]
        """Writes whose content a read may return."""
        self.durable: list[list[Write]] = [list(writes) for writes in first]
        """Writes whose content a read may return after a crash."""
        self._issued: list[list[Write]] = [[] for _ in range(sectors)]
        """All writes: a slow read may return any that was issued meanwhile."""
        self._ever: list[set[int]] = [set() for _ in range(sectors)]
        """What was ever written there in any history."""
        self.pinned: dict[int, Write] = {}
        """What was read while nobody wrote: it must not change by itself."""
        self.pinning = True
        """Whether what is read must stay: not while a copy from a source that failed may still land."""
        self.open: list[Write] = []
        self._since_flush: list[Write] = []
        self.acknowledged: set[int] = set()
        """When the writes were issued that were answered without an error."""

    def hold(self, numbers: Sequence[int]) -> None:
        """So it is at its birth, sector by sector."""
        for sector, number in enumerate(numbers):
            write = Write(number, sector, 1, 0, True, 0)
            self.readable[sector], self.durable[sector] = [write], [write]

    def fork(self) -> Model:
        """What a copy knows that has no part in what happens from now on, as a crash leaves it."""
        twin = Model(self.sectors)
        twin._clock, twin._numbers, twin._ever = self._clock, self._numbers, self._ever
        now = self.tick()
        ended = {write: replace(write, ended=now) for write in self.open}
        twin.durable = [[ended.get(write, write) for write in writes] for writes in self.durable]
        twin.readable = [list(writes) for writes in twin.durable]
        twin.acknowledged = set(self.acknowledged)
        return twin

    def tick(self) -> int:
        """Time, for order only."""
        return next(self._clock)

    def issue(self, first: int, count: int, *, fua: bool, zero: bool) -> Write:
        """A client sends a write."""
        number = next(self._numbers)
        write = Write(0 if zero else number, first, count, self.tick(), fua)
        self.open.append(write)
        for sector in range(first, first + count):
            self.readable[sector].append(write)
            self.durable[sector].append(write)
            self._issued[sector].append(write)
            self._ever[sector].add(write.number)
            self.pinned.pop(sector, None)
        return write

    def uncover(self, first: int) -> None:
        """The mirror may be larger than that from now on: a disk may have been longer in another history, and what lies
        there of it may come to light.
        """
        for sector in range(first, self.sectors):
            left = [Write(number, sector, 1, 0, True, 0) for number in sorted(self._ever[sector])]
            self.readable[sector] += left
            self.durable[sector] += left

    def end(self, write: Write, error: int) -> None:
        """The write is answered."""
        write.ended = self.tick()
        self.open.remove(write)
        for sector in range(write.first, write.first + write.count):
            self.pinned.pop(sector, None)
        if error:
            write.failed = True
            return
        self.acknowledged.add(write.issued)
        self._supersede(self.readable, write)
        if write.fua:
            self._supersede(self.durable, write)
        else:
            self._since_flush.append(write)

    def leave(self, write: Write) -> None:
        """Its client went away in the middle of it: some copies may have it, and nobody will repeat it."""
        write.ended = self.tick()
        self.open.remove(write)

    def withdraw(self, write: Write) -> None:
        """It never touched a copy."""
        self.open.remove(write)
        for table in (self.readable, self.durable, self._issued):
            for sector in range(write.first, write.first + write.count):
                table[sector].remove(write)

    def _supersede(self, table: list[list[Write]], write: Write) -> None:
        for sector in range(write.first, write.first + write.count):
            if write in table[sector]:
                table[sector] = [w for w in table[sector] if w.ended is None or w.ended > write.issued]

    def begin_flush(self) -> list[Write]:
        """A client sends a flush: the writes it covers."""
        return list(self._since_flush)

    def end_flush(self, covered: list[Write]) -> None:
        """The flush was answered without error."""
        for write in covered:
            self._supersede(self.durable, write)
            if write in self._since_flush:
                self._since_flush.remove(write)

    def crash(self) -> None:
        """The power went: what was not durable may be there or not."""
        now = self.tick()
        for write in self.open:
            write.ended = now
        self.open.clear()
        self._since_flush.clear()
        self.pinned.clear()
        self.readable = [list(writes) for writes in self.durable]

    def unpin(self) -> None:
        """Another copy answers from now on: of what was never acknowledged it may hold another version."""
        self.pinned.clear()

    def allowed(self, first: int, count: int) -> list[list[Write]]:
        """What a read that begins now may return, sector by sector."""
        return [
            [self.pinned[s]] if s in self.pinned else list(self.readable[s])
            for s in range(first, first + count)
        ]

    def check(self, first: int, data: bytes, allowed: list[list[Write]], begun: int) -> None:
        """A read that began then returned this."""
        for index, options in enumerate(allowed):
            sector = first + index
            late = [w for w in self._issued[sector] if w.issued > begun]
            raw = bytes(data[index * SECTOR : (index + 1) * SECTOR])
            number = struct.unpack_from("<Q", raw)[0]
            found = [w for w in (*options, *late) if w.number == number]
            if not found or raw != content(number):
                told = ", ".join(
                    f"{w.number} (issued {w.issued}, ended {w.ended})" for w in (*options, *late)
                )
                raise WrongAnswerError(f"sector {sector} reads as write {number}; allowed: {told}")
            quiet = not any(w.first <= sector < w.first + w.count for w in self.open)
            steady = not any(w.failed or w.ended is None or w.ended > begun for w in options)
            if self.pinning and quiet and steady and not late and options == self.readable[sector]:
                self.pinned[sector] = found[-1]
