"""One NBD client's socket: receives, sends, holds back, leaves. What the bytes mean is nbd's to say."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Protocol

from mirrortui.log import logger
from mirrortui.nbd.handshake import Export, ServerHandshake, Terms
from mirrortui.nbd.outbox import Outbox
from mirrortui.nbd.protocol import ProtocolError
from mirrortui.nbd.session import Next, Session
from mirrortui.worker.loop import Loop

_GREETING_BYTES = 4096


class _Phase(Protocol):
    """The handshake, then the session."""

    @property
    def in_flight(self) -> int: ...

    @property
    def held(self) -> int: ...

    @property
    def receiving(self) -> bool: ...

    def space(self) -> list[memoryview]: ...

    def received(self, count: int) -> None: ...

    def process(self) -> Next: ...

    def end(self) -> None: ...

    def close(self) -> None: ...


class _Greeting:
    """The handshake in the clothes of a session."""

    in_flight = held = 0
    receiving = False

    def __init__(self, export: Export, out: Outbox, agreed: Callable[[Terms, bytes], Next]) -> None:
        self._handshake = ServerHandshake(export)
        self._out = out
        self._agreed = agreed
        self._inbox = memoryview(bytearray(_GREETING_BYTES))
        self._filled = 0
        self._ended = False

    def space(self) -> list[memoryview]:
        return [self._inbox]

    def received(self, count: int) -> None:
        self._filled = count

    def process(self) -> Next:
        if self._ended:
            return Next.END
        filled, self._filled = self._filled, 0
        self._handshake.feed(self._inbox[:filled])
        self._out.append(self._handshake.take())
        if self._handshake.result:
            return self._agreed(self._handshake.result, self._handshake.rest())
        if self._handshake.ended:
            return Next.END
        return Next.ROOM if self._out.full else Next.BYTES

    def end(self) -> None:
        self._ended = True

    def close(self) -> None:
        self._ended = True


class Host(Protocol):
    """What a connection asks of its server."""

    loop: Loop

    def session(self, terms: Terms, out: Outbox, wake: Callable[[], None]) -> Session:
        """The client came to terms."""
        ...

    def entered(self, connection: Connection) -> None:
        """Its transmission phase begins."""
        ...

    def left(self, connection: Connection) -> None:
        """Its socket is closed."""
        ...

    def settled(self, connection: Connection) -> None:
        """And nothing of it is in flight any more."""
        ...


class Connection:
    """Lives until its socket is closed and the target has answered everything it began."""

    def __init__(self, host: Host, sock: socket.socket, export: Export, peer: str, out: Outbox) -> None:
        self.peer = peer
        self.since = host.loop.monotonic()
        self.entered = False
        """Past the handshake."""
        self._host = host
        self._loop = host.loop
        self._sock = sock
        self._fd = sock.fileno()
        self._out = out
        self._phase: _Phase = _Greeting(export, out, self._agreed)
        self._next = Next.BYTES
        self._settling = False
        self._moved = False
        """Something ended or was sent since it last ran out of room."""
        self._passed = self._passed_before = 0
        """Bytes received and sent: now, and when `stuck` last looked."""
        self._reading = self._writing = False
        self._closed = False
        self._advance()

    def stuck(self) -> bool:
        """It holds memory that only its client can free, and nothing passed since the last look."""
        still = self._passed == self._passed_before
        self._passed_before = self._passed
        return still and self._phase.held > 0 and (self._out.pending > 0 or self._phase.receiving)

    def end(self) -> None:
        """Take no more requests; leave once those begun are answered."""
        self._phase.end()
        self._advance()

    def close(self, why: str = "") -> None:
        """Leave now. `why`: what the client did wrong."""
        if self._closed:
            return
        self._closed = True
        if why:
            logger.warning("%s: %s; connection closed", self.peer, why)
        self._loop.remove(self._fd)
        self._sock.close()
        self._phase.close()
        self._out.close()
        self._host.left(self)
        self._settle_later()

    def _agreed(self, terms: Terms, early: bytes) -> Next:
        """The handshake is over; `early`: requests that came along with its last bytes."""
        session = self._host.session(terms, self._out, self._wake)
        self._phase = session
        session.space()[0][: len(early)] = early
        session.received(len(early))
        self.entered = True
        self._host.entered(self)
        return session.process()

    def _readable(self) -> None:
        if self._next is not Next.BYTES:
            return
        space = self._phase.space()
        try:
            count = self._sock.recv_into(space[0]) if len(space) == 1 else self._sock.recvmsg_into(space)[0]
        except BlockingIOError:
            return
        except OSError:
            count = 0
        if not count:
            self.close()
            return
        self._passed += count
        self._phase.received(count)
        self._advance()

    def _advance(self) -> None:
        """Do what can be done now, and see what it is waiting for."""
        if self._closed:
            return
        try:
            self._next = found = self._phase.process()
        except ProtocolError as problem:
            self.close(str(problem))
            return
        if found is Next.TURN:
            self._loop.post(self._advance)
        elif self._reading != (found is Next.BYTES):
            self._read(found is Next.BYTES)
        if self._out.pending or found is Next.END:
            self._settle_later()

    @property
    def in_flight(self) -> int:
        """Requests that wait for their answer."""
        return self._phase.in_flight

    def _wake(self) -> None:
        """A request in flight ended."""
        self._moved = True
        self._settle_later()

    def _settle_later(self) -> None:
        """Once, at the end of the turn."""
        if not self._settling:
            self._settling = True
            self._loop.finish(self._settle)

    def _settle(self) -> None:
        """Send what there is; go on if that, or a request that ended, made room; leave if all is said."""
        self._settling = False
        if not self._closed:
            self._send()
        if self._closed:
            if not self._phase.in_flight:
                self._host.settled(self)
        elif self._next is Next.ROOM and self._moved and not self._out.full:
            self._moved = False
            self._loop.post(self._advance)
        elif self._next is Next.END and not self._phase.in_flight and not self._out.pending:
            self.close()

    def _send(self) -> None:
        pieces = self._out.pieces()
        if pieces:
            try:
                count = self._sock.send(pieces[0]) if len(pieces) == 1 else self._sock.sendmsg(pieces)
            except BlockingIOError:
                count = 0
            except OSError:
                self.close()
                return
            self._out.sent(count)
            self._passed += count
            self._moved = self._moved or count > 0
        if self._writing != bool(self._out.pending):
            self._write(not self._writing)

    def _read(self, wanted: bool) -> None:
        self._reading = wanted
        if wanted:
            self._loop.add_reader(self._fd, self._readable)
        else:
            self._loop.remove_reader(self._fd)

    def _write(self, wanted: bool) -> None:
        self._writing = wanted
        if wanted:
            self._loop.add_writer(self._fd, self._settle)
        else:
            self._loop.remove_writer(self._fd)
