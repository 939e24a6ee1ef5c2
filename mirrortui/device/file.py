"""Image files, and what block devices share with them."""

from __future__ import annotations

import contextlib
import functools
import mmap
import os
from collections.abc import Callable
from errno import EINVAL, ENXIO

from mirrortui.device import kernel
from mirrortui.device.base import Device, Extent, Loss, Op, Waiter
from mirrortui.device.bounded import Inquirer, Watch
from mirrortui.device.buffers import Buffer
from mirrortui.device.ioengine import IoEngine
from mirrortui.device.pastcache import PastCache
from mirrortui.device.zeroing import Zeroing
from mirrortui.units import SECTOR, format_size

_PUNCH_PROBE = 4096


class FileDevice:
    """A raw image file on an I/O engine; see device.base.Device. Its size is as of when it was measured last."""

    def __init__(
        self,
        path: str,
        fd: int,
        engine: IoEngine,
        *,
        direct: bool = False,
        readonly: bool = False,
        timeout: float = 30.0,
    ) -> None:
        """Takes `fd`, claimed and opened with O_DIRECT where `direct` says so. `timeout`: seconds for one operation.
        Raises OSError; the descriptor is then still the caller's.
        """
        self.path = path
        self.fd = fd
        self.timeout = timeout
        self.zombies = 0
        self.failed_late = False
        self.size = self._measure()
        self.atom = self._sector()
        self.block_size = 1
        if direct:
            self.block_size = self.atom = max(self.atom, _direct_block(fd, self.atom))
        self.can_punch = not readonly and self._can_punch()
        self.pread: Callable[[memoryview, int], int] | None = None
        self.pwrite: Callable[[memoryview, int], int] | None = None
        self._watch: Watch[Loss | None] = Watch()
        self._linked = os.fstat(fd).st_nlink > 0
        """There are file systems that do not tell."""
        self._local = local = kernel.is_local(fd)
        """No other process or machine is asked for what an open file is like."""
        self._inquirer = None if kernel.is_memory(fd) else Inquirer()
        """Asks what may hang: a disk, another process or another machine answers."""
        self._filled = range(0)
        """Data when the file system was last asked. It may be a hole since, where nothing is lost if nobody knows."""
        if local and not direct:
            self.pread = _inline_read(fd)
            self.pwrite = None if readonly else functools.partial(os.pwrite, fd)
        self.unsupported: set[Op] = set()
        """Ways to zero that the device turned out not to have."""
        self._engine = engine
        self._closed = False
        self._direct = direct
        self._past_cache: PastCache | None = None

    def submit(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        """See Device. Raises ValueError for what is not aligned or not inside the device, or comes after `close`: a
        bug, and never I/O.
        """
        if self._closed:
            raise ValueError(f"{op.name} on {self.path} after it was closed")
        if (offset | length) & self.block_size - 1 or offset < 0 or length < 0 or offset + length > self.size:
            raise ValueError(
                f"{op.name} of {length} bytes at {offset}: not inside the {self.size} bytes of {self.path}, "
                f"or not in blocks of {self.block_size}"
            )
        if op >= Op.ZERO:
            self._filled = range(0)
            Zeroing(self, op, offset, length, fua, waiter, index).begin()
        else:
            self._engine.submit(self, op, offset, buffer, length, fua, waiter, index)

    def start(
        self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        """Hand an operation to the engine as it is."""
        self._engine.submit(self, op, offset, buffer, length, fua, waiter, index)

    def ways_to_zero(self, op: Op, offset: int, length: int) -> tuple[Op, ...]:
        """The calls that may zero the range, the best first. Where none works zeroes are written."""
        return (op,)

    def extents(self, offset: int, length: int) -> list[Extent]:
        """See Device. What was cut off the file since it was opened counts as data: to read it is an error. So does
        everything while the file system does not answer.
        """
        if length and offset in self._filled and offset + length <= self._filled.stop:
            return [Extent(offset, length, hole=False)]  # asking takes a fifth of a millisecond
        if self._inquirer is None:
            return self._extents(offset, length)
        unknown = [Extent(offset, length, hole=False)] if length else []
        return self._inquirer.ask(lambda: self._extents(offset, length), unknown)

    def _extents(self, offset: int, length: int) -> list[Extent]:
        try:
            return self._seek_extents(offset, length)
        except OSError:  # it is gone, or its server: whoever reads there is told
            return [Extent(offset, length, hole=False)] if length else []

    def _seek_extents(self, offset: int, length: int) -> list[Extent]:
        end = min(offset + length, os.fstat(self.fd).st_size)
        found: list[Extent] = []
        at = offset
        while at < end:
            data = min(seek(self.fd, at, os.SEEK_DATA, end), end)
            if data > at:
                found.append(Extent(at, data - at, hole=True))
            at = data
            if at < end:
                hole = seek(self.fd, at, os.SEEK_HOLE, end)
                self._filled = range(at, hole)
                hole = min(hole, end)
                found.append(Extent(at, hole - at, hole=False))
                at = hole
        if at < offset + length:
            found.append(Extent(at, offset + length - at, hole=False))
        return found

    def remeasure(self) -> None:
        """See Device."""
        if not self._closed:
            with contextlib.suppress(OSError):
                self.size = max(self.size, self._measure())
            if self._past_cache:
                self._past_cache.size = self.size

    def lost(self) -> Loss | None:
        """See Device. Who cuts a file makes zeroes of its end as soon as something is written behind that."""
        if self._closed:
            return None
        if self._local:
            return self._find_loss()
        return self._watch.ask(self._find_loss, None)

    def _find_loss(self) -> Loss | None:
        found = os.fstat(self.fd)
        if found.st_size < self.size:
            return Loss(f"its file was cut to {format_size(found.st_size)}", already=True)
        return None if found.st_nlink or not self._linked else Loss("its file was deleted", already=False)

    def past_cache(self, offset: int, length: int) -> Device:
        """What writes the range to the medium itself, as far as there is a way: else this device."""
        if self._direct or self._closed:
            return self
        if self._past_cache is None:
            try:
                self._past_cache = self._go_past_cache()
            except OSError:
                self._direct = True  # there is no other way
            if self._past_cache is None:
                return self
        return self._past_cache if self._past_cache.takes(offset, length) else self

    def _go_past_cache(self) -> PastCache | None:
        """None: the file system does not answer now."""
        if self._inquirer is None:
            return PastCache(self, self._engine)

        def drop(late: PastCache | None) -> None:
            if late:
                os.close(late.fd)

        return self._inquirer.ask(lambda: PastCache(self, self._engine), None, drop)

    def close(self) -> None:
        """See Device. The claim ends when the last operation in flight has ended."""
        if not self._closed:
            self._closed = True
            self.pread = self.pwrite = None
            if self._past_cache:
                self._past_cache.close()
            self._engine.release(self)

    def _measure(self) -> int:
        """Bytes, whole sectors."""
        return os.fstat(self.fd).st_size // SECTOR * SECTOR

    def _sector(self) -> int:
        return SECTOR

    def _can_punch(self) -> bool:
        """Punching behind the end says whether it works and changes nothing."""
        behind = (self.size // _PUNCH_PROBE + 1) * _PUNCH_PROBE
        return kernel.fallocate(self.fd, kernel.FALLOCATE_MODE[Op.ZERO], behind, _PUNCH_PROBE) == 0


def seek(fd: int, at: int, whence: int, end: int) -> int:
    """Where data or a hole begins; `end` where there is none. A file system that cannot tell says data everywhere."""
    try:
        return os.lseek(fd, at, whence)
    except OSError as error:
        return end if error.errno == ENXIO or whence == os.SEEK_HOLE else at


def _direct_block(fd: int, sector: int) -> int:
    """What O_DIRECT wants offsets and lengths to be multiples of. Raises OSError where nothing works."""
    told = kernel.direct_alignment(fd)
    if told is not None:
        if told:
            return told
        raise OSError(EINVAL, "no O_DIRECT on this file system")
    page = memoryview(mmap.mmap(-1, mmap.PAGESIZE))
    for size in (sector, 4096):
        try:
            os.preadv(fd, [page[:size]], 0)
        except OSError:
            continue
        return size
    raise OSError(EINVAL, "no O_DIRECT on this file system")


def _inline_read(fd: int) -> Callable[[memoryview, int], int] | None:
    """Reads from the page cache that never wait for a disk; None where the file system does not offer it."""
    preadv = os.preadv
    if kernel.is_memory(fd):
        return lambda view, offset: preadv(fd, (view,), offset)
    nowait = os.RWF_NOWAIT
    try:
        preadv(fd, (bytearray(1),), 0, nowait)
    except BlockingIOError:
        pass
    except OSError:
        return None

    def pread(view: memoryview, offset: int) -> int:
        try:
            return preadv(fd, (view,), offset, nowait)
        except BlockingIOError:
            return -1

    return pread
