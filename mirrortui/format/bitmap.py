"""The internal write-intent bitmap: a 256-byte header, then one bit for each chunk of the array.

Its *image* is both, padded with zeroes to whole pages of 4 KiB: what is read, kept in memory and written back
page by page. Every member holds the same image.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import compress
from operator import attrgetter
from typing import NoReturn

from xxhash import xxh3_64_intdigest

from mirrortui.errors import FormatError
from mirrortui.format.superblock import Feature, Superblock
from mirrortui.units import SECTOR

MAGIC = b"bitm"
HEADER = 256
"""Bytes before the first bit."""
PAGE = 4096
"""Bytes that are written at once."""
VERSION = 4
STALE = 2
"""In `state`: the bits are out of date."""
LEAST_CHUNK = 4096
"""Bytes: the least that mdadm makes, and we do."""

_CLUSTERED, _LOCKLESS, _HOST_ENDIAN = 5, 6, 3
_LEAST_READ_CHUNK = 512
_WRITE_BEHIND_LIMIT = 16383
MOST_IMAGE = 1 << 18
"""Bytes: twice what mdadm leaves room for at most (choose_bm_space in super1.c), and two million bits. More would cost
memory by the gigabyte where all are to be looked at, and a hostile header must not.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BitmapHeader:
    """The bitmap's own superblock, fields in their order on disk."""

    version: int = VERSION
    uuid: bytes
    """The array's `set_uuid`."""
    events: int = 0
    """The superblock's, written before it."""
    events_cleared: int = 0
    """The superblock's when bits were last cleared with all members there."""
    sync_size: int
    """Sectors covered: the array's size."""
    state: int = 0
    chunksize: int
    """Bytes that a bit stands for; a power of two."""
    daemon_sleep: int = 5
    """Seconds after which an idle chunk's bit may be cleared."""
    write_behind: int = 0
    sectors_reserved: int = 0
    nodes: int = 0
    cluster_name: bytes = b""
    cleared_by: int = 0
    """Ours, in the header's last 8 bytes, which md leaves as they are: `digest` of the members that were there when we
    last cleared bits. 0: only the kernel did."""

    @property
    def chunks(self) -> int:
        """Bits that count."""
        return count_bits(self.sync_size, self.chunksize)

    def out_of_date(self, events: int) -> bool:
        """Whether every bit must be taken as set, for a superblock with that event count.

        Version 3 has its bits in the order of the host that wrote it, which nobody can know.
        """
        return self.events < events or bool(self.state & STALE) or self.version == _HOST_ENDIAN

    def encode(self) -> bytes:
        """The header's 256 bytes. Raises ValueError when a field does not fit its place."""
        if len(self.uuid) != 16 or len(self.cluster_name) > 64:
            raise ValueError("uuid takes exactly 16 bytes, cluster_name at most 64")
        try:
            return _HEADER.pack(MAGIC, *_VALUES(self))
        except struct.error as error:
            raise ValueError(f"a bitmap field is out of range: {error}") from error


_HEADER = struct.Struct("<4sI16sQQQIIIIII64s112xQ")
_VALUES = attrgetter(*(field.name for field in fields(BitmapHeader)))


def decode(data: bytes, *, path: str = "") -> BitmapHeader:
    """The header at the start of a bitmap, every field checked.

    Raises FormatError, which names the field, its value and what was expected, and the member's `path`.
    """
    if len(data) < HEADER:
        _reject(path, "length", len(data), f"at least {HEADER} bytes")
    magic, *values = _HEADER.unpack_from(data)
    if magic != MAGIC:
        _reject(path, "magic", magic.hex(), MAGIC.hex())
    header = BitmapHeader(**dict(zip(_NAMES, values, strict=True)))
    if header.version == _LOCKLESS:
        _reject(path, "version", "6 (lockless, from Linux 6.18 on)", "4: only the kernel can use this bitmap")
    if header.version not in (_HOST_ENDIAN, VERSION, _CLUSTERED):
        _reject(path, "version", header.version, "3, 4 or 5")
    if header.chunksize < _LEAST_READ_CHUNK or header.chunksize & (header.chunksize - 1):
        _reject(path, "chunksize", header.chunksize, f"a power of two from {_LEAST_READ_CHUNK} bytes on")
    if not header.daemon_sleep:
        _reject(path, "daemon_sleep", 0, "at least 1 second")
    if header.write_behind > _WRITE_BEHIND_LIMIT:
        _reject(path, "write_behind", header.write_behind, f"at most {_WRITE_BEHIND_LIMIT}")
    return header


_NAMES = [field.name for field in fields(BitmapHeader)]


def is_lockless(data: bytes) -> bool:
    """Whether this is the header of a bitmap as Linux 6.18 brought them: a byte for each chunk, not a bit."""
    return data[:4] == MAGIC and int.from_bytes(data[4:8], "little") == _LOCKLESS


def check_belongs(header: BitmapHeader, sb: Superblock, *, path: str = "") -> None:
    """Raise FormatError unless this is the bitmap of that superblock's array and its image has room there.

    `sync_size` is not compared: the kernel puts it right when it loads a bitmap, and so does the mirror.
    """
    if header.uuid != sb.set_uuid:
        _reject(path, "uuid", header.uuid.hex(), f"the array's, {sb.set_uuid.hex()}")
    length = image_bytes(count_bits(sb.size, header.chunksize))
    if length > MOST_IMAGE:
        _reject(path, "chunksize", header.chunksize, f"more: the bits must fit {MOST_IMAGE} bytes")
    first = sb.bitmap_sector
    end = first + length // SECTOR
    taken = [("superblock", sb.super_offset, 1), ("data", sb.data_offset, sb.data_size)]
    if Feature.BAD_BLOCKS in sb.feature_map:
        taken.append(("bad-block log", sb.bblog_sector, sb.bblog_size))
    for what, start, sectors in taken:
        if first < start + sectors and start < end:
            _reject(path, "chunksize", header.chunksize, f"more: its bits reach into the {what}")


def _reject(path: str, field: str, value: object, expected: str) -> NoReturn:
    where = f"{path}: bitmap" if path else "bitmap"
    raise FormatError(
        f"{where} field {field} is {value}, expected {expected}.", hint="Nothing was written to it."
    )


def digest(device_uuids: Iterable[bytes]) -> int:
    """For `cleared_by`: tells one set of members from another, in 64 bits."""
    return xxh3_64_intdigest(b"".join(sorted(device_uuids)))


def count_bits(total_sectors: int, chunk_bytes: int) -> int:
    """Bits that cover an array: one for each chunk, the last one perhaps short."""
    return -(-total_sectors * SECTOR // chunk_bytes)


def image_bytes(chunks: int) -> int:
    """Length of the image: header and bits, in whole pages."""
    return -(-(HEADER + (chunks + 7) // 8) // PAGE) * PAGE


def image(header: BitmapHeader, *, dirty: bool) -> bytearray:
    """A new image with all bits set or none; those past the last stay 0."""
    raw = bytearray(image_bytes(header.chunks))
    raw[:HEADER] = header.encode()
    if dirty:
        whole, rest = divmod(header.chunks, 8)
        raw[HEADER : HEADER + whole] = b"\xff" * whole
        if rest:
            raw[HEADER + whole] = (1 << rest) - 1
    return raw


def page_of(chunk: int) -> int:
    """Index of the image's page that holds a chunk's bit."""
    return (HEADER * 8 + chunk) // (PAGE * 8)


def set_bit(raw: bytearray, chunk: int) -> None:
    """Mark a chunk dirty in an image."""
    raw[HEADER + (chunk >> 3)] |= 1 << (chunk & 7)


def clear_bit(raw: bytearray, chunk: int) -> None:
    """Mark a chunk clean in an image."""
    raw[HEADER + (chunk >> 3)] &= ~(1 << (chunk & 7))


def set_chunks(raw: bytes | bytearray, chunks: int) -> Iterator[int]:
    """The chunks whose bits are set in an image, in order; bits from `chunks` on are ignored.

    The image must not change while this runs. A million bits take some tens of milliseconds at worst.
    """
    for run in _NOT_ZERO.finditer(raw, HEADER, HEADER + (chunks + 7) // 8):
        bits = b"".join(map(_SPREAD.__getitem__, run[0]))
        first = (run.start() - HEADER) * 8
        yield from compress(range(first, min(first + len(bits), chunks)), bits)


_NOT_ZERO = re.compile(rb"[^\0]+")
_SPREAD = [bytes(byte >> bit & 1 for bit in range(8)) for byte in range(256)]
"""For each byte its bits, lowest first, one to a byte."""


def count_set(raw: bytes | bytearray, chunks: int) -> int:
    """How many bits of an image are set; bits from `chunks` on are ignored."""
    bits = int.from_bytes(memoryview(raw)[HEADER:], "little")
    return (bits & (1 << chunks) - 1).bit_count()
