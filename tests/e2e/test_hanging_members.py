"""A member whose file system really hangs: nobody waits for it longer than the mirror's time-out and a second."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mirrortui.nbd.client import NbdClient
from mirrortui.nbd.protocol import NbdError
from mirrortui.units import MIB
from tests.e2e.conftest import World, data_areas, state_of, until
from tests.e2e.fuse_disk import FuseDisk, check_host, fuse_disk

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SIZE = 16 * MIB
TIMEOUT = 2
NEW = b"new." * 1024


@pytest.fixture
def disk(world: World) -> Iterator[FuseDisk]:
    check_host()
    with fuse_disk(world.place / "fuse", SIZE) as made:
        yield made
        made.go_on()  # what hangs in it cannot be killed
        world.kill_all()


def create(world: World, disk: FuseDisk, memory: Path, *options: str) -> str:
    """A mirror that it is a member of, with an image that is never late; where it is served."""
    image = world.image("a.img", SIZE, memory)
    words: tuple[str | Path, ...]
    words = ("create", "vault", image, disk.path, "--assume-clean", "--timeout", str(TIMEOUT), *options)
    return world.do(*words).out.strip()


class Clients:
    """Each on a connection of its own, all at once."""

    def __init__(self, world: World, uri: str) -> None:
        self._world = world
        self._uri = uri
        self._threads: list[threading.Thread] = []
        self.took: dict[str, float] = {}
        self.problems: list[Exception] = []

    def start(self, what: str, ask: Callable[[NbdClient], object]) -> None:
        """Begin; how long the answer took is noted."""
        ready = threading.Event()

        def run() -> None:
            try:
                with self._world.connected(self._uri) as client:
                    ready.set()
                    begun = time.monotonic()
                    ask(client)
                    self.took[what] = time.monotonic() - begun
            except Exception as problem:
                self.problems.append(problem)

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()
        ready.wait(10)

    def join(self) -> None:
        """Wait for all of them."""
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()


def read_at(place: int) -> Callable[[NbdClient], object]:
    """What a client does."""
    return lambda client: client.read(place, 4096)


@pytest.mark.parametrize("options", [[], ["--direct"]], ids=["page cache", "direct"])
def test_nobody_waits_longer_than_the_timeout(
    world: World, disk: FuseDisk, memory: Path, options: list[str]
) -> None:
    uri = create(world, disk, memory, *options)
    with world.connected(uri) as client:
        client.write(0, b"old." * 1024)
        client.flush()
    disk.hang()
    clients = Clients(world, uri)
    clients.start("write", lambda client: client.write(0, NEW))
    clients.start("cold write", lambda client: client.write(8 * MIB, NEW))
    clients.start("part of a page", lambda client: client.write(12 * MIB, NEW[:4096]))
    clients.start("flush", lambda client: client.flush())
    for place in range(4):
        clients.start(f"read {place}", read_at(place * 3 * MIB))
    begun = time.monotonic()
    assert world.client.mirror("vault").timeout == TIMEOUT
    assert time.monotonic() - begun < 1, "who asks how it is is answered at once"
    clients.join()
    assert not clients.problems
    assert len(clients.took) == 8
    assert max(clients.took.values()) < TIMEOUT + 1, clients.took
    until(lambda: state_of(world) == "degraded", "it is out")
    with world.connected(uri) as client:
        assert client.read(0, 4096) == client.read(8 * MIB, 4096) == NEW
    disk.go_on()
    until(lambda: world.try_to("re-add", "vault", disk.path).code == 0, "nothing of it is under way any more")
    world.do("wait", "vault", "--for", "in-sync", "--timeout", "20")
    world.do("stop", "vault")
    assert len(set(data_areas(memory / "a.img", disk.path))) == 1


def test_the_mirror_can_be_stopped_and_started_without_it(world: World, disk: FuseDisk, memory: Path) -> None:
    """What hangs in the kernel may keep its process, but nobody who wants something of the mirror."""
    uri = create(world, disk, memory)
    disk.hang()
    with world.connected(uri) as client:
        client.write(0, NEW)
    begun = time.monotonic()
    world.do("stop", "vault")
    assert state_of(world) == "stopped"
    world.do("assemble", "vault", memory / "a.img", "--timeout", str(TIMEOUT))
    assert time.monotonic() - begun < 15
    with world.connected(uri) as client:
        assert client.read(0, 4096) == NEW


def test_the_last_copy_hangs_and_the_mirror_goes_on_when_it_answers(world: World, disk: FuseDisk) -> None:
    words = ("create", "vault", disk.path, "missing", "--timeout", str(TIMEOUT))
    uri = world.do(*words).out.strip()
    with world.connected(uri) as client:
        client.write(0, b"old." * 1024)
        client.flush()
        disk.hang()
        asked: list[Callable[[NbdClient], object]] = [
            lambda client: client.write(8 * MIB, NEW),
            lambda client: client.flush(),
            lambda client: client.write(0, NEW),
        ]
        for ask in asked:
            begun = time.monotonic()
            with pytest.raises(NbdError, match="Input/output error"):
                ask(client)
            assert time.monotonic() - begun < TIMEOUT + 1
        until(lambda: state_of(world) == "failed", "nothing is promised")
        why = world.client.mirror("vault").why
        assert f"{disk.path}, the last copy" in why
        assert f"It goes on by itself when {disk.path} answers." in why
        disk.go_on()
        until(lambda: state_of(world) == "degraded", "it goes on")
        client.write(8 * MIB, NEW)
        client.flush()
        assert client.read(8 * MIB, 4096) == NEW
        assert world.events("mirror-recovered") == [f"{disk.path} answers again: vault takes writes."]


def test_the_timeout_outlives_the_worker(world: World, disk: FuseDisk, memory: Path) -> None:
    uri = create(world, disk, memory, "--direct")
    mirror = world.client.mirror("vault")
    assert mirror.worker_pid
    os.kill(mirror.worker_pid, signal.SIGKILL)
    until(lambda: world.client.mirror("vault").worker_pid not in (None, mirror.worker_pid), "it is back")
    assert world.client.mirror("vault").timeout == TIMEOUT
    with world.connected(uri) as client:
        disk.hang()
        begun = time.monotonic()
        client.write(0, NEW)
        assert TIMEOUT - 1 < time.monotonic() - begun < TIMEOUT + 1


def test_looks_at_a_device_that_hangs_hold_nobody_up(world: World, disk: FuseDisk) -> None:
    a, b, c = (world.image(name, SIZE) for name in ("a.img", "b.img", "c.img"))
    world.do("create", "vault", a, b, "--assume-clean")
    disk.hang()
    hung: list[tuple[str | Path, ...]] = [
        ("create", "other", c, disk.path, "--yes"),
        ("assemble", "other", disk.path),
        ("assemble", "other", disk.path, "--plan", "--run"),
        ("adopt", "other", disk.path, "--yes"),
        ("add", "vault", disk.path, "--yes"),
    ]
    for words in hung:
        begun = time.monotonic()
        refused = world.try_to(*words)
        assert refused.code
        assert f"{disk.path} does not answer" in refused.err + refused.out, words
        assert time.monotonic() - begun < 20, words
    begun = time.monotonic()
    assert state_of(world) != "failed"
    world.do("stop", "vault")
    world.do("assemble", "vault", a, b)
    world.do("devices")
    assert time.monotonic() - begun < 20
