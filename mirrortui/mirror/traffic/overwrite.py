"""Writes that touch bad ranges: what a member takes there heals it, what it does not take leaves it as it was.

The caller's ticket reaches over the pages that are touched: a part of one may go past the page cache, and no other
write may be under way in it then.
"""

from __future__ import annotations

from collections.abc import Sequence

from mirrortui.device.base import Op
from mirrortui.device.buffers import Buffer, Pool
from mirrortui.mirror.array import Array, Member
from mirrortui.mirror.executor import Operation, wait
from mirrortui.mirror.metadata.scribe import Scribe
from mirrortui.mirror.syncing.rewrite import GONE, Pen


class Part:
    """What one member gets of a change, in one operation."""

    __slots__ = ("bad", "hi", "lo", "member", "operation")

    def __init__(self, member: Member, lo: int, hi: int, bad: bool, operation: Operation) -> None:
        self.member = member
        self.lo = lo
        self.hi = hi
        self.bad = bad
        """Its log lists it."""
        self.operation = operation

    def outcome(self, result: int) -> int:
        """0; a negative errno where the member is to blame for more than a range that was bad before."""
        if result == (self.hi - self.lo if self.operation.op is Op.WRITE else 0):
            return 0
        return 0 if self.bad and -result not in GONE else min(result, -1)


class Overwriter:
    """The way of a change over bad ranges."""

    def __init__(self, array: Array, scribe: Scribe, pool: Pool, page: int) -> None:
        self._array = array
        self._pool = pool
        self._page = page
        self._pen = Pen(array, scribe, pool)

    async def change(
        self, members: Sequence[Member], op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool
    ) -> tuple[list[int], bool]:
        """Make it on all of them, under the caller's ticket: results as of one operation each, and whether some range
        is good again, which is durable then.
        """
        parts = [part for m in members for part in self._parts(m, op, offset, buffer, length, fua)]
        found = await wait(part.operation for part in parts)
        outcomes: dict[Member, list[int]] = {m: [] for m in members}
        taken: dict[Member, list[Part]] = {}
        for part, result in zip(parts, found, strict=True):
            if part.operation.buffer and part.operation.buffer is not buffer:
                part.operation.buffer.drop()
            outcomes[part.member].append(part.outcome(result))
            if part.bad and result == part.hi - part.lo:
                taken.setdefault(part.member, []).append(part)
        healed = False
        for member, good in taken.items():
            if not any(outcomes[member]) and await self._pen.flush(member):
                healed |= sum(member.list_good(part.lo, part.hi) for part in good) > 0
        if healed:
            self._array.changed()
        expected = length if op is Op.WRITE else 0
        return [min(outcomes[m]) or expected for m in members], healed

    def _parts(
        self, member: Member, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool
    ) -> list[Part]:
        end = offset + length
        torn = member.torn(offset, end, self._page)
        if not torn:
            whole = Operation(member.device, op, member.data + offset, buffer, length, fua)
            return [Part(member, offset, end, False, whole)]
        parts = []
        for lo, hi in torn.without(offset, end):
            own = self._own(buffer, offset, lo, hi) if buffer else None
            operation = Operation(member.device, op, member.data + lo, own, hi - lo, fua)
            parts.append(Part(member, lo, hi, False, operation))
        for start, stop in torn:
            for bad, pieces in (
                (False, member.bad.without(start, stop)),
                (True, member.bad.within(start, stop)),
            ):
                for lo, hi in pieces:
                    own = self._own(buffer, offset, lo, hi)
                    device = member.device.past_cache(member.data + lo, hi - lo)
                    operation = Operation(device, Op.WRITE, member.data + lo, own, hi - lo, fua)
                    parts.append(Part(member, lo, hi, bad, operation))
        return parts

    def _own(self, buffer: Buffer | None, offset: int, lo: int, hi: int) -> Buffer:
        """A piece of what is written from `offset` on, or of zeroes."""
        return self._pool.take(buffer.view[lo - offset : hi - offset] if buffer else bytes(hi - lo))
