"""A disk or image with data on it becomes the first member of a mirror, without a byte of the data being moved.

Its metadata are of version 1.0: they lie at the end, and the data stay where they are, from the first byte on. The
bitmap is written first, then the superblock, which is whole in one sector: wherever the power goes, the device is no
member yet, or it is one, and all before its tail is as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mirrortui.device.base import Device
from mirrortui.device.buffers import Pool
from mirrortui.errors import MemberError
from mirrortui.format import bitmap, layout
from mirrortui.format.bitmap import BitmapHeader
from mirrortui.format.layout import Layout
from mirrortui.format.ondisk import SUPERBLOCK_BYTES
from mirrortui.format.superblock import MAX, MAX_DEV, ROLE_SPARE, Feature, Superblock
from mirrortui.mirror.birth.create import LEAST_MEMBERS, PAGE_SECTORS, blank_page
from mirrortui.mirror.birth.durable import write_durably
from mirrortui.mirror.executor import Host
from mirrortui.units import KIB, SECTOR

LEAST_TAIL = 128 * KIB // SECTOR
"""Sectors at the end that are left to metadata at least: those of other versions would fit, too."""
_EXTENSION = 256 * KIB // SECTOR
"""Sectors that are added to an image so that all of it stays data: more than any tail takes."""


@dataclass(frozen=True, slots=True)
class Written:
    """Byte ranges of the device that its metadata take, first and end."""

    bitmap: tuple[int, int]
    superblock: tuple[int, int]


def lay_out(size: int, chunk: int | None, most: int | None = None) -> Layout:
    """Where things go on a device of `size` bytes: data of `most` bytes at most, rounded up to whole pages.

    Raises MemberError when it is too small, RequestError for a chunk that is impossible.
    """
    sectors = size // SECTOR
    data = min(layout.plan(sectors, minor=0, bitmap=False).data_size, sectors - LEAST_TAIL & -PAGE_SECTORS)
    if most is not None:
        data = min(data, -(-most // (PAGE_SECTORS * SECTOR)) * PAGE_SECTORS)
    if data <= 0:
        raise MemberError(f"{size} bytes are too small for a member with data on it.")
    return replace(layout.plan(sectors, minor=0, chunk=chunk, size=data), data_size=data)


def extended(size: int) -> int:
    """Bytes that an image of `size` bytes must have for all of it to stay data."""
    page = PAGE_SECTORS * SECTOR
    return -(-size // page) * page + _EXTENSION * SECTOR


def written(where: Layout) -> Written:
    """What `adopt` writes."""
    at = where.super_offset * SECTOR
    first = at + where.bitmap_offset * SECTOR
    return Written((first, first + where.bitmap_space * SECTOR), (at, at + SUPERBLOCK_BYTES))


async def adopt(device: Device, name: str, where: Layout, host: Host, pool: Pool) -> bytes:
    """Make it the only member of a new mirror that has room for another, clean. Returns the array's UUID.

    The caller has seen to it that what `written` says may be overwritten. Raises MemberError when the device does not
    take it; then it is no member, or it may be one, and the words say which.
    """
    now = int(host.now())
    superblock = Superblock(
        feature_map=Feature.BITMAP,
        set_uuid=host.uuid(),
        set_name=name,
        ctime=now,
        size=where.data_size,
        raid_disks=LEAST_MEMBERS,
        bitmap_offset=where.bitmap_offset,
        data_offset=0,
        data_size=where.data_size,
        super_offset=where.super_offset,
        dev_number=0,
        device_uuid=host.uuid(),
        bblog_size=where.bblog_size,
        bblog_offset=where.bblog_offset,
        utime=now,
        events=1,
        resync_offset=MAX,
        dev_roles=(0, *[ROLE_SPARE] * (MAX_DEV - 1)),
    )
    header = BitmapHeader(
        uuid=superblock.set_uuid, events=superblock.events, sync_size=superblock.size, chunksize=where.chunk
    )
    places = written(where)
    image = bytes(bitmap.image(header, dirty=False))
    if why := await write_durably(device, places.bitmap[0], image, pool):
        raise MemberError(
            f"{device.path} did not take its new bitmap at byte {places.bitmap[0]}: {why}. It is no member of a "
            "mirror; what is on it before its tail is as it was."
        )
    if why := await write_durably(device, places.superblock[0], blank_page(superblock), pool):
        raise MemberError(  # of a write that failed or timed out nobody knows what came of it
            f"{device.path} did not take its new superblock at byte {places.superblock[0]}: {why}. It may be a member "
            "of a mirror now all the same; what is on it before its tail is as it was.",
            hint="mirrortui examine says whether it is one. If it is, assemble it, or erase its superblock with "
            "zero-superblock; if not, adopt again.",
        )
    return superblock.set_uuid
