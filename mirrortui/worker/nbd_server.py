"""A mirror served over NBD: its addresses, its clients, and how they share the worker."""

from __future__ import annotations

import dataclasses
import os
import socket
from collections.abc import Callable
from pathlib import Path

from msgspec import structs

from mirrortui.api.mirrors import Client
from mirrortui.api.mirrors import Export as Address
from mirrortui.api.requests import ExportRequest
from mirrortui.errors import RequestError
from mirrortui.log import logger
from mirrortui.nbd.budget import Budget
from mirrortui.nbd.handshake import Export, Terms
from mirrortui.nbd.outbox import Outbox
from mirrortui.nbd.requests import Traffic
from mirrortui.nbd.session import Session
from mirrortui.nbd.target import Target
from mirrortui.nbd.uri import NbdUri, parse_uri
from mirrortui.worker.connection import Connection
from mirrortui.worker.listening import host_and_port, listen_tcp, listen_unix, peer_name
from mirrortui.worker.loop import Callback, Loop

MOST_CLIENTS = 64
PAYLOADS = 64 << 20
"""Payload bytes in flight over all clients."""
SWEEP_SECONDS = 15.0
"""How often clients are looked for that keep others from being served."""
HANDSHAKE_SECONDS = 30.0
"""A client that has not come to terms by then is such a one."""
_SOCKET_BUFFER = 1 << 20
_ACCEPTS = 16
"""Clients let in per turn."""
_BREATHER = 1.0
"""Seconds without accepting after the system had no descriptor left."""


class Door:
    """One address that is listened at."""

    def __init__(self, sock: socket.socket, address: Address, path: Path | None) -> None:
        self.sock = sock
        self.address = address
        self._path = path
        self._inode = path.stat().st_ino if path else 0

    def close(self) -> None:
        self.sock.close()
        if self._path and self._still_mine(self._path):
            self._path.unlink()

    def _still_mine(self, path: Path) -> bool:
        try:
            return path.lstat().st_ino == self._inode
        except OSError:
            return False


def unix_door(path: Path, name: str, *, readonly: bool = False) -> Door:
    """A Unix socket, mode 0600, for an export of that name; nobody is let in yet. Raises InUseError, RequestError."""
    sock = listen_unix(path)
    uri = str(NbdUri(name, socket=str(path)))
    return Door(sock, Address(uri=uri, kind="unix", readonly=readonly), path)


def _nothing(client: Client) -> None:
    pass


class NbdServer:
    """Serves one target under its name, and under "" too. Everything happens in the loop's turns."""

    def __init__(
        self,
        loop: Loop,
        target: Target,
        name: str,
        *,
        on_connect: Callable[[Client], None] = _nothing,
        on_leave: Callable[[Client], None] = _nothing,
    ) -> None:
        self.loop = loop
        self.traffic = Traffic()
        """What went through since the start."""
        self._target = target
        self._name = name
        self._on_connect = on_connect
        self._on_leave = on_leave
        self._budget = Budget(PAYLOADS)
        self._listeners: list[Door] = []
        self._connections: dict[Connection, Client | None] = {}
        self._unsettled: set[Connection] = set()
        self._drained: Callback | None = None
        self._sweep()

    @property
    def addresses(self) -> list[Address]:
        """Where clients may connect."""
        return [listener.address for listener in self._listeners]

    @property
    def clients(self) -> list[Client]:
        """Who is connected and past the handshake."""
        return [client for client in self._connections.values() if client]

    def load(self) -> tuple[int, int]:
        """Requests that were answered so far, and those that wait for their answer."""
        traffic = self.traffic
        answered = traffic.reads + traffic.writes + traffic.flushes
        return answered, sum(connection.in_flight for connection in self._connections)

    def listen(self, request: ExportRequest) -> Address:
        """Serve where it is asked for. Raises RequestError or InUseError."""
        if bool(request.unix) == bool(request.tcp):
            raise RequestError("An export wants either a Unix socket or a TCP address.")
        if request.unix:
            return self.listen_unix(Path(request.unix), readonly=request.readonly)
        return self.listen_tcp(*host_and_port(request.tcp or ""), readonly=request.readonly)

    def listen_unix(self, path: Path, *, readonly: bool = False) -> Address:
        """Serve at a Unix socket, mode 0600. Raises InUseError, RequestError."""
        door = unix_door(path, self._name, readonly=readonly)
        self._open(door)
        return door.address

    def listen_tcp(self, host: str, port: int = 0, *, readonly: bool = False) -> Address:
        """Serve at a loopback address; port 0: any. Raises RequestError."""
        sock = listen_tcp(host, port)
        uri = str(NbdUri(self._name, host=host, port=sock.getsockname()[1]))
        door = Door(sock, Address(uri=uri, kind="tcp", readonly=readonly), None)
        self._open(door)
        return door.address

    def rename(self, name: str, door: Door) -> None:
        """Answer to another name from now on, and at another first address; clients that are connected stay."""
        self._name = name
        self.loop.remove(self._listeners[0].sock.fileno())
        self._listeners[0].close()
        self._listeners[0] = door
        self._watch(door)
        for listener in self._listeners:
            uri = dataclasses.replace(parse_uri(listener.address.uri), export=name)
            listener.address = structs.replace(listener.address, uri=str(uri))

    def drain(self, done: Callback, patience: float = 5.0) -> None:
        """Take no more clients and no more requests; `done` is called when all that was begun is answered and nobody
        is connected. Clients that will not read their replies are cut off after `patience` seconds.
        """
        self._drained = done
        self._stop_listening()
        for connection in list(self._connections):
            connection.end()
        self.loop.call_later(patience, self._cut_off)
        self.loop.post(self._check_drained)

    def close(self) -> None:
        """Stop at once: what is in flight is not answered."""
        self._stop_listening()
        self._cut_off()

    def session(self, terms: Terms, out: Outbox, wake: Callback) -> Session:
        """A client came to terms (connection.Host)."""
        return Session(self._target, terms, out, self._budget, self.traffic, wake)

    def entered(self, connection: Connection) -> None:
        """A client's transmission phase begins (connection.Host)."""
        client = Client(peer=connection.peer, since=self.loop.now())
        self._connections[connection] = client
        self._on_connect(client)

    def left(self, connection: Connection) -> None:
        """A client's socket is closed (connection.Host)."""
        client = self._connections.pop(connection)
        self._unsettled.add(connection)
        if client:
            self._on_leave(client)

    def settled(self, connection: Connection) -> None:
        """Nothing of a client that left is in flight (connection.Host)."""
        self._unsettled.discard(connection)
        self._check_drained()

    def _open(self, door: Door) -> None:
        self._listeners.append(door)
        self._watch(door)

    def _watch(self, listener: Door) -> None:
        if listener in self._listeners:
            self.loop.add_reader(listener.sock.fileno(), lambda: self._accept(listener))

    def _accept(self, listener: Door) -> None:
        for _ in range(_ACCEPTS):
            try:
                sock, _address = listener.sock.accept()
            except BlockingIOError:
                return
            except OSError as problem:  # out of descriptors or memory: they would be offered again at once
                logger.warning("cannot accept a client: %s", os.strerror(problem.errno or 0))
                self.loop.remove_reader(listener.sock.fileno())
                self.loop.call_later(_BREATHER, lambda: self._watch(listener))
                return
            self._welcome(sock, listener.address.readonly)

    def _welcome(self, sock: socket.socket, readonly: bool) -> None:
        try:
            peer = peer_name(sock)
        except OSError:  # it left already
            sock.close()
            return
        if len(self._connections) >= MOST_CLIENTS:
            logger.warning("%s: sent away, %d clients are connected", peer, MOST_CLIENTS)
            sock.close()
            return
        sock.setblocking(False)
        if sock.family == socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER)
        else:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        target = self._target
        export = Export(self._name, target.size, target.block_size, readonly or target.readonly)
        connection = Connection(self, sock, export, peer, Outbox(target.pool))
        self._connections[connection] = None

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            self.loop.remove(listener.sock.fileno())
            listener.close()
        self._listeners = []

    def _sweep(self) -> None:
        """Bounds the waits that only a client could end: for its handshake, and for the memory it holds."""
        self.loop.call_later(SWEEP_SECONDS, self._sweep)
        late = self.loop.monotonic() - HANDSHAKE_SECONDS
        for connection in list(self._connections):
            if not connection.entered and connection.since < late:
                connection.close(f"no agreement within {HANDSHAKE_SECONDS:.0f} s")
            elif connection.stuck() and self._budget.contended:
                connection.close("neither reads nor sends, and others wait for the memory it holds")

    def _cut_off(self) -> None:
        for connection in list(self._connections):
            connection.close()

    def _check_drained(self) -> None:
        if self._drained and not self._connections and not self._unsettled:
            done, self._drained = self._drained, None
            done()
