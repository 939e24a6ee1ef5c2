"""A member that really is slow: a file on FUSE, in front of nbdkit with a delay."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirrortui.units import MIB
from tests.e2e.conftest import World, until
from tests.e2e.fuse_disk import check_host, fuse_disk

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SIZE = 64 * MIB
DELAY = 0.05
"""Seconds of each read."""


@pytest.fixture
def slow(world: World) -> Iterator[Path]:
    check_host()
    with fuse_disk(world.place / "slow", SIZE, delay=DELAY) as made:
        yield made.path
        world.kill_all()


def test_reads_go_round_a_slow_member(world: World, slow: Path) -> None:
    """It sits out after some seconds; from then on nobody waits for it to read."""
    uri = world.do(
        "create", "vault", world.image("a.img", SIZE), slow, "--direct", "--assume-clean"
    ).out.strip()
    rng = random.Random(1)
    took: list[float] = []
    with world.connected(uri) as client:
        size = client.size // 4096

        def read() -> bool:
            begun = time.monotonic()
            client.read(rng.randrange(size) * 4096, 4096)
            took.append(time.monotonic() - begun)
            return bool(world.events("member-slow")) if len(took) % 20 == 0 else False

        until(read, "it sits out")
        assert max(took) >= DELAY, "it was slow"
        (event,) = world.events("member-slow")
        assert str(slow) in event
        begun = time.monotonic()
        for _ in range(100):
            client.read(rng.randrange(size) * 4096, 4096)
        assert time.monotonic() - begun < 100 * DELAY / 4
        (member,) = [m for m in world.client.mirror("vault").members if m.path == str(slow)]
        assert "much slower than the others" in member.why
        client.write(0, b"new" * 4096)
        client.flush()
    world.do("fail", "vault", "a.img", "--yes")
    with world.connected(uri) as client:
        assert client.read(0, 3 * 4096) == b"new" * 4096, (
            "it took every write, and is read where nobody else can be"
        )
