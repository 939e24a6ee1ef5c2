"""Who is believed: from the superblocks that were found to the members of a mirror. Pure; nothing is read or written.

The rules are I9 and I10, the order is md's (freshest first, one event of tolerance), and where md would mix two
histories in silence this refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mirrortui.errors import DegradedStartError, MemberError
from mirrortui.format import parting
from mirrortui.format.superblock import ROLE_FAULTY, ROLE_SPARE, Feature, format_uuid
from mirrortui.mirror.assembly import diverged
from mirrortui.mirror.assembly.departed import left_behind, only_older
from mirrortui.mirror.assembly.fit import misfit
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.needs import find_needs, seat_losers
from mirrortui.mirror.assembly.verdict import LeftOut, Place, Verdict
from mirrortui.mirror.notes import Departed
from mirrortui.units import SECTOR

LEAST_CHUNK = 1 << 16
"""Bytes of a chunk in memory, at least, for a mirror without a bitmap."""


def decide(
    found: Sequence[Found],
    *,
    run: bool = False,
    survivor: str | None = None,
    compare: bool = False,
    left_out: Sequence[LeftOut] = (),
    departed: Sequence[Departed] = (),
    least_chunk: int = LEAST_CHUNK,
) -> Verdict:
    """Who takes part, as what, and what must be copied. `left_out` could not even be understood; `compare`: what the
    losers of a split brain differ in is found by reading, whatever the bitmaps say; `departed`: who is known to have
    gone out; `least_chunk` counts where there is no bitmap.

    Raises MemberError when they do not belong together or none holds the data, DivergedError (with the evidence) for a
    split brain without a survivor, DegradedStartError when members are missing that were there when it last ran.
    """
    _same_array(found)
    stale = {f.path: _gone_on_without(f, other) for f in found if (other := _successor_of(f, found))}
    older = only_older(found, departed)
    stale = older | stale
    rest = [f for f in found if f.path not in stale]
    losers = diverged.choose(found, rest, survivor, older)
    candidates = [f for f in rest if f not in losers]
    freshest = _freshest(candidates)
    places, out = _seat(freshest, candidates)
    out += [*left_out, *(LeftOut(path, why) for path, why in stale.items())]
    copies = [p for p in places if p.role is not None and not p.recovering]
    if not copies:
        raise MemberError(
            "No member holds the whole data: " + "; ".join(f"{o.path}: {o.why}" for o in out) + ".",
            hint=_last_resort(freshest, candidates),
        )
    missing = _missing(freshest, places)
    if not run:
        _check_nobody_awaited(freshest, _awaited(missing, copies), out)
    # Who is still away of a losing side must not come back as the freshest: the count goes on from the highest.
    events = max(f.superblock.events for f in (freshest, *losers))
    verdict = Verdict(
        freshest=freshest,
        places=places,
        left_out=out,
        dirty=_dirty(freshest, copies),
        clean=freshest.superblock.clean,
        chunk=_chunk(freshest, least_chunk),
        events=events,
        missing=missing,
        counts={f.path: f.superblock.events for f in found},
        losers=losers,
        departed=_departed([] if losers else found, out, departed, copies),
    )
    find_needs(verdict)
    seat_losers(verdict, _freshest([p.found for p in copies]), losers, compare)
    return verdict


def _departed(
    found: Sequence[Found], out: Sequence[LeftOut], before: Sequence[Departed], copies: Sequence[Place]
) -> tuple[Departed, ...]:
    """Who is known to be out from now on. Beside losers who is left out may be older than those alone: then nobody is
    `found`.
    """
    outcasts = {o.path for o in out}
    return left_behind([f for f in found if f.path in outcasts], before, [p.found for p in copies])


def _check_nobody_awaited(freshest: Found, awaited: Sequence[int], out: Sequence[LeftOut]) -> None:
    if awaited:
        raise DegradedStartError(
            f"{freshest.label} had {len(awaited)} more of {freshest.superblock.raid_disks} members in sync when it "
            f"last ran than can be used now{_reasons(out)}; another may hold newer data.",
            hint="Give the missing member, or use --run to start without it.",
        )


def _dirty(freshest: Found, copies: Sequence[Place]) -> set[int]:
    """What any copy marks."""
    dirty = set().union(*(p.found.dirty for p in copies))
    if not all(_knows_all_bits(p.found, freshest) for p in copies):
        # The power went when superblocks began to speak of a new bitmap, or a longer one.
        dirty |= freshest.dirty
    return dirty


def _successor_of(member: Found, found: Sequence[Found]) -> Found | None:
    return parting.successor(member, found) if parting.claims(member) else None


def _gone_on_without(member: Found, other: Found) -> str:
    """Why a member is not believed, whatever it says of itself (I9)."""
    return (
        f"{other.path} went on without it (events {other.superblock.events}, "
        f"this one {member.superblock.events})"
    )


def _last_resort(freshest: Found, candidates: Sequence[Found]) -> str:
    """What to do where nobody is left of those who fill the freshest: the word of that one keeps older copies out."""
    copies = [f for f in candidates if parting.claims(f) and not f.superblock.recovering]
    if not freshest.superblock.recovering or not copies:
        return "Give the other members too."
    best = max(copies, key=lambda f: f.superblock.events)
    return (
        f"Give the others that {freshest.path} last ran with. If they are lost, leave {freshest.path} out: "
        f"{best.path} has what was there at events {best.superblock.events}, and what came later is lost."
    )


def _reasons(left_out: Iterable[LeftOut]) -> str:
    told = "; ".join(f"{o.path} is left out: {o.why}" for o in left_out)
    return f" ({told})" if told else ""


def _same_array(found: Sequence[Found]) -> None:
    """UUID, size, and a slot each."""
    if not found:
        raise MemberError("None of the members could be used.", hint="See mirrortui examine MEMBER.")
    first = found[0].superblock
    slots: dict[int, Found] = {}
    for f in found:
        sb = f.superblock
        if sb.set_uuid != first.set_uuid:
            raise MemberError(
                f"{f.path} belongs to another array: its UUID is {format_uuid(sb.set_uuid)} ({sb.label}), "
                f"{found[0].path} has {format_uuid(first.set_uuid)} ({first.label}). Nothing was written.",
                hint="Leave one of them out.",
            )
        other = slots.get(sb.dev_number)
        if other and other.superblock.device_uuid == sb.device_uuid:
            raise MemberError(
                f"{other.path} and {f.path} are copies of one and the same member (slot {sb.dev_number}). "
                "Nothing was written.",
                hint="Leave one of them out.",
            )
        slots[sb.dev_number] = f


def _freshest(candidates: Sequence[Found]) -> Found:
    """Highest events among members with a role; of equals a whole one, then one that is not clean, then the lowest."""
    able = [f for f in candidates if f.superblock.role < f.superblock.raid_disks]
    if not able:
        raise MemberError(
            "None of these members has a role in the array: " + ", ".join(f.path for f in candidates) + ".",
            hint="Give its other members too.",
        )
    return min(
        able,
        key=lambda f: (-f.superblock.events, f.superblock.recovering, f.superblock.clean, f.superblock.role),
    )


def _seat(freshest: Found, candidates: Sequence[Found]) -> tuple[list[Place], list[LeftOut]]:
    """Give every candidate the place that the freshest table has for it."""
    table, top = freshest.superblock.dev_roles, freshest.superblock
    places: list[Place] = []
    left_out: list[LeftOut] = []
    for f in sorted(candidates, key=lambda f: (*_lateness(f), f.superblock.dev_number)):
        sb = f.superblock
        role = table[sb.dev_number] if sb.dev_number < len(table) else ROLE_SPARE
        if role == ROLE_FAULTY:
            left_out.append(LeftOut(f.path, "it failed or was missing"))
        elif role >= top.raid_disks and sb.role < ROLE_FAULTY:
            left_out.append(LeftOut(f.path, "it was removed"))
        elif role < top.raid_disks and sb.events + 1 < top.events and not _was_being_told(f, freshest):
            left_out.append(LeftOut(f.path, f"it is stale: events {sb.events} of {top.events}"))
        elif why := _misfit(f, freshest) or _successor(f, candidates):
            left_out.append(LeftOut(f.path, why))
        elif (f := _brought_level(f, freshest)) and role >= top.raid_disks:
            places.append(Place(f, None, False, False, frozenset(), True))
        elif (rivals := [p for p in places if p.role == role]) and not _may_replace(f, rivals):
            left_out.append(LeftOut(f.path, f"it claims role {role}, which another fills"))
        else:
            # One that missed the update which made it a member holds nothing yet; of two copies one is taken for that.
            told = not _missed(f) and (sb.recovering or not rivals)
            recovering = sb.recovering or not told
            places.append(Place(f, role, recovering, sb.guided, frozenset(), told, replacement=bool(rivals)))
    return places, left_out


def _was_being_told(found: Found, freshest: Found) -> bool:
    """The power went in the very round that brought the freshest to its count, which may be far above the one before
    where a split brain was healed: bitmap headers get the number first, on all members.
    """
    return found.header is not None and found.header.events >= freshest.superblock.events


def _missed(found: Found) -> bool:
    """By its own word it is a spare."""
    return found.superblock.role >= found.superblock.raid_disks


def _lateness(found: Found) -> tuple[bool, bool]:
    """A replacement claims the role of the one it is to replace, which keeps it until the end."""
    sb = found.superblock
    return sb.recovering or _missed(found), Feature.REPLACEMENT in sb.feature_map


def _may_replace(found: Found, rivals: Sequence[Place]) -> bool:
    """Two may have a role: a copy, and one that is being filled to replace it."""
    marked = Feature.REPLACEMENT in found.superblock.feature_map or _missed(found)
    return marked and len(rivals) == 1 and not rivals[0].recovering


def _misfit(found: Found, freshest: Found) -> str:
    top = freshest.superblock
    sb, own = _brought_level(found, freshest).superblock, found.header
    if _missed_bitmap(found, freshest):
        own = freshest.header
    return misfit(sb, own, size=top.size, slots=top.max_dev, header=freshest.header)


def _missed_bitmap(found: Found, freshest: Found) -> bool:
    """It missed the one update that brought the bitmap, and is given it whole before it speaks of it."""
    sb = found.superblock
    return freshest.header is not None and not sb.has_bitmap and sb.events + 1 == freshest.superblock.events


def _missed_growth(found: Found, freshest: Found) -> bool:
    """It missed the one update in which the array grew, and has room for what is new."""
    sb, top = found.superblock, freshest.superblock
    return sb.size < top.size <= sb.data_size and sb.events + 1 == top.events


def _knows_all_bits(found: Found, freshest: Found) -> bool:
    """Its bitmap was read in the length that counts."""
    own, top = found.header, freshest.header
    return own is not None and (top is None or own.sync_size == top.sync_size)


def _brought_level(found: Found, freshest: Found) -> Found:
    """Who missed such an update, with the size, and the place where the bitmap goes."""
    sb, top = found.superblock, freshest.superblock
    if _missed_bitmap(found, freshest):
        sb = replace(sb, bitmap_offset=top.bitmap_offset)
    if _missed_growth(found, freshest):
        sb = replace(sb, size=top.size)
    return found if sb is found.superblock else replace(found, superblock=sb)


def _successor(found: Found, candidates: Sequence[Found]) -> str:
    """Who has its slot now, if another does: a spare that was removed goes on believing in it."""
    slot, events = found.superblock.dev_number, found.superblock.events
    return next(
        (
            f"its slot {slot} was given to {other.path}"
            for other in candidates
            if other.superblock.dev_number == slot and other.superblock.events > events
        ),
        "",
    )


def _missing(freshest: Found, places: Sequence[Place]) -> list[int]:
    """Roles that the table counts on and nobody fills, or only who was to replace one that is away."""
    top = freshest.superblock
    whole = {p.role for p in places if not p.recovering}
    there = {p.found.superblock.dev_number for p in places}
    return sorted(
        {
            role
            for slot, role in enumerate(top.dev_roles)
            if role < top.raid_disks and role not in whole and slot not in there
        }
    )


def _awaited(missing: Sequence[int], copies: Sequence[Place]) -> list[int]:
    """Of the missing roles those that a copy counts on. One that only a member being filled has heard of was taken in
    by a round that reached no copy, and so is in sync nowhere.
    """
    return [role for role in missing if any(role in p.found.superblock.dev_roles for p in copies)]


def _chunk(freshest: Found, least: int) -> int:
    """Bytes of a chunk: the bitmap's, or without one what makes some thousand of them."""
    if freshest.header is not None:
        return freshest.header.chunksize
    return max(least, 1 << max(0, (freshest.superblock.size * SECTOR // 4096 - 1).bit_length()))
