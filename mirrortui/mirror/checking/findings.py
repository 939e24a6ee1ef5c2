"""What a check or a repair found: which ranges differ, and who is the odd one out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from mirrortui.mirror.syncing.copying import Run

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
    left: str = ""
    """Why the last repair with a winner left it as it is."""


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
    winner: str = ""
    """The member that is right, by the operator's word; empty: a majority is, or the first."""
    chosen: list[Run] = field(default_factory=list)
    """With a winner: what is to be made like its copy. `size` is the sum of these then, `position` is counted through
    them, and `ranges` begins as what the run before left.
    """

    @property
    def left(self) -> int:
        """Bytes that differ, as far as is known."""
        return self.differing - self.repaired

    def settle(self, lo: int, hi: int, overwritten: int) -> None:
        """[lo, hi) is equal on all copies now, of which so many bytes differed: it is listed no more."""
        listed = sum(max(0, min(hi, d.hi) - max(lo, d.lo)) for d in self.ranges)
        self.ranges = [part for d in self.ranges for part in _without(d, lo, hi)]
        self.differing += max(0, overwritten - listed)
        self.repaired += max(overwritten, listed)

    def leave(self, lo: int, hi: int, why: str) -> None:
        """[lo, hi) could not be settled."""
        self.unread += hi - lo
        self.ranges = [d._replace(left=why) if d.lo < hi and lo < d.hi else d for d in self.ranges]

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


def unsettled(last: Findings | None) -> list[Difference]:
    """What a run found, and nothing was done about."""
    return [d for d in last.ranges if not d.kept] if last else []


def with_winner(last: Findings | None, winner: str, chosen: list[Run], now: float) -> Findings:
    """A repair of these ranges that begins: what `winner` has there is right. `last`: the run before."""
    return Findings(
        "repair",
        now,
        sum(hi - lo for lo, hi in chosen),
        differing=last.left if last else 0,
        ranges=unsettled(last),
        winner=winner,
        chosen=chosen,
    )


def _without(found: Difference, lo: int, hi: int) -> Iterator[Difference]:
    if found.lo < min(lo, found.hi):
        yield found._replace(hi=min(lo, found.hi))
    if found.hi > max(hi, found.lo):
        yield found._replace(lo=max(hi, found.lo))
