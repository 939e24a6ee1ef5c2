"""What the tests of devices and I/O engines share."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mirrortui.device.base import Device, Op
from mirrortui.device.buffers import Buffer, Pool
from mirrortui.device.ioengine import IoEngine
from mirrortui.device.uring import UringEngine

PATIENCE = 20.0
"""Seconds that a test waits for what must happen."""


def uring(entries: int = 1024) -> UringEngine:
    """A ring, or a skip where the machine has none to give."""
    try:
        return UringEngine(entries)
    except OSError as error:
        pytest.skip(f"no io_uring here: {error}")


class Answers:
    """A Waiter that keeps what it is told, and objects to being told twice."""

    def __init__(self) -> None:
        self.results: dict[int, int] = {}

    def complete(self, index: int, result: int) -> None:
        assert index not in self.results, f"operation {index} completed twice"
        self.results[index] = result


class Channel:
    """A descriptor as an engine sees it."""

    def __init__(self, fd: int, timeout: float = 30.0) -> None:
        self.fd = fd
        self.timeout = timeout
        self.zombies = 0
        self.failed_late = False


def until(engine: IoEngine, happened: Callable[[], bool], *, expire: bool = False) -> None:
    """Turn the engine's loop until it happened; fails when it does not."""
    poll = select.poll()
    poll.register(engine.fd, select.POLLIN)
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "what was waited for did not happen"
        engine.flush()
        poll.poll(10)
        engine.reap()
        if expire:
            engine.expire(time.monotonic())


class Driver:
    """Submits to a device, one operation after another, and waits for each."""

    def __init__(self, engine: IoEngine, device: Device) -> None:
        self.engine = engine
        self.device = device
        self.pool = Pool()

    def run(
        self, op: Op, offset: int = 0, buffer: Buffer | None = None, length: int = 0, fua: bool = False
    ) -> int:
        """The operation's result."""
        answers = Answers()
        self.device.submit(op, offset, buffer, length, fua, answers, 0)
        until(self.engine, lambda: 0 in answers.results, expire=True)
        return answers.results[0]

    def write(self, offset: int, data: bytes, fua: bool = False) -> int:
        buffer = self.pool.take(data)
        result = self.run(Op.WRITE, offset, buffer, len(data), fua)
        buffer.drop()
        return result

    def read(self, offset: int, length: int) -> bytes | int:
        """The bytes, or the negative errno."""
        buffer = self.pool.empty(length)
        result = self.run(Op.READ, offset, buffer, length)
        data = bytes(buffer.view[:length])
        buffer.drop()
        return data if result == length else result


def needs_root() -> None:
    """Skip where the test may not mount or make devices; in CI that is a failure."""
    if os.geteuid() == 0:
        return
    if os.environ.get("CI") == "true":
        pytest.fail("needs root")
    pytest.skip("needs root")


@contextlib.contextmanager
def nobody(mode: int) -> Iterator[Path]:
    """An image of 4096 bytes with this mode, in a directory that anybody may look into; as anybody but root, who may
    do everything.
    """
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        image = Path(name) / "image"
        image.write_bytes(bytes(4096))
        image.chmod(mode)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            yield image
        finally:
            if root:
                os.seteuid(0)


def command(*words: str | Path) -> str:
    """Run a foreign program; its stdout. Fails with its stderr."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout.strip()


@contextlib.contextmanager
def loop_device(image: Path, *options: str) -> Iterator[str]:
    """The path of a loop device over the image."""
    path = command("losetup", "--find", "--show", *options, image)
    try:
        yield path
    finally:
        command("losetup", "--detach", path)


@contextlib.contextmanager
def tiny_tmpfs(where: Path, size: str) -> Iterator[Path]:
    """A file system that fills up."""
    where.mkdir()
    command("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", where)
    try:
        yield where
    finally:
        command("umount", where)
