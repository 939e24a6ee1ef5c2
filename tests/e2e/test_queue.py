"""Syncs of several mirrors on one disk, with real processes."""

from __future__ import annotations

import re

import pytest

from mirrortui.api.requests import SpeedRequest
from mirrortui.units import MIB
from tests.e2e.conftest import World, until

pytestmark = pytest.mark.slow


def recovering(world: World, name: str) -> None:
    """A mirror whose second member is being filled, slowly, with data to fill it with."""
    images = [world.image(f"{name}-{letter}.img", 32 * MIB) for letter in "abc"]
    world.do("create", name, *images[:2], "--assume-clean")
    with world.connected(world.client.mirror(name).uri) as client:
        for at in range(0, 24 * MIB, 8 * MIB):
            client.write(at, b"x" * 8 * MIB)
    world.client.set_speed(name, SpeedRequest(max=256 << 10))
    world.do("fail", name, images[1], "--yes")
    world.do("add", name, images[2])


def queued(world: World, name: str) -> str:
    sync = world.client.mirror(name).sync
    return sync.queued if sync else ""


def test_the_second_waits_and_goes_on_by_itself(world: World) -> None:
    recovering(world, "first")
    recovering(world, "second")
    until(lambda: queued(world, "second"), "the second waits")
    assert re.fullmatch(r"queued behind first: both copy on .+", queued(world, "second"))
    assert "queued behind first: both copy on" in world.try_to("status", "second").out
    assert not queued(world, "first")
    world.do("sync", "first", "pause")
    until(lambda: not queued(world, "second"), "a pause lets the other go first")
    world.do("sync", "first", "resume")
    until(lambda: queued(world, "first"), "who copies goes on")
    filled = world.place / "first-c.img"
    world.do("engine", "stop")
    before = filled.stat().st_blocks
    until(lambda: filled.stat().st_blocks > before, "nobody says who goes first, and it goes")
    for name in ("first", "second"):
        world.do("sync", name, "speed", "0", "0")
        world.do("wait", name, "--for", "in-sync", "--timeout", "20")


def test_the_speed_of_all_is_shared_and_kept(world: World) -> None:
    assert world.try_to("sync", "--all", "pause").code == 2
    assert world.try_to("sync", "--all", "speed", "2M", "1M").code == 2
    told = world.do("sync", "--all", "speed", "0", "256K")
    assert "All mirrors together copy at most 256 KiB/s." in told.err
    world.do("engine", "stop")
    world.do("devices")
    assert "at most 256 KiB/s" in world.do("engine", "status").out
    recovering(world, "first")
    world.client.set_speed("first", SpeedRequest(max=512 << 10))

    def limit() -> str:
        sync = world.client.mirror("first").sync
        return sync.limit if sync else ""

    until(lambda: "of which it has 256 KiB/s" in limit(), "it is told its part", limit)
    world.client.set_speed("first", SpeedRequest(max=0))
    until(lambda: "of which it has 256 KiB/s" in limit(), "it keeps to its part", limit)
    world.do("sync", "--all", "speed", "0", "0")
    world.do("wait", "first", "--for", "in-sync", "--timeout", "20")
