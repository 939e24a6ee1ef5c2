"""A member as assembly finds it: what was read, and nothing decided."""

from __future__ import annotations

from dataclasses import dataclass

from mirrortui.format import badblocks, bitmap
from mirrortui.format.bitmap import BitmapHeader
from mirrortui.format.superblock import Superblock
from mirrortui.units import SECTOR


@dataclass(frozen=True)
class Found:
    """A member as it was read."""

    path: str
    superblock: Superblock
    header: BitmapHeader | None
    raw: bytes
    """The bitmap's image; empty without a bitmap."""
    log: bytes = b""
    """The bad-block log, if it counts."""
    opaque: str = ""
    """Why its bitmap cannot be read, though it has one: good for a read-only start, and any chunk may differ."""

    @property
    def dirty(self) -> set[int]:
        """Chunks whose bits are set; all, where the bitmap is out of date."""
        if self.header is None:
            return set()
        chunks = self.header.chunks
        if self.header.out_of_date(self.superblock.events):
            return set(range(chunks))
        return set(bitmap.set_chunks(self.raw, chunks))

    def bad_chunks(self, chunk: int) -> set[int]:
        """Chunks of `chunk` bytes in which its bad-block log lists something."""
        found: set[int] = set()
        for bad in badblocks.decode(self.log, shift=self.superblock.bblog_shift):
            first = (bad.sector - self.superblock.data_offset) * SECTOR
            found.update(range(first // chunk, (first + bad.length * SECTOR - 1) // chunk + 1))
        return found

    @property
    def label(self) -> str:
        """What its array is called here."""
        return self.superblock.label
