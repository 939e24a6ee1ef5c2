"""A range of one copy written over with what it should hold, and believed only when the medium gives it back."""

from __future__ import annotations

import errno
from collections.abc import Callable

from mirrortui.device.base import Op
from mirrortui.device.buffers import Buffer, Pool, same
from mirrortui.mirror import lastcopy
from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.executor import Operation, wait
from mirrortui.mirror.metadata.scribe import Scribe
from mirrortui.mirror.reasons import reason
from mirrortui.units import format_size

GONE = frozenset({errno.ETIMEDOUT, errno.ENODEV, errno.ENXIO})
"""Errors of a device that does not answer, or ends before the place: an operation that meets one fails the member."""
Choose = Callable[[list[Member]], Member | None]
"""Whom to read from, after those were tried in vain."""


class Pen:
    """Rewrites. The caller holds a ticket on the range."""

    def __init__(self, array: Array, scribe: Scribe, pool: Pool) -> None:
        self._array = array
        self._scribe = scribe
        self._pool = pool
        self.unread: Callable[[Member, int, int], None] = lambda member, offset, length: None
        """Called for a member that could not be read where another could, so that it is put right in its turn."""

    async def read(self, member: Member, lo: int, hi: int, buffer: Buffer) -> int:
        """Bytes read from the member's medium, or a negative errno. Not counted as an error of the member."""
        place, length = member.data + lo, hi - lo
        (result,) = await wait(
            [Operation(member.device.past_cache(place, length), Op.READ, place, buffer, length)]
        )
        if -result in GONE:
            self._scribe.fault(member, f"read error at {format_size(lo)}: {reason(result)}")
        return result

    async def fetch(self, lo: int, hi: int, choose: Choose) -> tuple[Member, Buffer] | None:
        """The range from the first of those that can read it; the caller drops the buffer. None: nobody can."""
        tried: list[Member] = []
        while source := choose(tried):
            # Another each time: a read that timed out may still land in the last one.
            buffer = self._pool.empty(hi - lo)
            result = await self.read(source, lo, hi, buffer)
            if result == hi - lo and source.state is State.IN_SYNC:
                for member in tried:
                    self.unread(member, lo, hi - lo)
                return source, buffer
            buffer.drop()
            tried.append(source)
        return None

    async def rewrite(self, member: Member, lo: int, hi: int, buffer: Buffer) -> bool:
        """Put the buffer there, durably, and read it again. False: that failed, and the member may be out for it."""
        place, length = member.data + lo, hi - lo
        device = member.device.past_cache(place, length)
        (result,) = await wait([Operation(device, Op.WRITE, place, buffer, length)])
        if result != length:
            member.write_errors += 1
            if -result in GONE:  # it may land on top of what is written there later
                self._scribe.fault(member, f"write error at {format_size(lo)}: {reason(result)}")
            return False
        member.written_bytes += length
        return await self.flush(member) and await self._holds(member, lo, hi, buffer)

    async def flush(self, member: Member) -> bool:
        """Make durable what it took. One that cannot is out: what else was lost with it nobody knows."""
        if not member.active:
            return False
        (result,) = await wait([Operation(member.device, Op.FLUSH)])
        if not result:
            return member.active
        member.write_errors += 1
        why = f"flush error: {reason(result)}"
        if not self._scribe.fault(member, why):
            lastcopy.distrust(self._array, member, why, result)
        return False

    async def _holds(self, member: Member, lo: int, hi: int, buffer: Buffer) -> bool:
        length = hi - lo
        again = self._pool.empty(length)
        try:
            read = await self.read(member, lo, hi, again)
            return read == length and member.active and same(again, buffer, 0, length)
        finally:
            again.drop()
