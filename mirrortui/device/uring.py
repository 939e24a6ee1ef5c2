"""io_uring by hand: three system calls, two mapped rings.

Python has no memory barriers. None are needed: without SQPOLL the kernel reads the submission ring only inside our own
io_uring_enter, and with SINGLE_ISSUER | DEFER_TASKRUN (Linux 6.1) it also posts completions only there. Older kernels
post at any time; x86 keeps the stores in order, so they are served there, and other machines get the thread pool.

Under DEFER_TASKRUN the ring's own descriptor does not wake an epoll reliably (seen on 6.18), hence the eventfd.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import struct
from collections import deque
from contextlib import suppress
from errno import EAGAIN, EBUSY, EINTR, EINVAL, ENOSYS

from mirrortui.device.base import Op
from mirrortui.device.buffers import Buffer
from mirrortui.device.ioengine import IoEngine, Request
from mirrortui.device.kernel import (
    FALLOCATE_MODE,
    NR_IO_URING_ENTER,
    NR_IO_URING_REGISTER,
    NR_IO_URING_SETUP,
    syscall,
)

_SETUP_SUBMIT_ALL = 1 << 7
_SETUP_TASKRUN_FLAG = 1 << 9
_SETUP_SINGLE_ISSUER = 1 << 12
_SETUP_DEFER_TASKRUN = 1 << 13
_SETUP_BEST = _SETUP_SUBMIT_ALL | _SETUP_TASKRUN_FLAG | _SETUP_SINGLE_ISSUER | _SETUP_DEFER_TASKRUN

_FEATURES = 1 << 0 | 1 << 1 | 1 << 3
"""SINGLE_MMAP; NODROP: completions beyond the ring's size are kept; RW_CUR_POS: stands for Linux 5.6, READ, WRITE and
FALLOCATE."""

_OFFSET_RINGS = 0
_OFFSET_ENTRIES = 0x10000000
_ENTER_GETEVENTS = 1
_REGISTER_EVENTFD, _REGISTER_IOWQ_MAX_WORKERS = 4, 19

_SQ_CQ_OVERFLOW = 1 << 1
_SQ_TASKRUN = 1 << 2

_OP_FSYNC, _OP_FALLOCATE, _OP_READ, _OP_WRITE = 3, 17, 22, 23
_FSYNC_DATASYNC = 1

_ENTRY = struct.Struct("<BBHiQQIIQ")
"""opcode, flags, ioprio, fd, off, addr, len, op_flags, user_data: the first 40 of an entry's 64 bytes; we leave the
rest zero."""
_COMPLETION = struct.Struct("<Qi4x")
_PARAMS = struct.Struct("<30I")

_WORKERS = 512
"""Kernel threads for what cannot go on without blocking. The default is four a processor: the operations of one hung
member would then take them all, and the fsyncs of its healthy neighbours would wait behind them."""

_QUIET_TURNS = 64
"""Fruitless looks at the ring before the bell is tried again; an idle look costs no system call."""


class UringEngine(IoEngine):
    """Operations through one io_uring, used by the thread that made it. Raises OSError where there is none to have."""

    name = "io_uring"

    def __init__(self, entries: int = 1024) -> None:
        """`entries`: operations that one system call hands over, a power of two. Any number may be in flight."""
        super().__init__()
        self._ring, params = _setup(entries)
        self._entries, self._cq_entries = params[0], params[1]
        _, sq_tail, _, _, sq_flags, _, array, _ = params[10:18]
        cq_head, cq_tail, _, _, _, completions, _, _ = params[20:28]
        end = completions + self._cq_entries * _COMPLETION.size
        self._rings = mmap.mmap(self._ring, max(array + self._entries * 4, end), offset=_OFFSET_RINGS)
        self._sqes = mmap.mmap(self._ring, self._entries * 64, offset=_OFFSET_ENTRIES)
        self._words = memoryview(self._rings)[: array + self._entries * 4].cast("I")
        self._sq_tail, self._sq_flags = sq_tail // 4, sq_flags // 4
        self._cq_head, self._cq_tail = cq_head // 4, cq_tail // 4
        self._cqes = memoryview(self._rings)[completions:end]
        for slot in range(self._entries):
            self._words[array // 4 + slot] = slot
        self._tail = 0
        self._queued = 0
        self._waiting: deque[Request] = deque()
        self._quiet_turns = 0
        self._closed = False
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        failed = self._register(_REGISTER_EVENTFD, ctypes.byref(ctypes.c_int(self.fd)), 1)
        if failed:
            self.close()
            raise OSError(-failed, "io_uring_register")
        self._register(_REGISTER_IOWQ_MAX_WORKERS, (ctypes.c_uint * 2)(_WORKERS, 0), 2)

    def _register(self, what: int, argument: object, count: int) -> int:
        return syscall(NR_IO_URING_REGISTER, self._ring, what, argument, count)

    def _start(self, request: Request) -> None:
        if self._queued == self._entries:
            self.flush()
            if self._queued == self._entries:
                self._waiting.append(request)
                return
        op = request.op
        buffer = request.buffer
        address, length, flags = 0, request.length, 0
        if buffer is not None:
            address = buffer.addr + request.total - length
            if op is Op.READ:
                code = _OP_READ
            else:
                code, flags = _OP_WRITE, os.RWF_DSYNC if request.fua else 0
        elif op is Op.FLUSH:
            code, flags = _OP_FSYNC, _FSYNC_DATASYNC
        else:
            code, address, length = _OP_FALLOCATE, length, FALLOCATE_MODE[op]
        tail = self._tail
        _ENTRY.pack_into(
            self._sqes,
            (tail & self._entries - 1) << 6,
            code, 0, 0, request.channel.fd, request.offset, address, length, flags, request.key,
        )  # fmt: skip
        self._tail = tail + 1 & 0xFFFFFFFF
        self._queued += 1

    def _withdraw(self, request: Request) -> bool:
        if request not in self._waiting:
            return False
        self._waiting.remove(request)
        return True

    def flush(self) -> None:
        """See IoEngine. What the kernel has no room for now stays queued for the next call."""
        while self._queued:
            self._words[self._sq_tail] = self._tail
            taken = self._enter(self._queued)
            if not taken:
                return
            self._queued -= taken
            while self._waiting and self._queued < self._entries:
                self._start(self._waiting.popleft())

    def _enter(self, count: int) -> int:
        """Hand `count` entries over, and let the kernel post completions. How many it took."""
        self._quiet_turns = 0
        while True:
            taken = syscall(NR_IO_URING_ENTER, self._ring, count, 0, _ENTER_GETEVENTS, None, 0)
            if taken >= 0:
                return taken
            if taken in (-EAGAIN, -EBUSY):
                return 0
            if taken != -EINTR:
                raise OSError(-taken, "io_uring_enter")

    def reap(self) -> int:
        """See IoEngine. `fd` is quiet afterwards, or soon: the kernel may ring after what it rings for was taken."""
        words, inflight, leaving = self._words, self._inflight, self._leaving
        if self._quiet_turns and not inflight:
            self._quiet_turns -= 1
            return 0
        count = 0
        while True:
            head, tail = words[self._cq_head], words[self._cq_tail]
            if head == tail:
                if self._look_again():
                    continue
                return count
            for key, result in self._take(head, tail):
                count += 1
                request = inflight[key]
                if result == request.length:
                    del inflight[key]
                    request.waiter.complete(request.index, request.total)
                    if leaving:
                        self._let_go(request.channel)
                else:
                    self._ended(request, result)

    def _look_again(self) -> bool:
        """The ring is empty: fetch what the kernel holds back, or else silence the bell. True: look once more."""
        if self._words[self._sq_flags] & (_SQ_TASKRUN | _SQ_CQ_OVERFLOW):
            self._enter(0)
            return self._words[self._cq_tail] != self._words[self._cq_head]
        if self._quiet_turns:
            self._quiet_turns -= 1
            return False
        self._quiet_turns = _QUIET_TURNS
        with suppress(BlockingIOError):
            os.eventfd_read(self.fd)
        return True

    def _take(self, head: int, tail: int) -> list[tuple[int, int]]:
        """The completions from `head` to `tail`; their places are the kernel's again."""
        first, last = head & self._cq_entries - 1, tail & self._cq_entries - 1
        size, cqes = _COMPLETION.size, self._cqes
        if first < last:
            taken = list(_COMPLETION.iter_unpack(cqes[first * size : last * size]))
        else:
            taken = [
                *_COMPLETION.iter_unpack(cqes[first * size :]),
                *_COMPLETION.iter_unpack(cqes[: last * size]),
            ]
        self._words[self._cq_head] = tail
        self._quiet_turns = 0
        return taken

    def close(self) -> None:
        """See IoEngine."""
        if self._closed:
            return
        self._closed = True
        _abandoned.extend(request.buffer for request in self._inflight.values() if request.buffer)
        self._words.release()
        self._cqes.release()
        self._rings.close()
        self._sqes.close()
        os.close(self._ring)
        os.close(self.fd)


_abandoned: list[Buffer] = []
"""Buffers of operations that outlived their engine. The kernel may still write there: never given back."""


def _setup(entries: int) -> tuple[int, tuple[int, ...]]:
    """A ring's descriptor and the kernel's io_uring_params."""
    fd, params = _try_setup(entries, _SETUP_BEST)
    if fd == -EINVAL and platform.machine() == "x86_64":
        fd, params = _try_setup(entries, 0)
    if fd < 0:
        raise OSError(-fd, "io_uring_setup")
    if params[5] & _FEATURES != _FEATURES:
        os.close(fd)
        raise OSError(ENOSYS, "io_uring of a Linux before 5.6")
    return fd, params


def _try_setup(entries: int, flags: int) -> tuple[int, tuple[int, ...]]:
    params = ctypes.create_string_buffer(_PARAMS.pack(0, 0, flags, *[0] * 27), _PARAMS.size)
    fd = syscall(NR_IO_URING_SETUP, entries, params)
    return fd, _PARAMS.unpack(params.raw)
