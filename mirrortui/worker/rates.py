"""What went through of late: rates from counters that only grow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from mirrortui.mirror.executor import Host

STEP = 0.5
"""Seconds between samples."""
SPAN = 2.0
"""Seconds that a rate is taken over."""


class Rates:
    """Samples rows of counters, by name. The rates are those of the last two seconds or so."""

    def __init__(self, host: Host, counters: Callable[[], Mapping[str, Sequence[int]]]) -> None:
        self._host = host
        self._counters = counters
        self._samples: deque[tuple[float, Mapping[str, Sequence[int]]]] = deque(maxlen=int(SPAN / STEP) + 1)
        self._sample()

    def of(self, name: str) -> list[int]:
        """Per second, in the order of the row's counters; empty for a row that is not there (any more)."""
        seen = [(time, rows[name]) for time, rows in self._samples if name in rows]
        if not seen:
            return []
        (begin, before), (end, after) = seen[0], seen[-1]
        passed = end - begin
        return [int((new - old) / passed) if passed else 0 for old, new in zip(before, after, strict=True)]

    def _sample(self) -> None:
        self._samples.append((self._host.monotonic(), self._counters()))
        self._host.call_later(STEP, self._sample)
