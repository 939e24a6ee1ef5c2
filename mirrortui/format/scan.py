"""Superblocks looked for on the whole of a device: where a partition table is lost, an image was cut or shifted, or the
device has another size than when it became a member. Reads through a function that it is given, and never writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mirrortui.errors import MemberError
from mirrortui.format import legacy, ondisk
from mirrortui.format.lookup import Found, Place, Read, judge, judge_legacy, places
from mirrortui.format.ondisk import SUPERBLOCK_BYTES
from mirrortui.units import KIB, MIB, SECTOR

_STEP, _SMALL_STEP = 4 * MIB, 64 * KIB
"""Bytes that are read at once, and where that fails."""
_PATTERNS = (ondisk.MAGIC.to_bytes(4, "little"), ondisk.MAGIC.to_bytes(4, "big") + bytes(4))


@dataclass(frozen=True, slots=True)
class Hit:
    """A superblock that was found."""

    found: Found
    start: int | None
    """Byte at which the member that it describes begins; None: that cannot be known. Of version 0.90 it is right if the
    array used all of the member.
    """
    regular: bool
    """It is where `examine` finds it without a scan."""
    size: int
    """Bytes of what was scanned."""

    @property
    def data(self) -> tuple[int, int] | None:
        """First byte and length of the array's data, if that is known and begins on the device."""
        sb = self.found.reading
        if sb is None or self.start is None or not _trusted(self.found, "data_offset", "size"):
            return None
        first = self.start + sb.data_offset * SECTOR
        return (first, sb.size * SECTOR) if 0 <= first < self.size and sb.size else None

    @property
    def missing(self) -> int:
        """Bytes of the data that lie behind the end of the device."""
        return max(0, sum(self.data) - self.size) if self.data else 0

    @property
    def member(self) -> tuple[int, int] | None:
        """First byte and length of the member, if all that belongs to it is there and in order."""
        sb = self.found.superblock
        if sb is None or self.start is None or self.start < 0 or self.missing:
            return None
        if self.found.version == "0.90":
            length = sb.super_offset * SECTOR - self.start + 64 * KIB
        elif sb.minor:
            length = (sb.data_offset + sb.data_size) * SECTOR
        else:
            # Of all lengths that put the superblock there, the least.
            length = (sb.super_offset + 16) * SECTOR
        return (self.start, length) if self.start + length <= self.size else None


class Scan:
    """Iterate it for the hits, by place. Memory is bounded by the step."""

    def __init__(
        self,
        read: Read,
        ranges: Iterable[tuple[int, int]],
        size: int,
        path: str = "",
        progress: Callable[[int], None] = lambda position: None,
    ) -> None:
        """`ranges`: first byte and end of what may hold anything, in order. `read` may raise MemberError: then that
        part is left out. `progress` is told how many bytes from the start have been looked at.
        """
        self.unreadable = 0
        """Bytes that could not be read."""
        self._read = read
        self._ranges = ranges
        self._size = size
        self._path = path
        self._progress = progress
        self._regular = set(places(size // SECTOR))

    def __iter__(self) -> Iterator[Hit]:
        for first, end in self._ranges:
            at = first // SECTOR * SECTOR
            while at < end:
                step = min(_STEP, end - at)
                yield from self._look(at, step, _SMALL_STEP)
                at += step
                self._progress(at)
        self._progress(self._size)

    def _look(self, at: int, length: int, smaller: int) -> Iterator[Hit]:
        try:
            data = self._read(at, length)
        except MemberError:
            if length <= smaller:
                self.unreadable += length
                return
            for piece in range(at, at + length, smaller):
                yield from self._look(piece, min(smaller, at + length - piece), smaller)
            return
        for offset in sorted(set(_matches(data, at))):
            if hit := self._hit(offset):
                yield hit

    def _hit(self, offset: int) -> Hit | None:
        try:
            data = self._read(offset, SUPERBLOCK_BYTES)
        except MemberError:
            return None
        if legacy.byte_order(data):
            found = judge_legacy(data, offset, self._path)
            known = found.reading and found.reading.size and _trusted(found, "size")
            start = offset - found.reading.size * SECTOR if found.reading and known else None
            return Hit(found, start, Place("0.90", offset) in self._regular, self._size)
        if not ondisk.has_magic(data) or len(data) < ondisk.HEAD_BYTES:
            return None
        return self._hit_v1(data, offset)

    def _hit_v1(self, data: bytes, offset: int) -> Hit:
        place = ondisk.unpack(data)["super_offset"]
        version = f"1.{ {0: 1, 8: 2}.get(place, 0) }"
        found = judge(data, Place(version, offset), None, self._path)
        start = offset - place * SECTOR if place * SECTOR <= 1 << 63 else None
        regular = Place(version, offset) in self._regular and start == 0
        return Hit(found, start, regular, self._size)


def _matches(data: bytes, at: int) -> Iterator[int]:
    """Where superblocks may begin in the bytes that were read at `at`: they lie on whole sectors."""
    for pattern in _PATTERNS:
        found = data.find(pattern)
        while found >= 0:
            if not found % SECTOR:
                yield at + found
            found = data.find(pattern, found + 1)


def _trusted(found: Found, *fields: str) -> bool:
    """These fields are as they were written, as far as that can be told."""
    wrong = {flaw.field for flaw in found.flaws}
    return not wrong & {"major_version", "super_offset", *fields}
