"""A test double for the mirror: every write to all of its files, every read from the first, no invariant kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mirrortui.device.base import Extent, Op
from mirrortui.device.buffers import Buffer, Pool
from mirrortui.device.ioengine import IoEngine

Done = Callable[[int], None]
ReadDone = Callable[[int, Buffer], None]


class _File:
    """An open file as the engine's channel."""

    def __init__(self, path: Path, direct: bool) -> None:
        self.fd = os.open(path, os.O_RDWR | (os.O_DIRECT if direct else 0))
        self.timeout = 30.0
        self.zombies = 0
        self.failed_late = False


class _All:
    """Waits for one operation on every file."""

    def __init__(self, count: int, expected: int, done: Done) -> None:
        self._left = count
        self._expected = expected
        self._done = done
        self._error = 0

    def complete(self, index: int, result: int) -> None:
        if result != self._expected:
            self._error = -result
        self._left -= 1
        if not self._left:
            self._done(self._error)


class StandIn:
    """An NBD target over files of the same size."""

    readonly = False
    can_punch = True

    def __init__(self, engine: IoEngine, paths: list[Path], *, direct: bool = False) -> None:
        self.pool = Pool()
        self.size = paths[0].stat().st_size
        self.block_size = 512 if direct else 1
        self._engine = engine
        self._files = [_File(path, direct) for path in paths]
        self._fds = [file.fd for file in self._files]
        self._inline = not direct

    def try_write(self, offset: int, data: memoryview) -> bool:
        if not self._inline:
            return False
        for fd in self._fds:
            if os.pwrite(fd, data, offset) != len(data):
                raise OSError("short write")
        return True

    def try_read(self, offset: int, into: memoryview) -> bool:
        return self._inline and os.preadv(self._fds[0], (into,), offset) == len(into)

    def start_write(self, offset: int, buffer: Buffer, length: int, fua: bool, done: Done) -> None:
        self._submit(Op.WRITE, offset, buffer, length, fua, done)

    def start_read(self, offset: int, buffer: Buffer, length: int, done: ReadDone) -> None:
        waiter = _All(1, length, lambda error: done(error, buffer))
        self._engine.submit(self._files[0], Op.READ, offset, buffer, length, False, waiter, 0)

    def start_zero(self, offset: int, length: int, fua: bool, keep: bool, done: Done) -> None:
        self._submit(Op.ZERO_KEEP if keep else Op.ZERO, offset, None, length, fua, done)

    def start_trim(self, offset: int, length: int, fua: bool, done: Done) -> None:
        self._submit(Op.ZERO, offset, None, length, fua, done)

    def start_flush(self, done: Done) -> None:
        self._submit(Op.FLUSH, 0, None, 0, False, done)

    def extents(self, offset: int, length: int) -> list[Extent]:
        fd, found, end = self._fds[0], [], offset + length
        while offset < end:
            try:
                data = min(os.lseek(fd, offset, os.SEEK_DATA), end)
            except OSError:  # a hole up to the end
                data = end
            if data > offset:
                found.append(Extent(offset, data - offset, True))
            offset = data
            if offset < end:
                hole = min(os.lseek(fd, offset, os.SEEK_HOLE), end)
                found.append(Extent(offset, hole - offset, False))
                offset = hole
        return found

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)

    def _submit(self, op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, done: Done) -> None:
        waiter = _All(len(self._files), length if op is Op.WRITE else 0, done)
        for file in self._files:
            self._engine.submit(file, op, offset, buffer, length, fua, waiter, 0)
