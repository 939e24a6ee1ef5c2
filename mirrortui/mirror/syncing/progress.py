"""How far a sync is: never backwards, and an ETA from the net rate."""

from __future__ import annotations

from collections import deque

_SPAN = 10.0
"""Seconds over which the speed is taken."""
_LEAST = 0.5
"""Seconds of which it must be taken at least: what is held back by a limit begins faster than it goes on."""


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
        self._put_back = 0
        self._samples: deque[tuple[float, int, int]] = deque()
        """When, bytes moved by then, and bytes put back by then."""

    def begin(self, total: int, now: float, reason: str) -> None:
        """A sync starts."""
        self.total, self.completed, self.moved, self._put_back = total, 0, 0, 0
        self.reason = reason
        self._samples = deque([(now, 0, 0)])

    def copied(self, count: int, now: float) -> None:
        """A window is done."""
        self.moved += count
        self.completed = min(self.total, self.completed + count)
        samples = self._samples
        samples.append((now, self.moved, self._put_back))
        while len(samples) > 2 and now - samples[0][0] > _SPAN:
            samples.popleft()

    def skipped(self, count: int) -> None:
        """Needed nothing after all; no measure of the speed."""
        self.completed = min(self.total, self.completed + count)

    def left(self, needed: int) -> None:
        """What is still needed may have grown: then so has the whole."""
        more = max(0, self.completed + needed - self.total)
        self.total += more
        self._put_back += more

    @property
    def speed(self) -> int:
        """Bytes per second of late; 0 while it is not known."""
        return self._rates()[0]

    @property
    def eta(self) -> float | None:
        """Seconds to go at the net rate: what is copied but for what is put back. None while it is not known, or where
        it never ends.
        """
        copied, put_back = self._rates()
        return (self.total - self.completed) / (copied - put_back) if copied > put_back else None

    @property
    def endless(self) -> bool:
        """Of late as much was put back as was copied, or more: at this rate it never ends."""
        copied, put_back = self._rates()
        return 0 < copied <= put_back

    def _rates(self) -> tuple[int, int]:
        """Bytes a second of late that were copied, and that were put back."""
        if not self._samples:
            return 0, 0
        (then, *before), (now, *after) = self._samples[0], self._samples[-1]
        if now - then < _LEAST:
            return 0, 0
        copied, put_back = (int((b - a) / (now - then)) for a, b in zip(before, after, strict=True))
        return copied, put_back
