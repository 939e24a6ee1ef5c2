"""A local file system whose disk hangs: the worker's loop goes on, although members on it are written to inline."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirrortui.units import MIB
from tests.e2e.conftest import World, state_of, until
from tests.e2e.fuse_disk import FuseDisk, check_host, fuse_disk
from tests.support import needs

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SIZE = 16 * MIB
TIMEOUT = 3
JOURNAL = 6
"""Seconds within which ext4 has written its journal, which would hold up every write that is made inline then."""


@pytest.fixture
def disk(world: World) -> Iterator[FuseDisk]:
    check_host()
    with fuse_disk(world.place / "fuse", 128 * MIB) as made:
        yield made
        made.go_on()
        world.kill_all()


@pytest.fixture
def place(world: World, disk: FuseDisk) -> Iterator[Path]:
    """A file system on a block device that can hang."""
    needs("losetup", "mkfs.ext4", "mount", "umount")
    if os.geteuid():
        pytest.skip("only root may make loop devices")
    # With a page cache of its own in between, the loop device would go on answering.
    made = subprocess.run(
        ["losetup", "--direct-io=on", "-f", "--show", disk.path], capture_output=True, text=True, check=True
    )
    loop, mounted = made.stdout.strip(), world.place / "local"
    mounted.mkdir()
    try:
        subprocess.run(["mkfs.ext4", "-q", "-F", loop], check=True)
        subprocess.run(["mount", loop, mounted], check=True)
        yield mounted
    finally:
        disk.go_on()
        world.kill_all()
        if mounted.is_mount():
            world.unmount(mounted)
        subprocess.run(["losetup", "-d", loop], check=False)


def test_the_loop_goes_on_when_a_local_disk_hangs(
    world: World, disk: FuseDisk, place: Path, memory: Path
) -> None:
    member = place / "b.img"
    member.touch()
    os.truncate(member, SIZE)
    words = (
        "create",
        "vault",
        world.image("a.img", SIZE, memory),
        member,
        "--assume-clean",
        "--timeout",
        str(TIMEOUT),
    )
    uri = world.do(*words).out.strip()
    longest = answered = 0.0
    with world.connected(uri) as client:
        for turn in range(100):
            client.write(turn % 8 * 4096, b"old." * 1024)
        client.flush()
        subprocess.run(["sync", "-f", place], check=True)  # the journal is due again in some seconds
        client.write(0, b"new." * 1024)
        disk.hang()
        end = time.monotonic() + JOURNAL
        while time.monotonic() < end:
            begun = time.monotonic()
            client.write(0, b"new." * 1024)
            longest = max(longest, time.monotonic() - begun)
        begun = time.monotonic()
        assert world.client.mirror("vault").size
        answered = time.monotonic() - begun
        client.flush()
        until(lambda: state_of(world) == "degraded", "it is out")
        assert client.read(0, 4096) == b"new." * 1024
    assert longest < TIMEOUT + 1
    assert answered < 1, "who asks how it is is answered at once"
