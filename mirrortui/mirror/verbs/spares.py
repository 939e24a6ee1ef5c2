"""Spares: which one takes the place of a member that fails, and what would come of it if one did."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from mirrortui.mirror.array import Array, Member, State
from mirrortui.units import SECTOR


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would happen if a member failed now."""

    left: list[Member]
    """Members that would still be in sync."""
    spare: Member | None
    """Who would take its place."""
    lost: int
    """Bytes of the array that nobody else could be asked for."""


def fits(array: Array, spare: Member) -> bool:
    """It could be filled now: large enough, and nothing that timed out on it may still land."""
    return spare.superblock.data_size * SECTOR >= array.size and not spare.device.zombies


def ranked(array: Array) -> list[Member]:
    """Spares that fit, the best first: the largest; of equals the one that never failed, or failed longest ago."""
    spares = [m for m in array.members if m.state is State.SPARE and fits(array, m)]
    return sorted(spares, key=lambda m: (-m.superblock.data_size, array.failures.get(m.path, 0.0), m.slot))


def best(array: Array) -> Member | None:
    """The spare that takes the next place that falls vacant."""
    return next(iter(ranked(array)), None)


def policy(array: Array) -> str:
    """What spares are for here, in a sentence; empty when there are none."""
    spares = [m for m in array.members if m.state is State.SPARE]
    if not spares:
        return ""
    if array.readonly:
        return "No spare takes over while the mirror is read-only."
    able = ranked(array)
    if not able:
        return f"No spare could take over now: {', '.join(m.path for m in spares)} would not do."
    sentence = f"If a member fails, spare {able[0].path} takes its place at once"
    if len(able) > 1:
        sentence += f"; of {len(able)} it is the largest, or of equals the one that failed longest ago"
    return f"{sentence}."


def if_fails(array: Array, member: Member) -> Forecast:
    """What would happen if this member failed now; nothing is changed. It must not be faulty already."""
    left = [m for m in array.in_sync() if m is not member]
    if not left:
        return Forecast([], None, array.size)
    lost = _only_on(member, left) if member.state is State.IN_SYNC else 0
    vacated = member.active and not array.readonly and array.twin(member) is None
    spare = best(array) if vacated else None
    return Forecast(left, spare, lost)


def _only_on(member: Member, others: list[Member]) -> int:
    """Bytes that are bad on all the others, and not on it."""
    edges = {edge for m in (member, *others) for part in m.bad for edge in part}
    return sum(
        hi - lo
        for lo, hi in itertools.pairwise(sorted(edges))
        if all(m.bad.touches(lo, hi) for m in others) and not member.bad.touches(lo, hi)
    )
