"""A member is replaced while it serves: real processes, a client that verifies what it reads, and everything that can
come in between.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import ReplaceRequest, SpeedRequest
from mirrortui.nbd.client import NbdClient
from mirrortui.testing.traffic import BLOCK, BLOCKS
from mirrortui.units import MIB
from tests.e2e.conftest import Traffic, World, data_areas, digest, until

pytestmark = pytest.mark.slow

SIZE = 16 * MIB
SLOW = 6 * MIB


class Scene:
    """A mirror of a.img and b.img, full of data, and c.img beside it, which is to replace a.img slowly."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.uri = world.create(size=SIZE).uri
        self.c = world.image("c.img", SIZE)
        with NbdClient.connect(self.uri) as client:
            # Not where traffic writes: it takes what it has not written for blank.
            spread = client.size // BLOCK // BLOCKS
            for first in range(0, client.size // BLOCK - spread, spread):
                client.write((first + 1) * BLOCK, os.urandom((spread - 1) * BLOCK))

    def begin(self, limit: int = SLOW) -> None:
        self.world.client.set_speed("vault", SpeedRequest(max=limit))
        request = ReplaceRequest(member=str(self.path("a.img")), replacement=str(self.c))
        self.world.client.replace("vault", request)

    def path(self, name: str) -> Path:
        return self.world.place / name

    def mirror(self) -> Mirror:
        return self.world.client.mirror("vault")

    def states(self) -> dict[str, tuple[int | None, str]]:
        """Slot and state by member."""
        return {Path(m.path).name: (m.slot, m.state) for m in self.mirror().members}

    def until_copied(self, least: int) -> None:
        def further() -> bool:
            found = next(m for m in self.mirror().members if m.path.endswith("c.img"))
            return (found.recovered or 0) >= least

        until(further, f"{least} bytes are copied", self.states)

    def ended(self) -> None:
        """The replacement is over, well."""
        self.world.client.set_speed("vault", SpeedRequest(max=0))
        until(lambda: self.states() == AFTERWARDS, "it is over", self.states)


BOTH = {"a.img": (0, "in_sync"), "b.img": (1, "in_sync")}
DURING = {**BOTH, "c.img": (0, "replacing")}
AFTERWARDS = {"b.img": (1, "in_sync"), "c.img": (0, "in_sync")}


def played(world: World, meanwhile: Callable[[Scene], None]) -> Scene:
    """A replacement under traffic that verifies what it reads; what happens meanwhile; and the end."""
    scene = Scene(world)
    traffic = Traffic(world, scene.uri, 7)
    traffic.goes_on(200)
    scene.begin()
    assert scene.states() == DURING
    assert scene.mirror().state in ("active", "clean")
    scene.until_copied(2 * MIB)
    meanwhile(scene)
    traffic.goes_on(200)
    scene.ended()
    traffic.goes_on(200)
    tally = traffic.end()
    assert not tally["mismatches"], str(tally)
    assert not tally["errors"], tally
    return scene


def test_a_client_notices_nothing_and_the_old_one_is_free_afterwards(world: World) -> None:
    def look(scene: Scene) -> None:
        (why,) = {scene.mirror().why}
        assert why == f"{scene.path('a.img')} serves until {scene.c} is filled and takes its place."
        assert world.try_to("status", "vault").code == 0, "it is whole all the time"
        outcome = world.try_to("replace", "vault", "a.img", "--with", "d.img")
        assert "is being replaced by" in outcome.err

    scene = played(world, look)
    assert len(world.events("member-replacing")) == len(world.events("member-replaced")) == 1
    assert not world.events("member-failed")
    world.do("create", "other", "a.img", world.image("d.img", SIZE), "--force", "--yes")
    world.do("stop", "vault")
    assert len(set(data_areas(scene.path("b.img"), scene.c))) == 1
    assert [Path(m.path).name for m in scene.mirror().members] == ["c.img", "b.img"], (
        "a.img is not remembered"
    )
    world.do("assemble", "vault")
    assert scene.states() == AFTERWARDS


def test_it_goes_on_after_its_worker_was_killed(world: World) -> None:
    def kill(scene: Scene) -> None:
        os.kill(scene.mirror().worker_pid or 0, signal.SIGKILL)
        until(lambda: world.events("worker-died"), "the death is noticed")
        until(lambda: scene.mirror().state != "failed", "it runs again")

    scene = played(world, kill)
    world.do("stop", "vault")
    assert len(set(data_areas(scene.path("b.img"), scene.c))) == 1


def test_it_goes_on_after_a_stop_from_where_it_was(world: World) -> None:
    scene = Scene(world)
    scene.begin()
    scene.until_copied(4 * MIB)
    world.do("stop", "vault")
    world.do("assemble", "vault")
    until(lambda: len(world.events("recovery-started")) == 2, "it goes on")
    left = float(world.events("recovery-started")[1].split(" of ")[1].split(" MiB")[0])
    assert left <= 15 - 3, "what was recorded need not be copied again"
    scene.ended()
    world.do("stop", "vault")
    assert len(set(data_areas(scene.path("b.img"), scene.c))) == 1


def test_when_the_old_one_is_lost_the_new_one_is_filled_as_any_other(world: World) -> None:
    def lose(scene: Scene) -> None:
        world.do("fail", "vault", "a.img", "--yes")
        states = {"a.img": (None, "faulty"), "b.img": (1, "in_sync"), "c.img": (0, "recovering")}
        assert scene.states() == states
        assert scene.mirror().state == "degraded"
        world.do("remove", "vault", "a.img")

    scene = played(world, lose)
    world.do("stop", "vault")
    assert len(set(data_areas(scene.path("b.img"), scene.c))) == 1


def test_what_is_refused_or_cancelled_leaves_everything_as_it_was_and_a_spare_will_do(world: World) -> None:
    scene = Scene(world)
    full = world.image("full.img", SIZE)
    with full.open("r+b") as file:
        file.write(os.urandom(MIB))
    before = digest(full)
    assert "--yes" in world.try_to("replace", "vault", "a.img", "--with", full, "--force").err
    assert digest(full) == before
    scene.begin()
    scene.until_copied(2 * MIB)
    world.do("sync", "vault", "cancel")
    until(lambda: scene.states() == {**BOTH, "c.img": (None, "faulty")}, "it is given up", scene.states)
    assert scene.mirror().state in ("active", "clean")
    world.do("remove", "vault", "c.img")
    assert scene.states() == BOTH
    before = digest(scene.c)
    with NbdClient.connect(scene.uri) as client:
        client.write(0, b"n" * MIB)
        client.flush()
    assert digest(scene.c) == before
    world.do("add", "vault", "c.img", "--force", "--yes")
    plan = world.do("replace", "vault", "a.img", "--with", "c.img", "--plan", "--json").data
    assert (plan["verb"], plan["erases"], plan["confirm"]) == ("replace", [], "yes")
    assert plan["command"].endswith(f"--with {scene.c} --yes")
    world.do("replace", "vault", "a.img", "--with", "c.img", "--yes")
    scene.ended()
