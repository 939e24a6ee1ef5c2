"""Writing a new mirror's metadata; assemble() then starts it like any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mirrortui.device.base import Device
from mirrortui.device.buffers import Pool
from mirrortui.errors import MemberError, RequestError
from mirrortui.format import bitmap, layout
from mirrortui.format.bitmap import BitmapHeader
from mirrortui.format.layout import Layout
from mirrortui.format.ondisk import SUPERBLOCK_BYTES
from mirrortui.format.superblock import MAX, MAX_DEV, ROLE_SPARE, Feature, Superblock
from mirrortui.mirror.birth.durable import write_durably
from mirrortui.mirror.birth.erase import erase, old_superblocks, page
from mirrortui.mirror.executor import Host
from mirrortui.units import SECTOR, format_size

LEAST_MEMBERS, MOST_MEMBERS, MOST_SPARES = 2, 16, 16
PAGE_SECTORS = bitmap.PAGE // SECTOR
"""The unit of resync, and so of an array's size."""


@dataclass(frozen=True, kw_only=True)
class CreateSpec:
    """What to make."""

    name: str
    """At most 32 bytes."""
    size: int | None = None
    """Bytes of the array; None: as much as the smallest member holds."""
    chunk: int | None = None
    """Bytes to a bit of the bitmap; None: by size."""
    assume_clean: bool = False
    """The members' data areas are equal already, or it does not matter: no initial resync."""
    layouts: Sequence[Layout] | None = None
    """One for each member; None: mdadm's rules."""
    spares: int = 0
    """How many of the devices, the last ones, wait as spares."""
    missing: int = 0
    """Places that stay vacant until members are added."""


def plan(sizes: Sequence[int], spec: CreateSpec) -> tuple[list[Layout], int]:
    """Where things go on members and spares of these sizes in bytes, and the array's size in bytes.

    Raises RequestError for a bad number of members, size or chunk, MemberError for a member that is too small.
    """
    there = len(sizes) - spec.spares
    if not there:
        raise RequestError("All members are missing: a mirror begins with one at least.")
    if not LEAST_MEMBERS <= there + spec.missing <= MOST_MEMBERS:
        raise RequestError(
            f"A mirror has {LEAST_MEMBERS} to {MOST_MEMBERS} members, not {there + spec.missing}.",
            hint='The word "missing" keeps the place of one that is added later.' if there == 1 else "",
        )
    if spec.spares > MOST_SPARES:
        raise RequestError(f"A mirror is created with {MOST_SPARES} spares at most, not {spec.spares}.")
    if len(spec.name.encode()) > 32:
        raise RequestError(
            f"The name {spec.name!r} is longer than the 32 bytes that a superblock has for it."
        )
    sectors = [size // SECTOR for size in sizes]
    given = spec.layouts or [layout.plan(each, bitmap=False) for each in sectors]
    room = layout.array_size(given)
    size = room if spec.size is None else spec.size // SECTOR & -PAGE_SECTORS
    if not 0 < size <= room:
        raise RequestError(
            f"A size of {format_size(spec.size or 0)} is impossible: the smallest member has room for "
            f"{format_size(room * SECTOR)}.",
            hint="Leave --size out to use all of it.",
        )
    if spec.layouts is not None:
        return list(spec.layouts), size * SECTOR
    # One chunk for all: the one that the smallest member's bitmap has room for.
    chunk = layout.plan(min(sectors), chunk=spec.chunk, size=size).chunk
    return [layout.plan(each, chunk=chunk, size=size) for each in sectors], size * SECTOR


async def create(devices: Sequence[Device], spec: CreateSpec, host: Host, pool: Pool) -> bytes:
    """Erase the superblocks of earlier lives, write bitmaps, then superblocks. Returns the new array's UUID.

    Raises what plan() raises before anything is written, MemberError when a member fails a write.
    """
    layouts, size = plan([d.size for d in devices], spec)
    uuid = host.uuid()
    now = int(host.now())
    keeping = spec.assume_clean
    old = [list(map(page, await old_superblocks(device, pool, keeping=keeping))) for device in devices]
    if spec.assume_clean:
        old = _alike(old, layouts, size)
    there = len(devices) - spec.spares
    disks = there + spec.missing
    equal = spec.assume_clean or there == 1
    roles = (*range(there), *[ROLE_SPARE] * (MAX_DEV - there))
    slots = (*range(there), *range(disks, disks + spec.spares))
    for device, slot, earlier, one in zip(devices, slots, old, layouts, strict=True):
        superblock = Superblock(
            feature_map=Feature.BITMAP,
            set_uuid=uuid,
            set_name=spec.name,
            ctime=now,
            size=size // SECTOR,
            raid_disks=disks,
            bitmap_offset=one.bitmap_offset,
            data_offset=one.data_offset,
            data_size=one.data_size,
            super_offset=one.super_offset,
            dev_number=slot,
            device_uuid=host.uuid(),
            bblog_size=one.bblog_size,
            bblog_offset=one.bblog_offset,
            utime=now,
            events=1,
            resync_offset=MAX if equal else 0,
            dev_roles=roles,
        )
        await erase(device, earlier, pool)
        await _write_member(device, superblock, one.chunk, not equal, pool)
    return uuid


def _alike(
    ranges: Sequence[Sequence[tuple[int, int]]], layouts: Sequence[Layout], size: int
) -> list[list[tuple[int, int]]]:
    """The same byte ranges of each member, and in its data also those of all others: equal copies stay equal."""
    starts = [one.data_offset * SECTOR for one in layouts]
    inside = {
        (max(0, lo - start), min(size, hi - start))
        for own, start in zip(ranges, starts, strict=True)
        for lo, hi in own
        if lo - start < size and hi > start
    }
    return [
        [
            *own,
            *((start + lo, start + hi) for lo, hi in sorted(inside) if (start + lo, start + hi) not in own),
        ]
        for own, start in zip(ranges, starts, strict=True)
    ]


async def _write_member(device: Device, superblock: Superblock, chunk: int, dirty: bool, pool: Pool) -> None:
    header = BitmapHeader(
        uuid=superblock.set_uuid, events=superblock.events, sync_size=superblock.size, chunksize=chunk
    )
    image = bytes(bitmap.image(header, dirty=dirty))
    await _write(device, superblock.bitmap_sector * SECTOR, image, pool)
    await _write(device, superblock.super_offset * SECTOR, blank_page(superblock), pool)


def blank_page(superblock: Superblock) -> bytes:
    """The superblock in its whole 4 KiB, zeroes behind it: nothing of an older one shows through."""
    return superblock.encode().ljust(SUPERBLOCK_BYTES, b"\0")


async def _write(device: Device, offset: int, data: bytes, pool: Pool) -> None:
    if why := await write_durably(device, offset, data, pool):
        raise MemberError(
            f"{device.path} did not take the new metadata: {why}. The mirror was not created; its first megabyte may "
            "have been written to."
        )
