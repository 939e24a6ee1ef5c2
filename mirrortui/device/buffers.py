"""Aligned buffers, pooled: a payload belongs to the engine from receipt to the last member's completion (I7).

Large ones lie in huge pages, many in one. What is contiguous in memory is one piece of a direct transfer, instead of
one for each page; virtual disks in particular lose up to half their speed to many pieces.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from ctypes import addressof, c_char

_SMALLEST = 4096
_HUGE = 2 << 20
"""Bytes of a huge page."""
_LEAST_IN_HUGE = 64 << 10
"""Bytes of the smallest buffers that are worth one."""
_WIPE_ON_FORK = 18
"""MADV_WIPEONFORK of include/uapi/asm-generic/mman-common.h, which Python has no name for."""
_KEEP = 64 << 20
"""Bytes of idle buffers a pool keeps; the rest goes back to the system."""


class Slab:
    """Memory for one buffer, or for several that fill a huge page. It goes back to the system with the last of them."""

    __slots__ = ("addr", "count", "idle", "view")

    def __init__(self, size: int) -> None:
        """`size`: bytes of a buffer, a power of two."""
        huge = size >= _LEAST_IN_HUGE
        length = max(size, _HUGE) if huge else size
        memory = _huge_pages(length + _HUGE - mmap.PAGESIZE) if huge else mmap.mmap(-1, length)
        begin = addressof(c_char.from_buffer(memory))
        start = -begin % _HUGE if huge else 0
        self.view = memoryview(memory)[start : start + length]
        self.addr = begin + start
        self.count = length // size
        """Buffers that there are in it."""
        self.idle = 0
        """Those of them that nobody has."""


def _huge_pages(length: int) -> mmap.mmap:
    """Only private memory has them. A fork must not copy it, or what a direct read brings may end in the copy: open(2),
    on O_DIRECT. Where the kernel will not have that, it is shared memory, in pages as they come.
    """
    with contextlib.suppress(OSError):
        found = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        found.madvise(_WIPE_ON_FORK)
        found.madvise(mmap.MADV_HUGEPAGE)
        return found
    return mmap.mmap(-1, length)


class Buffer:
    """`size` bytes at a page boundary, held by its taker and, after a timeout, by the device until the real end."""

    __slots__ = ("_pool", "addr", "refs", "size", "slab", "view")

    def __init__(self, slab: Slab, start: int, size: int, pool: Pool) -> None:
        self._pool = pool
        self.slab = slab
        self.view = slab.view[start : start + size]
        self.addr = slab.addr + start
        self.size = size
        self.refs = 0

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
        free = self._free.get(real) or self._more(real)
        buffer = free.pop()
        self._idle -= real
        buffer.slab.idle -= 1
        buffer.refs = 1
        return buffer

    def take(self, data: bytes | bytearray | memoryview) -> Buffer:
        """A buffer that starts with a copy of `data`."""
        buffer = self.empty(len(data))
        buffer.view[: len(data)] = data
        return buffer

    def put(self, buffer: Buffer) -> None:
        """Called by Buffer.drop()."""
        if self.poison:
            buffer.view[:] = b"\xdb" * buffer.size
        slab = buffer.slab
        self._free[buffer.size].append(buffer)
        self._idle += buffer.size
        slab.idle += 1
        if self._idle > _KEEP and slab.idle == slab.count:
            self._give_back(buffer)

    def _more(self, size: int) -> list[Buffer]:
        slab = Slab(size)
        free = self._free.setdefault(size, [])
        free += (Buffer(slab, number * size, size, self) for number in range(slab.count))
        slab.idle = slab.count
        self._idle += slab.count * size
        return free

    def _give_back(self, last: Buffer) -> None:
        """The slab of which this is the last that came back."""
        slab, free = last.slab, self._free[last.size]
        self._idle -= slab.count * last.size
        if slab.count == 1:
            free.pop()  # there may be thousands of small ones
        else:
            free[:] = [buffer for buffer in free if buffer.slab is not slab]
