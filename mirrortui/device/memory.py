"""A device in memory: for tests, demonstrations, and to see what the code costs without a disk."""

from __future__ import annotations

from collections.abc import Callable

from mirrortui.device.base import Device, Extent, Loss, Op, Waiter
from mirrortui.device.buffers import Buffer
from mirrortui.units import SECTOR

_PIECE = 4096
"""Bytes: the grain in which data and holes are told apart."""


class MemoryDevice:
    """See device.base.Device. Takes effect at once; submitted operations are answered in the loop's next turn."""

    def __init__(self, path: str, size: int, post: Callable[[Callable[[], None]], None]) -> None:
        """`size`: bytes. `post`: has the loop call something in its next turn."""
        self.path = path
        self.size = size
        self.block_size = 1
        self.atom = SECTOR
        self.can_punch = True
        self.zombies = 0
        self.failed_late = False
        self.content = bytearray(size)
        self.pwrite: Callable[[memoryview, int], int] | None = self._write
        self.pread: Callable[[memoryview, int], int] | None = self._read
        self._post = post

    def submit(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        """See Device. Raises ValueError for what is not inside the device."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise ValueError(
                f"{op.name} of {length} bytes at {offset}: not inside the {self.size} of {self.path}"
            )
        result = 0
        if buffer is not None:
            result = (self._read if op is Op.READ else self._write)(buffer.view[:length], offset)
        elif op is not Op.FLUSH:
            self.content[offset : offset + length] = bytes(length)
        self._post(lambda: waiter.complete(index, result))

    def extents(self, offset: int, length: int) -> list[Extent]:
        """See Device. Zeroes count as a hole."""
        found: list[Extent] = []
        at, end = offset, offset + length
        while at < end:
            size = min(_PIECE - at % _PIECE, end - at)
            hole = self.content.count(0, at, at + size) == size
            if found and found[-1].hole == hole:
                found[-1] = Extent(found[-1].offset, found[-1].length + size, hole)
            else:
                found.append(Extent(at, size, hole))
            at += size
        return found

    def remeasure(self) -> None:
        """See Device: it never grows."""

    def lost(self) -> Loss | None:
        """See Device: never."""
        return None

    def past_cache(self, offset: int, length: int) -> Device:
        """See Device: nothing is cached here."""
        return self

    def close(self) -> None:
        """See Device. The content stays."""
        self.pread = self.pwrite = None

    def _write(self, view: memoryview, offset: int) -> int:
        length = min(len(view), self.size - offset)
        self.content[offset : offset + length] = view[:length]
        return length

    def _read(self, view: memoryview, offset: int) -> int:
        length = min(len(view), self.size - offset)
        view[:length] = memoryview(self.content)[offset : offset + length]
        return length
