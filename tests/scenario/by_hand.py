"""A server whose turns the test takes, clients that speak the protocol by hand, and a target with moods."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from mirrortui.device.buffers import Buffer
from mirrortui.device.ioengine import IoEngine
from mirrortui.device.opening import open_engine
from mirrortui.nbd.protocol import REQUEST, REQUEST_MAGIC, Command
from mirrortui.worker.loop import Loop
from mirrortui.worker.nbd_server import NbdServer
from tests.served import Served
from tests.standin import StandIn

MIB = 1 << 20
Done = Callable[[int], None]
ReadDone = Callable[[int, Buffer], None]


def hello(served: Served) -> socket.socket:
    """A raw connection past the handshake, with simple replies."""
    sock = served.raw()
    sock.sendall(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 1, 0))
    expected = 18 + 10
    while expected:
        expected -= len(sock.recv(expected))
    return sock


def request(command: Command, offset: int = 0, length: int = 0, cookie: int = 0) -> bytes:
    return REQUEST.pack(REQUEST_MAGIC, 0, command, cookie, offset, length)


class Moody(StandIn):
    """Does nothing inline; holds back or fails what it is told to."""

    def __init__(self, engine: IoEngine, files: list[Path]) -> None:
        super().__init__(engine, files)
        self._inline = False
        self.fails = 0
        self.holding = False
        self.held: list[Callable[[], None]] = []

    def start_write(self, offset: int, buffer: Buffer, length: int, fua: bool, done: Done) -> None:
        self._later(done, lambda mood: super(Moody, self).start_write(offset, buffer, length, fua, mood))

    def start_read(self, offset: int, buffer: Buffer, length: int, done: ReadDone) -> None:
        def start(mood: Done) -> None:
            super(Moody, self).start_read(offset, buffer, length, lambda error, _: mood(error))

        self._later(lambda error: done(error, buffer), start)

    def _later(self, done: Done, start: Callable[[Done], None]) -> None:
        def mood(error: int) -> None:
            if self.holding:
                self.held.append(lambda: done(self.fails or error))
            else:
                done(self.fails or error)

        start(mood)

    def let_go(self) -> None:
        self.holding = False
        while self.held:
            self.held.pop()()


class ByHand:
    """A server whose turns the test takes."""

    def __init__(self, folder: Path, target: type[StandIn] = StandIn) -> None:
        image = folder / "a.img"
        with image.open("wb") as file:
            file.truncate(64 * MIB)
        self.engine = open_engine()
        self.loop = Loop(self.engine)
        self.target = target(self.engine, [image])
        self.server = NbdServer(self.loop, self.target, "vault")
        self.path = folder / "s"
        self.server.listen_unix(self.path)
        self.socks: list[socket.socket] = []

    def enter(self, requests: bytes = b"") -> socket.socket:
        """A client that says its part of the handshake and its first requests in one go."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socks.append(sock)
        sock.connect(str(self.path))
        sock.sendall(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 1, 0) + requests)
        sock.setblocking(False)
        return sock

    def close(self) -> None:
        for sock in self.socks:
            sock.close()
        self.server.close()
        self.loop.close()
        self.target.close()
        self.engine.close()


def receive(sock: socket.socket) -> int:
    """Take what has come; how much."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            count += len(sock.recv(1 << 20))
    return count


def moody(tmp_path: Path) -> tuple[Served, list[Moody]]:
    made: list[Moody] = []

    def make(engine: IoEngine) -> Moody:
        made.append(Moody(engine, served.files))
        return made[0]

    served = Served(tmp_path, make=make)
    return served, made
