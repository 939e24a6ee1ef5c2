"""Power that goes at a chosen operation."""

from __future__ import annotations

from mirrortui.device.base import Device, Op, Waiter
from mirrortui.device.buffers import Buffer
from mirrortui.device.filters.passing import Filter


class PowerCut(BaseException):
    """The power is gone. Not an Exception: nothing that handles errors may go on after it."""


class CrashFilter(Filter):
    """Lets a number of operations through and raises PowerCut at the next and at any after it. What is in flight then
    may still land, and is never answered.
    """

    def __init__(self, inner: Device, after: int) -> None:
        super().__init__(inner, sees_all=True)
        self.left = after
        """Operations until the power goes."""
        self.off = False

    def submit(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        """See Device. Raises PowerCut."""
        if not self.left:
            self.off = True
        if self.off:
            raise PowerCut(f"{self.path}: at {op.name} of {length} bytes at {offset}")
        self.left -= 1
        self.inner.submit(op, offset, buffer, length, fua, _WhilePowered(self, waiter), index)


class _WhilePowered:
    __slots__ = ("_filter", "_waiter")

    def __init__(self, by: CrashFilter, waiter: Waiter) -> None:
        self._filter = by
        self._waiter = waiter

    def complete(self, index: int, result: int) -> None:
        if not self._filter.off:
            self._waiter.complete(index, result)
