"""Byte ranges of one copy that hold no valid data: never read, and healed by whatever is written over them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from mirrortui.format.badblocks import BadRange
from mirrortui.format.superblock import Superblock
from mirrortui.units import SECTOR


class BadRanges:
    """Half-open byte ranges of the array, in order and apart; false when there are none."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for lo, hi in sorted(ranges):
            if self._ends and lo <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], hi)
            else:
                self._starts.append(lo)
                self._ends.append(hi)

    @classmethod
    def of_log(cls, log: Iterable[BadRange], sb: Superblock, unit: int) -> BadRanges:
        """What a member's log says of the array's data, rounded outwards to `unit` bytes, the least that is read."""
        start, size = sb.data_offset * SECTOR, sb.size * SECTOR
        found = []
        for bad in log:
            lo = max(0, bad.sector * SECTOR - start) // unit * unit
            hi = min(size, -(-((bad.sector + bad.length) * SECTOR - start) // unit) * unit)
            if lo < hi:
                found.append((lo, hi))
        return cls(found)

    def log(self, sb: Superblock) -> list[BadRange]:
        """As the member's log has them."""
        return [BadRange(sb.data_offset + lo // SECTOR, -(-(hi - lo) // SECTOR)) for lo, hi in self]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(list(zip(self._starts, self._ends, strict=True)))

    def __bool__(self) -> bool:
        return bool(self._starts)

    @property
    def bytes(self) -> int:
        """How many there are."""
        return sum(self._ends) - sum(self._starts)

    def touches(self, lo: int, hi: int) -> bool:
        """Whether a byte of [lo, hi) is in."""
        at = bisect_left(self._starts, hi) - 1
        return lo < hi and at >= 0 and self._ends[at] > lo

    def within(self, lo: int, hi: int) -> list[tuple[int, int]]:
        """The parts that lie in [lo, hi)."""
        return [(max(lo, start), min(hi, end)) for start, end in self if start < hi and lo < end]

    def without(self, lo: int, hi: int) -> list[tuple[int, int]]:
        """The parts of [lo, hi) that are not in."""
        edges = [lo, *(edge for part in self.within(lo, hi) for edge in part), hi]
        return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]

    def add(self, lo: int, hi: int) -> None:
        """[lo, hi) holds no data."""
        joined = BadRanges([*self, (lo, hi)])
        self._starts, self._ends = joined._starts, joined._ends

    def discard(self, lo: int, hi: int) -> bool:
        """[lo, hi) holds data now. False: nothing of it was in."""
        if not self.touches(lo, hi):
            return False
        kept: list[tuple[int, int]] = []
        for start, end in self:
            kept += [(a, b) for a, b in ((start, min(end, lo)), (max(start, hi), end)) if a < b]
        self._starts, self._ends = [lo for lo, _ in kept], [hi for _, hi in kept]
        return True
