"""One small object per request for members that cannot be written inline (O_DIRECT, other machines).

It decides nothing: it counts completions, acknowledges if all is plain, and hands everything else, ticket and all, to
the book.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mirrortui.device.base import Op
from mirrortui.device.buffers import Buffer
from mirrortui.mirror.array import Member
from mirrortui.mirror.tickets import Ticket

if TYPE_CHECKING:
    from mirrortui.mirror.mirror import Mirror
    from mirrortui.mirror.traffic.hedges import Hedge


ReadDone = Callable[[int, Buffer], None]
"""Called with 0 or an errno, and the buffer that the data is in: the one that was given, or another in its place."""


class SteadyWrite:
    """A write to hot chunks whose ticket is free, in flight on every member."""

    __slots__ = (
        "_begun",
        "_done",
        "_expected",
        "_fua",
        "_left",
        "_length",
        "_members",
        "_mirror",
        "_offset",
        "_op",
        "_results",
        "_ticket",
    )

    def __init__(
        self,
        mirror: Mirror,
        op: Op,
        offset: int,
        buffer: Buffer | None,
        length: int,
        fua: bool,
        ticket: Ticket,
        done: Callable[[int], None],
    ) -> None:
        self._mirror = mirror
        self._op = op
        self._offset = offset
        self._length = length
        self._ticket = ticket
        self._fua = fua
        self._done = done
        self._expected = length if op is Op.WRITE else 0
        self._members: list[Member] = mirror.array.targets()
        self._left = len(self._members)
        self._results = [0] * self._left
        self._begun = mirror.host.monotonic()
        mirror.intent.hold(*mirror.book.span(offset, length))
        for index, member in enumerate(self._members):
            member.device.submit(op, member.data + offset, buffer, length, fua, self, index)

    def complete(self, index: int, result: int) -> None:
        """A member's answer (device.base.Waiter)."""
        self._results[index] = result
        mirror, member = self._mirror, self._members[index]
        member.timing.took(mirror.host.monotonic() - self._begun)
        self._left -= 1
        if self._left:
            return
        if mirror.scribe.holding or self._results.count(self._expected) != len(self._results):
            mirror.executor.spawn(self._by_the_book(), self._done)
            return
        for member in self._members:
            member.written_bytes += self._expected
        self._release()
        self._done(0)

    async def _by_the_book(self) -> int:
        try:
            return await self._mirror.book.settle(
                self._op, self._offset, self._length, self._members, self._results, fua=self._fua
            )
        finally:
            self._release()

    def _release(self) -> None:
        self._mirror.intent.release(*self._mirror.book.span(self._offset, self._length))
        self._mirror.tickets.leave(self._ticket)


class SteadyRead:
    """A read in flight on one member."""

    __slots__ = ("begun", "buffer", "done", "hedge", "length", "member", "mirror", "offset")

    def __init__(
        self, mirror: Mirror, member: Member, offset: int, buffer: Buffer, length: int, done: ReadDone
    ) -> None:
        self.mirror = mirror
        self.member = member
        self.offset = offset
        self.buffer = buffer
        self.length = length
        self.done = done
        self.begun = mirror.host.monotonic()
        self.hedge: Hedge | None = None
        """It was late, and another member was asked, too."""
        member.reading += 1
        hedges = mirror.hedges
        hedges.flying[self] = None
        if hedges.idle:
            hedges.begin()
        member.device.submit(Op.READ, member.data + offset, buffer, length, False, self, 0)

    def complete(self, index: int, result: int) -> None:
        """The member's answer (device.base.Waiter)."""
        if self.hedge:
            self.hedge.complete(0, result)
            return
        member, mirror = self.member, self.mirror
        member.reading -= 1
        del mirror.hedges.flying[self]
        if result == self.length:
            member.timing.took_to_read(mirror.host.monotonic() - self.begun)
            member.read_bytes += result
            self.done(0, self.buffer)
            return
        mirror.book.read_failed(member, self.offset, self.length, result)
        self.again(self.buffer)

    def again(self, buffer: Buffer) -> None:
        """By the book, after it failed; into another buffer than the one that it failed with."""
        mirror, done = self.mirror, self.done
        fresh = mirror.book.afresh(buffer, self.length)
        mirror.executor.spawn(mirror.book.read(self.offset, fresh, self.length), lambda answer: done(*answer))
