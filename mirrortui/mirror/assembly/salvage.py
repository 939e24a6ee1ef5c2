"""What only the loser of a split brain holds, kept aside before the survivor's copy goes over it (I14)."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from typing import Protocol

from mirrortui.device.base import Op
from mirrortui.device.buffers import Pool
from mirrortui.errors import MemberError, RefusedError
from mirrortui.format import parting
from mirrortui.mirror.array import Array, Member
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.verdict import Verdict
from mirrortui.mirror.executor import Operation, wait
from mirrortui.mirror.syncing.copying import differing, is_hole
from mirrortui.units import MIB, format_size

_PIECE = MIB
"""Bytes that are read at once."""


class Shelf(Protocol):
    """Where it is kept. Every call may raise MirrortuiError."""

    label: str
    """Its name for people."""

    def begin(self, size: int) -> None:
        """For an array of that many bytes."""
        ...

    def put(self, at: int, data: memoryview) -> None:
        """What is at this byte of the array."""
        ...

    def finish(self) -> None:
        """Everything is durable when this returns."""
        ...

    def discard(self) -> None:
        """It is not wanted after all."""
        ...


async def keep(array: Array, verdict: Verdict, shelf: Shelf, pool: Pool) -> None:
    """Keep what a loser holds where it differs from the survivor, durably. Nothing, where nobody lost.

    Raises RefusedError for losers of several sides, MemberError for what cannot be read; nothing is kept then.
    """
    loser = loser_of(verdict)
    if loser is None:
        return
    member = array.find(loser.path)
    (need,) = (rejoin.need for rejoin in verdict.rejoins if rejoin.lost == loser.path)
    assert member
    shelf.begin(array.size)
    try:
        kept = 0
        for lo, hi in _pieces(array, need):
            kept += await _keep_piece(member, array.in_sync()[0], lo, hi, shelf, pool)
        shelf.finish()
    except BaseException:
        shelf.discard()
        raise
    text = f"{array.label}: {format_size(kept)} that only {member.path} holds are kept in {shelf.label}."
    array.observer("loser-kept", "info", text, member.path)


def loser_of(verdict: Verdict) -> Found | None:
    """Whose content can be kept: the first of the losing side. Raises RefusedError where several sides lose."""
    full = {rejoin.lost for rejoin in verdict.rejoins if rejoin.how == "full"}
    losers = [place.found for place in verdict.places if place.rejoin and place.found.path not in full]
    for one, other in itertools.combinations(losers, 2):
        if parting.parted(one, other, losers):
            raise RefusedError(
                f"{one.path} and {other.path} were used apart from each other too, and one file cannot keep both. "
                "Nothing was written.",
                hint="Give them one after the other, each with a file of its own.",
            )
    return losers[0] if losers else None


def _pieces(array: Array, chunks: Iterable[int]) -> Iterable[tuple[int, int]]:
    chunk = 1 << array.chunk_shift
    for number in sorted(chunks):
        lo, end = number * chunk, min((number + 1) * chunk, array.size)
        for start in range(lo, end, _PIECE):
            yield start, min(start + _PIECE, end)


async def _keep_piece(loser: Member, survivor: Member, lo: int, hi: int, shelf: Shelf, pool: Pool) -> int:
    length = hi - lo
    if is_hole(loser, lo, length) and is_hole(survivor, lo, length):
        return 0
    buffer = pool.empty(length)
    try:
        (result,) = await wait([Operation(loser.device, Op.READ, loser.data + lo, buffer, length)])
        if result != length:
            why = os.strerror(-result) if result < 0 else "it gave only a part"
            raise MemberError(
                f"{loser.path} cannot be read at {format_size(lo)} of its data: {why}. Nothing was written.",
                hint="Without --save-loser it is filled all the same.",
            )
        # What the survivor cannot read counts as different.
        found = await differing(survivor, lo, buffer, length, pool)
        for start, end in found:
            shelf.put(lo + start, buffer.view[start:end])
        return sum(end - start for start, end in found)
    finally:
        buffer.drop()
