"""What a member's bytes live on, as the mirror sees it: one interface for files, block devices, memory and filters.

Two doors. *Inline* (`pwrite`, `pread`): a plain call that takes effect before it returns, offered only where that is
faster than asking and cannot stop the loop for long (the page cache). *Submitted*: everything else.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mirrortui.device.buffers import Buffer


class Op(enum.IntEnum):
    """Kinds of submitted operations."""

    READ = 0
    WRITE = 1
    FLUSH = 2
    """Everything completed before this was submitted is durable when it completes."""
    ZERO = 3
    """The range reads back as zeroes; space is given back where the device can."""
    ZERO_KEEP = 4
    """The range reads back as zeroes and stays allocated (NBD_CMD_FLAG_NO_HOLE)."""


class Waiter(Protocol):
    """Whoever waits for submitted operations."""

    def complete(self, index: int, result: int) -> None:
        """Operation `index` ended: bytes done (0 for flush and zero), or a negative errno."""
        ...


@dataclass(frozen=True, slots=True)
class Extent:
    """A run of bytes that is data or a hole."""

    offset: int
    length: int
    hole: bool


@dataclass(frozen=True, slots=True)
class Loss:
    """What became of a device's bytes."""

    why: str
    """Such as "its file was deleted"."""
    already: bool
    """Some are gone: what is read there is not what was written. Else they go when the device is closed."""


class Device(Protocol):
    """One member's storage. Single-threaded: every call comes from the loop that owns it."""

    path: str
    size: int
    """Bytes."""
    block_size: int
    """Bytes: offsets, lengths and buffers of submitted operations must be multiples of it (1 for the page cache)."""
    atom: int
    """Bytes that the medium writes whole, and the unit for metadata: the logical sector size, 512 or 4096."""
    can_punch: bool
    """ZERO is cheap and gives space back; TRIM is honoured only where every member can."""
    zombies: int
    """Operations that were reported as timed out and may still land."""
    failed_late: bool
    """A flush or a durable write that was reported as timed out failed in the end, with all that it was to save."""
    pwrite: Callable[[memoryview, int], int] | None
    """Write at a byte offset now; bytes written or OSError. None: submit instead."""
    pread: Callable[[memoryview, int], int] | None
    """Read at a byte offset now, from the page cache only; -1 when that would wait. None: submit instead."""

    def submit(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        """Start an operation. Never completes inside the call; always completes within the device's bound (I16), with
        -ETIMEDOUT at worst, and the device then holds the buffer until the real completion. With `fua` a WRITE or ZERO
        is durable when it completes.
        """
        ...

    def extents(self, offset: int, length: int) -> list[Extent]:
        """Data and holes that cover the range exactly, in order. One data extent where the device cannot tell."""
        ...

    def remeasure(self) -> None:
        """Take notice if it has grown since it was opened; less than `size` it never becomes."""
        ...

    def lost(self) -> Loss | None:
        """Somebody took the bytes away beneath it. Waits for nothing: it may say so one call late."""
        ...

    def past_cache(self, offset: int, length: int) -> Device:
        """The same bytes, to READ and WRITE the range without a page cache between; itself where there is none, or no
        such way.
        """
        ...

    def close(self) -> None:
        """Give the device and its claim back. Idempotent."""
        ...
