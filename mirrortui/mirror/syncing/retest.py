"""What a member's bad-block log lists, tried again by the operator's word."""

from __future__ import annotations

from dataclasses import dataclass

from mirrortui.errors import RefusedError
from mirrortui.mirror.array import Member
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.syncing.rewrite import Pen
from mirrortui.mirror.verbs.manage import attached

_PIECE = 1 << 20
"""Bytes that are read at once."""


@dataclass(frozen=True)
class Retested:
    """What came of it, in bytes."""

    healed: int
    """Rewritten from another copy, read back, and struck from the log."""
    readable: int
    """Can be read, but is still listed: no other copy has it, and what is there may be old."""


async def retest(mirror: Mirror, path: str) -> Retested:
    """Rewrite from another copy what a member's log lists, and read it back. What no other copy has is only read:
    that it can be read does not make it right, only a write does.

    Raises NotFoundError; RefusedError where nothing may be written.
    """
    array, member = mirror.array, attached(mirror.array, path)
    if array.readonly or array.broken or not member.active:
        why = "it is read-only" if array.readonly else array.broken or f"{path} is not in use"
        raise RefusedError(f"{path} is not retested: {why}.", hint="Without --retest its log is only shown.")
    before = member.bad.bytes
    await mirror.sync.heal(member)
    left = member.bad.bytes
    await mirror.scribe.durable(mirror.scribe.want())
    return Retested(max(0, before - left), await _readable(mirror, member))


async def _readable(mirror: Mirror, member: Member) -> int:
    pen, found = Pen(mirror.array, mirror.scribe, mirror.pool), 0
    for start, end in member.bad:
        for lo in range(start, end, _PIECE):
            hi = min(end, lo + _PIECE)
            if not member.active:
                return found
            buffer = mirror.pool.empty(hi - lo)
            found += max(0, await pen.read(member, lo, hi, buffer))
            buffer.drop()
    return found
