"""The engine for machines where io_uring is missing or forbidden: threads that make ordinary system calls.

Every channel has threads of its own, so that a member that hangs takes none from its neighbours.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from errno import EIO

from mirrortui.device import kernel
from mirrortui.device.base import Op
from mirrortui.device.ioengine import Channel, IoEngine, Request

_PER_CHANNEL = 8
"""Threads at most. More bought nothing where it was tried: the interpreter is the limit, not the disk's queue."""


class ThreadEngine(IoEngine):
    """Operations through threads. The engine itself belongs to the loop's thread all the same."""

    name = "threads"

    def __init__(self) -> None:
        super().__init__()
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lanes: dict[Channel, _Lane] = {}
        self._results: deque[tuple[Request, int]] = deque()
        self._open = threading.Lock()
        self._closed = False

    def _start(self, request: Request) -> None:
        lane = self._lanes.get(request.channel)
        if lane is None:
            lane = self._lanes[request.channel] = _Lane(self._report)
        lane.queued.append(request)

    def _withdraw(self, request: Request) -> bool:
        return self._lanes[request.channel].withdraw(request)

    def flush(self) -> None:
        """See IoEngine."""
        for lane in self._lanes.values():
            if lane.queued:
                lane.start()

    def _report(self, request: Request, result: int) -> None:
        """Called by the threads. The lock is for one that comes back after close(): the number is another's then."""
        with self._open:
            if not self._closed:
                self._results.append((request, result))
                os.eventfd_write(self.fd, 1)

    def reap(self) -> int:
        """See IoEngine."""
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            return 0
        count = len(self._results)
        for _ in range(count):
            self._ended(*self._results.popleft())
        return count

    def release(self, channel: Channel) -> None:
        """See IoEngine."""
        self.flush()
        super().release(channel)

    def _close(self, channel: Channel) -> None:
        super()._close(channel)
        lane = self._lanes.pop(channel, None)
        if lane:
            lane.stop()

    def close(self) -> None:
        """See IoEngine. A thread that hangs in the kernel is left behind."""
        with self._open:
            if self._closed:
                return
            self._closed = True
            os.close(self.fd)
        for lane in self._lanes.values():
            lane.stop()


class _Lane:
    """One channel's threads and what waits for them."""

    def __init__(self, report: Callable[[Request, int], None]) -> None:
        self.queued: list[Request] = []
        """Submitted, not yet flushed; only the loop's thread touches it."""
        self._report = report
        self._ready: deque[Request] = deque()
        self._wake = threading.Condition()
        self._idle = 0
        self._threads = 0
        self._stopping = False

    def start(self) -> None:
        """Let the threads have what is queued, with more threads where that helps."""
        with self._wake:
            self._ready.extend(self.queued)
            self.queued.clear()
            missing = min(len(self._ready) - self._idle, _PER_CHANNEL - self._threads)
            for _ in range(missing):
                self._threads += 1
                threading.Thread(target=self._work, name="member-io", daemon=True).start()
            self._wake.notify(len(self._ready))

    def withdraw(self, request: Request) -> bool:
        """Take back what no thread has taken."""
        with self._wake:
            for waiting in (self.queued, self._ready):
                if request in waiting:
                    waiting.remove(request)
                    return True
        return False

    def stop(self) -> None:
        """Let the threads end when nothing is left to do."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()

    def _work(self) -> None:
        while True:
            with self._wake:
                self._idle += 1
                self._wake.wait_for(lambda: self._ready or self._stopping)
                self._idle -= 1
                if not self._ready:
                    return
                request = self._ready.popleft()
            self._report(request, _perform(request))


def _perform(request: Request) -> int:
    """One system call: bytes done, 0, or a negative errno."""
    fd, op = request.channel.fd, request.op
    try:
        if op is Op.FLUSH:
            os.fdatasync(fd)
            return 0
        if request.buffer is None:
            return kernel.fallocate(fd, kernel.FALLOCATE_MODE[op], request.offset, request.length)
        part = [request.buffer.view[request.done : request.total]]
        if op is Op.READ:
            return os.preadv(fd, part, request.offset)
        return os.pwritev(fd, part, request.offset, os.RWF_DSYNC if request.fua else 0)
    except OSError as error:
        return -(error.errno or EIO)
