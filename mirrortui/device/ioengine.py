"""How operations reach the kernel: queue, hand over in batches, deliver completions; and the bound on each (I16).

An engine belongs to one event loop and one thread. The loop waits for `fd`, calls `reap()` when it is readable,
`flush()` once a turn, and `expire()` several times a second.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from errno import EAGAIN, ECANCELED, EINTR, EIO, ENXIO, ETIMEDOUT
from typing import ClassVar, Protocol

from mirrortui.device import bounded
from mirrortui.device.base import Op, Waiter
from mirrortui.device.buffers import Buffer

_TRY_AGAIN = frozenset((-EAGAIN, -EINTR, -ECANCELED))
"""The kernel was interrupted or out of resources: says nothing about the member. The deadline bounds the retries."""


class Channel(Protocol):
    """An open descriptor with what the engine must know of its owner."""

    fd: int
    timeout: float
    """Seconds that an operation may take."""
    zombies: int
    """The engine counts here what was given up and may still land."""
    failed_late: bool
    """The engine sets it when a flush or a durable write that was given up failed in the end."""


class Request:
    """One submitted operation, from submit to the kernel's last word on it."""

    __slots__ = (
        "buffer",
        "channel",
        "due",
        "fua",
        "index",
        "key",
        "length",
        "offset",
        "op",
        "total",
        "waiter",
        "zombie",
    )

    def __init__(
        self,
        channel: Channel,
        op: Op,
        offset: int,
        buffer: Buffer | None,
        length: int,
        fua: bool,
        waiter: Waiter,
        index: int,
    ) -> None:
        self.channel = channel
        self.op = op
        self.offset = offset
        self.buffer = buffer
        self.length = self.total = length
        self.fua = fua
        self.waiter = waiter
        self.index = index
        self.key = 0
        self.due = 0.0
        """When to give up; 0 until the first tick has seen it."""
        self.zombie = False

    @property
    def done(self) -> int:
        """Bytes of a READ or WRITE that earlier parts moved."""
        return self.total - self.length


class _Zombie:
    """Waits, in place of the waiter that was told -ETIMEDOUT, for the real end."""

    __slots__ = ("_buffer", "_channel", "_durable")

    def __init__(self, request: Request) -> None:
        self._channel = request.channel
        self._buffer = request.buffer
        self._durable = request.fua or request.op is Op.FLUSH
        self._channel.zombies += 1
        if self._buffer:
            self._buffer.hold()

    def complete(self, index: int, result: int) -> None:
        self._channel.zombies -= 1
        self._channel.failed_late |= self._durable and result < 0 and result not in _TRY_AGAIN
        if self._buffer:
            self._buffer.drop()


class IoEngine(ABC):
    """What io_uring and the thread pool have in common."""

    name: ClassVar[str]
    fd: int
    """Readable when completions wait to be reaped."""

    def __init__(self) -> None:
        self._inflight: dict[int, Request] = {}
        self._leaving: set[Channel] = set()
        """Their descriptors are closed when nothing in flight uses them any more."""
        self._last_key = 0

    @abstractmethod
    def _start(self, request: Request) -> None:
        """Queue the request's next part, from `offset` on and `length` bytes long."""

    @abstractmethod
    def _withdraw(self, request: Request) -> bool:
        """Take back a request that the kernel has not seen; False where it has."""

    @abstractmethod
    def flush(self) -> None:
        """Hand everything queued to the kernel. Raises OSError only for what no retry mends."""

    @abstractmethod
    def reap(self) -> int:
        """Deliver the completions that wait now; how many. Cheap when there are none."""

    @abstractmethod
    def close(self) -> None:
        """Give the engine's own resources back. Operations still in flight never complete. Idempotent."""

    @property
    def in_flight(self) -> int:
        """Operations without their last word, zombies included."""
        return len(self._inflight)

    def submit(
        self,
        channel: Channel,
        op: Op,
        offset: int,
        buffer: Buffer | None,
        length: int,
        fua: bool,
        waiter: Waiter,
        index: int,
    ) -> None:
        """Queue an operation; it starts at the next `flush()` at the latest and completes in a later `reap()` or
        `expire()`, with all its bytes or a negative errno. A read at the end of the file is -ENXIO.
        """
        request = Request(channel, op, offset, buffer, length, fua, waiter, index)
        self._last_key = request.key = self._last_key + 1
        self._inflight[request.key] = request
        self._start(request)

    def expire(self, now: float) -> None:
        """Give up what is overdue at `now` (monotonic seconds). An operation's time runs from the first call after its
        submission, so a loop that stood still never blames a member for it. One pass over what is in flight.
        """
        self.reap()
        overdue: list[Request] = []
        for request in self._inflight.values():
            if not request.due:
                request.due = now + request.channel.timeout
            elif request.due <= now and not request.zombie:
                overdue.append(request)
        for request in overdue:
            self._give_up(request)
        self.flush()

    def release(self, channel: Channel) -> None:
        """Close the channel's descriptor, and with it its claim, once nothing in flight can use it any more."""
        self._leaving.add(channel)
        self._let_go(channel)

    def _let_go(self, channel: Channel) -> None:
        """Close what was released, if its last operation has ended; one that was given up may still be under way."""
        if channel in self._leaving and all(r.channel is not channel for r in self._inflight.values()):
            self._leaving.discard(channel)
            self._close(channel)

    def _close(self, channel: Channel) -> None:
        bounded.close(channel.fd)

    def _give_up(self, request: Request) -> None:
        waiter = request.waiter
        if self._withdraw(request):
            del self._inflight[request.key]
        else:
            request.zombie = True
            request.waiter = _Zombie(request)
        waiter.complete(request.index, -ETIMEDOUT)
        if self._leaving:
            self._let_go(request.channel)

    def _ended(self, request: Request, result: int) -> None:
        """The kernel's word on the part that was started."""
        if result == request.length:
            self._finish(request, request.total)
        elif request.zombie:
            self._finish(request, result)
        elif result in _TRY_AGAIN:
            self._start(request)
        elif result < 0:
            # A timeout of the kernel's own is an error like others: nothing is under way any more.
            self._finish(request, -EIO if result == -ETIMEDOUT else result)
        elif request.op >= Op.ZERO:
            self._zeroed(request)
        elif result == 0:
            self._finish(request, -ENXIO)
        else:
            request.offset += result
            request.length -= result
            self._start(request)

    def _zeroed(self, request: Request) -> None:
        """No fallocate is durable by itself: with `fua` a FLUSH follows."""
        request.length = request.total = 0
        if request.fua:
            request.op = Op.FLUSH
            self._start(request)
        else:
            self._finish(request, 0)

    def _finish(self, request: Request, result: int) -> None:
        del self._inflight[request.key]
        request.waiter.complete(request.index, result)  # who waits may go on with another
        if self._leaving:
            self._let_go(request.channel)
