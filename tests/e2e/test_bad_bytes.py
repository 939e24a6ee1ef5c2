"""Bytes from outside that mean nothing: at every door an error at most, and the mirror goes on."""

from __future__ import annotations

import contextlib
import os
import socket

import pytest

from mirrortui.api.requests import AssembleRequest, CreateRequest, MemberRequest
from mirrortui.errors import RequestError
from mirrortui.nbd.client import NbdClient
from mirrortui.nbd.protocol import REQUEST, REQUEST_MAGIC, Command
from tests.e2e.conftest import World, until
from tests.e2e.refusals import USAGE, assert_refused

pytestmark = pytest.mark.slow  # together they start some hundred processes


GARBAGE = [
    b"\x00\xff" * 5000,
    b"GET /v1/mirrors/../../etc HTTP/1.1\r\n\r\n",
    b"POST /v1/mirrors HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n{",
    b'POST /v1/mirrors HTTP/1.1\r\nContent-Length: 11\r\n\r\n{"name": 7}',
    b"POST /v1/mirrors HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]",
    b"POST /v1/mirrors HTTP/1.1\r\nContent-Length: 2\r\n\r\n\xff\xfe",
]


def test_paths_that_mean_nothing_elsewhere(world: World) -> None:
    """The command line makes paths absolute; others must."""
    world.create()
    for path in ("a.img", "../a.img", ""):
        with pytest.raises(RequestError, match="not an absolute path"):
            world.client.change("vault", "fail", MemberRequest(member=path, yes=True))
        with pytest.raises(RequestError, match="not an absolute path"):
            world.client.create(CreateRequest(name="other", members=[path, path]))
    with pytest.raises(RequestError, match="zero byte"):
        world.client.plan_assemble(AssembleRequest(members=["/x\0y"]))
    outcome = world.try_to("fail", "vault", os.fsdecode(b"\xff.img"))
    assert_refused(outcome, USAGE, "is not UTF-8")


@pytest.mark.parametrize("door", ["engine", "worker", "nbd"])
def test_garbage_at_every_door(world: World, door: str) -> None:
    mirror = world.create()
    path = {
        "engine": world.paths.socket,
        "worker": world.paths.control("vault"),
        "nbd": world.paths.export("vault"),
    }
    for garbage in GARBAGE:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(5)
            sock.connect(str(path[door]))
            with contextlib.suppress(OSError):
                sock.sendall(garbage)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
    now = world.client.mirror("vault")
    assert (now.worker_pid, now.state) == (mirror.worker_pid, mirror.state)
    with world.connected(mirror.uri) as client:
        client.write(0, b"z" * 4096)


def test_a_line_without_end_is_cut_off(world: World) -> None:
    world.create()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(world.paths.control("vault")))
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            for _ in range(64):
                sock.sendall(b"x" * 65536)
                sock.sendall(b"x" * 65536)
    assert world.client.mirror("vault").state in ("active", "clean")


def test_a_client_that_leaves_in_mid_write(world: World) -> None:
    """Half a request is no request: nothing of it is written."""
    mirror = world.create()
    with world.connected(mirror.uri) as client:
        client.write(0, b"old" * 4096)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(world.paths.export("vault")))
        NbdClient(sock, "vault")
        sock.setblocking(True)
        sock.sendall(REQUEST.pack(REQUEST_MAGIC, 0, Command.WRITE, 1, 0, 3 * 4096) + b"new" * 2000)
    until(lambda: not world.client.mirror("vault").clients, "the client is gone")
    with world.connected(mirror.uri) as client:
        assert client.read(0, 3 * 4096) == b"old" * 4096
    assert world.client.mirror("vault").worker_pid == mirror.worker_pid
