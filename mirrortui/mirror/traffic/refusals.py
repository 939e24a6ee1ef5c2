"""Writes that no copy took, whose error goes to the client (I5): people are told, too, but not of each."""

from __future__ import annotations

from collections.abc import Iterable

from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.executor import Host
from mirrortui.mirror.reasons import reason
from mirrortui.units import format_size

AGAIN = 60.0
"""Seconds without one after which the next is news."""
LATELY = 30.0
"""Seconds for which one counts as what is wrong now."""


class Refusals:
    """Of one mirror."""

    def __init__(self, host: Host, array: Array) -> None:
        self._host = host
        self._array = array
        self._last = float("-inf")
        self._why = ""

    def note(self, failed: Iterable[tuple[Member, int]], offset: int) -> None:
        """A client's write failed, and its client hears of it."""
        for member, result in failed:
            if member.state is not State.IN_SYNC:
                continue
            now = self._host.monotonic()
            self._why = f"{member.path} does not take what clients write: {reason(result)}"
            if now - self._last > AGAIN:
                name = self._array.label
                text = f"{self._why}, at {format_size(offset)} of {name}. No copy took it: the client gets the error."
                self._array.observer("write-refused", "error", text, member.path)
            self._last = now

    @property
    def lately(self) -> str:
        """What is wrong; empty if nothing was for a while."""
        return self._why if self._host.monotonic() - self._last < LATELY else ""
