"""A small blocking NBD client: one call at a time, or many requests in flight with `submit` and `collect`."""

from __future__ import annotations

import contextlib
import os
import select
import socket
from types import TracebackType
from typing import Self

from mirrortui.device.base import Extent
from mirrortui.nbd.answers import Answer, Answers
from mirrortui.nbd.negotiation import ClientHandshake, Welcome
from mirrortui.nbd.protocol import (
    REQUEST,
    REQUEST_MAGIC,
    STATE_ZERO,
    Command,
    CommandFlag,
    NbdError,
)
from mirrortui.nbd.uri import NbdUri, parse_uri

_RECEIVE = 1 << 20
_GONE = "The NBD server closed the connection."


class NbdClient:
    """A connection to an export. Not thread-safe. Every call raises NbdError when the server refuses, fails, leaves,
    or makes no progress for `timeout` seconds; after the last two the client is of no more use.
    """

    def __init__(self, sock: socket.socket, export: str, *, timeout: float = 30.0) -> None:
        """Negotiate over a connected socket, which is the client's from now on."""
        self._sock = sock
        self._timeout = timeout
        self._answers = Answers()
        self._last_cookie = 0
        sock.setblocking(False)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        try:
            self.welcome = self._negotiate(ClientHandshake(export))
        except BaseException:
            sock.close()
            raise

    @classmethod
    def connect(cls, uri: str | NbdUri, *, timeout: float = 30.0) -> Self:
        """Connect to a URI. Raises RequestError (not an NBD URI), NbdError."""
        where = parse_uri(uri) if isinstance(uri, str) else uri
        sock = _connected(where, timeout)
        return cls(sock, where.export, timeout=timeout)

    @property
    def size(self) -> int:
        """Bytes in the export."""
        return self.welcome.size

    @property
    def in_flight(self) -> int:
        """Requests submitted whose answers have not come."""
        return len(self._answers.expected)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the export."""
        return bytes(self._do(Command.READ, offset, length).data)

    def write(self, offset: int, data: bytes | memoryview, *, fua: bool = False) -> None:
        """Write; with `fua` durable on return."""
        self._do(Command.WRITE, offset, len(data), data, _fua(fua))

    def flush(self) -> None:
        """Everything answered before is durable on return."""
        self._do(Command.FLUSH)

    def trim(self, offset: int, length: int, *, fua: bool = False) -> None:
        """The range is no longer needed."""
        self._do(Command.TRIM, offset, length, flags=_fua(fua))

    def zero(
        self, offset: int, length: int, *, fua: bool = False, keep: bool = False, fast: bool = False
    ) -> None:
        """Make the range zeroes; `keep`: and allocated; `fast`: only if that is faster than writing them."""
        flags = _fua(fua)
        flags |= CommandFlag.NO_HOLE if keep else 0
        flags |= CommandFlag.FAST_ZERO if fast else 0
        self._do(Command.WRITE_ZEROES, offset, length, flags=flags)

    def cache(self, offset: int, length: int) -> None:
        """The range will be read soon."""
        self._do(Command.CACHE, offset, length)

    def block_status(self, offset: int, length: int) -> list[Extent]:
        """What is data and what reads as zeroes, from `offset` on; possibly less than was asked for."""
        found = []
        for size, flags in self._do(Command.BLOCK_STATUS, offset, length).extents:
            found.append(Extent(offset, size, bool(flags & STATE_ZERO)))
            offset += size
        return found

    def submit(
        self,
        command: Command,
        offset: int = 0,
        length: int = 0,
        data: bytes | memoryview = b"",
        flags: int = 0,
    ) -> int:
        """Send a request without waiting for its answer; the cookie that the answer will bear."""
        self._last_cookie = cookie = self._last_cookie + 1
        self._answers.expect(Answer(cookie, command, offset, length))
        header = REQUEST.pack(REQUEST_MAGIC, flags, command, cookie, offset, length)
        self._send(header, data)
        return cookie

    def collect(self) -> Answer:
        """The next answer, in the order in which they come; its `error` is the caller's to look at."""
        if not self._answers.finished and not self._answers.expected:
            raise NbdError("There is no request in flight to wait for.")
        while not self._answers.finished:
            self._receive()
        return self._answers.finished.pop(0)

    def disconnect(self) -> None:
        """Say goodbye and close. What is in flight is not waited for. Idempotent."""
        if self._sock.fileno() >= 0:
            with contextlib.suppress(NbdError, OSError):
                self._send(REQUEST.pack(REQUEST_MAGIC, 0, Command.DISC, 0, 0, 0), b"")
        self.close()

    def close(self) -> None:
        """Close without a word. Idempotent."""
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()

    def _negotiate(self, handshake: ClientHandshake) -> Welcome:
        while not handshake.result:
            handshake.feed(self._some())
            self._send(handshake.take(), b"")
        self._answers.feed(handshake.rest())
        return handshake.result

    def _do(
        self,
        command: Command,
        offset: int = 0,
        length: int = 0,
        data: bytes | memoryview = b"",
        flags: int = 0,
    ) -> Answer:
        cookie = self.submit(command, offset, length, data, flags)
        while cookie in self._answers.expected:
            self._receive()
        answer = next(one for one in self._answers.finished if one.cookie == cookie)
        self._answers.finished.remove(answer)
        if answer.error:
            raise failure(answer)
        return answer

    def _receive(self) -> None:
        self._answers.feed(self._some())

    def _some(self) -> bytes:
        """Wait for bytes."""
        self._wait(select.POLLIN)
        try:
            data = self._sock.recv(_RECEIVE)
        except BlockingIOError:
            return b""
        except OSError as problem:
            raise NbdError(_GONE) from problem
        if not data:
            raise NbdError(_GONE)
        return data

    def _send(self, header: bytes, data: bytes | memoryview) -> None:
        """Send all, receiving meanwhile: a server that waits to be read would never read."""
        pieces = [memoryview(header), memoryview(data)]
        while pieces:
            try:
                count = self._sock.sendmsg(pieces)
            except BlockingIOError:
                if self._wait(select.POLLIN | select.POLLOUT) & select.POLLIN:
                    self._receive()
                continue
            except OSError as problem:
                raise NbdError(_GONE) from problem
            while pieces and count >= len(pieces[0]):
                count -= len(pieces.pop(0))
            if pieces:
                pieces[0] = pieces[0][count:]

    def _wait(self, events: int) -> int:
        self._poll.modify(self._sock, events)
        found = self._poll.poll(self._timeout * 1000)
        if not found:
            raise NbdError(f"The NBD server made no progress for {self._timeout:g} s.")
        return found[0][1]


def failure(answer: Answer) -> NbdError:
    """The error of an answer that bears one, in words."""
    said = answer.text or os.strerror(answer.error)
    what = f"{answer.command.name} of {answer.length} bytes at {answer.offset} failed: {said}."
    return NbdError(what, error=answer.error)


def _fua(wanted: bool) -> int:
    return CommandFlag.FUA if wanted else 0


def _connected(where: NbdUri, timeout: float) -> socket.socket:
    try:
        if not where.socket:
            sock = socket.create_connection((where.host, where.port), timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as problem:
        raise _unreachable(where, problem) from problem
    try:
        sock.settimeout(timeout)
        sock.connect(where.socket)
    except OSError as problem:
        sock.close()
        raise _unreachable(where, problem) from problem
    return sock


def _unreachable(where: NbdUri, problem: OSError) -> NbdError:
    return NbdError(
        f"No NBD server answers at {where}: {problem.strerror or problem}.", hint="Is the mirror running?"
    )
