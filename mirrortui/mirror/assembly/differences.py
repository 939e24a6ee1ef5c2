"""What two sides of a split brain differ in, as far as their bitmaps tell (I10). Pure.

- When the sides parted, the copies differed at most where bits were set, on both sides alike (I2: a bit is on every
  member before the data; I3: it goes only after the data is everywhere).
- From then on each side sets a bit before it writes, and clears none as long as it is degraded.

So what differs now is within the union of both bitmaps, *if neither side cleared a bit since*. A side clears bits once
all its roles are filled, by members that it took in instead of those it lost. It then notes the present events count as
`events_cleared`, before the first bit goes, which is above the count at which the sides parted; and, where we run it,
which members were there, as both sides may clear bits at the same count by chance. Both sides agreeing on both, below
what either counts now, thus means that neither cleared since, with two exceptions which no superblock shows:

- The kernel notes `events_cleared` at the first write to the whole array, but the bits of what a recovery copied go
  without it: an array that got a replacement, was not written to until it lost that again, and ran on, has forgotten
  what changed before. (Its own --re-add loses data then.) A side that is still whole is not trusted for that reason.
- The kernel does not note which members were there: two sides that it ran, each of which got a replacement and lost it
  again, may have cleared at the same count.

For those there is `compare`, which reads everything and believes nobody.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import NamedTuple

from mirrortui.format import parting
from mirrortui.format.superblock import ROLE_FAULTY
from mirrortui.mirror.assembly.found import Found
from mirrortui.units import SECTOR, format_size

_WRITE_ERROR = 4
"""In a bitmap's `state`: the kernel could not write some of it."""


class Amount(NamedTuple):
    """How much of an array."""

    chunks: int
    bytes: int

    def __str__(self) -> str:
        return f"{self.chunks} {'chunk' if self.chunks == 1 else 'chunks'} ({format_size(self.bytes)})"


def amount(array: Found, chunks: AbstractSet[int], chunk: int | None = None) -> Amount:
    """How much these chunks of its are: the last one of an array may be short. `chunk` in bytes; its bitmap's
    where none is given.
    """
    size, chunk = array.superblock.size * SECTOR, chunk or chunk_of(array)
    return Amount(len(chunks), sum(min(chunk, size - number * chunk) for number in chunks))


def doubt(kept: Found, lost: Found) -> str:
    """Why the union of both bitmaps may not be all that differs; empty if it is."""
    if lost.superblock.recovering:
        return f"{lost.path} was being filled and never held the whole data"
    for one in (kept, lost):
        if why := unreadable(one):
            return f"{one.path} {why}"
    if kept.superblock.size != lost.superblock.size:
        return "they are of different sizes"
    if kept.superblock.raid_disks != lost.superblock.raid_disks:
        return "one was given another number of members since"
    if chunk_of(kept) != chunk_of(lost):
        return f"their chunks differ, {format_size(chunk_of(kept))} and {format_size(chunk_of(lost))}"
    if min(parting.place(kept, lost), parting.place(lost, kept)) < ROLE_FAULTY:
        return "the slot of one was given to another member since"
    for one in (kept, lost):
        if is_whole(one):
            return (
                f"{one.path} got members for all its roles since, and may have forgotten what changed before"
            )
    return cleared_apart(kept, lost)


def comparable(kept: Found, lost: Found) -> bool:
    """Both have bits, of the same chunks."""
    same = kept.superblock.size == lost.superblock.size
    return same and bool(kept.header and lost.header) and chunk_of(kept) == chunk_of(lost)


def chunk_of(one: Found) -> int:
    """Bytes that a bit of its bitmap stands for."""
    assert one.header
    return one.header.chunksize


def unreadable(one: Found) -> str:
    """Why its bitmap says nothing."""
    if one.header is None:
        return "has a bitmap that cannot be read" if one.opaque else "has no write-intent bitmap"
    if one.header.out_of_date(one.superblock.events):
        return "has a bitmap that is out of date"
    return "has a bitmap that could not be written in full" if one.header.state & _WRITE_ERROR else ""


def is_whole(one: Found) -> bool:
    sb = one.superblock
    return len({role for role in sb.dev_roles if role < min(sb.raid_disks, ROLE_FAULTY)}) == sb.raid_disks


def cleared_apart(kept: Found, lost: Found) -> str:
    """Whether bits were cleared after they parted: not at a count that both know of and both have passed."""
    assert kept.header and lost.header
    last, early = sorted((kept, lost), key=lambda f: f.header.events_cleared if f.header else 0, reverse=True)
    assert last.header and early.header
    cleared = last.header.events_cleared
    if cleared >= min(kept.superblock.events, lost.superblock.events):
        return f"{last.path} cleared bits at events {cleared}, after they parted"
    if cleared != early.header.events_cleared:
        return (
            f"{last.path} cleared bits at events {cleared}, {early.path} at {early.header.events_cleared}: "
            "one may have done so after they parted"
        )
    if kept.header.cleared_by != lost.header.cleared_by:
        return f"each cleared bits at events {cleared}, but with other members: one did so after they parted"
    return ""
