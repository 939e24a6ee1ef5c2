"""What filters have in common: everything they do not care for goes to the device behind them."""

from __future__ import annotations

from collections.abc import Callable

from mirrortui.device.base import Device, Extent, Loss, Op, Waiter
from mirrortui.device.buffers import Buffer

CallLater = Callable[[float, Callable[[], None]], None]
"""The loop's: call once, so many seconds later, between turns; 0 is the next turn."""


class Filter:
    """A device before a device; see device.base.Device. With `sees_all` nothing passes inline, and so unseen."""

    def __init__(self, inner: Device, *, sees_all: bool) -> None:
        self.inner = inner
        self.path = inner.path
        self.size = inner.size
        self.block_size = inner.block_size
        self.atom = inner.atom
        self.can_punch = inner.can_punch
        self.pwrite: Callable[[memoryview, int], int] | None = None if sees_all else inner.pwrite
        self.pread: Callable[[memoryview, int], int] | None = None if sees_all else inner.pread

    @property
    def zombies(self) -> int:
        """One count for the whole stack, kept by the device at its bottom."""
        return self.inner.zombies

    @zombies.setter
    def zombies(self, count: int) -> None:
        self.inner.zombies = count

    @property
    def failed_late(self) -> bool:
        """As the count."""
        return self.inner.failed_late

    @failed_late.setter
    def failed_late(self, failed: bool) -> None:
        self.inner.failed_late = failed

    def submit(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        """See Device."""
        self.inner.submit(op, offset, buffer, length, fua, waiter, index)

    def extents(self, offset: int, length: int) -> list[Extent]:
        """See Device."""
        return self.inner.extents(offset, length)

    def remeasure(self) -> None:
        """See Device."""
        self.inner.remeasure()
        self.size = self.inner.size

    def lost(self) -> Loss | None:
        """See Device."""
        return self.inner.lost()

    def past_cache(self, offset: int, length: int) -> Device:
        """See Device: nothing is cached here."""
        return self

    def close(self) -> None:
        """See Device."""
        self.pread = self.pwrite = None
        self.inner.close()
