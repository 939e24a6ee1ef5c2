"""The bytes of a v1.x superblock: its fields by name, its checksum, its places. What they mean is for others to say."""

from __future__ import annotations

import struct
from typing import Any

from mirrortui.errors import MemberError
from mirrortui.units import SECTOR

MAGIC = 0xA92B4EFC
SUPERBLOCK_BYTES = 4096
"""Bytes set aside for a superblock: read this much."""
HEAD_BYTES = 256
"""In front of the roles."""
MAX_DEV_LIMIT = (SUPERBLOCK_BYTES - HEAD_BYTES) // 2

HEAD = struct.Struct("<3I4x16s32sQiIQIIiiQi2Ii4Q2I16sBBHi3Q3I28x")
"""Everything before the roles; the two pads are checked apart."""
FIELDS = (
    *("magic", "major_version", "feature_map", "set_uuid", "set_name", "ctime", "level", "layout", "size"),
    *(
        "chunksize",
        "raid_disks",
        "bitmap_offset",
        "new_level",
        "reshape_position",
        "delta_disks",
        "new_layout",
    ),
    *("new_chunk", "new_offset", "data_offset", "data_size", "super_offset", "recovery_offset", "dev_number"),
    *("cnt_corrected_read", "device_uuid", "devflags", "bblog_shift", "bblog_size", "bblog_offset", "utime"),
    *("events", "resync_offset", "sb_csum", "max_dev", "logical_block_size"),
)
"""Their names in their order on disk, as in Linux's md_p.h."""
PAD0, PAD3 = slice(12, 16), slice(228, HEAD_BYTES)
CHECKSUM_AT = 216


def unpack(data: bytes) -> dict[str, Any]:
    """The fields of at least HEAD_BYTES bytes, unchecked."""
    return dict(zip(FIELDS, HEAD.unpack_from(data), strict=True))


def unpack_roles(data: bytes, slots: int) -> tuple[int, ...]:
    """The table of roles, with that many slots; empty if they cannot be there."""
    if slots > MAX_DEV_LIMIT or HEAD_BYTES + 2 * slots > len(data):
        return ()
    return struct.unpack_from(f"<{slots}H", data, HEAD_BYTES)


def checksum(block: bytes | bytearray, used: int) -> int:
    """The `sb_csum` of the first `used` bytes of a superblock, whatever stands in its place now."""
    words = struct.unpack_from(f"<{used // 4}I", block)
    total: int = sum(words) - words[CHECKSUM_AT // 4]
    if used % 4:
        total += int.from_bytes(block[used - 2 : used], "little")
    return ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF


def occupied(slots: int) -> int:
    """Sectors that a superblock with that many slots is written in."""
    return -(-(HEAD_BYTES + 2 * slots) // SECTOR)


def has_magic(data: bytes) -> bool:
    """Whether these bytes claim to be a v1.x superblock, right or broken."""
    return data[:4] == MAGIC.to_bytes(4, "little")


def place(minor: int, device_sectors: int) -> int:
    """Where the superblock of version 1.`minor` would lie, even on a device that is too small for it."""
    return ((device_sectors - 16) & ~7, 0, 8)[minor]


def superblock_sector(minor: int, device_sectors: int) -> int:
    """Where the superblock of version 1.`minor` lies on a device of that size.

    Raises MemberError when the device is too small to have that place.
    """
    sector = place(minor, device_sectors)
    if sector < 0 or sector + SUPERBLOCK_BYTES // SECTOR > device_sectors:
        raise MemberError(f"{device_sectors * SECTOR} bytes are too small for an MD superblock v1.{minor}.")
    return sector
