"""A real NBD server in a thread of its own, over files, for tests that connect real clients to it."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from mirrortui.device.ioengine import IoEngine
from mirrortui.device.opening import open_engine
from mirrortui.nbd.client import NbdClient
from mirrortui.nbd.target import Target
from mirrortui.worker.loop import Loop
from mirrortui.worker.nbd_server import NbdServer
from tests.standin import StandIn

T = TypeVar("T")
MakeTarget = Callable[[IoEngine], Target]


class Served:
    """`with Served(tmp_path) as served:` and connect to `served.uri`. The loop is its thread's; `call` gets in."""

    def __init__(
        self,
        folder: Path,
        *,
        size: int = 64 << 20,
        direct: bool = False,
        make: MakeTarget | None = None,
        readonly: bool = False,
    ) -> None:
        self.files = [folder / "a.img", folder / "b.img"]
        for file in self.files:
            with file.open("wb") as opened:
                opened.truncate(size)
        self.socket = folder / "nbd.sock"
        self.events: list[str] = []
        self.server: NbdServer
        self.loop: Loop
        self.uri = ""
        self._readonly = readonly
        self._make = make or (lambda engine: StandIn(engine, self.files, direct=direct))
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._bell, self._listener = socket.socketpair()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread.is_alive():
            self._post(lambda: self.server.drain(self.loop.stop, patience=0.2))
        self._thread.join(20)
        self._bell.close()
        self._listener.close()
        assert not self._thread.is_alive(), "the server did not come to its end"
        if self._failure:
            raise self._failure

    def connect(self) -> NbdClient:
        return NbdClient.connect(self.uri, timeout=20)

    def raw(self) -> socket.socket:
        """A connection that says nothing by itself."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(20)
        sock.connect(str(self.socket))
        return sock

    def call(self, function: Callable[[], T]) -> T:
        """What a function returns when called from a turn of the loop."""
        answer: queue.SimpleQueue[T] = queue.SimpleQueue()
        self._post(lambda: answer.put(function()))
        return answer.get(timeout=20)

    def wait_for(self, true: Callable[[], bool]) -> None:
        """Look after each turn until it is true."""
        reached = threading.Event()

        def look() -> None:
            if true():
                reached.set()
            else:
                self.loop.call_later(0.001, look)

        self._post(look)
        assert reached.wait(20), "it never came true"

    def _post(self, callback: Callable[[], None]) -> None:
        self._calls.put(callback)
        self._bell.send(b"!")

    def _answer_bell(self) -> None:
        self._listener.recv(1)
        self._calls.get()()

    def _run(self) -> None:
        try:
            engine = open_engine()
            self.loop = Loop(engine)
            self.loop.add_reader(self._listener.fileno(), self._answer_bell)
            self.server = NbdServer(
                self.loop,
                self._make(engine),
                "vault",
                on_connect=lambda client: self.events.append(f"connect {client.peer}"),
                on_leave=lambda client: self.events.append(f"leave {client.peer}"),
            )
            self.uri = self.server.listen_unix(self.socket, readonly=self._readonly).uri
            self._ready.set()
            self.loop.run()
            self.loop.close()
            engine.close()
        except BaseException as failure:
            self._failure = failure
            self._ready.set()
