"""Overlapping work in order of arrival: writes and sync windows alike take a ticket on their range (I7, I8).

Only earlier tickets are waited for and one is held at a time, so there is no deadlock, and a sync window waits its turn
like any write. Ranges are filed in buckets; overlap is exact, to the byte.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from mirrortui.mirror.executor import Executor, Step


class Ticket:
    """A place in the queue for a byte range."""

    __slots__ = ("blocked", "followers", "hi", "lo", "step")

    def __init__(self, lo: int, hi: int) -> None:
        self.lo = lo
        self.hi = hi
        self.blocked = 0
        """Earlier overlapping tickets that are still held; 0: it is this one's turn."""
        self.followers: list[Ticket] = []
        self.step: Step | None = None

    def add(self, step: Step) -> None:
        """Called by the executor."""
        self.step = step

    def __await__(self) -> Generator[Any, Any, None]:
        if self.blocked:
            yield self


class Tickets:
    """The queue of one mirror."""

    __slots__ = ("_executor", "buckets", "shift")

    def __init__(self, executor: Executor, shift: int) -> None:
        self._executor = executor
        self.shift = shift
        self.buckets: dict[int, list[Ticket]] = {}

    def enter(self, lo: int, hi: int, reach: int = 0) -> Ticket:
        """Queue up behind every earlier ticket that overlaps [lo, hi), and `reach` bytes on either side of it."""
        if reach:
            lo, hi = max(0, lo - reach), hi + reach
        ticket = Ticket(lo, hi)
        for number in range(lo >> self.shift, ((hi - 1) >> self.shift) + 1):
            bucket = self.buckets.get(number)
            if bucket is None:
                self.buckets[number] = [ticket]
                continue
            for earlier in bucket:
                if earlier.lo < hi and lo < earlier.hi and ticket not in earlier.followers:
                    earlier.followers.append(ticket)
                    ticket.blocked += 1
            bucket.append(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Done; whoever waited only for this goes on at the next drain."""
        for number in range(ticket.lo >> self.shift, ((ticket.hi - 1) >> self.shift) + 1):
            bucket = self.buckets[number]
            if len(bucket) == 1:
                del self.buckets[number]
            else:
                bucket.remove(ticket)
        for follower in ticket.followers:
            follower.blocked -= 1
            if not follower.blocked and follower.step:
                self._executor.resume(follower.step, None)

    def free(self, lo: int, hi: int) -> bool:
        """Nothing is queued near [lo, hi), to the bucket."""
        buckets = self.buckets
        return not buckets or all(
            number not in buckets for number in range(lo >> self.shift, ((hi - 1) >> self.shift) + 1)
        )
