"""A bound on the bytes that requests in flight may hold, over all the clients of a server."""

from __future__ import annotations

from typing import Protocol

ALWAYS = 1 << 20
"""Bytes that a client with nothing in flight may take whatever the others hold: hoarders cannot starve it."""


class Claimant(Protocol):
    """Who takes from a budget."""

    held: int
    """Bytes it has taken and not given back."""

    @property
    def ready(self) -> bool:
        """It would take at once; one that could not must not keep the others waiting."""
        ...

    def wake(self) -> None:
        """Bytes came back: try again."""
        ...


class Budget:
    """Bytes given out against a limit. Who was refused is woken when some come back, and goes before all who come
    later, so that large claims do not starve among small ones.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._waiting: dict[Claimant, None] = {}  # in order of arrival

    def take(self, count: int, claimant: Claimant) -> bool:
        """Take bytes. False: refused, to be woken. A claim above the limit passes when nothing else is held."""
        fits = not self.used or self.used + count <= self.limit
        its_turn = not self._waiting or self._first_ready() in (None, claimant)
        a_little = not claimant.held and count <= ALWAYS
        if not (fits and its_turn) and not a_little:
            self._waiting[claimant] = None
            return False
        if self._waiting:
            self._waiting.pop(claimant, None)
        self.used += count
        claimant.held += count
        return True

    def give(self, count: int, claimant: Claimant) -> None:
        """Bytes come back."""
        self.used -= count
        claimant.held -= count
        if self._waiting:
            for waiting in list(self._waiting):
                waiting.wake()

    def forget(self, claimant: Claimant) -> None:
        """That one will not try again."""
        self._waiting.pop(claimant, None)

    @property
    def contended(self) -> bool:
        """Somebody waits who would go on at once."""
        return self._first_ready() is not None

    def _first_ready(self) -> Claimant | None:
        return next((one for one in self._waiting if one.ready), None)
