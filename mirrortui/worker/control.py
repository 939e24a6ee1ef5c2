"""The socket by which an engine speaks to a worker: lines of JSON, served in the worker's own loop."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from mirrortui.api.problems import to_problem
from mirrortui.errors import MirrortuiError, RequestError
from mirrortui.log import logger
from mirrortui.worker.listening import listen_unix
from mirrortui.worker.loop import Loop
from mirrortui.worker.messages import LONGEST_LINE, Call, Line, WorkerEvent
from mirrortui.worker.recorder import Recorder

Request = TypeVar("Request")
Respond = Callable[[object], None]
"""Takes the answer, or the MirrortuiError, once."""
Handler = Callable[[Call, Respond], None]

MOST_UNSENT = 4 << 20
"""Bytes that wait for an engine that does not read; then it is cut off, and may come again."""
_BREATHER = 1.0
"""Seconds without accepting after the system had no descriptor left."""
_LAST_WORDS = 1.0
"""Seconds for an engine to take the last lines when the worker ends."""
_RECEIVE = 1 << 16


class Door:
    """A listening control socket."""

    def __init__(self, path: Path) -> None:
        """Raises InUseError if a worker answers at `path` already."""
        self.listener = listen_unix(path)
        self._path = path
        self._inode = path.stat().st_ino

    def close(self) -> None:
        """Listen no more; the file goes, if it is still this one's."""
        self.listener.close()
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()


class Control:
    """Listens, passes each call to a handler, and tells what the recorder hears to engines that follow."""

    def __init__(self, loop: Loop, path: Path, recorder: Recorder) -> None:
        """Raises InUseError if a worker answers at `path` already."""
        self.loop = loop
        self.recorder = recorder
        self.engines: set[_Engine] = set()
        self.handler: Handler = _not_yet
        self._door = Door(path)
        recorder.listener = self._tell

    def begin(self, handler: Handler) -> None:
        """Let engines in."""
        self.handler = handler
        self._listen(self._door)

    def _listen(self, door: Door) -> None:
        if door is self._door and door.listener.fileno() >= 0:  # it may have moved, or been shut, meanwhile
            self.loop.add_reader(door.listener.fileno(), self._accept)

    def move(self, door: Door) -> None:
        """Listen there from now on; engines that are connected stay."""
        self._shut()
        self._door = door
        self.begin(self.handler)

    def close(self) -> None:
        """Send what is left, and leave."""
        for engine in list(self.engines):
            engine.finish()
        self._shut()

    def _shut(self) -> None:
        self.loop.remove(self._door.listener.fileno())
        self._door.close()

    def _tell(self, event: WorkerEvent) -> None:
        for engine in [engine for engine in self.engines if engine.follows]:
            engine.send(Line(event=event))

    def _accept(self) -> None:
        try:
            sock, _ = self._door.listener.accept()
        except BlockingIOError:
            return
        except OSError as problem:  # out of descriptors or memory: it would be offered again at once
            logger.warning("cannot accept an engine: %s", os.strerror(problem.errno or 0))
            door = self._door
            self.loop.remove_reader(door.listener.fileno())
            self.loop.call_later(_BREATHER, lambda: self._listen(door))
            return
        _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid not in (0, os.geteuid()):
            logger.warning("refused a control connection from uid %d", uid)
            sock.close()
            return
        sock.setblocking(False)
        self.engines.add(_Engine(self, sock))


class _Engine:
    """One engine's connection."""

    def __init__(self, control: Control, sock: socket.socket) -> None:
        self.follows = False
        self._control = control
        self._loop = control.loop
        self._sock = sock
        self._fd = sock.fileno()
        self._received = bytearray()
        self._unsent = bytearray()
        self._writing = False
        self._open = True
        self._loop.add_reader(self._fd, self._readable)

    def send(self, line: Line) -> None:
        """Queue a line; sent at the end of the turn."""
        if not self._open:
            return
        self._unsent += msgspec.json.encode(line) + b"\n"
        if len(self._unsent) > MOST_UNSENT:
            self._leave("it does not read")
        else:
            self._loop.finish(self._flush)

    def finish(self) -> None:
        """Send what is left even if that means to wait a little, and close when the engine has: if it is sending
        something else just now, a closed socket would cost it what it has not read yet.
        """
        with contextlib.suppress(OSError):
            if self._open:
                self._sock.settimeout(_LAST_WORDS)
                self._sock.sendall(self._unsent)
                self._sock.shutdown(socket.SHUT_WR)
                until = time.monotonic() + _LAST_WORDS
                while self._sock.recv(_RECEIVE) and time.monotonic() < until:
                    pass
        self._leave("")

    def _readable(self) -> None:
        try:
            data = self._sock.recv(_RECEIVE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._leave("")
            return
        self._received += data
        *lines, rest = self._received.split(b"\n")
        self._received = rest
        for line in lines:
            self._take(bytes(line))
        if len(rest) > LONGEST_LINE:
            self._leave(f"it sent a line of more than {LONGEST_LINE} bytes")

    def _take(self, line: bytes) -> None:
        try:
            call = msgspec.json.decode(line, type=Call)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            self._leave(f"it sent what is no call: {error}")
            return
        if call.verb == "follow":
            self._follow(call)
        else:
            self._control.handler(call, lambda answer: self._reply(call.id, answer))

    def _follow(self, call: Call) -> None:
        self._reply(call.id, None)
        for event in self._control.recorder.events:
            self.send(Line(event=event))
        self.follows = True

    def _reply(self, number: int, answer: object) -> None:
        if isinstance(answer, MirrortuiError):
            self.send(Line(id=number, error=to_problem(answer)))
        else:
            self.send(Line(id=number, ok=msgspec.Raw(msgspec.json.encode(answer))))

    def _flush(self) -> None:
        if not self._open or not self._unsent:
            return
        try:
            del self._unsent[: self._sock.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._leave("")
            return
        if self._writing != bool(self._unsent):
            self._writing = not self._writing
            if self._writing:
                self._loop.add_writer(self._fd, self._flush)
            else:
                self._loop.remove_writer(self._fd)

    def _leave(self, why: str) -> None:
        if not self._open:
            return
        self._open = False
        if why:
            logger.warning("an engine was cut off: %s", why)
        self._loop.remove(self._fd)
        self._sock.close()
        self._control.engines.discard(self)


def _not_yet(call: Call, respond: Respond) -> None:
    respond(MirrortuiError("The mirror does not run yet.", hint="Try again in a moment."))


def arguments(call: Call, kind: type[Request]) -> Request:
    """A call's arguments as the request they should be. Raises RequestError."""
    try:
        return msgspec.json.decode(call.args, type=kind)
    except msgspec.MsgspecError as error:
        raise RequestError(f"The arguments of {call.verb} cannot be understood: {error}.") from error
