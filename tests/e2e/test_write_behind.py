"""A member that is slow to write may lag behind: writes do not wait for it, flushes do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirrortui.units import MIB
from tests.e2e.conftest import World, data_areas
from tests.e2e.fuse_disk import check_host, fuse_disk

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SIZE = 16 * MIB
DELAY = 0.1
WRITES = 8


@pytest.fixture
def far(world: World) -> Iterator[Path]:
    """A file that takes its time to be written to."""
    check_host()
    with fuse_disk(world.place / "fuse", SIZE, write_delay=DELAY) as made:
        yield made.path
        world.kill_all()


def test_a_slow_member_lags_and_a_flush_waits_for_it(world: World, far: Path) -> None:
    near = world.image("a.img", SIZE)
    uri = world.do("create", "vault", near, far, "--assume-clean", "--direct").out.strip()
    world.do("set", "vault", far, "write-mostly", "on")
    world.do("set", "vault", "write-behind", "64")
    with world.connected(uri) as client:
        client.write(0, b"first..." * 64)  # its chunk is marked now
        begun = time.monotonic()
        for number in range(WRITES):
            client.write(number * 4096, bytes([number]) * 4096)
        mirror = world.client.mirror("vault")
        assert time.monotonic() - begun < WRITES * DELAY / 2, "they did not wait for it, one after the other"
        assert mirror.write_behind == 64
        assert mirror.lag
        assert mirror.lag.bytes == mirror.lag.writes * 4096
        for number in range(WRITES):
            assert client.read(number * 4096, 4096) == bytes([number]) * 4096
        client.flush()
        assert time.monotonic() - begun > DELAY
        assert world.client.mirror("vault").lag is None
    world.do("stop", "vault")
    assert len(set(data_areas(near, far))) == 1
