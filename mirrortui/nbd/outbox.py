"""Replies on their way to one client: small ones packed side by side, big ones as they lie, all in order."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from mirrortui.device.buffers import Buffer, Pool

AREA = 2 << 20
"""Bytes of a packing area; only the pages that are written cost memory."""
MOST_PENDING = 1 << 20
"""Bytes that may wait for a slow reader before its next requests do."""
_KEEP = 128 << 10
"""An area used no further than this stays with an idle client; a larger one goes back to the pool."""
_MOST_PIECES = 64
"""Pieces a send takes at most; far below IOV_MAX."""
_NOTHING = memoryview(bytearray())


class Owner(Protocol):
    """Whoever wants to hear that bytes were sent."""

    def drop(self) -> None: ...


class Outbox:
    """`room(n)`, write at `area[at:]`, move `at`. Send what `pieces` gives, then say how much with `sent`."""

    __slots__ = ("_buffer", "_mark", "_pool", "_queue", "_queued", "area", "at")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._buffer: Buffer | None = None
        self.area = _NOTHING
        self.at = 0
        self._mark = 0  # area[_mark:at] is not in the queue yet
        self._queue: deque[tuple[memoryview, Owner]] = deque()
        self._queued = 0

    @property
    def pending(self) -> int:
        """Bytes not yet sent."""
        return self._queued + self.at - self._mark

    @property
    def full(self) -> bool:
        """The client has not read enough of what it was sent."""
        return self.pending >= MOST_PENDING

    def room(self, length: int) -> None:
        """Make sure that `length` bytes (at most AREA) can be written at `at`."""
        if self.at + length > len(self.area):
            self._let_go()
            self._buffer = self._pool.empty(AREA)
            self.area = self._buffer.view

    def append(self, data: bytes | memoryview) -> None:
        """Copy something small."""
        at = self.at
        end = at + len(data)
        if end > len(self.area):
            self.room(len(data))
            at, end = self.at, self.at + len(data)
        self.area[at:end] = data
        self.at = end

    def give(self, view: memoryview, owner: Owner) -> None:
        """Queue bytes without a copy; the owner is dropped once they are sent, or will never be."""
        self._close_packed()
        self._queue.append((view, owner))
        self._queued += len(view)

    def pieces(self) -> list[memoryview]:
        """What to send next, in order."""
        found = [view for view, _ in list(self._queue)[:_MOST_PIECES]] if self._queue else []
        if self.at > self._mark and len(found) < _MOST_PIECES:
            found.append(self.area[self._mark : self.at])
        return found

    def sent(self, count: int) -> None:
        """The first `count` bytes of `pieces` are gone."""
        while self._queue and count:
            view, owner = self._queue[0]
            if count < len(view):
                self._queue[0] = view[count:], owner
                self._queued -= count
                return
            self._queue.popleft()
            self._queued -= len(view)
            count -= len(view)
            owner.drop()
        self._mark += count
        if not self._queue and self._mark == self.at:
            if self.at > _KEEP:
                self._let_go()
            else:
                self.at = self._mark = 0

    def close(self) -> None:
        """Nothing more will be sent."""
        self._mark = self.at
        self._let_go()
        while self._queue:
            self._queue.popleft()[1].drop()
        self._queued = 0

    def _close_packed(self) -> None:
        """What was packed so far becomes a piece of its own."""
        if self._buffer and self.at > self._mark:
            self._buffer.hold()
            self._queue.append((self.area[self._mark : self.at], self._buffer))
            self._queued += self.at - self._mark
            self._mark = self.at

    def _let_go(self) -> None:
        """Leave the area to its unsent pieces, if there are any."""
        self._close_packed()
        if self._buffer:
            self._buffer.drop()
            self._buffer = None
        self.area = _NOTHING
        self.at = self._mark = 0
