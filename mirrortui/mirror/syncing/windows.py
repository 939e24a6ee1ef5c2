"""Which range is copied next, and what is done with it: many small chunks at once, or a large one in parts."""

from __future__ import annotations

from mirrortui.mirror.array import Array
from mirrortui.mirror.traffic.book import Book


class Window:
    """A byte range to copy, and the chunks that are done with it."""

    __slots__ = ("chunks", "epoch", "hi", "lo")

    def __init__(self, lo: int, hi: int, chunks: range, epoch: int) -> None:
        self.lo = lo
        self.hi = hi
        self.chunks = chunks
        self.epoch = epoch


class Windows:
    """Of one sync after the other, from the lowest chunk that somebody needs upwards."""

    def __init__(self, array: Array, book: Book, window: int) -> None:
        """`window`: bytes that are copied at once, at most."""
        self._array = array
        self._book = book
        self._window = window
        self._at = 0
        self._inside = -1
        """Bytes of the chunk at `_at` that were handed out; -1: none."""
        self._epoch = 0
        self._left: dict[int, int] = {}
        """Windows of a large chunk that are not done."""
        self.unreadable: set[int] = set()
        """Chunks that no copy has all of: they are left."""
        self.alone: set[int] = set()
        """Chunks that are copied one by one, because no copy had all of a window."""

    def restart(self) -> None:
        """From the first chunk on again."""
        self._at, self._inside = 0, -1
        self._left.clear()

    def next(self) -> Window | None:
        """The next range. None: nothing is left that can be copied."""
        chunk = self._at
        if self._inside < 0:
            chunk = self.lowest(self._at)
            if chunk < 0:
                return None
            self._at, self._inside, self._epoch = chunk, 0, self._book.epoch
        if 1 << self._array.chunk_shift > self._window:
            return self._part_of(chunk)
        return self._several(chunk)

    def _part_of(self, chunk: int) -> Window:
        shift = self._array.chunk_shift
        lo, end = (chunk << shift) + self._inside, min((chunk + 1) << shift, self._array.size)
        if not self._inside:
            self._left[chunk] = -(-(end - lo) // self._window)
        hi = min(lo + self._window, end)
        self._inside = self._inside + self._window if hi < end else -1
        self._at = chunk if hi < end else chunk + 1
        return Window(lo, hi, range(chunk, chunk + 1), self._epoch)

    def _several(self, chunk: int) -> Window:
        shift, last = self._array.chunk_shift, chunk
        while (
            (last + 2 - chunk) << shift <= self._window
            and last + 1 < self._array.chunks
            and self._alike(chunk, last + 1)
        ):
            last += 1
        self._at, self._inside = last + 1, -1
        hi = min((last + 1) << shift, self._array.size)
        return Window(chunk << shift, hi, range(chunk, last + 1), self._epoch)

    def lowest(self, start: int = 0) -> int:
        """The first chunk from `start` on that somebody needs and that can be read; -1: there is none."""
        while True:
            found = [c for m in self._array.targets() if (c := m.need.next(start)) >= 0]
            if not found or (chunk := min(found)) not in self.unreadable:
                return min(found, default=-1)
            start = chunk + 1

    def _alike(self, chunk: int, other: int) -> bool:
        """The same members need both."""
        return not {chunk, other} & (self.unreadable | self.alone) and all(
            m.need.flags[chunk] == m.need.flags[other] for m in self._array.targets()
        )

    def skip(self, window: Window) -> None:
        """Its chunks need nothing, this one's other parts included."""
        chunk = window.chunks[0]
        if self._left.pop(chunk, None):
            self._at, self._inside = chunk + 1, -1
        self._need_no_more(window.chunks)

    def finish(self, window: Window) -> bool:
        """It was copied, which counts for a chunk when all of it was. False: chunks were put back since it began."""
        if window.epoch != self._book.epoch:
            return False
        for chunk in window.chunks:
            if chunk in self._left:
                self._left[chunk] -= 1
                if self._left[chunk]:
                    continue
                del self._left[chunk]
            self._need_no_more((chunk,))
        return True

    def _need_no_more(self, chunks: range | tuple[int, ...]) -> None:
        for chunk in chunks:
            for member in self._array.targets():
                member.need.discard(chunk)
