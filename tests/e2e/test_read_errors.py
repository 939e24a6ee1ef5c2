"""A member with bad blocks, from the medium to the command line: what cannot be read heals, or is listed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirrortui.api.mirrors import Member, Mirror
from mirrortui.units import KIB, MIB
from tests.e2e.bad_disk import BLOCK, PROGRAMS, BadDisk, bad_disk
from tests.e2e.conftest import World, until
from tests.support import needs

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SIZE = 8 * MIB
DATA = MIB // BLOCK
"""The block at which the data begin."""
CONTENT = (bytes(range(1, 252)) * 2000)[: 256 * KIB]


@pytest.fixture
def disk(world: World) -> Iterator[BadDisk]:
    needs(*PROGRAMS)
    if not Path("/dev/fuse").exists():
        pytest.skip("there is no /dev/fuse")
    with bad_disk(world.place / "disk", SIZE) as made:
        yield made
        world.kill_all()


@pytest.fixture
def other(world: World, disk: BadDisk) -> Iterator[BadDisk]:
    """As slow as the first, or else it would be the one that is read from."""
    with bad_disk(world.place / "other", SIZE) as made:
        yield made
        world.kill_all()


@pytest.fixture
def mirror(request: pytest.FixtureRequest, world: World, disk: BadDisk, other: BadDisk) -> Mirror:
    direct = ["--direct"] if getattr(request, "param", "") == "direct" else []
    world.do("create", "vault", disk.path, other.path, "--assume-clean", "--yes", *direct)
    made = world.client.mirror("vault")
    with world.connected(made.uri) as client:
        client.write(0, CONTENT)
        client.flush()
    return made


def first(world: World) -> Member:
    return world.client.mirror("vault").members[0]


def read(world: World, mirror: Mirror, offset: int = 0, length: int = len(CONTENT)) -> bytes:
    with world.connected(mirror.uri) as client:
        return bytes(client.read(offset, length))


@pytest.mark.parametrize("mirror", ["page cache", "direct"], indirect=True)
def test_a_bad_block_is_rewritten_from_the_other_copy(world: World, disk: BadDisk, mirror: Mirror) -> None:
    disk.decay(DATA + 3, DATA + 40)
    assert read(world, mirror) == CONTENT
    until(lambda: first(world).corrected == 2 * BLOCK // 512, "both are put right", lambda: first(world))
    assert disk.unreadable == []
    assert len(world.events("read-error-corrected")) == 2
    disk.forget()
    assert read(world, mirror) == CONTENT
    member = json.loads(world.do("status", "vault", "--json").out)["members"][0]
    assert (member["state"], member["corrected"], member["bad"]) == ("in_sync", 16, 0)
    assert world.do("badblocks", "vault", disk.path).out == ""


@pytest.mark.parametrize("mirror", ["page cache", "direct"], indirect=True)
def test_a_dead_block_is_listed_retested_and_healed(world: World, disk: BadDisk, mirror: Mirror) -> None:
    disk.decay(DATA + 3, dead=True)
    assert read(world, mirror) == CONTENT
    until(lambda: first(world).bad == BLOCK, "it is listed", lambda: first(world))
    assert first(world).state == "in_sync"
    listed = world.try_to("badblocks", "vault", disk.path)
    assert listed.code == 1
    assert listed.out == (
        f"bytes {3 * BLOCK} to {4 * BLOCK - 1} of vault (4.00 KiB), "
        f"sectors {(DATA + 3) * 8} to {(DATA + 4) * 8 - 1} of {disk.path}\n"
    )
    facts = world.try_to("badblocks", "vault", disk.path, "--json").data
    assert facts["ranges"] == [{"start": 3 * BLOCK, "length": BLOCK, "sector": (DATA + 3) * 8, "sectors": 8}]
    still = world.try_to("badblocks", "vault", disk.path, "--retest")
    assert (still.code, first(world).state) == (1, "in_sync")
    assert read(world, mirror) == CONTENT
    with world.connected(mirror.uri) as client:
        client.write(0, CONTENT[::-1])
        client.flush()
        assert client.read(0, len(CONTENT)) == CONTENT[::-1]
    assert (first(world).state, first(world).bad) == ("in_sync", BLOCK)
    disk.mend()
    healed = world.do("badblocks", "vault", disk.path, "--retest", "--json").data
    assert (healed["ranges"], healed["healed"]) == ([], BLOCK)
    assert disk.unreadable == []
    assert read(world, mirror) == CONTENT[::-1]
    world.do("stop", "vault")
    assert "bad-block log" not in world.do("examine", disk.path).out


def test_a_log_of_ours_is_read_by_examine_and_after_a_restart(
    world: World, disk: BadDisk, mirror: Mirror
) -> None:
    disk.decay(DATA + 3, dead=True)
    assert read(world, mirror) == CONTENT
    until(lambda: first(world).bad == BLOCK, "it is listed", lambda: first(world))
    world.do("stop", "vault")
    assert "bad" in world.do("examine", disk.path).out
    world.do("assemble", "vault")
    assert first(world).bad == BLOCK
    assert read(world, world.client.mirror("vault")) == CONTENT
