"""A write-intent bitmap given to a running mirror, taken from it, or changed for one with another chunk.

Meanwhile no write is under way: new ones wait for a moment. What power cuts leave is sound at every step. A bitmap
comes in this order: its whole image on every member, then superblocks that speak of it; who has not heard of it when
the power goes is given it again before its superblock is. It goes by superblocks that do not speak of it any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mirrortui.errors import RefusedError, RequestError
from mirrortui.format import bitmap, layout
from mirrortui.format.bitmap import BitmapHeader
from mirrortui.format.ondisk import SUPERBLOCK_BYTES
from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.chunks import ChunkSet
from mirrortui.mirror.metadata.quiet import Quiet, all_flushed, all_written
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs.manage import check_settled
from mirrortui.units import SECTOR, format_size


@dataclass(frozen=True, slots=True)
class Place:
    """Where a bitmap goes on every member, and how fine it is."""

    offset: int
    """Sectors from the superblock: the same for all, as the kernel takes one member's for every member's."""
    chunk: int
    """Bytes to a bit."""


def place_for(array: Array, chunk: int | None) -> Place:
    """Where a bitmap with chunks of so many bytes fits on all members; None: by size.

    Raises RequestError for a chunk that cannot be, RefusedError where there is no room.
    """
    wanted = chunk or layout.default_chunk(array.size)
    if wanted & (wanted - 1) or not SECTOR <= wanted <= layout.MOST_CHUNK:
        raise RequestError(
            f"A bitmap chunk of {wanted} bytes cannot be used: it must be a power of two, "
            f"{format_size(bitmap.LEAST_CHUNK)} to {format_size(layout.MOST_CHUNK)}."
        )
    place = next(_places(array, wanted, array.size), None)
    if place is None:
        raise RefusedError(
            f"The members of {array.label} have no room for a bitmap in the same place on all."
        )
    if chunk and place.chunk != chunk:
        raise RefusedError(
            f"The members of {array.label} have no room for a bitmap with chunks of {format_size(chunk)}.",
            hint="Leave --bitmap-chunk out: then the least that fits is taken.",
        )
    return place


def place_to_cover(array: Array, size: int) -> Place:
    """Where the bitmap goes that the mirror has, if it is to cover `size` bytes: where it is, as it is, if there is
    room; else its chunk is doubled until it fits. Raises RefusedError where it never does.
    """
    place = next(_places(array, 1 << array.chunk_shift, size), None)
    if place is None:
        raise RefusedError(
            f"The members of {array.label} have no room for a bitmap that covers {format_size(size)}.",
            hint=f'Take it away first: "mirrortui set {array.label} bitmap none".',
        )
    return place


def _places(array: Array, chunk: int, size: int) -> Iterator[Place]:
    """Where a bitmap for `size` bytes fits on all members, the smallest chunks first, from that one on."""
    members = [m for m in array.members if m.state is not State.FAULTY]
    block = max(m.device.block_size for m in members)
    while chunk <= layout.MOST_CHUNK:
        length = bitmap.image_bytes(-(-size // chunk))
        if length <= bitmap.MOST_IMAGE and chunk % block == 0:
            for offset in _offsets(members, length // SECTOR):
                if all(_fits(m, offset, length // SECTOR) for m in members):
                    yield Place(offset, chunk)
        chunk *= 2


def _offsets(members: Sequence[Member], sectors: int) -> Iterator[int]:
    """Places worth a look: where one was before, right behind the superblock, beside bad-block logs."""
    sbs = [m.superblock for m in members]
    page = SUPERBLOCK_BYTES // SECTOR
    yield from _once(
        [
            *(sb.bitmap_offset for sb in sbs if sb.bitmap_offset),
            page,
            -sectors,
            *(sb.bblog_offset + sb.bblog_size for sb in sbs if sb.has_bblog),
            *(sb.bblog_offset - sectors for sb in sbs if sb.has_bblog),
        ]
    )


def _once(offsets: Iterable[int]) -> Iterator[int]:
    yield from dict.fromkeys(offsets)


def _fits(member: Member, offset: int, sectors: int) -> bool:
    """Clear of superblock, data and bad-block log, on the device, and in whole blocks of it."""
    sb, first = member.superblock, member.superblock.super_offset + offset
    taken = [(sb.super_offset, SUPERBLOCK_BYTES // SECTOR), (sb.data_offset, sb.data_size)]
    if sb.has_bblog:
        taken.append((sb.bblog_sector, sb.bblog_size))
    unit = max(member.device.atom, member.device.block_size)
    inside = first >= 0 and (first + sectors) * SECTOR <= member.device.size and first * SECTOR % unit == 0
    return inside and all(first >= start + count or start >= first + sectors for start, count in taken)


async def add_bitmap(mirror: Mirror, chunk: int | None) -> None:
    """Give it a bitmap; with one already, change its chunk. Raises what `place_for` and `check_settled` raise, and
    RefusedError if the mirror breaks down: then it may be without.
    """
    check_settled(mirror.array)
    place_for(mirror.array, chunk)
    async with Quiet(mirror, "bitmap"):
        place = place_for(mirror.array, chunk)
        if mirror.array.has_bitmap:
            await take_away(mirror)
        await give(mirror, place)


async def remove_bitmap(mirror: Mirror) -> None:
    """Go on without. Raises RefusedError."""
    check_settled(mirror.array)
    async with Quiet(mirror, "bitmap"):
        if mirror.array.has_bitmap:
            await take_away(mirror)


async def take_away(mirror: Mirror) -> None:
    """In quiet: superblocks that do not speak of it. In memory it goes on: what must be copied stays known."""
    array = mirror.array
    array.has_bitmap = False
    for member in array.members:
        member.guided = member.fresh = False  # without it, all beyond a checkpoint is due after a restart
    mirror.scribe.want()
    await all_written(mirror)


async def give(mirror: Mirror, place: Place) -> None:
    """In quiet: a whole bitmap on every member, then superblocks that speak of it."""
    array = mirror.array
    # Without a bitmap all was suspect after a crash, also what was copied and not flushed: it is not marked any more.
    await all_flushed(mirror)
    _rechunk(mirror, place.chunk)
    array.resync_from = 0
    for member in array.members:
        if member.state is not State.FAULTY:
            member.superblock = replace(member.superblock, bitmap_offset=place.offset)
            member.bitmap_place = member.superblock.bitmap_sector * SECTOR
            member.fresh = True
    array.has_bitmap = True
    mirror.scribe.want()
    await all_written(mirror)


def _rechunk(mirror: Mirror, chunk: int) -> None:
    """Count in chunks of another size, with a new bitmap: marked is what is marked now or needed by anybody, and
    everything where somebody is missing, of whom nothing is known any more.
    """
    array, intent = mirror.array, mirror.intent
    old = array.chunk_shift
    marked = [c for c in range(intent.chunks) if intent.heat[c] or c in intent.wanted]
    due = {m.path: list(m.need) for m in array.members}
    array.chunk_shift = chunk.bit_length() - 1
    for member in array.members:
        member.need = ChunkSet(array.chunks, _converted(due[member.path], old, array))
    header = BitmapHeader(
        uuid=array.uuid,
        events=array.events,
        events_cleared=array.events,
        sync_size=array.size // SECTOR,
        chunksize=chunk,
        write_behind=intent.header.write_behind,
    )
    raw = bitmap.image(header, dirty=array.degraded())
    for number in _converted({*marked, *(c for chunks in due.values() for c in chunks)}, old, array):
        bitmap.set_bit(raw, number)
    intent.become(header, raw, array.chunks)
    mirror.sync.rechunk()


def _converted(chunks: Iterable[int], old: int, array: Array) -> Iterator[int]:
    """The chunks that touch any of these, which are of 2**old bytes."""
    new = array.chunk_shift
    for number in chunks:
        last = min(((number + 1) << old) - 1, array.size - 1)
        yield from range((number << old) >> new, (last >> new) + 1)
