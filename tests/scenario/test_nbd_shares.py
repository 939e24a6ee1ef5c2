"""Load, memory and the end of a server over real Unix sockets: who waits for whom, and for how long."""

from __future__ import annotations

import errno
import threading
import time
from pathlib import Path

import pytest

from mirrortui.nbd.client import NbdClient
from mirrortui.nbd.protocol import Command, Error, NbdError
from mirrortui.worker.nbd_server import PAYLOADS
from tests.scenario.by_hand import ByHand, Moody, hello, moody, receive, request
from tests.served import Served

MIB = 1 << 20


def test_a_flood_does_not_starve_a_single_request(tmp_path: Path) -> None:
    """Beside two clients with dozens of long reads in flight, a short one is answered within a few turns."""
    world = ByHand(tmp_path)
    floods = [world.enter(request(Command.READ, 0, MIB) * 64) for _ in range(2)]
    served = [0, 0]
    for _ in range(10):
        world.loop.turn(0)
        served = [count + receive(sock) for count, sock in zip(served, floods, strict=True)]
    quiet = world.enter()
    for _ in range(3):
        world.loop.turn(0)
    assert receive(quiet) == 28
    for _ in range(5):
        quiet.sendall(request(Command.READ, 0, 4096))
        before, turns, got = list(served), 0, 0
        while got < 16 + 4096:
            world.loop.turn(0)
            turns += 1
            got += receive(quiet)
            served = [count + receive(sock) for count, sock in zip(served, floods, strict=True)]
        assert turns <= 3
        assert all(now > then for now, then in zip(served, before, strict=True)), "there was no flood"
    world.close()


def test_a_server_that_can_only_wait_does_wait(tmp_path: Path) -> None:
    """No state of a client keeps the loop busy: each turn lasts as long as it may."""
    world = ByHand(tmp_path, Moody)
    target = world.target
    assert isinstance(target, Moody)
    reader = world.enter(request(Command.READ, 0, 64 << 10) * 100)
    half = world.enter(request(Command.WRITE, 0, 32 * MIB) + b"half")
    for _ in range(200):
        world.loop.turn(0.001)
    target.holding = True
    greedy = world.enter(request(Command.READ, 0, 16 * MIB) * 3)
    gone = world.enter(request(Command.READ, 0, 4096))
    while len(target.held) < 2:
        world.loop.turn(0.001)
    gone.close()
    for _ in range(20):
        world.loop.turn(0.001)
    begun = time.monotonic()
    for _ in range(4):  # one of them may be cut short, by a look at what is overdue
        world.loop.turn(0.05)
    assert time.monotonic() - begun > 0.14
    assert all(sock.fileno() >= 0 for sock in (reader, half, greedy))
    target.let_go()
    world.loop.turn(0)
    world.close()


def test_errors_of_the_target_reach_the_client_and_no_further(tmp_path: Path) -> None:
    served, made = moody(tmp_path)
    with served, served.connect() as client, served.connect() as other:
        client.write(0, b"good")
        made[0].fails = errno.EIO
        for action in (lambda: client.write(0, b"bad"), lambda: client.read(0, 4)):
            with pytest.raises(NbdError, match="Input/output error") as raised:
                action()
            assert raised.value.error == Error.EIO
        made[0].fails = 0
        assert client.read(8, 4) == bytes(4)
        other.flush()


def test_requests_in_flight_hold_only_so_much_memory(tmp_path: Path) -> None:
    """Sixteen clients want 8 MiB each four times over, and the target sits on all of it."""

    def collect(client: NbdClient) -> None:
        answers = [client.collect() for _ in range(4)]
        done.append(sum(answer.data == bytes(8 * MIB) for answer in answers))
        client.disconnect()

    done: list[int] = []
    served, made = moody(tmp_path)
    with served:
        clients = [served.connect() for _ in range(16)]
        made[0].holding = True
        for client in clients:
            for _ in range(4):
                client.submit(Command.READ, 0, 8 * MIB)
        budget = served.server._budget
        served.wait_for(lambda: budget.used == PAYLOADS)
        with served.connect() as little:
            cookie = little.submit(Command.READ, 0, 4096)
            served.wait_for(lambda: budget.used == PAYLOADS + 4096)
            served.call(made[0].let_go)
            assert little.collect().cookie == cookie
            readers = [threading.Thread(target=collect, args=(client,)) for client in clients]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
        assert done == [4] * 16
        served.wait_for(lambda: budget.used == 0)


def test_who_hoards_memory_and_does_nothing_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mirrortui.worker.nbd_server.SWEEP_SECONDS", 0.5)
    with Served(tmp_path) as served:
        hoarders = [hello(served) for _ in range(3)]
        hoarders[0].sendall(request(Command.WRITE, 0, 32 * MIB) + b"half")
        hoarders[1].sendall(request(Command.READ, 0, 16 * MIB) * 2)
        hoarders[2].sendall(request(Command.READ, 0, 16 * MIB))
        served.wait_for(lambda: served.server._budget.used == PAYLOADS)
        with served.connect() as client:
            assert client.read(0, 2 * MIB) == bytes(2 * MIB)
        for hoarder in hoarders:
            hoarder.close()
    assert "others wait for the memory it holds" in caplog.text


def test_drain_lets_what_is_in_flight_finish(tmp_path: Path) -> None:
    served, made = moody(tmp_path)
    drained = threading.Event()
    with served:
        client, gone, slow = served.connect(), served.connect(), hello(served)
        made[0].holding = True
        for one in (client, gone):
            one.submit(Command.WRITE, 0, 4096, b"z" * 4096)
        slow.sendall(request(Command.WRITE, 0, MIB) + b"half")
        served.wait_for(lambda: len(made[0].held) == 2)
        gone.close()
        served.wait_for(lambda: len(served.server.clients) == 2)
        served.call(lambda: served.server.drain(drained.set))
        assert not served.socket.exists()
        served.wait_for(lambda: len(served.server.clients) == 1)
        assert slow.recv(1) == b"", "it is not waited for"
        assert not drained.is_set()
        served.call(made[0].let_go)
        assert not client.collect().error
        assert drained.wait(20)
        with pytest.raises(NbdError, match="closed the connection"):
            client.read(0, 1)
        for sock in (client, slow):
            sock.close()


def test_drain_cuts_off_who_does_not_read(tmp_path: Path) -> None:
    drained = threading.Event()
    with Served(tmp_path) as served:
        slow = hello(served)
        slow.sendall(request(Command.READ, 0, 64 << 10) * 200)
        served.wait_for(lambda: served.server.traffic.reads > 16)
        served.call(lambda: served.server.drain(drained.set, patience=0.05))
        assert drained.wait(20)
        slow.close()
