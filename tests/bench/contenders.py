"""Who is measured: our worker with all its invariants, and qemu-storage-daemon's quorum in each of its modes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import CreateRequest, ImpactRequest, MemberRequest, SyncRequest
from mirrortui.api.vocabulary import Impact, SyncVerb
from mirrortui.nbd.client import NbdClient
from mirrortui.nbd.protocol import NbdError
from mirrortui.worker.messages import Call, Job, Line, Started

_HEADROOM = 256 << 20
"""Bytes that a member may need beside its data."""
_START_SECONDS = 20.0


class Contender:
    """A server that runs."""

    def __init__(self, name: str, uri: str, pid: int) -> None:
        self.name = name
        self.uri = uri
        self.pid = pid

    def resident(self) -> int:
        """Bytes of memory at most so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) << 10


class Ours(Contender):
    """A worker and its control socket."""

    def __init__(self, name: str, uri: str, pid: int, control: Path) -> None:
        super().__init__(name, uri, pid)
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.settimeout(_START_SECONDS)
        self._sock.connect(str(control))
        self._lines = self._sock.makefile("rb")
        self._calls = 0

    def close(self) -> None:
        self._lines.close()
        self._sock.close()

    def verb(self, name: str, member: Path) -> None:
        """fail, remove, add, re-add."""
        self._call(name, MemberRequest(member=str(member), force=True, yes=True))

    def sync(self, action: SyncVerb) -> None:
        """Check, or whatever else reads or copies it all."""
        self._call("sync", SyncRequest(action=action, yes=True))

    def impact(self, impact: Impact) -> None:
        """How much clients may notice of a recovery."""
        self._call("impact", ImpactRequest(impact=impact))

    def status(self) -> Mirror:
        return msgspec.json.decode(self._call("status", None), type=Mirror)

    def _call(self, verb: str, request: object) -> msgspec.Raw:
        self._calls += 1
        args = msgspec.Raw(msgspec.json.encode(request))
        self._sock.sendall(msgspec.json.encode(Call(id=self._calls, verb=verb, args=args)) + b"\n")
        line = msgspec.json.decode(self._lines.readline(), type=Line)
        if line.error:
            raise RuntimeError(f"{verb}: {line.error.message} {line.error.hint}")
        return line.ok


@contextlib.contextmanager
def ours(folder: Path, members: list[Path], *, direct: bool, in_sync: bool = True) -> Iterator[Ours]:
    """A new mirror on existing files."""
    control, nbd = folder / "control", folder / "ours"
    request = CreateRequest(
        name="bench",
        members=[str(path) for path in members],
        direct=direct,
        assume_clean=in_sync,
        force=True,
        yes=True,
    )
    job = Job(name="bench", control=str(control), nbd=str(nbd), create=request)
    with _process([sys.executable, "-m", "mirrortui.worker"], stdin=msgspec.json.encode(job)) as process:
        assert process.stdout
        started = msgspec.json.decode(process.stdout.readline(), type=Started)
        if not started.mirror:
            raise RuntimeError(f"no mirror: {started.problem}")
        contender = Ours("mirrortui", started.mirror.uri, process.pid, control)
        try:
            yield contender
        finally:
            contender.close()


QEMU_MODES = {False: ["threads", "io_uring"], True: ["native", "io_uring"]}
"""By O_DIRECT: ways that QEMU has to its files."""


@contextlib.contextmanager
def qemu(folder: Path, members: list[Path], *, direct: bool, mode: str) -> Iterator[Contender]:
    """Quorum that writes to all and reads from the first, which is as near to a mirror as it comes."""
    path = folder / f"qemu-{mode}"
    words = ["qemu-storage-daemon"]
    for number, member in enumerate(members):
        cache = "on" if direct else "off"
        file = f"driver=file,filename={member},aio={mode},cache.direct={cache}"
        words += ["--blockdev", f"{file},node-name=file{number}"]
    children = ",".join(f"children.{number}=file{number}" for number in range(len(members)))
    words += ["--blockdev", f"driver=quorum,node-name=mirror,vote-threshold=1,read-pattern=fifo,{children}"]
    words += ["--nbd-server", f"addr.type=unix,addr.path={path}"]
    words += ["--export", "type=nbd,id=export,node-name=mirror,name=bench,writable=on"]
    with _process(words) as process:
        uri = f"nbd+unix:///bench?socket={path}"
        _wait_for(uri, process)
        yield Contender(f"qemu {mode}", uri, process.pid)


def member(folder: Path, name: str, size: int) -> Path:
    """A file with room for `size` bytes of data and what a mirror keeps beside them."""
    path = folder / name
    with path.open("wb") as file:
        file.truncate(size + _HEADROOM)
    return path


@contextlib.contextmanager
def _process(words: list[str], stdin: bytes = b"") -> Iterator[subprocess.Popen[bytes]]:
    process: subprocess.Popen[Any] = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(Path.cwd())}
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(stdin)
        process.stdin.close()
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _wait_for(uri: str, process: subprocess.Popen[bytes]) -> None:
    """Until somebody serves."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            NbdClient.connect(uri).disconnect()
            return
        except NbdError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)  # a foreign process: there is no event to wait for
