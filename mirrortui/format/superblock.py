"""The MD v1.x superblock: 256 bytes, then one role for each slot.

Sizes and places are in sectors of 512 bytes, as on disk. The minor version is not stored: it is where the
superblock lies.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from mirrortui.errors import FormatError
from mirrortui.format import names
from mirrortui.format.ondisk import (
    CHECKSUM_AT,
    FIELDS,
    HEAD,
    HEAD_BYTES,
    MAGIC,
    MAX_DEV_LIMIT,
    checksum,
    occupied,
    unpack,
    unpack_roles,
)
from mirrortui.format.soundness import Flaw, find_flaws
from mirrortui.units import SECTOR

MAX = (1 << 64) - 1
"""`resync_offset` of a clean array."""
ROLE_SPARE = 0xFFFF
"""Of a spare, and of a slot that nobody has."""
ROLE_FAULTY = 0xFFFE
ROLE_JOURNAL = 0xFFFD
WRITE_MOSTLY = 1
"""In `devflags`: read from this member only when no other can serve."""
FAILFAST = 2
"""In `devflags`: the kernel does not retry on this member."""
MAX_DEV = 128
"""Slots in a new superblock: all that fit one 512-byte sector, so that an update cannot tear."""

_SECONDS = (1 << 40) - 1


class Feature(enum.IntFlag):
    """Bits of `feature_map`. Bits without a name are kept as they are."""

    BITMAP = 1
    RECOVERY_OFFSET = 2
    RESHAPE = 4
    BAD_BLOCKS = 8
    REPLACEMENT = 16
    RESHAPE_BACKWARDS = 32
    NEW_OFFSET = 64
    RECOVERY_BITMAP = 128
    CLUSTERED = 256
    JOURNAL = 512
    PPL = 1024
    MULTIPLE_PPLS = 2048
    RAID0_LAYOUT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Superblock:
    """One member's superblock, fields in their order on disk."""

    major_version: int = 1
    """0: a superblock of version 0.90, in the terms of version 1 (legacy.py)."""
    feature_map: Feature
    set_uuid: bytes
    """16 bytes that every member of the array shares."""
    set_name: str
    """ "host:name" or "name", at most 32 bytes; bytes that are not UTF-8 are surrogate-escaped."""
    ctime: int
    """Low 40 bits: seconds since 1970 UTC. High 24 bits: microseconds."""
    level: int = 1
    layout: int = 0
    size: int
    """Sectors that the array uses of every member."""
    chunksize: int = 0
    raid_disks: int
    bitmap_offset: int = 0
    """Signed, from the superblock; see `bitmap_sector`. Stale without Feature.BITMAP."""
    new_level: int = 0
    reshape_position: int = 0
    delta_disks: int = 0
    new_layout: int = 0
    new_chunk: int = 0
    new_offset: int = 0
    data_offset: int
    data_size: int
    """Sectors of this member that could hold data; at least `size`."""
    super_offset: int
    recovery_offset: int = 0
    """With Feature.RECOVERY_OFFSET: sectors of data that are recovered; beyond `size` means all of them."""
    dev_number: int
    """This member's slot: an index into `dev_roles`, not a role."""
    cnt_corrected_read: int = 0
    device_uuid: bytes
    """16 bytes, this member's own."""
    devflags: int = 0
    bblog_shift: int = 0
    bblog_size: int = 0
    """Sectors set aside for the bad-block log."""
    bblog_offset: int = 0
    """Signed, from the superblock; 0: this member has no log."""
    utime: int
    """Encoded as `ctime`."""
    events: int = 0
    resync_offset: int = MAX
    """Sectors up to which the members are equal; MAX: clean; 0: written to, everything is suspect."""
    logical_block_size: int = 0
    """Bytes; from Linux 6.19 on. 0: not said."""
    dev_roles: tuple[int, ...]
    """By slot: 0 to raid_disks-1, or a ROLE_ constant."""

    @property
    def max_dev(self) -> int:
        """Slots in the table of roles."""
        return len(self.dev_roles)

    @property
    def role(self) -> int:
        """This member's role by its own table; ROLE_SPARE when its slot is out of range."""
        return self.dev_roles[self.dev_number] if self.dev_number < len(self.dev_roles) else ROLE_SPARE

    @property
    def minor(self) -> int:
        """0, 1 or 2: the metadata version, as the superblock's place tells."""
        # A v1.0 superblock at sector 0 or 8 would leave less room for data than the least allowed.
        return {0: 1, 8: 2}.get(self.super_offset, 0)

    @property
    def version(self) -> str:
        """ "0.90", "1.0", "1.1" or "1.2"."""
        return f"1.{self.minor}" if self.major_version else "0.90"

    @property
    def label(self) -> str:
        """What its mirror is called here: the name, or the beginning of the UUID where there is none."""
        return names.label(self.set_name) or self.set_uuid.hex()[:8]

    @property
    def clean(self) -> bool:
        """No resync is due by this superblock."""
        return self.resync_offset == MAX

    @property
    def recovering(self) -> bool:
        """This member is being filled: only the first `recovery_offset` sectors are good."""
        return Feature.RECOVERY_OFFSET in self.feature_map

    @property
    def guided(self) -> bool:
        """The bitmap tells what it lacks. Never of a replacement: bits are cleared while the replaced one serves."""
        features = self.feature_map & (Feature.RECOVERY_BITMAP | Feature.REPLACEMENT)
        return features == Feature.RECOVERY_BITMAP

    @property
    def has_bitmap(self) -> bool:
        """There is a write-intent bitmap at `bitmap_sector`."""
        return Feature.BITMAP in self.feature_map

    @property
    def bitmap_sector(self) -> int:
        """Sector on the device of the bitmap, if `has_bitmap`."""
        return self.super_offset + self.bitmap_offset

    @property
    def has_bblog(self) -> bool:
        """Room for a bad-block log is set aside; its content counts only with Feature.BAD_BLOCKS."""
        return bool(self.bblog_offset and self.bblog_size)

    @property
    def bblog_sector(self) -> int:
        """Sector on the device of the bad-block log, if `has_bblog`."""
        return self.super_offset + self.bblog_offset

    def encode(self) -> bytes:
        """The bytes to write at `super_offset`: whole 512-byte sectors, checksum right.

        Raises ValueError when a field does not fit its place, and for what is only ever read: version 0.90, and the
        logical block size of Linux 6.19.
        """
        if self.major_version != 1 or self.logical_block_size:
            raise ValueError("only what every kernel reads is written: no v0.90, no logical_block_size")
        name = self.set_name.encode("utf-8", "surrogateescape")
        if len(name) > 32 or len(self.set_uuid) != 16 or len(self.device_uuid) != 16:
            raise ValueError("set_name takes at most 32 bytes, set_uuid and device_uuid exactly 16")
        roles = self.dev_roles
        if len(roles) > MAX_DEV_LIMIT:
            raise ValueError(f"{len(roles)} slots: at most {MAX_DEV_LIMIT} fit")
        used = HEAD_BYTES + 2 * len(roles)
        block = bytearray(occupied(len(roles)) * SECTOR)
        try:
            HEAD.pack_into(
                block,
                0,
                MAGIC,
                1,
                self.feature_map,
                self.set_uuid,
                name,
                *_AFTER_NAME(self),
                0,
                len(roles),
                0,
            )
            struct.pack_into(f"<{len(roles)}H", block, HEAD_BYTES, *roles)
        except struct.error as error:
            raise ValueError(f"a superblock field is out of range: {error}") from error
        struct.pack_into("<I", block, CHECKSUM_AT, checksum(block, used))
        return bytes(block)


_AFTER_NAME = attrgetter(*FIELDS[FIELDS.index("ctime") : FIELDS.index("sb_csum")])


def decode(data: bytes, *, minor: int, device_sectors: int | None = None, path: str = "") -> Superblock:
    """The superblock read at the place of version 1.`minor`, every field checked.

    With `device_sectors` also that the device holds what the superblock promises. Raises FormatError, which
    names the field, its value and what was expected, and the member's `path`.
    """
    flaw = next(examine_fields(data, minor=minor, device_sectors=device_sectors), None)
    if flaw:
        where = f"{path}: superblock" if path else "superblock"
        raise FormatError(f"{where} {flaw}.", hint="Nothing was written to it.")
    return take_as_read(data)


def examine_fields(data: bytes, *, minor: int, device_sectors: int | None = None) -> Iterator[Flaw]:
    """All that is wrong with a superblock, the most basic first."""
    if len(data) < HEAD_BYTES:
        return iter([Flaw("length", len(data), f"at least {HEAD_BYTES} bytes")])
    return find_flaws(data, unpack(data), minor, device_sectors)


def take_as_read(data: bytes) -> Superblock:
    """The superblock as it stands, believed; without roles where `max_dev` cannot be."""
    raw = unpack(data)
    roles = unpack_roles(data, raw["max_dev"])
    del raw["magic"], raw["sb_csum"], raw["max_dev"]
    raw["feature_map"] = Feature(raw["feature_map"])
    raw["set_name"] = raw["set_name"].rstrip(b"\0").decode("utf-8", "surrogateescape")
    return Superblock(**raw, dev_roles=roles)


def seconds(stamp: int) -> float:
    """Seconds since 1970 UTC of a `ctime` or `utime`, up to 2**40: more than a calendar may take."""
    return (stamp & _SECONDS) + (stamp >> 40) / 1e6


def format_uuid(uuid: bytes) -> str:
    """The 16 bytes as mdadm prints them: four groups of eight hexadecimal digits."""
    return uuid.hex(":", 4)
