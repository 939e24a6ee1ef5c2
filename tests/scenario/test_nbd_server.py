"""The server over real Unix sockets, with our own client and with clients that misbehave."""

from __future__ import annotations

import contextlib
import os
import random
import stat
import threading
from pathlib import Path

import pytest

from mirrortui.errors import InUseError, RequestError
from mirrortui.nbd.client import NbdClient, failure
from mirrortui.nbd.protocol import REQUEST, Command, Error, NbdError
from mirrortui.worker.listening import listen_tcp, listen_unix
from mirrortui.worker.nbd_server import MOST_CLIENTS
from tests.scenario.by_hand import hello, request
from tests.served import Served

MIB = 1 << 20


@pytest.mark.parametrize("direct", [False, True])
def test_everything_a_client_can_ask(tmp_path: Path, direct: bool) -> None:
    data = os.urandom(3 * MIB)
    with Served(tmp_path, direct=direct) as served, served.connect() as client:
        assert client.size == 64 * MIB
        client.write(MIB, data, fua=True)
        assert client.read(MIB, len(data)) == data
        client.zero(2 * MIB, MIB)
        client.trim(16 * MIB, MIB)
        client.cache(0, MIB)
        client.flush()
        assert client.read(2 * MIB, MIB) == bytes(MIB)
        status = client.block_status(0, 64 * MIB)
        assert [(part.offset, part.length, part.hole) for part in status] == [
            (0, MIB, True), (MIB, MIB, False), (2 * MIB, MIB, True), (3 * MIB, MIB, False),
            (4 * MIB, 60 * MIB, True),
        ]  # fmt: skip
    first, second = (file.read_bytes() for file in served.files)
    assert first == second
    assert first[MIB : 2 * MIB] == data[:MIB]


@pytest.mark.parametrize("direct", [False, True])
def test_many_requests_in_flight_by_many_clients(tmp_path: Path, direct: bool) -> None:
    """Each client has its own stripe, and reads back what it wrote."""
    seed = 4711
    print("seed", seed)

    def play(client: NbdClient, number: int) -> None:
        rng = random.Random(seed + number)
        base, blocks = number * 8 * MIB, 64
        model = [bytes(4096)] * blocks
        expected: dict[int, bytes] = {}
        busy: dict[int, int] = {}
        for _ in range(600):
            block = rng.randrange(blocks)
            while client.in_flight > 24 or block in busy.values():
                answer = client.collect()
                assert not answer.error, failure(answer)
                del busy[answer.cookie]
                if answer.command == Command.READ:
                    assert answer.data == expected.pop(answer.cookie)
            if rng.random() < 0.5:
                model[block] = rng.randbytes(4096)
                cookie = client.submit(Command.WRITE, base + block * 4096, 4096, model[block])
            else:
                cookie = client.submit(Command.READ, base + block * 4096, 4096)
                expected[cookie] = model[block]
            busy[cookie] = block
        while busy:
            del busy[client.collect().cookie]
        assert client.read(base, blocks * 4096) == b"".join(model)
        client.disconnect()
        finished.append(number)

    finished: list[int] = []
    with Served(tmp_path, direct=direct) as served:
        threads = [threading.Thread(target=play, args=(served.connect(), number)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert sorted(finished) == list(range(8))
    assert served.files[0].read_bytes() == served.files[1].read_bytes()


def test_who_is_connected_and_what_went_through(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        with served.connect() as client:
            client.write(0, b"x" * 1000)
            client.read(0, 500)
            client.flush()
            (seen,) = served.call(lambda: served.server.clients)
            assert f"(pid {os.getpid()})" in seen.peer
            traffic = served.server.traffic
            assert (traffic.writes, traffic.write_bytes) == (1, 1000)
            assert (traffic.reads, traffic.read_bytes) == (1, 500)
            assert traffic.flushes == 1
        served.wait_for(lambda: not served.server.clients)
        assert served.events == [f"connect {seen.peer}", f"leave {seen.peer}"]
        served.raw().close()
        assert len(served.events) == 2, "one that never came to terms is no client"


def test_addresses(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        assert served.uri == f"nbd+unix:///vault?socket={served.socket}"
        assert stat.S_IMODE(served.socket.stat().st_mode) == 0o600
        tcp = served.call(lambda: served.server.listen_tcp("127.0.0.1"))
        readonly = served.call(lambda: served.server.listen_unix(tmp_path / "ro.sock", readonly=True))
        assert [address.uri for address in served.server.addresses] == [served.uri, tcp.uri, readonly.uri]
        with NbdClient.connect(tcp.uri) as one, NbdClient.connect(readonly.uri) as two:
            one.write(0, b"over TCP")
            assert two.read(0, 8) == b"over TCP"
            with pytest.raises(NbdError, match="read-only") as raised:
                two.write(0, b"no")
            assert raised.value.error == Error.EPERM
            assert one.read(0, 8) == b"over TCP"
        with pytest.raises(NbdError, match="no export named 'other'"):
            NbdClient.connect(served.uri.replace("vault?", "other?"))
    assert not served.socket.exists()
    with pytest.raises(NbdError, match="No NBD server answers"):
        NbdClient.connect(served.uri)


def test_sockets_are_taken_with_care(tmp_path: Path) -> None:
    path = tmp_path / "s"
    first = listen_unix(path)
    with pytest.raises(InUseError, match="already serving"):
        listen_unix(path)
    first.close()  # as after a crash: the path is still there
    listen_unix(path).close()
    path.unlink()
    path.write_text("precious")
    with pytest.raises(InUseError, match="not a socket"):
        listen_unix(path)
    assert path.read_text() == "precious"
    with pytest.raises(RequestError, match="too long"):
        listen_unix(tmp_path / ("x" * 108))
    with pytest.raises(RequestError, match="Cannot listen"):
        listen_unix(tmp_path / "missing" / "s")
    with pytest.raises(RequestError, match="other machines"):
        listen_tcp("0.0.0.0", 0)
    with pytest.raises(RequestError, match="not an IP address"):
        listen_tcp("example.org", 0)
    with listen_tcp("127.0.0.1", 0) as taken, pytest.raises(RequestError, match="Cannot listen"):
        listen_tcp("127.0.0.1", taken.getsockname()[1])


def test_garbage_harms_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Served(tmp_path) as served, served.connect() as client:
        client.write(0, b"stays")
        for noise in (b"\0" * 100, b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", b"\xff" * 100_000):
            with served.raw() as sock:
                sock.recv(18)
                try:
                    sock.sendall(noise)
                    assert sock.recv(1) == b""
                except (ConnectionResetError, BrokenPipeError):
                    pass
            with hello(served) as sock:
                sock.sendall(noise)
                with contextlib.suppress(ConnectionResetError):
                    assert sock.recv(1) == b""
        assert client.read(0, 5) == b"stays"
    assert "request magic" in caplog.text
    assert "client flags" in caplog.text


def test_leaving_in_mid_write_writes_nothing_of_it(tmp_path: Path) -> None:
    with Served(tmp_path) as served, served.connect() as client:
        client.write(0, b"before" * 1000)
        for length, part in ((4096, 100), (4096, 4095), (8 * MIB, 5 * MIB)):
            with hello(served) as sock:
                sock.sendall(request(Command.WRITE, 0, length) + b"X" * part)
        served.wait_for(lambda: len(served.server.clients) == 1)
        assert client.read(0, 6000) == b"before" * 1000
        client.write(0, bytes(16 * MIB))  # the budget is whole again


def test_a_silent_client_is_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirrortui.worker.nbd_server.HANDSHAKE_SECONDS", 0.5)
    monkeypatch.setattr("mirrortui.worker.nbd_server.SWEEP_SECONDS", 0.1)
    with Served(tmp_path) as served, served.raw() as sock:
        assert sock.recv(18)
        assert sock.recv(1) == b""
        with served.connect() as client:
            assert client.read(0, 1) == b"\0"


def test_too_many_clients(tmp_path: Path) -> None:
    with Served(tmp_path) as served:
        many = [served.raw() for _ in range(MOST_CLIENTS)]
        for sock in many:
            assert sock.recv(18)
        with served.raw() as sock:
            assert sock.recv(18) == b""
        many.pop().close()
        served.wait_for(lambda: len(served.server._connections) < MOST_CLIENTS)
        served.connect().disconnect()
        for sock in many:
            sock.close()


def test_a_slow_reader_blocks_itself_only(tmp_path: Path) -> None:
    """It asks for far more than the sockets hold and reads nothing; memory stays bounded, others go on."""
    with Served(tmp_path, size=64 * MIB) as served:
        slow = hello(served)
        slow.setblocking(False)
        asked = 0
        with pytest.raises(BlockingIOError):
            for _ in range(1_000_000):
                asked += slow.send(request(Command.READ, 0, 64 << 10)) // REQUEST.size
        assert asked > 200
        with served.connect() as client:
            for _ in range(50):
                client.write(0, os.urandom(4096))
                client.read(MIB, 4096)
        served.wait_for(lambda: len(served.server._connections) == 1)
        (connection,) = served.call(lambda: list(served.server._connections))
        assert connection._out.pending < 3 * MIB
        slow.setblocking(True)
        for _ in range(asked):
            left = 16 + (64 << 10)
            while left:
                left -= len(slow.recv(left))
        slow.close()
