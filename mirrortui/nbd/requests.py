"""Requests that take their time: admitted within bounds, handed to the target, answered when it is done."""

from __future__ import annotations

import os
from collections.abc import Callable

from mirrortui.device.buffers import Buffer
from mirrortui.nbd.budget import Budget
from mirrortui.nbd.checks import Refusal
from mirrortui.nbd.extents import status_payload
from mirrortui.nbd.outbox import Outbox
from mirrortui.nbd.protocol import Command, CommandFlag, Error, error_from_errno
from mirrortui.nbd.replies import Replies
from mirrortui.nbd.target import Target

MOST_REQUESTS = 256
MOST_BYTES = 16 << 20
"""Requests and payload bytes that one client may have in flight; what is more waits in its socket."""
_NOTHING = memoryview(b"")
_READ, _FUA = int(Command.READ), int(CommandFlag.FUA)
_CARRIES = frozenset((Command.READ, Command.WRITE))
"""What moves a payload in either direction."""


class Traffic:
    """What all clients of a server moved, since the start."""

    __slots__ = ("flushes", "read_bytes", "reads", "write_bytes", "writes")

    def __init__(self) -> None:
        self.reads = self.writes = self.flushes = 0
        self.read_bytes = self.write_bytes = 0


class Request:
    """One request in flight and the buffer that its data is in."""

    __slots__ = ("_desk", "buffer", "command", "cookie", "flags", "length", "offset")

    def __init__(
        self,
        desk: Desk,
        command: int,
        flags: int,
        cookie: int,
        offset: int,
        length: int,
        buffer: Buffer | None,
    ) -> None:
        self._desk = desk
        self.command = command
        self.flags = flags
        self.cookie = cookie
        self.offset = offset
        self.length = length
        self.buffer = buffer
        """READ and WRITE have one; its bytes count against the budget."""

    @property
    def fua(self) -> bool:
        """It must be durable before it is answered."""
        return self.flags & _FUA != 0

    def view(self) -> memoryview:
        """Its data."""
        return self.buffer.view[: self.length] if self.buffer else _NOTHING

    def done(self, errno: int) -> None:
        """The target's word (target.Done)."""
        self._desk.answer(self, errno)

    def filled(self, errno: int, buffer: Buffer) -> None:
        """The target's word on a read, and where the data is (target.ReadDone)."""
        self.buffer = buffer
        self._desk.answer(self, errno)

    def drop(self) -> None:
        """It is over, and so is the need for its data."""
        if self.buffer:
            self.buffer.drop()
        self._desk.release(self)


class Desk:
    """One client's requests in flight."""

    def __init__(
        self,
        target: Target,
        out: Outbox,
        structured: bool,
        budget: Budget,
        traffic: Traffic,
        wake: Callable[[], None],
    ) -> None:
        self.in_flight = 0
        """Admitted and not yet over: a big read is over when its data is sent."""
        self.held = 0
        """Bytes of the budget (budget.Claimant)."""
        self.wake = wake
        """A request was answered, or bytes of the budget came back."""
        self._target = target
        self._out = out
        self._replies = Replies(out, structured)
        self._budget = budget
        self._traffic = traffic
        self._closed = False

    @property
    def ready(self) -> bool:
        """See budget.Claimant."""
        return not self._out.full

    def admit(self, command: int, flags: int, cookie: int, offset: int, length: int) -> Request | None:
        """Begin a request that was checked. None: too much is in flight, `wake` tells when that changes."""
        if self.in_flight >= MOST_REQUESTS:
            return None
        buffer = None
        if command in _CARRIES and length:
            if self.held and self.held + length > MOST_BYTES:
                return None
            if not self._budget.take(length, self):
                return None
            buffer = self._target.pool.empty(length)
        self.in_flight += 1
        return Request(self, command, flags, cookie, offset, length, buffer)

    def release(self, request: Request) -> None:
        """A request is over (Request.drop)."""
        self.in_flight -= 1
        if request.buffer:
            self._budget.give(request.length, self)

    def end(self) -> None:
        """Nothing more will be admitted."""
        self._budget.forget(self)

    def close(self) -> None:
        """The client is gone: answers of the target are awaited, and dropped."""
        self._closed = True

    def launch(self, request: Request) -> None:
        """Hand a request to the target, or answer it now where there is nothing to do."""
        target, offset, length = self._target, request.offset, request.length
        match request.command:
            case Command.READ if request.buffer:
                target.start_read(offset, request.buffer, length, request.filled)
            case Command.WRITE if request.buffer:
                target.start_write(offset, request.buffer, length, request.fua, request.done)
            case Command.FLUSH:
                target.start_flush(request.done)
            case Command.BLOCK_STATUS:
                only_first = request.flags & CommandFlag.REQ_ONE != 0
                self._replies.status(request.cookie, status_payload(target, offset, length, only_first))
                request.drop()
            case Command.TRIM if length:
                target.start_trim(offset, length, request.fua, request.done)
            case Command.WRITE_ZEROES if length:
                self._zero(request)
            case _:
                self.answer(request, 0)  # no bytes are meant; or CACHE, a hint that the page cache needs not

    def refuse(self, cookie: int, problem: Refusal) -> None:
        """Answer a request that was never admitted."""
        self._replies.fail(cookie, *problem)

    def answer(self, request: Request, errno: int) -> None:
        """A request ended: 0, or a positive errno."""
        if self._closed:
            request.drop()
        elif errno:
            self._replies.fail(request.cookie, error_from_errno(errno), os.strerror(errno))
            request.drop()
        elif request.command == _READ:
            self._replies.data(request.cookie, request.offset, request.view(), request)
        else:
            self._replies.ack(request.cookie)
            request.drop()
        self._count(request)
        self.wake()

    def _zero(self, request: Request) -> None:
        keep = request.flags & CommandFlag.NO_HOLE != 0
        if request.flags & CommandFlag.FAST_ZERO and (keep or not self._target.can_punch):
            self.refuse(request.cookie, (Error.ENOTSUP, "zeroing is no faster than writing here"))
            request.drop()
        else:
            self._target.start_zero(request.offset, request.length, request.fua, keep, request.done)

    def _count(self, request: Request) -> None:
        traffic = self._traffic
        match request.command:
            case Command.READ:
                traffic.reads += 1
                traffic.read_bytes += request.length
            case Command.WRITE:
                traffic.writes += 1
                traffic.write_bytes += request.length
            case Command.FLUSH:
                traffic.flushes += 1
            case _:
                pass
