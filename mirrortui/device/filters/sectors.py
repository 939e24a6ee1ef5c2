"""Sectors that cannot be read until they are written again, as on a disk that gets old."""

from __future__ import annotations

from errno import EIO

from mirrortui.device.base import Device, Op, Waiter
from mirrortui.device.buffers import Buffer
from mirrortui.device.filters.passing import CallLater, Filter


class BadSectorFilter(Filter):
    """A READ that touches one of `places` is an EIO; a WRITE or ZERO that covers one heals it."""

    def __init__(self, inner: Device, call_later: CallLater) -> None:
        super().__init__(inner, sees_all=True)
        self.places: set[tuple[int, int]] = set()
        """First byte of each, and the one behind it."""
        self._call_later = call_later

    def submit(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        """See Device."""
        end = offset + length
        if op is Op.READ and any(lo < end and offset < hi for lo, hi in self.places):
            self._call_later(0, lambda: waiter.complete(index, -EIO))
            return
        if op in (Op.WRITE, Op.ZERO, Op.ZERO_KEEP):
            self.places = {(lo, hi) for lo, hi in self.places if not (offset <= lo and hi <= end)}
        self.inner.submit(op, offset, buffer, length, fua, waiter, index)
