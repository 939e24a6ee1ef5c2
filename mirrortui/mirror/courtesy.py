"""How much of the disks a sync takes while clients use them: one knob, and a least and a most speed as md has them.

While clients are busy a sync copies small pieces, one at a time, and lets a number of requests pass after each: so that
few of them meet a piece, and wait little when they do. Nothing is measured but what clients do; what they leave is used
in full.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mirrortui.mirror.executor import Host, sleep
from mirrortui.units import KIB, MIB, format_size

Impact = Literal["low", "balanced", "max"]


@dataclass(frozen=True, slots=True)
class Manners:
    """What one position of the knob means."""

    requests: int
    """Of clients, that go first after each piece; times those that wait at once."""
    least: int
    """Bytes per second that the sync gets all the same."""
    hold: float
    """Seconds after their last request in which clients count as busy."""


MANNERS: dict[Impact, Manners] = {
    "low": Manners(1000, 1 * MIB, 0.05),
    "balanced": Manners(150, 16 * MIB, 0.01),
    "max": Manners(0, 0, 0.0),
}
PIECE = 128 * KIB
"""Bytes that are copied at once while clients are busy."""
_STEP = 0.001
"""Seconds between looks at what clients do."""
_LATE = 0.25
"""Seconds between looks at whether a limit was changed."""


class Courtesy:
    """Shared by all that copies or checks one mirror."""

    def __init__(self, host: Host, depth: int) -> None:
        self._host = host
        self._depth = depth
        self._seen = 0
        self._last = float("-inf")
        self._going = 0
        self._yielded = float("-inf")
        self.impact: Impact = "balanced"
        self.most = 0
        """Bytes per second; 0: as fast as it goes."""
        self.least = 0
        """Bytes per second that a sync gets beside busy clients; 0: what the impact gives it."""
        self.load: Callable[[], tuple[int, int]] = lambda: (0, 0)
        """Requests that clients were answered so far, and those that wait for an answer now."""

    @property
    def limit(self) -> str:
        """What holds a sync back now; empty: nothing here."""
        if self._host.monotonic() - self._yielded < 1.0:
            return "clients, who come first"
        return f"the speed set, {format_size(self.most)}/s" if self.most else ""

    def piece(self, window: int) -> int:
        """How much of a window to do at once."""
        return min(window, PIECE) if self._busy() else window

    async def begin(self, hurry: Callable[[], bool]) -> float:
        """Wait for a turn: beside busy clients one piece goes at a time. Returns when it began, for `end`."""
        while self._going and self._busy() and not hurry():
            await sleep(_STEP)
        self._going += 1
        return self._host.monotonic()

    async def end(self, begun: float, length: int, hurry: Callable[[], bool]) -> None:
        """A piece is done: let the clients pass, and keep to the speed set."""
        await self._let_pass(begun, length, hurry)
        self._going -= 1
        while self.most and not hurry():
            early = begun + self._depth * length / self.most - self._host.monotonic()
            if early <= 0:
                return
            self._yielded = float("-inf")  # clients alone would not have held it up so long
            await sleep(min(early, _LATE))

    async def _let_pass(self, begun: float, length: int, hurry: Callable[[], bool]) -> None:
        manners = MANNERS[self.impact]
        least = self.least or manners.least
        answered, waiting = self.load()
        enough = answered + manners.requests * max(1, waiting)
        while least and self._busy() and not hurry():
            self._yielded = now = self._host.monotonic()
            if self.load()[0] >= enough or now >= begun + length / least:
                return
            await sleep(_STEP)

    def _busy(self) -> bool:
        """Clients want something now, or did just before."""
        if self.impact == "max":
            return False
        now = self._host.monotonic()
        answered, waiting = self.load()
        if waiting or answered != self._seen:
            self._seen, self._last = answered, now
        return now - self._last < MANNERS[self.impact].hold
