"""A file or block device without the page cache between: what the medium says is heard at once.

A write that fails behind the page cache is only heard of at the next flush, where nobody can tell whose it was, and a
read is answered by the cache. Where a member's bad ranges are put right, or copies compared, neither will do; and what
clients have in the cache stays there.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from typing import Protocol

from mirrortui.device import kernel
from mirrortui.device.base import Device, Extent, Loss, Op, Waiter
from mirrortui.device.buffers import Buffer
from mirrortui.device.ioengine import IoEngine

_BLOCK = 4096
"""Bytes that O_DIRECT is content with everywhere, where the kernel does not tell what it wants."""


class Owner(Protocol):
    """The device whose bytes they are."""

    path: str
    size: int
    atom: int
    fd: int
    timeout: float
    zombies: int
    failed_late: bool


class _Late:
    """The channel of the writes: one that times out counts as the owner's, because it may land on a newer one."""

    def __init__(self, owner: Owner, fd: int) -> None:
        self.fd = fd
        self.timeout = owner.timeout
        self._owner = owner

    @property
    def zombies(self) -> int:
        return self._owner.zombies

    @zombies.setter
    def zombies(self, count: int) -> None:
        self._owner.zombies = count

    @property
    def failed_late(self) -> bool:
        return self._owner.failed_late

    @failed_late.setter
    def failed_late(self, failed: bool) -> None:
        self._owner.failed_late = failed


class PastCache:
    """READ and WRITE beside the page cache (a Device otherwise). Its own `zombies` are reads: they do no harm."""

    can_punch = False

    def __init__(self, owner: Owner, engine: IoEngine) -> None:
        """Raises OSError where there is no way past the cache."""
        block = kernel.direct_alignment(owner.fd)
        if block == 0:
            raise OSError("no O_DIRECT on this file system")
        self.block_size = max(owner.atom, block or _BLOCK)
        access = fcntl.fcntl(owner.fd, fcntl.F_GETFL) & os.O_ACCMODE
        self.fd = os.open(f"/proc/self/fd/{owner.fd}", access | os.O_DIRECT | os.O_CLOEXEC)
        self.path = owner.path
        self.size = owner.size
        self.atom = owner.atom
        self.timeout = owner.timeout
        self.zombies = 0
        self.failed_late = False
        self.pread: Callable[[memoryview, int], int] | None = None
        self.pwrite: Callable[[memoryview, int], int] | None = None
        self._owner = owner
        self._engine = engine
        self._writes: _Late | None = None

    def takes(self, offset: int, length: int) -> bool:
        """The range is in whole blocks."""
        return not (offset | length) % self.block_size

    def submit(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        """See Device; READ and WRITE only. Raises ValueError for what is not, or not in whole blocks."""
        if op not in (Op.READ, Op.WRITE) or not self.takes(offset, length) or offset + length > self.size:
            raise ValueError(f"{op.name} of {length} bytes at {offset} beside the page cache of {self.path}")
        if op is Op.WRITE and self._writes is None:
            self._writes = _Late(self._owner, os.dup(self.fd))
        channel = self._writes if op is Op.WRITE and self._writes else self
        self._engine.submit(channel, op, offset, buffer, length, fua, waiter, index)

    def extents(self, offset: int, length: int) -> list[Extent]:
        """All data: the owner knows better."""
        return [Extent(offset, length, hole=False)]

    def remeasure(self) -> None:
        """The owner does."""

    def lost(self) -> Loss | None:
        """The owner knows."""
        return None

    def past_cache(self, offset: int, length: int) -> Device:
        """It is that already."""
        return self

    def close(self) -> None:
        """Called by the owner, once."""
        self._engine.release(self)
        if self._writes:
            self._engine.release(self._writes)
