"""Members that were seen to go out: one that still shows the superblock of then was not used since, and is only older.

Superblocks alone cannot always tell that (format.parting): a member whose last peers have all left the mirror since
looks like one that was used apart with them. Whoever ran the mirror knows better, and keeps it in mind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mirrortui.format import parting
from mirrortui.format.superblock import Superblock
from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.notes import Departed

MOST = 64
"""Members that are kept in mind, and of each those who went on without it; the latest count."""


def only_older(found: Sequence[Found], departed: Iterable[Departed]) -> dict[str, str]:
    """Who adds nothing to the others, whatever the superblocks say, and why: by path."""
    known = {one.device: one for one in departed}
    older = {}
    for f in found:
        seen = known.get(f.superblock.device_uuid.hex())
        if seen and _imprint(f.superblock) in seen.shows and (other := _went_on(f, seen, found)):
            older[f.path] = (
                f"it was out when the mirror ran here, and was not used since (events {f.superblock.events}, "
                f"{other.path} has {other.superblock.events})"
            )
    return older


def _imprint(sb: Superblock) -> tuple[int, int]:
    return sb.events, sb.utime


def _went_on(member: Found, seen: Departed, found: Sequence[Found]) -> Found | None:
    """One that had all that the member had, and says itself that it goes on without it: the round that put the member
    out may never have reached the disks.
    """
    return next(
        (
            other
            for other in found
            if other.superblock.device_uuid.hex() in seen.after
            and parting.claims(other)
            and not other.superblock.recovering
            and other.superblock.events > member.superblock.events
            and not parting.accepts(other, member, found)
        ),
        None,
    )


def keep_in_mind(array: Array) -> None:
    """Bring `array.departed` up to date with what the array went through."""
    copies = [_device(m) for m in array.in_sync()]
    there = {_device(m) for m in array.members if m.active}
    known = [one for one in array.departed if one.device not in there]
    gone = [m for m in array.members if m.state is State.FAULTY and parting.claims(m)]
    seen = [_departed(m.superblock, *([m.telling] if m.telling else [])) for m in gone]
    array.departed = tuple(
        replace(one, after=tuple(dict.fromkeys((*copies, *one.after)))[:MOST]) for one in _latest(known, seen)
    )[-MOST:]


def went_out_of(array: Array, former: Superblock) -> bool:
    """It was seen to go out, and was not used since: those who are in sync have all that it has."""
    keep_in_mind(array)
    device = former.device_uuid.hex()
    return any(one.device == device and _imprint(former) in one.shows for one in array.departed)


def left_behind(
    found: Iterable[Found], before: Iterable[Departed], copies: Sequence[Found]
) -> tuple[Departed, ...]:
    """Members that an assembly left out as older than these copies, and what was known before, as far as one of these
    vouches for it: who went out before others, and was started without them, may not have what they have.
    """
    seen = [_departed(f.superblock) for f in found if parting.claims(f)]
    return tuple(_latest([one for one in before if any(_vouches(copy, one) for copy in copies)], seen))


def _vouches(copy: Found, one: Departed) -> bool:
    sb = copy.superblock
    return sb.device_uuid.hex() in one.after and all(sb.events >= events for events, _ in one.shows)


def _departed(*superblocks: Superblock) -> Departed:
    return Departed(superblocks[0].device_uuid.hex(), tuple(_imprint(sb) for sb in superblocks))


def _latest(known: Iterable[Departed], seen: Iterable[Departed]) -> Iterable[Departed]:
    """What was known, unless a member shows something else by now."""
    found = {one.device: one for one in known}
    for one in seen:
        before = found.get(one.device)
        if not (before and set(one.shows) <= set(before.shows)):
            found[one.device] = one
    return found.values()


def _device(member: Member) -> str:
    return member.superblock.device_uuid.hex()
