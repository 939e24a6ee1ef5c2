"""The worker's event loop: one thread, epoll over the sockets, an I/O engine for the members.

A turn goes: wait, read the sockets, run the mirror's tasks, hand all new operations to the kernel at once, take what
it completed, send the replies. Work is thus gathered on every edge, which is where the speed comes from.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import select
import signal
import socket
from collections.abc import Callable
from typing import Protocol
from uuid import uuid4

from mirrortui.clock import Clock, SystemClock
from mirrortui.mirror.executor import Executor

Callback = Callable[[], None]

_FAILED = select.EPOLLHUP | select.EPOLLERR
_READABLE = select.EPOLLIN | _FAILED
_WRITABLE = select.EPOLLOUT | _FAILED
_TICK = 0.25
"""Seconds between looks at overdue operations: one ends at most two of these after its time."""


class Engine(Protocol):
    """What the loop asks of an I/O engine (device.ioengine.IoEngine)."""

    fd: int

    def flush(self) -> None: ...

    def reap(self) -> int: ...

    def expire(self, now: float) -> None: ...


class _Watch:
    """Who waits for a descriptor."""

    __slots__ = ("reader", "writer")

    def __init__(self) -> None:
        self.reader: Callback | None = None
        self.writer: Callback | None = None

    @property
    def mask(self) -> int:
        return (select.EPOLLIN if self.reader else 0) | (select.EPOLLOUT if self.writer else 0)


class Loop:
    """Runs callbacks; is the Host of the mirror's executor. A callback that raises ends `run` with its exception."""

    def __init__(self, engine: Engine, clock: Clock | None = None) -> None:
        self.executor = Executor(self)
        self._engine = engine
        self._clock = clock or SystemClock()
        self._epoll = select.epoll()
        self._watches: dict[int, _Watch] = {}
        self._timers: list[tuple[float, int, Callback]] = []
        self._count = itertools.count()
        self._posted: list[Callback] = []
        self._finishing: list[Callback] = []
        self._signals: _Signals | None = None
        self._running = False
        self.add_reader(engine.fd, lambda: None)  # every turn reaps
        self._tick()

    def monotonic(self) -> float:
        """Seconds that never run back."""
        return self._clock.monotonic()

    def now(self) -> float:
        """Wall seconds since 1970 UTC."""
        return self._clock.now()

    def uuid(self) -> bytes:
        """16 random bytes, as RFC 4122 has them."""
        return uuid4().bytes

    def call_later(self, seconds: float, callback: Callback) -> None:
        """Call once, that much later. There is no taking it back: a callback that came too late returns."""
        heapq.heappush(self._timers, (self.monotonic() + seconds, next(self._count), callback))

    def post(self, callback: Callback) -> None:
        """Call once in the next turn, after the sockets were read."""
        self._posted.append(callback)

    def finish(self, callback: Callback) -> None:
        """Call once at the end of this turn, when what was begun in it may have been answered."""
        self._finishing.append(callback)

    def add_reader(self, fd: int, callback: Callback) -> None:
        """Call whenever the descriptor is readable, has hung up or failed."""
        self._watch(fd).reader = callback
        self._update(fd)

    def add_writer(self, fd: int, callback: Callback) -> None:
        """Call whenever the descriptor is writable, has hung up or failed."""
        self._watch(fd).writer = callback
        self._update(fd)

    def remove_reader(self, fd: int) -> None:
        """No more calls of the reader. Idempotent."""
        if fd in self._watches:
            self._watches[fd].reader = None
            self._update(fd)

    def remove_writer(self, fd: int) -> None:
        """No more calls of the writer. Idempotent."""
        if fd in self._watches:
            self._watches[fd].writer = None
            self._update(fd)

    def remove(self, fd: int) -> None:
        """Forget a descriptor, before it is closed. Idempotent."""
        self.remove_reader(fd)
        self.remove_writer(fd)

    def on_signal(self, number: signal.Signals, callback: Callback) -> None:
        """Call on a signal, from a turn, never from inside other code. Main thread only."""
        if not self._signals:
            self._signals = _Signals(self)
        self._signals.handle(number, callback)

    def run(self) -> None:
        """Take turns until `stop`."""
        self._running = True
        while self._running:
            self.turn()

    def stop(self) -> None:
        """Let `run` return after this turn. To be called from a callback."""
        self._running = False

    def turn(self, timeout: float | None = None) -> None:
        """One turn; waits at most `timeout` seconds, or until there is something to do."""
        engine, executor = self._engine, self.executor
        ready = self._wait(timeout)
        posted, self._posted = self._posted, []
        for fd, mask in ready:
            self._dispatch(fd, mask)
        for callback in posted:
            callback()
        if self._timers[0][0] <= self.monotonic():
            self._run_timers()
        executor.drain()
        engine.flush()
        engine.reap()
        executor.drain()
        finishing, self._finishing = self._finishing, []
        for callback in finishing:
            callback()
        engine.flush()

    def close(self) -> None:
        """Give back the loop's own descriptors and the signals. The engine stays its owner's."""
        if self._signals:
            self._signals.close()
        self._epoll.close()

    def _wait(self, timeout: float | None) -> list[tuple[int, int]]:
        if self._posted or self._finishing or not self.executor.idle:
            return self._epoll.poll(0)
        until_timer = max(0.0, self._timers[0][0] - self.monotonic())
        return self._epoll.poll(until_timer if timeout is None else min(timeout, until_timer))

    def _dispatch(self, fd: int, mask: int) -> None:
        watch = self._watches.get(fd)  # gone if an earlier callback of this turn removed it
        if watch and watch.reader and mask & _READABLE:
            watch.reader()
        if watch and watch.writer and mask & _WRITABLE:
            watch.writer()

    def _run_timers(self) -> None:
        now = self.monotonic()
        while self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def _tick(self) -> None:
        self.call_later(_TICK, self._tick)
        self._engine.expire(self.monotonic())

    def _watch(self, fd: int) -> _Watch:
        if fd not in self._watches:
            self._watches[fd] = _Watch()
            self._epoll.register(fd, 0)
        return self._watches[fd]

    def _update(self, fd: int) -> None:
        """An unwatched descriptor leaves epoll, which would report its hanging up for ever."""
        mask = self._watches[fd].mask
        if mask:
            self._epoll.modify(fd, mask)
        else:
            del self._watches[fd]
            self._epoll.unregister(fd)


class _Signals:
    """Turns signals into posted callbacks."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._before = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        self._handlers: dict[signal.Signals, signal._HANDLER] = {}
        loop.add_reader(self._woken.fileno(), self._drain)

    def handle(self, number: signal.Signals, callback: Callback) -> None:
        before = signal.signal(number, lambda *_: self._loop.post(callback))
        self._handlers.setdefault(number, before)

    def close(self) -> None:
        for number, before in self._handlers.items():
            signal.signal(number, before)
        signal.set_wakeup_fd(self._before)
        self._loop.remove(self._woken.fileno())
        self._woken.close()
        self._waker.close()

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._woken.recv(4096)
