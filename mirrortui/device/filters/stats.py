"""Counts of what a member does.

Inline reads and writes pass uncounted: a Python frame around `os.pwrite` would cost a tenth of a small write. Whoever
uses those doors is told how much went through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mirrortui.device.base import Device, Op, Waiter
from mirrortui.device.buffers import Buffer
from mirrortui.device.filters.passing import Filter

_WEIGHT = 1 / 16
"""Of the newest operation in the average latency."""


@dataclass(slots=True)
class Tally:
    """Submitted operations of one kind that have ended."""

    operations: int = 0
    bytes: int = 0
    """Read or written, or zeroed."""
    errors: int = 0
    latency: float = 0.0
    """Seconds, exponentially weighted: about the last 16 operations."""


class StatsFilter(Filter):
    """Counts by kind of operation. `monotonic`: the loop's clock, in seconds."""

    def __init__(self, inner: Device, monotonic: Callable[[], float]) -> None:
        super().__init__(inner, sees_all=False)
        self.tallies = {op: Tally() for op in Op}
        self.in_flight = 0
        self._monotonic = monotonic

    def submit(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        """See Device."""
        self.in_flight += 1
        self.inner.submit(
            op, offset, buffer, length, fua, _Timed(self, op, length, waiter, self._monotonic()), index
        )

    def ended(self, op: Op, length: int, begun: float, result: int) -> None:
        """An operation's end, for the record."""
        self.in_flight -= 1
        tally = self.tallies[op]
        took = self._monotonic() - begun
        tally.latency += (took - tally.latency) * _WEIGHT if tally.operations else took
        tally.operations += 1
        if result < 0:
            tally.errors += 1
        else:
            tally.bytes += length


class _Timed:
    __slots__ = ("_begun", "_filter", "_length", "_op", "_waiter")

    def __init__(self, by: StatsFilter, op: Op, length: int, waiter: Waiter, begun: float) -> None:
        self._filter = by
        self._op = op
        self._length = length
        self._waiter = waiter
        self._begun = begun

    def complete(self, index: int, result: int) -> None:
        self._filter.ended(self._op, self._length, self._begun, result)
        self._waiter.complete(index, result)
