"""The only door to time, so that tests, the simulator and the screenshots can hold it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds, two ways."""

    def now(self) -> float:
        """Wall time: seconds since 1970 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run back, from an arbitrary start."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
