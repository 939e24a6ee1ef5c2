"""A clock that stands still until it is told to move."""

from __future__ import annotations


class ManualClock:
    """Both kinds of time (mirrortui.clock.Clock), moved by hand."""

    def __init__(self, now: float = 1_773_496_931.0) -> None:
        """Start at `now`, seconds since 1970 UTC: by default 14 March 2026, 14:02:11."""
        self._now = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` (not negative) pass."""
        if seconds < 0:
            raise ValueError(f"time does not run back: {seconds} s")
        self._now += seconds
