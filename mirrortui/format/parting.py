"""Whether the members of an array can have one history: what their tables of roles say of each other (I9, I10). Pure.

Every update of an array goes to all its active members, and a member that fails gets none any more: the others' tables
then have no place for it, while its own still has one for them. So in one history whoever has no place for a member
never counts fewer events than that member, and of two members that have no place for each other at least one was left
behind by a third that it still believes in. What no such history explains was used apart.

A slot whose owner failed, was replaced or was missing stays marked as faulty, and is given away last. The kernel
forgets that and gives away the first free one, and so can hide one story: a member that was replaced in a round which
it missed, and was then started alone (--run) and written to, looks stale to a copy that gave its slot to another.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol, TypeVar

from mirrortui.format.superblock import ROLE_FAULTY, Feature, Superblock, seconds
from mirrortui.units import format_moment


class Bearer(Protocol):
    """A member as it was read."""

    @property
    def path(self) -> str:
        """Its name for people."""
        ...

    @property
    def superblock(self) -> Superblock:
        """Its own."""
        ...


Member = TypeVar("Member", bound=Bearer)


def claims(member: Bearer) -> bool:
    """By its own word it has a role; a spare has none."""
    return member.superblock.role < ROLE_FAULTY


def accepts(one: Member, other: Member, among: Sequence[Member]) -> bool:
    """One's table has a place for the other, the same as the other's own; an array that got another number of members
    may have numbered its roles anew. A slot can have had several owners: who of those present is meant?
    """
    given = place(one, other)
    return _agreed(one, other, given) and _owner(one, other.superblock.dev_number, among) is other


def _agreed(one: Bearer, other: Bearer, given: int) -> bool:
    renumbered = one.superblock.raid_disks != other.superblock.raid_disks
    return given < ROLE_FAULTY and (renumbered or given == other.superblock.role)


def place(one: Bearer, other: Bearer) -> int:
    """What one's table says of the other's slot, whoever has that by now; behind its end are unused slots."""
    table, slot = one.superblock.dev_roles, other.superblock.dev_number
    return table[slot] if slot < len(table) else ROLE_FAULTY


def _owner(one: Member, slot: int, among: Sequence[Member]) -> Member:
    """Whom one means by a slot: itself, or else one of those who got its last update but one, at least; of several who
    has a place for it in turn, or the latest.
    """
    owners = [m for m in among if m.superblock.dev_number == slot]
    if one in owners:
        return one
    last = one.superblock.events - 1
    return max(
        owners,
        key=lambda m: (m.superblock.events >= last, place(m, one) < ROLE_FAULTY, m.superblock.events),
    )


def successor(member: Member, among: Sequence[Member]) -> Member | None:
    """Who shows that a member is only stale: it believes in one that has no place for it and counts no fewer events."""
    return next(
        (
            other
            for other in among
            if claims(other)
            and not _may_have_changed_sides(other, member)
            and other.superblock.events >= member.superblock.events
            and accepts(member, other, among)
            and not accepts(other, member, among)
        ),
        None,
    )


def _may_have_changed_sides(filled: Bearer, member: Bearer) -> bool:
    """It is being filled, as a replacement or in the place of one: that may be on the other side of a split brain,
    which has the same role to give.
    """
    given = place(member, filled)
    twins = member.superblock.dev_roles.count(given) > 1
    return filled.superblock.recovering and (twins or Feature.REPLACEMENT in filled.superblock.feature_map)


def parted(one: Member, other: Member, among: Sequence[Member]) -> bool:
    """No one history explains these two, if neither is stale. One that is being filled has no history of its own, and
    may know of an update before the copies do; but it tells of those that fill it.
    """
    if not (claims(one) and claims(other)) or one is other:
        return False
    if one.superblock.recovering or other.superblock.recovering:
        filled, copy = (one, other) if one.superblock.recovering else (other, one)
        return not (copy.superblock.recovering or _went_together(filled, copy) or _outlived(filled, copy))
    return not (accepts(one, other, among) and accepts(other, one, among))


def _went_together(filled: Bearer, copy: Bearer) -> bool:
    """Their tables have somebody in common: a slot and its role; in an array that got another number of members a slot.
    Its own slot may be anybody's on the other side. But of the copies none is left behind by one that it fills: it
    knows of the filling, or that one is ahead, with a round that did not reach the copy.
    """
    sb, top = filled.superblock, copy.superblock
    company = {slot for slot in _peers(filled) & _peers(copy) if _same_role(sb, top, slot)}
    if sb.events <= top.events:
        company.discard(sb.dev_number)
    return bool(company)


def _same_role(one: Superblock, other: Superblock, slot: int) -> bool:
    return one.raid_disks != other.raid_disks or one.dev_roles[slot] == other.dev_roles[slot]


def _outlived(filled: Bearer, copy: Bearer) -> bool:
    """Whoever filled it is out by the word of the copy, which went on since, and is not out by its own word."""
    told, events = copy.superblock.dev_roles, copy.superblock.events
    gone = all(slot < len(told) and told[slot] == ROLE_FAULTY for slot in _peers(filled))
    own = filled.superblock.dev_roles[copy.superblock.dev_number : copy.superblock.dev_number + 1]
    return gone and events > filled.superblock.events and own != (ROLE_FAULTY,)


def _peers(one: Bearer) -> set[int]:
    """Slots of all who go with it, itself included."""
    return {slot for slot, role in enumerate(one.superblock.dev_roles) if role < ROLE_FAULTY}


def parted_pairs(members: Sequence[Member], older: Container[str] = ()) -> list[tuple[Member, Member]]:
    """Members that were used apart: nobody present explains by one history what their superblocks say. `older`: paths
    of those whose own need no explanation; they still explain others.
    """
    if not (able := [m for m in members if claims(m)]):
        return []
    rest = [m for m in able if successor(m, able) is None]
    if not rest:
        return [
            (able[0], successor(able[0], able) or able[0])
        ]  # each older than another: no order is possible
    rest = [m for m in rest if m.path not in older]
    return [(a, b) for a, b in itertools.combinations(rest, 2) if parted(a, b, able)]


def vacant_slot(table: Sequence[int], raid_disks: int, taken: AbstractSet[int], first: bytes) -> int | None:
    """Which slot a newcomer gets where the first copy has that device UUID; None where none is left.

    One whose owner failed or was missing comes last: a copy that missed its owner's end still goes by it. Of the others
    the next one from a place that the UUID gives: halves that part and each take somebody in give away different slots,
    but for one case in a hundred, and neither takes the other's newcomer for its own.
    """
    slots = len(table)
    free = (slot for slot in range(raid_disks, slots) if slot not in taken and table[slot] >= ROLE_FAULTY)
    start = int.from_bytes(first[:8], "big")

    def rank(slot: int) -> tuple[bool, int]:
        return table[slot] == ROLE_FAULTY, (slot - start) % slots

    return min(free, key=rank, default=None)


def absent_peers(member: Bearer, among: Sequence[Bearer]) -> list[int]:
    """Slots that its table counts on and that nobody present has."""
    present = {m.superblock.dev_number for m in among}
    return sorted(_peers(member) - present)


def testimony(one: Bearer, other: Bearer) -> str:
    """What one's superblock says of the other, in words."""
    sb, slot = one.superblock, other.superblock.dev_number
    role = place(one, other)
    if sb.dev_number == slot:
        said = f"that it is the member in slot {slot} itself"
    elif claims(other) and role < ROLE_FAULTY and not _agreed(one, other, role):
        said = f"that the member in slot {slot}, as {other.path} is, has another role"
    elif role < ROLE_FAULTY:
        said = f"that {other.path} is still with it"
    elif role == ROLE_FAULTY and slot < sb.max_dev:
        said = f"that {other.path} failed or was missing"
    else:
        said = f"that {other.path} is gone"
    return f"{one.path} says at events {sb.events} {said} (last written {when(one)})"


def when(member: Bearer) -> str:
    """When its superblock was written last, in local time."""
    return format_moment(seconds(member.superblock.utime))
