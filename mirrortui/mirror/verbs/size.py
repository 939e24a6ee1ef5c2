"""How large a running mirror is: all that its members have room for, or a part of it.

It only grows. What comes new is resynced like after a crash, and nothing else is; clients that connect from then on see
it. What power cuts leave is sound at every step: superblocks first say what room there is, then every member is given
the longer bitmap, in which all that is new is marked and the rest means what it meant, and only then do superblocks
speak of the new size, in one round. Who has not heard of it when the power goes is brought level with who has.

Where the bitmap is too long for its place that has another one put there, with larger chunks: it is taken away first
(bitmaps.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mirrortui.errors import RefusedError
from mirrortui.format import bitmap, ondisk
from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.birth.create import PAGE_SECTORS
from mirrortui.mirror.chunks import ChunkSet
from mirrortui.mirror.metadata.quiet import Quiet, all_flushed, all_written
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import bitmaps
from mirrortui.mirror.verbs.bitmaps import Place
from mirrortui.mirror.verbs.manage import check_settled
from mirrortui.units import SECTOR, format_size


@dataclass(frozen=True, slots=True)
class Growth:
    """A size that a mirror can have."""

    size: int
    """Bytes."""
    place: Place | None
    """Where its bitmap goes; None: it has none."""
    exchanged: bool
    """The bitmap there is has no room to grow: it is taken away, and another one given."""


def room(member: Member) -> int:
    """Bytes that a member has for data. A device that has grown counts, but for metadata v1.0: its superblock is found
    by the device's size, and would have to move.
    """
    sb = member.superblock
    behind = sb.data_offset > sb.super_offset
    sectors = member.device.size // SECTOR - sb.data_offset if behind else 0
    return max(sectors & -PAGE_SECTORS, sb.data_size) * SECTOR


def _outgrown(member: Member) -> bool:
    """Its superblock, of metadata v1.0, is not at the end of the device any more."""
    sb = member.superblock
    return sb.minor == 0 and sb.super_offset < ondisk.place(0, member.device.size // SECTOR)


def plan_size(array: Array, size: int | None) -> Growth:
    """What it takes to have that many bytes, or whole pages of them; None: as many as there is room for. Devices that
    have grown are measured.

    Raises RefusedError where the mirror cannot have that size now.
    """
    check_settled(array)
    members = [m for m in array.members if m.state is not State.FAULTY]
    for member in members:
        member.device.remeasure()
    tightest = min(members, key=room)
    unit = PAGE_SECTORS * SECTOR
    wanted = room(tightest) // unit * unit if size is None else size // unit * unit
    _check(array, tightest, wanted, size)
    if not array.has_bitmap:
        return Growth(wanted, None, exchanged=False)
    place = bitmaps.place_to_cover(array, wanted)
    here = all(m.superblock.bitmap_offset == place.offset for m in members)
    return Growth(wanted, place, exchanged=not here or place.chunk != 1 << array.chunk_shift)


def _check(array: Array, tightest: Member, wanted: int, asked: int | None) -> None:
    """Raise RefusedError for a size that is none, or not now."""
    name, most = array.label, room(tightest)
    who = f"{'spare ' * (tightest.state is State.SPARE)}{tightest.path} has room for {format_size(most)}"
    hint = "Replace that member by a larger one, or enlarge its device; a spare can be removed."
    if _outgrown(tightest):
        who += ", as its superblock (v1.0) is where the device ended before that grew"
        hint = (
            f"Give {tightest.path} its former size back before the mirror is stopped: no start finds the superblock"
            " where it is. A larger device that takes its place with mirrortui replace has one at its own end."
        )
    if wanted > most:
        raise RefusedError(f"{name} cannot have {format_size(wanted)}: {who}.", hint=hint)
    if wanted == array.size or (wanted < array.size and asked is None):
        limit = f", and {who}" if asked is None else ""
        raise RefusedError(
            f"{name} has {format_size(array.size)} already{limit}.", hint=hint if limit else ""
        )
    if wanted < array.size:
        raise RefusedError(
            f"{name} has {format_size(array.size)}, and is not made smaller: what lies behind "
            f"{format_size(wanted)} would be lost, and nobody can tell here whether it is needed.",
            hint="Create a smaller mirror on other members, and copy what is inside.",
        )


async def set_size(mirror: Mirror, size: int | None) -> None:
    """Have that size from now on, durably; what is new is resynced. Raises what `plan_size` raises; RefusedError, too,
    if the mirror breaks down: either size may be on disk then.
    """
    plan_size(mirror.array, size)
    async with Quiet(mirror, "size"):
        growth = plan_size(mirror.array, size)
        await _make_room(mirror, growth.size)
        await all_flushed(mirror)
        if growth.exchanged:
            await bitmaps.take_away(mirror)
        _enlarge(mirror, growth.size)
        if growth.exchanged and growth.place:
            await bitmaps.give(mirror, growth.place)
        mirror.scribe.want()
        await all_written(mirror)
        mirror.size = growth.size
        mirror.array.changed()


async def _make_room(mirror: Mirror, size: int) -> None:
    """Superblocks that say what their devices have room for, where it was less: a round before the one that needs it.
    Who misses that one has room all the same.
    """
    for member in mirror.array.members:
        if member.state is not State.FAULTY and member.superblock.data_size * SECTOR < size:
            member.superblock = replace(member.superblock, data_size=room(member) // SECTOR)
    mirror.scribe.want()
    await all_written(mirror)


def _enlarge(mirror: Mirror, size: int) -> None:
    """In memory, without a wait: what is new is marked, and needed by all but one of the copies."""
    array, old = mirror.array, mirror.array.size
    if not array.active:
        array.active, array.resync_from = True, 0 if array.has_bitmap else old
    array.size = size
    fresh = range(old >> array.chunk_shift, array.chunks)
    _mark(mirror, fresh)
    for member in array.members:
        member.need = ChunkSet(array.chunks, member.need)
        member.fresh = array.has_bitmap and member.state is not State.FAULTY
    for part in (fresh[:1], fresh[1:]):  # the first may hold old data, too
        source = _source(array, part[0]) if part else None
        for member in array.targets():
            if member is not source:
                member.need.update(part)
    mirror.book.epoch += 1
    mirror.sync.rechunk()
    array.changed()


def _source(array: Array, chunk: int) -> Member:
    """Whose version counts: of the copies that have all of it, as of those that may be read there."""
    able = [m for m in array.in_sync() if chunk not in m.need]
    first = array.authority(chunk, chunk)
    return first if first in able or not able else able[0]


def _mark(mirror: Mirror, fresh: range) -> None:
    """A longer bitmap: the bits there are, and all of what is new."""
    array, intent = mirror.array, mirror.intent
    header = replace(intent.header, sync_size=array.size // SECTOR)
    raw = bytearray(bitmap.image_bytes(array.chunks))
    raw[: len(intent.raw)] = intent.raw
    raw[: bitmap.HEADER] = header.encode()
    for chunk in fresh:
        bitmap.set_bit(raw, chunk)
    intent.become(header, raw, array.chunks)
