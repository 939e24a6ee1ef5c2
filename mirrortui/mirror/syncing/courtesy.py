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
SILENCE = 5.0
"""Seconds without a word from whoever says whose turn it is, after which a sync waits for nobody."""


class Courtesy:
    """Shared by all that copies or checks one mirror."""

    def __init__(self, host: Host, depth: int) -> None:
        self._host = host
        self._depth = depth
        self._seen = 0
        self._last = float("-inf")
        self._going = 0
        self._yielded = float("-inf")
        self._queued, self._told = "", float("-inf")
        self._part = 0, 0
        self.impact: Impact = "balanced"
        self.most = 0
        """Bytes per second; 0: as fast as it goes."""
        self.least = 0
        """Bytes per second that a sync gets beside busy clients; 0: what the impact gives it."""
        self.load: Callable[[], tuple[int, int]] = lambda: (0, 0)
        """Requests that clients were answered so far, and those that wait for an answer now."""

    def take_turn(self, queued: str, least: int, most: int) -> None:
        """Another mirror's sync goes first, for that reason, or none does; and this one's part of what all of them may
        take, in bytes per second.
        """
        self._queued, self._told = queued, self._host.monotonic()
        self._part = least, most

    @property
    def queued(self) -> str:
        """Why it waits for another mirror's; empty: it does not. The word for it is good for a while only: nothing is
        withheld because nobody says any more that it may be done.
        """
        return self._queued if self._host.monotonic() - self._told < SILENCE else ""

    @property
    def _ceiling(self) -> int:
        """Bytes per second at most; 0: no limit."""
        return min((limit for limit in (self.most, self._part[1]) if limit), default=0)

    @property
    def limit(self) -> str:
        """What holds a sync back now; empty: nothing here."""
        if self._host.monotonic() - self._yielded < 1.0:
            return "clients, who come first"
        most = self._ceiling
        if not most:
            return ""
        whose = "for all mirrors together, of which it has" if most != self.most else "set,"
        return f"the speed {whose} {format_size(most)}/s"

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
        while (most := self._ceiling) and not hurry():
            early = begun + self._depth * length / most - self._host.monotonic()
            if early <= 0:
                return
            self._yielded = float("-inf")  # clients alone would not have held it up so long
            await sleep(min(early, _LATE))

    async def _let_pass(self, begun: float, length: int, hurry: Callable[[], bool]) -> None:
        manners = MANNERS[self.impact]
        least = self.least or self._part[0] or manners.least
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
