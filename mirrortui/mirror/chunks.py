"""A set of chunk numbers that is cheap for a million of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class ChunkSet:
    """One byte a chunk, and a count. `flags[c]` may be read directly where speed matters."""

    __slots__ = ("count", "flags")

    def __init__(self, chunks: int, members: Iterable[int] = ()) -> None:
        self.flags = bytearray(chunks)
        self.count = 0
        for chunk in members:
            self.add(chunk)

    @classmethod
    def full(cls, chunks: int, start: int = 0) -> ChunkSet:
        """All chunks from `start` on."""
        made = cls(chunks)
        made.flags[start:] = b"\1" * (chunks - start)
        made.count = chunks - start
        return made

    def __contains__(self, chunk: int) -> bool:
        return bool(self.flags[chunk])

    def __iter__(self) -> Iterator[int]:
        chunk = self.flags.find(1)
        while chunk >= 0:
            yield chunk
            chunk = self.flags.find(1, chunk + 1)

    def add(self, chunk: int) -> None:
        """Put a chunk in."""
        self.count += not self.flags[chunk]
        self.flags[chunk] = 1

    def discard(self, chunk: int) -> None:
        """Take a chunk out."""
        self.count -= self.flags[chunk]
        self.flags[chunk] = 0

    def update(self, chunks: Iterable[int]) -> None:
        """Put many in."""
        for chunk in chunks:
            self.add(chunk)

    def clear(self) -> None:
        """Take all out."""
        self.flags[:] = bytes(len(self.flags))
        self.count = 0

    def next(self, start: int) -> int:
        """The lowest member at or after `start`, or -1."""
        return self.flags.find(1, start)

    def touches(self, first: int, last: int) -> bool:
        """Whether any chunk of first..last is in."""
        return self.count > 0 and self.flags.find(1, first, last + 1) >= 0
