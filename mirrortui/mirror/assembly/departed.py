"""Members that were seen to go out: one that still shows the superblock of then was not used since, and is only older.

Superblocks alone cannot always tell that (format.parting): a member whose last peers have all left the mirror since
looks like one that was used apart with them. Whoever ran the mirror knows better, and keeps it in mind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    known = {(one.device, one.events, one.utime): one for one in departed}
    older = {}
    for f in found:
        seen = known.get(_imprint(f.superblock))
        if seen and (other := _went_on(f, seen, found)):
            older[f.path] = (
                f"it was out when the mirror ran here, and was not used since (events {f.superblock.events}, "
                f"{other.path} has {other.superblock.events})"
            )
    return older


def _imprint(sb: Superblock) -> tuple[str, int, int]:
    return sb.device_uuid.hex(), sb.events, sb.utime


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
    known = {one.device: one for one in array.departed if one.device not in there}
    gone = [m.superblock for m in array.members if m.state is State.FAULTY and parting.claims(m)]
    array.departed = tuple(
        replace(one, after=tuple(dict.fromkeys((*copies, *one.after)))[:MOST]) for one in _seen(gone, known)
    )[-MOST:]


def went_out_of(array: Array, former: Superblock) -> bool:
    """It was seen to go out, and was not used since: those who are in sync have all that it has."""
    keep_in_mind(array)
    return any(_imprint(former) == (one.device, one.events, one.utime) for one in array.departed)


def left_behind(
    found: Iterable[Found], before: Iterable[Departed], copies: Sequence[Found]
) -> tuple[Departed, ...]:
    """Members that an assembly left out as older than these copies, and what was known before, as far as one of these
    vouches for it: who went out before others, and was started without them, may not have what they have.
    """
    superblocks = [f.superblock for f in found if parting.claims(f)]
    known = {one.device: one for one in before if any(_vouches(copy, one) for copy in copies)}
    return tuple(_seen(superblocks, known))


def _vouches(copy: Found, one: Departed) -> bool:
    sb = copy.superblock
    return sb.device_uuid.hex() in one.after and sb.events >= one.events


def _seen(gone: Iterable[Superblock], known: Mapping[str, Departed]) -> Iterable[Departed]:
    """Those who are known, and those who are gone as they are now."""
    now = {one.device: one for one in (Departed(*_imprint(sb)) for sb in gone)}
    same = {
        device: known[device] for device, one in now.items() if device in known and _is(known[device], one)
    }
    return {**known, **now, **same}.values()


def _is(one: Departed, other: Departed) -> bool:
    return (one.events, one.utime) == (other.events, other.utime)


def _device(member: Member) -> str:
    return member.superblock.device_uuid.hex()
