"""One client's transmission phase: request bytes in, reply bytes out, a Target behind. No socket.

Requests that the target takes at once are served straight out of the receive buffer and into the reply area;
all others go over the Desk.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from mirrortui.nbd.budget import Budget
from mirrortui.nbd.checks import Refusal, refusal
from mirrortui.nbd.handshake import Terms
from mirrortui.nbd.outbox import AREA, Outbox
from mirrortui.nbd.protocol import (
    CHUNK_DONE,
    DATA_CHUNK,
    REQUEST,
    REQUEST_MAGIC,
    SIMPLE_REPLY,
    SIMPLE_REPLY_MAGIC,
    STRUCTURED_REPLY_MAGIC,
    Chunk,
    Command,
    ProtocolError,
)
from mirrortui.nbd.requests import Desk, Request, Traffic
from mirrortui.nbd.target import Target

INBOX = 256 << 10
"""Bytes of a receive buffer: dozens of 4 KiB writes in one recv."""
INLINE = 1 << 20
"""Bytes that one request may move at once; longer ones would keep the other clients waiting."""
BATCH = 256
"""Requests served before the other clients get their turn."""
BEGUN = 8
"""Of these, how many may go over the Desk: disks are at work on them while the next are taken apart. On an SSD at a
depth of 32, all in one turn came to 0.8 of this, two a turn to 0.7."""
_DIRECT = 64 << 10
"""A write's payload longer than this is received where it will stay."""
_AHEAD = 4096
"""Bytes to receive behind such a payload: the next request, with little of its payload to be copied."""
_REQUEST, _REPLY = REQUEST.size, SIMPLE_REPLY.size
_ROOM = DATA_CHUNK.size + INLINE + BATCH * _REPLY
"""Bytes of the reply area that one read may fill at once, and before it the answers to a whole batch of writes, after
which nobody looks how much is left."""
_READ, _WRITE, _OFFSET_DATA = int(Command.READ), int(Command.WRITE), int(Chunk.OFFSET_DATA)


class Next(enum.Enum):
    """What a session waits for."""

    BYTES = "bytes"
    """More from the client."""
    TURN = "turn"
    """It had its share and has more to do."""
    ROOM = "room"
    """A request in flight or replies unsent; `wake` is called when a request ends."""
    END = "end"
    """Nothing: the client said goodbye. What is in flight is still answered."""


class _Payload:
    """A write's payload that is still arriving: kept for its request, or drained if that was refused."""

    __slots__ = ("cookie", "left", "problem", "request", "view")

    def __init__(self, request: Request | None, problem: Refusal | None, cookie: int, length: int) -> None:
        self.request = request
        self.problem = problem
        self.cookie = cookie
        self.left = length
        self.view = request.view() if request else None
        """Where the bytes that are left go."""

    def took(self, count: int) -> None:
        self.left -= count
        if self.view is not None:
            self.view = self.view[count:]


class Session:
    """Receive into `space()`, tell `received(n)`, call `process()`, send what the outbox holds."""

    def __init__(
        self,
        target: Target,
        terms: Terms,
        out: Outbox,
        budget: Budget,
        traffic: Traffic,
        wake: Callable[[], None],
    ) -> None:
        self._out = out
        self._target = target
        self._terms = terms
        self._traffic = traffic
        self._desk = Desk(target, out, terms.structured, budget, traffic, wake)
        self._inbox = target.pool.empty(INBOX)
        self._start = self._end = 0
        self._payload: _Payload | None = None
        self._ended = False

    @property
    def in_flight(self) -> int:
        """Requests begun and not over yet."""
        return self._desk.in_flight

    @property
    def held(self) -> int:
        """Payload bytes of the budget that it holds."""
        return self._desk.held

    @property
    def receiving(self) -> bool:
        """The rest of a payload is still to come."""
        return self._payload is not None

    def space(self) -> list[memoryview]:
        """Where the client's next bytes go, in order; to be asked only after `process` said BYTES."""
        view, start, end = self._inbox.view, self._start, self._end
        if self._payload and self._payload.view is not None:
            return [self._payload.view, view[:_AHEAD]]
        if start:
            view[: end - start] = view[start:end]
            self._start, self._end = 0, end - start
        return [view[self._end :]]

    def received(self, count: int) -> None:
        """That many bytes of `space` are filled now."""
        payload = self._payload
        if payload and payload.view is not None:
            taken = min(count, payload.left)
            payload.took(taken)
            self._start, self._end = 0, count - taken
        else:
            self._end += count

    def process(self) -> Next:
        """Serve what came, up to a fair share. Raises ProtocolError when the client's bytes are garbage."""
        if self._ended:
            return Next.END
        if self._payload and not self._whole(self._payload):
            return Next.BYTES
        if self._out.full:
            return Next.ROOM
        self._out.room(_ROOM)
        return self._serve()

    def end(self) -> None:
        """Take no more requests; those begun are still answered."""
        self._ended = True
        self._desk.end()
        if self._payload and self._payload.request:
            self._payload.request.drop()
        self._payload = None

    def close(self) -> None:
        """The client is gone. What the target still holds ends by itself; `wake` tells of each."""
        self._desk.close()
        self.end()
        self._inbox.drop()

    def _serve(self) -> Next:
        """The hot loop."""
        out, view, export = self._out, self._inbox.view, self._terms.export
        try_read, try_write = self._target.try_read, self._target.try_write
        unpack, pack_reply, pack_chunk = REQUEST.unpack_from, SIMPLE_REPLY.pack_into, DATA_CHUNK.pack_into
        structured = self._terms.structured
        header = DATA_CHUNK.size if structured else _REPLY
        readable, mask = export.size, export.block_size - 1
        writable = -1 if export.readonly else readable
        reads = read_bytes = writes = write_bytes = begun = 0
        start, end, area, at = self._start, self._end, out.area, out.at
        found = Next.TURN
        for _ in range(BATCH):
            body = start + _REQUEST
            if body > end:
                found = Next.BYTES
                break
            magic, flags, command, cookie, offset, length = unpack(view, start)
            if magic != REQUEST_MAGIC:
                raise ProtocolError(f"request magic {magic:#x}: expected {REQUEST_MAGIC:#x}")
            if flags or not length or (offset | length) & mask:
                pass
            elif command == _READ:
                data = at + header
                if (
                    length <= INLINE
                    and offset + length <= readable
                    and try_read(offset, area[data : data + length])
                ):
                    if structured:
                        chunk = length + 8
                        pack_chunk(
                            area, at, STRUCTURED_REPLY_MAGIC, CHUNK_DONE, _OFFSET_DATA, cookie, chunk, offset
                        )
                    else:
                        pack_reply(area, at, SIMPLE_REPLY_MAGIC, 0, cookie)
                    start = body
                    at = data + length
                    reads += 1
                    read_bytes += length
                    if at > AREA - _ROOM:
                        break
                    continue
            elif command == _WRITE:
                stop = body + length
                if stop <= end and offset + length <= writable and try_write(offset, view[body:stop]):
                    pack_reply(area, at, SIMPLE_REPLY_MAGIC, 0, cookie)
                    start = stop
                    at += _REPLY
                    writes += 1
                    write_bytes += length
                    continue
            self._start, out.at = start, at
            stuck = self._by_the_book(command, flags, cookie, offset, length)
            if not stuck:
                out.room(_ROOM)
            start, area, at = self._start, out.area, out.at
            if stuck:
                found = stuck
                break
            begun += 1
            if begun == BEGUN:
                break
        self._start, out.at = start, at
        traffic = self._traffic
        traffic.reads += reads
        traffic.read_bytes += read_bytes
        traffic.writes += writes
        traffic.write_bytes += write_bytes
        return found

    def _by_the_book(self, command: int, flags: int, cookie: int, offset: int, length: int) -> Next | None:
        """Serve the request whose header is at the start of the inbox. None: done with it, go on."""
        if command == Command.DISC:
            self._ended = True
            return Next.END
        problem = refusal(self._terms, command, flags, offset, length, self._target.readonly)
        carried = length if command == Command.WRITE else 0
        short = self._start + _REQUEST + carried > self._end
        if short and not problem and length <= _DIRECT:
            return Next.BYTES
        request = None
        if not problem:
            request = self._desk.admit(command, flags, cookie, offset, length)
            if not request:
                return Next.ROOM
        self._start += _REQUEST
        if short:
            self._payload = _Payload(request, problem, cookie, carried)
            self._whole(self._payload)
            return Next.BYTES
        if request and carried:
            request.view()[:] = self._inbox.view[self._start : self._start + carried]
        self._start += carried
        self._go(request, problem, cookie)
        return Next.ROOM if self._out.full else None

    def _whole(self, payload: _Payload) -> bool:
        """Give a payload what the inbox has of it; once it is whole its request goes its way."""
        taken = min(self._end - self._start, payload.left)
        if payload.view is not None:
            payload.view[:taken] = self._inbox.view[self._start : self._start + taken]
        payload.took(taken)
        self._start += taken
        if payload.left:
            return False
        self._payload = None
        request = payload.request
        if request and self._written(request):
            self._desk.answer(request, 0)
        else:
            self._go(request, payload.problem, payload.cookie)
        return True

    def _written(self, request: Request) -> bool:
        """Whether the target took a write at once, out of its own buffer."""
        return (
            not request.flags
            and request.length <= INLINE
            and self._target.try_write(request.offset, request.view())
        )

    def _go(self, request: Request | None, problem: Refusal | None, cookie: int) -> None:
        if request:
            self._desk.launch(request)
        elif problem:
            self._desk.refuse(cookie, problem)
