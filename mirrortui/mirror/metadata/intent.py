"""Which chunks may differ: the write-intent bitmap in memory, and how warm each chunk is.

A chunk is CLEAN (no bit on disk), AGING (its bit is on disk) or HOT (its bit is on disk and it was written to lately;
only a HOT chunk is written inline). Bits are set by whoever writes, put on disk by the scribe, and cleared lazily by
the daemon (I2, I3).
"""

from __future__ import annotations

from collections.abc import Iterable

from mirrortui.format import bitmap
from mirrortui.format.bitmap import BitmapHeader

CLEAN, AGING, HOT = 0, 1, 2


class Intent:
    """The bitmap of one mirror."""

    def __init__(self, header: BitmapHeader, raw: bytearray, chunks: int) -> None:
        self.header = header
        self.raw = raw
        """The image that every member should hold; the scribe writes it page by page."""
        self.chunks = chunks
        self.heat = bytearray(chunks)
        for chunk in bitmap.set_chunks(raw, chunks):
            self.heat[chunk] = AGING
        self.pending: dict[int, int] = {}
        """Writes in flight, by chunk."""
        self.pages: set[int] = set()
        """Pages that differ from what is on disk."""
        self.wanted: set[int] = set()
        """Chunks whose bit is not on disk yet."""

    def become(self, header: BitmapHeader, raw: bytearray, chunks: int) -> None:
        """Another bitmap, which every member is about to be given whole. No write is in flight."""
        assert not self.pending
        self.header, self.raw, self.chunks = header, raw, chunks
        self.heat = bytearray(chunks)
        for chunk in bitmap.set_chunks(raw, chunks):
            self.heat[chunk] = AGING
        self.pages.clear()
        self.wanted.clear()

    def hold(self, first: int, last: int) -> None:
        """A write is coming: the daemon keeps its hands off."""
        for chunk in range(first, last + 1):
            self.pending[chunk] = self.pending.get(chunk, 0) + 1

    def release(self, first: int, last: int) -> None:
        """The write is over."""
        for chunk in range(first, last + 1):
            left = self.pending[chunk] - 1
            if left:
                self.pending[chunk] = left
            else:
                del self.pending[chunk]

    def hot(self, first: int, last: int) -> bool:
        """All of them may be written to without further ado."""
        heat = self.heat
        return heat[first] == HOT and (first == last or heat.count(HOT, first, last + 1) == last + 1 - first)

    def ask(self, first: int, last: int) -> bool:
        """Want the bits of the range on disk. True: they are."""
        cold = [chunk for chunk in range(first, last + 1) if self.heat[chunk] == CLEAN]
        for chunk in cold:
            if chunk not in self.wanted:
                self.wanted.add(chunk)
                bitmap.set_bit(self.raw, chunk)
                self.pages.add(bitmap.page_of(chunk))
        return not cold

    def mark(self, chunks: Iterable[int]) -> None:
        """Have these bits set, on disk as soon as may be, for chunks that somebody needs."""
        for chunk in chunks:
            if self.heat[chunk] == CLEAN and chunk not in self.wanted:
                self.ask(chunk, chunk)

    def warm(self, first: int, last: int) -> None:
        """Bits and superblocks are on disk: the range may be written to."""
        self.heat[first : last + 1] = bytes([HOT]) * (last + 1 - first)

    def granted(self, chunks: set[int]) -> None:
        """The scribe put these bits on every member."""
        for chunk in chunks:
            self.heat[chunk] = max(self.heat[chunk], AGING)
        self.wanted -= chunks

    def age(self) -> None:
        """A daemon pass ends: what was HOT has until the next to be written again."""
        self.heat[:] = self.heat.replace(bytes([HOT]), bytes([AGING]))

    def idle(self) -> list[int]:
        """Chunks that nobody wrote to for a pass and nobody writes to now."""
        found = []
        chunk = self.heat.find(AGING)
        while chunk >= 0:
            if chunk not in self.pending:
                found.append(chunk)
            chunk = self.heat.find(AGING, chunk + 1)
        return found

    def clear(self, chunk: int) -> None:
        """Its copies are equal and durable: forget it."""
        self.heat[chunk] = CLEAN
        bitmap.clear_bit(self.raw, chunk)
        self.pages.add(bitmap.page_of(chunk))

    def stamp(self, header: bitmap.BitmapHeader) -> None:
        """Change the header of the image."""
        self.header = header
        self.raw[: bitmap.HEADER] = header.encode()

    @property
    def dirty(self) -> int:
        """Chunks whose bit is set."""
        return self.chunks - self.heat.count(CLEAN)
