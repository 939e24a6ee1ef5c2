"""Write-behind: write-mostly members may lag behind what clients were told, by so many writes and so many bytes.

A write is answered when all other members have it. Until those behind have it, too, it keeps its ticket and its place
in the bitmap: what overlaps it waits as ever (I7, I8), and after a crash its chunks are copied. A flush waits until all
that was answered before is on every member (I1): it is what bounds the loss, and a member alone has all that was
flushed. The kernel's md does not wait there.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from mirrortui.device.base import Op
from mirrortui.device.buffers import Buffer
from mirrortui.format.superblock import WRITE_MOSTLY
from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.executor import Executor, Signal
from mirrortui.mirror.metadata.intent import Intent
from mirrortui.mirror.tickets import Ticket

if TYPE_CHECKING:
    from collections.abc import Callable

    from mirrortui.mirror.mirror import Mirror

MOST_BYTES = 16 << 20
"""Payload that may be kept for members that lag."""


class Lag:
    """What members do not have yet. Of one mirror."""

    def __init__(self, executor: Executor, array: Array, intent: Intent) -> None:
        self._array = array
        self._intent = intent
        self._writes: dict[BehindWrite, int] = {}
        """In the order they began, with their numbers."""
        self._last = 0
        self.bytes = 0
        self.early = 0
        """Writes that were answered before all members had them, since the mirror was assembled."""
        self.watched = False
        """Somebody wants to know when nobody lags any more."""
        self._moved = Signal(executor)

    @property
    def limit(self) -> int:
        """Writes that a member may lag; 0: none may."""
        return self._intent.header.write_behind if self._array.has_bitmap else 0

    @property
    def writes(self) -> int:
        """How many are not everywhere yet."""
        return len(self._writes)

    @property
    def since(self) -> float | None:
        """When the oldest of them began, in monotonic seconds; None: there are none."""
        return next((write.begun for write in self._writes), None)

    def members(self) -> list[Member]:
        """Who may lag: write-mostly copies, as long as there is another."""
        copies = self._array.in_sync() if self.limit else []
        behind = [m for m in copies if m.devflags & WRITE_MOSTLY]
        return behind if len(behind) < len(copies) else []

    def shy(self) -> list[Member]:
        """Copies of which the book must ask, before each read, whether they lag there."""
        copies = self._array.in_sync()
        former = {m for m in copies if any(w.lags(m) for w in self._writes)}
        self.watched = bool(former)
        return [m for m in copies if m in former or (self.limit and m.devflags & WRITE_MOSTLY)]

    def room(self, length: int) -> bool:
        """One more write, of so many bytes, may lag."""
        return len(self._writes) < self.limit and self.bytes + length <= MOST_BYTES

    def touches(self, member: Member, lo: int, hi: int) -> bool:
        """The member may lack a part of [lo, hi)."""
        return any(w.offset < hi and lo < w.offset + w.length and w.lags(member) for w in self._writes)

    def enter(self, write: BehindWrite) -> None:
        """It is on its way."""
        self._last += 1
        self._writes[write] = self._last
        self.bytes += write.length

    def leave(self, write: BehindWrite) -> None:
        """It is everywhere, or who lacks it is known to be out."""
        del self._writes[write]
        self.bytes -= write.length
        self._moved.fire()
        if self.watched and not self._writes:
            self._array.changed()

    def wake(self) -> None:
        """The mirror broke down: who waits looks again."""
        self._moved.fire()

    async def drained(self) -> None:
        """Wait until all writes that are under way now are everywhere, or the mirror is broken."""
        mark = self._last
        while any(number <= mark for number in self._writes.values()) and not self._array.broken:
            await self._moved

    async def caught_up(self, lo: int, hi: int) -> bool:
        """Wait for a member that lags in [lo, hi). False: none does, or the mirror is broken, and it never will."""
        if self._array.broken or not any(self.touches(m, lo, hi) for m in self._array.in_sync()):
            return False
        await self._moved
        return True


class BehindWrite:
    """A write to hot chunks whose ticket is free, that some members may get later than its client is answered."""

    __slots__ = (
        "_answered",
        "_behind",
        "_buffer",
        "_done",
        "_left",
        "_members",
        "_mirror",
        "_results",
        "_ticket",
        "begun",
        "length",
        "offset",
    )

    def __init__(
        self,
        mirror: Mirror,
        offset: int,
        buffer: Buffer,
        length: int,
        ticket: Ticket,
        done: Callable[[int], None],
    ) -> None:
        self._mirror = mirror
        self._buffer = buffer
        self._ticket = ticket
        self._done = done
        self._answered = False
        self.offset = offset
        self.length = length
        self.begun = mirror.host.monotonic()
        self._members = mirror.array.targets()
        self._behind = mirror.lag.members()
        self._left = len(self._members)
        self._results: list[int | None] = [None] * self._left
        buffer.hold()  # its client drops it when it is answered
        mirror.lag.enter(self)
        mirror.intent.hold(*mirror.book.span(offset, length))
        for index, member in enumerate(self._members):
            member.device.submit(Op.WRITE, member.data + offset, buffer, length, False, self, index)

    def lags(self, member: Member) -> bool:
        """The member may not have it yet."""
        return member in self._behind

    def complete(self, index: int, result: int) -> None:
        """A member's answer (device.base.Waiter)."""
        self._results[index] = result
        self._members[index].timing.took(self._mirror.host.monotonic() - self.begun)
        self._left -= 1
        if not self._left:
            self._end()
        elif not self._answered and self._is_taken():
            self._answered = True
            self._mirror.lag.early += 1
            self._done(0)

    def _is_taken(self) -> bool:
        """All who are waited for have it, one of them is a copy, and nothing speaks against the answer (I4)."""
        pairs = [p for p in zip(self._members, self._results, strict=True) if p[0] not in self._behind]
        fine = all(result == self.length for _, result in pairs)
        return fine and any(m.state is State.IN_SYNC for m, _ in pairs) and not self._mirror.scribe.holding

    def _end(self) -> None:
        fine = self._results.count(self.length) == len(self._results)
        if not fine or (self._mirror.scribe.holding and not self._answered):
            self._mirror.executor.spawn(self._by_the_book(), self._finish)
            return
        for member in self._members:
            member.written_bytes += self.length
        self._finish(0)

    async def _by_the_book(self) -> int | None:
        """None: what was answered is nowhere."""
        results = [errno.EIO if result is None else result for result in self._results]
        pairs = zip(self._members, results, strict=True)
        if self._answered and not any(m.state is State.IN_SYNC for m, r in pairs if r == self.length):
            # Those that had it are out meanwhile. Nobody may read what was there before.
            self._mirror.array.break_down(
                "a write that was answered failed on the last copy, which lagged behind"
            )
            return None
        return await self._mirror.book.settle(
            Op.WRITE, self.offset, self.length, self._members, results, fua=False
        )

    def _finish(self, error: int | None) -> None:
        mirror = self._mirror
        mirror.intent.release(*mirror.book.span(self.offset, self.length))
        mirror.tickets.leave(self._ticket)
        self._buffer.drop()
        if error is None:
            mirror.lag.wake()
        else:
            mirror.lag.leave(self)
        if not self._answered:
            self._done(error or 0)
