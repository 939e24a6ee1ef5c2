"""Where things lie on a new member: mdadm's rules by size. In sectors unless a name says otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mirrortui.errors import MemberError, RequestError
from mirrortui.format.bitmap import HEADER, LEAST_CHUNK, PAGE, count_bits, image_bytes
from mirrortui.format.ondisk import superblock_sector
from mirrortui.units import GIB, KIB, MIB, SECTOR, format_size

_PAGE = PAGE // SECTOR
_LOG = 8
"""The bad-block log: 512 entries."""
_FRONT = 24
"""v1.1 and v1.2: boot area, superblock, bad-block log."""
_TAIL = 16
"""v1.0: from the superblock to the end, 23 at most."""
_ALIGNMENT = MIB // SECTOR
_MAX_HEADROOM = 128 * MIB // SECTOR
_LEAST_DATA = 64 * KIB // SECTOR
"""Less would be allowed and of no use."""
_LEAST_DEFAULT_CHUNK, _MOST_DEFAULT_CHUNK = 64 * KIB, 64 * MIB
_DEFAULT_BITS = 4096
MOST_CHUNK = 2 * GIB
"""The greatest power of two that its field in the bitmap holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A member's places. Those of bitmap and log count from the superblock, as the superblock stores them."""

    minor: int
    super_offset: int
    data_offset: int
    data_size: int
    bitmap_offset: int
    """0: no bitmap."""
    bitmap_space: int
    """Sectors that the bitmap's image takes; 0: no bitmap."""
    chunk: int
    """Bytes to a bit of the bitmap; 0: no bitmap."""
    bblog_offset: int
    bblog_size: int


def plan(
    device_sectors: int,
    *,
    minor: int = 2,
    chunk: int | None = None,
    bitmap: bool = True,
    size: int | None = None,
) -> Layout:
    """Lay a member out as mdadm does, with as much data as fits.

    `chunk` is bytes to a bit, None for a default by size. The bitmap is for an array of `size` sectors, None for all
    that the member has room for. Raises MemberError when the device is too small for any array (it names the least
    size) and RequestError for a chunk that is impossible (it names the least that fits).
    """
    space = _bitmap_space(device_sectors)
    start, end = _data_limits(device_sectors, minor, space)
    if end - start < _LEAST_DATA:
        raise MemberError(_too_small(device_sectors, minor))
    covered = end - start if size is None else size
    most_bits = (space * SECTOR - HEADER) * 8
    bits_chunk = _bitmap_chunk(chunk, covered, most_bits) if bitmap else 0
    used = image_bytes(count_bits(covered, bits_chunk)) // SECTOR if bitmap else 0
    before_data = _PAGE if bitmap else 0, _PAGE + (used or space)
    before_superblock = -_LOG - used if bitmap else 0, -_LOG
    bitmap_offset, bblog_offset = before_data if minor else before_superblock
    return Layout(
        minor=minor,
        super_offset=superblock_sector(minor, device_sectors),
        data_offset=start,
        data_size=end - start,
        bitmap_offset=bitmap_offset,
        bitmap_space=used,
        chunk=bits_chunk,
        bblog_offset=bblog_offset,
        bblog_size=_LOG,
    )


def array_size(layouts: Iterable[Layout]) -> int:
    """Sectors that an array of such members offers: the smallest's, in whole pages, the unit of resync."""
    return min(layout.data_size for layout in layouts) // _PAGE * _PAGE


def default_chunk(data_bytes: int) -> int:
    """Bytes to a bit for a new bitmap: a power of two, 64 KiB to 64 MiB, that makes 2048 to 4096 bits."""
    chunk = _LEAST_DEFAULT_CHUNK
    while chunk < _MOST_DEFAULT_CHUNK and chunk * _DEFAULT_BITS < data_bytes:
        chunk *= 2
    return chunk


def _bitmap_chunk(chunk: int | None, covered: int, most_bits: int) -> int:
    """The chunk that was asked for, or the default, if its bits fit."""
    least = LEAST_CHUNK
    while count_bits(covered, least) > most_bits:
        least *= 2
    if chunk is None:
        return max(least, default_chunk(covered * SECTOR))
    if not least <= chunk <= MOST_CHUNK or chunk & (chunk - 1):
        raise RequestError(
            f"A bitmap chunk of {chunk} bytes cannot be used here: it must be a power of two, at most"
            f" {format_size(MOST_CHUNK)}, and the least that fits is {format_size(least)} ({least} bytes)."
        )
    return chunk


def _bitmap_space(device_sectors: int) -> int:
    """Sectors that mdadm keeps for a bitmap."""
    if device_sectors >= 200 * GIB // SECTOR + 128:
        return 256
    return 128 if device_sectors > 8 * GIB // SECTOR + 8 else 8


def _data_limits(device_sectors: int, minor: int, space: int) -> tuple[int, int]:
    """First sector of the data and the first behind it; they may cross when the device is too small."""
    if minor == 0:
        return 0, (device_sectors - _TAIL & -_PAGE) - _LOG - space
    headroom = _MAX_HEADROOM
    while headroom * 1024 > device_sectors:
        headroom //= 2
    start = -(-(_FRONT + space + headroom) // _ALIGNMENT) * _ALIGNMENT
    return start, device_sectors


def _too_small(device_sectors: int, minor: int) -> str:
    space = _bitmap_space(0)
    least = _ALIGNMENT + _LEAST_DATA if minor else _LEAST_DATA + space + _LOG + _TAIL
    return (
        f"{format_size(device_sectors * SECTOR)} is too small for a member:"
        f" the least is {format_size(least * SECTOR)} ({least * SECTOR} bytes)."
    )
