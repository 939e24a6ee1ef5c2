"""Where things lie on the simulated members: some kilobytes that make room for everything a real member has."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import lru_cache

from mirrortui.errors import FormatError
from mirrortui.format import badblocks, bitmap, ondisk, superblock
from mirrortui.format.badblocks import BadRange
from mirrortui.format.layout import Layout
from mirrortui.format.ondisk import SUPERBLOCK_BYTES
from mirrortui.format.superblock import Feature, Superblock
from mirrortui.mirror.tuning import Tuning
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import SECTOR

_METADATA = 32
"""Sectors outside the data."""
_PLACES = {
    0: {"data_offset": 0, "bitmap_offset": -16, "bblog_offset": -8},
    1: {"data_offset": _METADATA, "bitmap_offset": 8, "bblog_offset": 16},
    2: {"data_offset": _METADATA, "bitmap_offset": 8, "bblog_offset": 16},
}
"""By minor version, in sectors, as the superblock stores them."""
_TUNING = Tuning(
    bucket_shift=11,
    stripe_shift=11,
    window=8 * SECTOR,
    depth=2,
    zero_limit=24 * SECTOR,
    checkpoint=2.0,
    hedge_floor=0.01,
)


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Of all disks of one world, and of the mirror on them."""

    minor: int
    """The superblock's version is 1.`minor`."""
    atom: int
    """Bytes that the medium writes whole."""
    block_size: int
    """Bytes that the disks take requests in whole multiples of."""
    data: int
    """Sectors of data."""
    chunk: int
    """Sectors of a chunk."""
    bitmap: bool
    window: int
    """Sectors of a sync window: fewer or more than a chunk."""

    @classmethod
    def draw(cls, rng: random.Random, *, inline: bool) -> Geometry:
        """From the seed."""
        large = rng.random() < 0.3
        direct = not inline and rng.random() < 0.5
        atom = 4096 if large else SECTOR
        blocks = large and direct
        return cls(
            minor=rng.choice([2, 2, 2, 1, 0]),
            atom=atom,
            block_size=atom if direct else 1,
            data=128 if blocks else 64,
            chunk=rng.choice([8, 16]) if blocks else 4,
            bitmap=rng.random() < 0.85,
            window=rng.choice([8, 16]) if blocks else rng.choice([2, 8]),
        )

    @property
    def unit(self) -> int:
        """Sectors that clients ask for whole multiples of."""
        return max(1, self.block_size // SECTOR)

    @property
    def sectors(self) -> int:
        """Of a whole disk."""
        return self.data + _METADATA

    @property
    def start(self) -> int:
        """Sector at which the data begin."""
        return _PLACES[self.minor]["data_offset"]

    @property
    def chunks(self) -> int:
        """Of the mirror."""
        return self.data // self.chunk

    @property
    def layout(self) -> Layout:
        """For create() and add()."""
        made = Layout(
            minor=self.minor,
            super_offset=ondisk.superblock_sector(self.minor, self.sectors),
            data_size=self.data,
            bitmap_space=8,
            chunk=self.chunk * SECTOR,
            bblog_size=8,
            **_PLACES[self.minor],
        )
        return made if self.bitmap else replace(made, bitmap_offset=0, bitmap_space=0, chunk=0)

    def tuning(self, daemon_delay: float, *, hedging: bool) -> Tuning:
        """Granularities that this world is large enough for."""
        page = SECTOR if self.block_size == 1 else 2 * self.block_size
        scaled = {"least_chunk": self.chunk * SECTOR, "window": self.window * SECTOR, "page": page}
        return replace(_TUNING, daemon_delay=daemon_delay, hedge_sweep=0.02 * hedging, **scaled)

    def chunk_of(self, disk: SimDisk, number: int, chunk: int, end: int) -> bytes:
        """What a disk holds now of a chunk of so many sectors, in a mirror of `end` sectors."""
        first = self.start + number * chunk
        last = min(first + chunk, self.start + end)
        return bytes(disk.current[first * SECTOR : last * SECTOR])

    def sector_of(self, disk: SimDisk, number: int) -> bytes:
        """What a disk holds now of a sector."""
        first = (self.start + number) * SECTOR
        return bytes(disk.current[first : first + SECTOR])

    def superblock(self, disk: SimDisk) -> Superblock | None:
        """What a disk says of itself; None when it was never a member."""
        place = ondisk.superblock_sector(self.minor, self.sectors) * SECTOR
        return _decoded(bytes(disk.current[place : place + SUPERBLOCK_BYTES]), self.minor, self.sectors)

    def make_bad(self, disk: SimDisk, sectors: set[int]) -> None:
        """Let a disk's bad-block log list these sectors of the array, as the kernel does when writes fail."""
        sb = self.superblock(disk)
        assert sb is not None
        log = badblocks.encode(BadRange(sb.data_offset + sector, 1) for sector in sectors)
        disk.medium.preset(sb.bblog_sector * SECTOR, log)
        sb = replace(sb, feature_map=sb.feature_map | Feature.BAD_BLOCKS)
        disk.medium.preset(sb.super_offset * SECTOR, sb.encode())

    def bad(self, disk: SimDisk) -> set[int]:
        """Sectors of the array that a disk's bad-block log lists."""
        sb = self.superblock(disk)
        if sb is None or Feature.BAD_BLOCKS not in sb.feature_map:
            return set()
        place = sb.bblog_sector * SECTOR
        log = badblocks.decode(bytes(disk.current[place : place + sb.bblog_size * SECTOR]))
        return {at - sb.data_offset for bad in log for at in range(bad.sector, bad.sector + bad.length)}

    def bad_chunks(self, disk: SimDisk) -> set[int]:
        """Chunks in which a disk has bad sectors."""
        return {sector // self.chunk for sector in self.unreadable(disk)}

    def unreadable(self, disk: SimDisk) -> set[int]:
        """Sectors that cannot be read without a bad one."""
        units = {sector // self.unit for sector in self.bad(disk)}
        return {unit * self.unit + n for unit in units for n in range(self.unit)}

    def place(self, sector: int) -> int:
        """Where on a disk the block begins that holds a sector of the array."""
        at = (self.start + sector) * SECTOR
        return at - at % max(SECTOR, self.block_size)

    def decayed(self, disk: SimDisk) -> set[int]:
        """Sectors of the array that a disk cannot read."""
        lost = disk.damage.unreadable
        return {sector for sector in range(self.data) if self.place(sector) in lost} if lost else set()

    def has_log(self, disk: SimDisk) -> bool:
        """A disk has room for a bad-block log."""
        sb = self.superblock(disk)
        return sb is not None and sb.bblog_offset != 0

    def is_whole(self, disk: SimDisk) -> bool:
        """By its own word the disk holds all the data."""
        sb = self.superblock(disk)
        return sb is not None and sb.role < sb.raid_disks and not sb.recovering

    def is_replacement(self, disk: SimDisk) -> bool:
        """By its own word the disk is being filled to take another's place."""
        sb = self.superblock(disk)
        return sb is not None and sb.recovering and Feature.REPLACEMENT in sb.feature_map

    def has_bitmap(self, disk: SimDisk) -> bool:
        """By its own word the disk has one."""
        sb = self.superblock(disk)
        return sb is not None and sb.has_bitmap

    def fills_all_roles(self, disk: SimDisk) -> bool:
        """By a disk's own table every role has a member."""
        sb = self.superblock(disk)
        return sb is not None and set(range(sb.raid_disks)) <= set(sb.dev_roles)

    def accepts(self, disk: SimDisk, other: SimDisk) -> bool:
        """By a disk's own table the other is a member."""
        table, slot = self.superblock(disk), self.superblock(other)
        assert table is not None and slot is not None
        return slot.dev_number < table.max_dev and table.dev_roles[slot.dev_number] < table.raid_disks

    def dirty(self, disk: SimDisk) -> set[int]:
        """Chunks whose bits are set on a disk; all, when its bitmap does not say."""
        sb, raw = self._bitmap(disk)
        header = bitmap.decode(raw)
        if header.out_of_date(sb.events) or header.sync_size != sb.size:  # another side's
            return set(range(self.chunks))
        return set(bitmap.set_chunks(raw, header.chunks))

    def last_cleared(self, disk: SimDisk) -> tuple[int, int] | None:
        """When bits were last cleared, and with whom, by a disk's bitmap."""
        sb = self.superblock(disk)
        if sb is None or not sb.has_bitmap:
            return None
        header = bitmap.decode(self._bitmap(disk)[1])
        return header.events_cleared, header.cleared_by

    def _bitmap(self, disk: SimDisk) -> tuple[Superblock, bytes]:
        sb = self.superblock(disk)
        assert sb is not None and sb.has_bitmap
        place = sb.bitmap_sector * SECTOR
        return sb, bytes(disk.current[place : place + bitmap.PAGE])


@lru_cache(256)
def _decoded(page: bytes, minor: int, sectors: int) -> Superblock | None:
    """Checks ask again and again."""
    try:
        return superblock.decode(page, minor=minor, device_sectors=sectors)
    except FormatError:
        return None
