"""A place of its own for each test: images, an engine's socket, and the certainty that nothing is left running."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from mirrortui.api.client import EngineClient
from mirrortui.api.mirrors import Mirror
from mirrortui.api.paths import Paths, resolve
from mirrortui.errors import MirrortuiError
from mirrortui.nbd.client import NbdClient
from mirrortui.units import MIB

PATIENCE = 30.0
"""Seconds that anything may take before the test fails."""


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """stdout as JSON."""
        return json.loads(self.out)


class World:
    """One test's directory, socket and processes."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.paths: Paths = resolve(str(place / "s"))
        self.client = EngineClient(self.paths.socket)
        # Inherited by all that is started here, by which it is found again.
        self.environ = {**os.environ, "MIRRORTUI_SOCKET": str(self.paths.socket)}

    def image(self, name: str, size: int = 16 * MIB, place: Path | None = None) -> Path:
        """A blank image."""
        path = (place or self.place) / name
        path.touch()
        os.truncate(path, size)
        return path

    def try_to(self, *words: str | Path, prefix: Sequence[str] = ()) -> Outcome:
        """Run the command line, behind a `prefix` such as nice, whatever comes of it."""
        done = subprocess.run(
            [*prefix, sys.executable, "-m", "mirrortui.cli.main", *map(str, words)],
            cwd=self.place,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    def do(self, *words: str | Path) -> Outcome:
        """Run the command line; it must succeed."""
        outcome = self.try_to(*words)
        assert outcome.code == 0, (words, outcome)
        return outcome

    def create(self, name: str = "vault", size: int = 16 * MIB) -> Mirror:
        """A two-way mirror on a.img and b.img, in sync."""
        self.do("create", name, self.image("a.img", size), self.image("b.img", size))
        self.do("wait", name, "--for", "in-sync", "--timeout", "20")
        return self.client.mirror(name)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A program of ours that runs beside the test."""
        return subprocess.Popen(
            [sys.executable, "-m", *words], env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def connected(self, uri: str) -> NbdClient:
        """A client; use it in a `with`."""
        return NbdClient.connect(uri)

    def traffic(self, uri: str, seed: int) -> Traffic:
        """A client that writes, reads back and compares."""
        return Traffic(self, uri, seed)

    def events(self, *kinds: str) -> list[str]:
        """Texts of the journal's events of these kinds."""
        return [event.text for event in self.client.events() if event.kind in kinds]

    def processes(self) -> list[int]:
        """Everything that was started here and lives."""
        mark = f"MIRRORTUI_SOCKET={self.paths.socket}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found

    def kill_all(self) -> None:
        """Kill what lives, and wait until it is gone with all that it held."""
        doomed = []
        for pid in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                doomed.append(psutil.Process(pid))
                doomed[-1].kill()
        until(lambda: not any(map(_holds_on, doomed)), "the processes are gone")

    def unmount(self, where: Path) -> None:
        """Unmount a file system whose users were killed: the kernel lets go of a dead ring's files a little later."""
        until(lambda: subprocess.run(["umount", where], timeout=10).returncode == 0, f"{where} is unmounted")


def _holds_on(process: psutil.Process) -> bool:
    """It may still have files open: neither gone nor a mere entry that its parent has not read."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Traffic:
    """A verifying client in a process of its own (mirrortui.testing.traffic)."""

    def __init__(self, world: World, uri: str, seed: int) -> None:
        self._log = world.place / f"traffic-{seed}.ndjson"
        with self._log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mirrortui.testing.traffic", uri, "--seed", str(seed)],
                env=world.environ,
                stdout=out,
            )

    def tally(self) -> dict[str, Any]:
        """Its last report; empty before the first."""
        lines = self._log.read_bytes().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]
        found: dict[str, Any] = json.loads(whole[-1]) if whole else {}
        return found

    def goes_on(self, operations: int = 500) -> None:
        """Wait until so many more operations were answered."""
        begin = self._operations()
        until(lambda: self._operations() >= begin + operations, f"{operations} more operations", self.tally)

    def _operations(self) -> int:
        tally = self.tally()
        return int(tally.get("reads", 0)) + int(tally.get("writes", 0))

    def end(self) -> dict[str, Any]:
        """Stop it; its final report."""
        self._process.terminate()
        self._process.wait(PATIENCE)
        return self.tally()


def until(
    true: Callable[[], object],
    what: str,
    detail: Callable[[], object] = lambda: "",
    patience: float = PATIENCE,
) -> None:
    """Poll a condition that has no event to wait for; fail after so many seconds."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, f"waited in vain until {what} {detail()}"
        time.sleep(0.02)


def state_of(world: World, name: str = "vault") -> str:
    """A mirror's state; empty while nobody answers."""
    try:
        return world.client.mirror(name).state
    except MirrortuiError:
        return ""


def digest(*paths: Path) -> list[str]:
    """What files hold."""
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def data_areas(*members: Path) -> list[str]:
    """Digests of the members' data, by their own superblocks' word where it lies."""
    from mirrortui.format.inspect import examine

    found = []
    for member in members:
        content = member.read_bytes()

        def read(at: int, length: int, content: bytes = content) -> bytes:
            return content[at : at + length].ljust(length, b"\0")

        superblock = examine(read, len(content)).superblock
        assert superblock
        start = superblock.data_offset * 512
        found.append(hashlib.sha256(content[start : start + superblock.size * 512]).hexdigest())
    return found


@pytest.fixture
def world() -> Iterator[World]:
    """Short path: Unix sockets allow no long ones."""
    place = Path(tempfile.mkdtemp(prefix="mt-"))
    world = World(place)
    try:
        yield world
    finally:
        world.kill_all()
        shutil.rmtree(place)


@pytest.fixture
def memory() -> Iterator[Path]:
    """Where images are never late: a disk that other tests keep busy may be, for seconds."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(
        prefix="mt-", dir=shared if os.access(shared, os.W_OK) else None
    ) as made:
        yield Path(made)
