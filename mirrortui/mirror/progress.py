"""How far a sync is: never backwards, and an ETA from the net rate."""

from __future__ import annotations

from collections import deque

_SPAN = 10.0
"""Seconds over which the speed is taken."""


class Progress:
    """Counters of one sync."""

    def __init__(self) -> None:
        self.total = 0
        """Bytes to copy, as known at the start and raised when more comes."""
        self.completed = 0
        """Bytes of them that are done; only grows within one sync."""
        self.moved = 0
        """Bytes that windows have covered, over and over if need be."""
        self.window = 0
        """Where it works now: byte offset."""
        self.reason = ""
        self._now = 0.0
        self._samples: deque[tuple[float, int]] = deque()

    def begin(self, total: int, now: float, reason: str) -> None:
        """A sync starts."""
        self.total, self.completed, self.moved = total, 0, 0
        self.reason = reason
        self._samples = deque([(now, 0)])

    def copied(self, count: int, now: float) -> None:
        """A window is done."""
        self.moved += count
        self.completed = min(self.total, self.completed + count)
        samples = self._samples
        samples.append((now, self.moved))
        while len(samples) > 2 and now - samples[0][0] > _SPAN:
            samples.popleft()

    def skipped(self, count: int) -> None:
        """Needed nothing after all; no measure of the speed."""
        self.completed = min(self.total, self.completed + count)

    def left(self, needed: int) -> None:
        """What is still needed may have grown: then so has the whole."""
        self.total = max(self.total, self.completed + needed)

    @property
    def speed(self) -> int:
        """Bytes per second of late; 0 before anything was copied."""
        if not self._samples:
            return 0
        (then, before), (now, moved) = self._samples[0], self._samples[-1]
        return int((moved - before) / (now - then)) if now > then else 0

    @property
    def eta(self) -> float | None:
        """Seconds to go at that speed; None while it is not known."""
        speed = self.speed
        return (self.total - self.completed) / speed if speed else None
