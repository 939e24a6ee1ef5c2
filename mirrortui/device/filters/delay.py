"""A slow member: every operation takes a fixed time longer."""

from __future__ import annotations

from mirrortui.device.base import Device, Op, Waiter
from mirrortui.device.buffers import Buffer
from mirrortui.device.filters.passing import CallLater, Filter


class DelayFilter(Filter):
    """Holds every answer back for `seconds`; operations overlap as they do on the device itself."""

    def __init__(self, inner: Device, seconds: float, call_later: CallLater) -> None:
        super().__init__(inner, sees_all=True)
        self.seconds = seconds
        self._call_later = call_later

    def submit(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        """See Device."""
        self.inner.submit(op, offset, buffer, length, fua, _Late(self, waiter), index)

    def hold(self, waiter: Waiter, index: int, result: int) -> None:
        """An answer of the device."""
        self._call_later(self.seconds, lambda: waiter.complete(index, result))


class _Late:
    __slots__ = ("_filter", "_waiter")

    def __init__(self, to: DelayFilter, waiter: Waiter) -> None:
        self._filter = to
        self._waiter = waiter

    def complete(self, index: int, result: int) -> None:
        self._filter.hold(self._waiter, index, result)
