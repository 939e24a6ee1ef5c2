"""What must be copied to each member of a mirror that is assembled, the losers of a split brain included. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mirrortui.format import bitmap, parting
from mirrortui.format.superblock import ROLE_FAULTY, WRITE_MOSTLY
from mirrortui.mirror.assembly import diverged
from mirrortui.mirror.assembly.fit import misfit
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.rejoin import rejoin
from mirrortui.mirror.assembly.verdict import LeftOut, Place, Verdict
from mirrortui.units import SECTOR, format_size


def find_needs(verdict: Verdict) -> None:
    """What is not clean is copied from the lowest role to the others, though not from one that may have lagged behind
    if there is another; a recovery goes on from its checkpoint.
    """
    header, chunk = verdict.freshest.header, verdict.chunk
    copies = sorted(
        (p for p in verdict.places if p.role is not None and not p.recovering),
        key=lambda p: (p.found.superblock.devflags & WRITE_MOSTLY, p.role or 0),
    )
    source = copies[0]
    total = bitmap.count_bits(verdict.freshest.superblock.size, chunk)
    if header is None:
        verdict.dirty = set()
    suspect: set[int] = set()
    if not verdict.clean:
        equal = verdict.freshest.superblock.resync_offset * SECTOR // chunk
        suspect = verdict.dirty if header else set(range(equal, total))
    if any(place.found.opaque for place in verdict.places):
        suspect = set(range(total))
    whole = _whole_instead(source, copies[1:], suspect, chunk)
    for index, place in enumerate(verdict.places):
        if place.role is None:
            continue
        need = set(whole) if place is source else {c for c in suspect if whole.get(c) is not place}
        if place.recovering:
            sb = place.found.superblock
            start = sb.recovery_offset * SECTOR // chunk if sb.recovering else 0
            listed = place.guided and header is not None
            need |= {c for c in verdict.dirty if c >= start} if listed else set(range(start, total))
        verdict.places[index] = _needing(place, need)


def _whole_instead(source: Place, others: list[Place], suspect: set[int], chunk: int) -> dict[int, Place]:
    """Suspect chunks of which the source has bad blocks, and a copy that has none there: its version counts."""
    wanting = suspect & source.found.bad_chunks(chunk)
    bad = [(p, p.found.bad_chunks(chunk)) for p in others] if wanting else []
    found = {c: next((p for p, theirs in bad if c not in theirs), None) for c in wanting}
    return {c: p for c, p in found.items() if p is not None}


def _needing(place: Place, need: set[int]) -> Place:
    return replace(place, need=frozenset(need))


def seat_losers(verdict: Verdict, kept: Found, losers: Sequence[Found], compare: bool) -> None:
    """Each loser of a split brain is filled again, with what `kept` has: where either side wrote if the bitmaps tell,
    else all is compared (I10).
    """
    dirty = set(verdict.dirty)
    for lost in diverged.in_order(kept, losers):
        role, slot = _vacancy(verdict, kept, lost)
        if role is None or slot is None:
            verdict.left_out.append(LeftOut(lost.path, "its place was given away"))
        elif why := _no_room(lost, slot, verdict.freshest):
            verdict.left_out.append(LeftOut(lost.path, why))
        else:
            plan = rejoin(kept, dirty, lost, chunk=verdict.chunk, compare=compare)
            if verdict.freshest.header is not None:
                # The loser gets these bits first, and must not lose what its own said.
                verdict.dirty |= plan.need
            filled = replace(lost, superblock=replace(lost.superblock, dev_number=slot))
            guided = plan.how == "union"
            verdict.places.append(Place(filled, role, True, guided, plan.need, False, plan))


def _vacancy(verdict: Verdict, kept: Found, lost: Found) -> tuple[int | None, int | None]:
    """A role and a slot, its own if nobody has them by now; None where there is none left. One that was being filled
    gets another slot: its own is what the other side calls the one that it was filling.
    """
    sb, top = lost.superblock, verdict.freshest.superblock
    filled = {p.role for p in verdict.places}
    roles = sorted({*range(top.raid_disks)} - filled, key=lambda role: role != sb.role)
    taken = {p.found.superblock.dev_number for p in verdict.places}
    taken |= {slot for slot, role in enumerate(top.dev_roles) if role < ROLE_FAULTY}
    slot: int | None = sb.dev_number
    if sb.recovering or slot in taken or sb.dev_number >= top.max_dev:
        slot = parting.vacant_slot(top.dev_roles, top.raid_disks, taken, kept.superblock.device_uuid)
    return next(iter(roles), None), slot


def _no_room(lost: Found, slot: int, freshest: Found) -> str:
    """Why a loser cannot hold what the survivor has; empty if it can."""
    sb, top = lost.superblock, freshest.superblock
    if sb.data_size < top.size:
        return (
            f"it has room for {format_size(sb.data_size * SECTOR)}, not for {format_size(top.size * SECTOR)}"
        )
    own = freshest.header if lost.header else None
    fitted = replace(sb, size=top.size, dev_number=slot)
    return misfit(fitted, own, size=top.size, slots=top.max_dev, header=freshest.header)
