"""A member whose file system may be slow, or hang: a file on FUSE, in front of nbdkit with its filters."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import until
from tests.support import needs


def check_host() -> None:
    """Skip where the host has no FUSE, or no nbdkit for it."""
    needs("nbdkit", "nbdfuse", "fusermount3")
    if not Path("/dev/fuse").exists():
        pytest.skip("there is no /dev/fuse")


class FuseDisk:
    """The file to use as a member."""

    def __init__(self, place: Path) -> None:
        self._control = place / "control"
        self.path = place / "mnt" / "disk"

    def hang(self) -> None:
        """From now on nothing that is asked of it ends."""
        self._tell(b"p", b"P")

    def go_on(self) -> None:
        """It answers again, first what was asked meanwhile. Idempotent."""
        self._tell(b"r", b"R")

    def _tell(self, word: bytes, answer: bytes) -> None:
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(10)
            control.connect(str(self._control))
            control.sendall(word)
            assert control.recv(1) == answer


@contextmanager
def fuse_disk(place: Path, size: int, *, delay: float = 0.0, write_delay: float = 0.0) -> Iterator[FuseDisk]:
    """A file of that size in a directory of its own, whose reads take `delay` seconds, and writes `write_delay`."""
    (place / "mnt").mkdir(parents=True)
    nbd, disk = place / "nbd", FuseDisk(place)
    words: list[str | Path] = [
        "nbdkit",
        "--foreground",
        "-U",
        nbd,
        "--filter=pause",
        "--filter=delay",
        "memory",
        str(size),
    ]
    words += [
        f"pause-control={place / 'control'}",
        f"rdelay={delay * 1000:.0f}ms",
        f"wdelay={write_delay * 1000:.0f}ms",
    ]
    server = subprocess.Popen(words)
    mount = None
    try:
        until(nbd.exists, "nbdkit answers")
        mount = subprocess.Popen(["nbdfuse", disk.path, f"nbd+unix:///?socket={nbd}"])
        until(lambda: disk.path.exists() and disk.path.stat().st_size == size, "the disk is there")
        yield disk
    finally:
        disk.go_on()
        if mount:
            subprocess.run(["fusermount3", "-u", "-z", place / "mnt"], check=False)
            mount.wait(10)
        server.terminate()
        server.wait(10)
