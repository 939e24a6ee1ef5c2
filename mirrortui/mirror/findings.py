"""What a check or a repair found: which ranges differ, and who is the odd one out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

MOST_RANGES = 1000
"""Ranges that are kept; what differs beyond is only counted."""


class Difference(NamedTuple):
    """Bytes [lo, hi) of the array in which the copies are not equal."""

    lo: int
    hi: int
    odd: tuple[str, ...]
    """Paths of the members that differ from the majority of three or more; empty: there is no majority."""
    kept: str = ""
    """The member whose version was written to the others; empty: nothing was written."""


@dataclass
class Findings:
    """Of one run."""

    action: Literal["check", "repair"]
    begun: float
    """Seconds since 1970."""
    size: int
    """Bytes to look at."""
    position: int = 0
    """Bytes below which everything was looked at."""
    ended: float | None = None
    complete: bool = False
    """It came to its end."""
    differing: int = 0
    """Bytes."""
    repaired: int = 0
    """Bytes of them that were made equal."""
    unread: int = 0
    """Bytes of which not all copies could be read and compared."""
    ranges: list[Difference] = field(default_factory=list)
    """In order, neighbours joined; at most MOST_RANGES."""

    @property
    def left(self) -> int:
        """Bytes that differ, as far as is known."""
        return self.differing - self.repaired

    def add(self, found: Difference) -> None:
        """A range that differs, or did until now."""
        self.differing += found.hi - found.lo
        if found.kept:
            self.repaired += found.hi - found.lo
        at = next((n for n, other in enumerate(self.ranges) if other.lo > found.lo), len(self.ranges))
        before = self.ranges[at - 1] if at else None
        if before and before.hi == found.lo and before[2:] == found[2:]:
            self.ranges[at - 1] = before._replace(hi=found.hi)
        elif len(self.ranges) < MOST_RANGES:
            self.ranges.insert(at, found)
