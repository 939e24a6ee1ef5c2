"""How long a member takes to answer."""

from __future__ import annotations

from collections import deque


class Timing:
    """How long operations on one member take that were submitted for clients, in seconds."""

    __slots__ = ("_recent", "all", "read", "reads")

    def __init__(self) -> None:
        self.all: float | None = None
        """Of late, smoothed."""
        self.read: float | None = None
        """Reads alone."""
        self.reads = 0
        """How many there were."""
        self._recent: deque[float] = deque(maxlen=256)

    def took(self, seconds: float) -> None:
        """An operation ended."""
        self.all = seconds if self.all is None else self.all + (seconds - self.all) / 16
        self._recent.append(seconds)

    def took_to_read(self, seconds: float) -> None:
        """A read ended."""
        self.took(seconds)
        self.read = seconds if self.read is None else self.read + (seconds - self.read) / 16
        self.reads += 1

    def forget_reads(self) -> None:
        """They say nothing about what comes now."""
        self.read = None

    def quantile(self, percent: int) -> float | None:
        """What that part of the last 256 operations took at most; None before the first."""
        ordered = sorted(self._recent)
        return ordered[len(ordered) * percent // 100] if ordered else None
