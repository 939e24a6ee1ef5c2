"""The fault lab: what it does to members happens, is told, and ends when it is mended."""

from __future__ import annotations

import pytest

from mirrortui.api.mirrors import Mirror
from mirrortui.units import MIB
from tests.e2e.conftest import World, until

pytestmark = pytest.mark.slow


def served(world: World) -> Mirror:
    images = [world.image(name, 8 * MIB) for name in ("a.img", "b.img", "c.img")]
    world.do("create", "vault", *images, "--lab")
    world.do("wait", "vault", "--for", "in-sync")
    with world.connected(world.client.mirror("vault").uri) as client:
        client.write(0, b"x" * MIB)
        client.flush()
    return world.client.mirror("vault")


def test_a_pulled_member_is_out_until_it_is_plugged_in(world: World) -> None:
    uri, b = served(world).uri, str(world.place / "b.img")
    world.do("lab", "vault", "pull", b)
    with world.connected(uri) as client:
        client.write(MIB, b"y" * MIB)
    assert world.client.mirror("vault").state == "degraded"
    assert "was pulled in the fault lab" in world.try_to("re-add", "vault", b).err
    world.do("lab", "vault", "mend", b)
    world.do("re-add", "vault", b)
    world.do("wait", "vault", "--for", "in-sync")
    assert world.do("check", "vault", "--wait").err.endswith("vault: 0 B differed.\n")


def test_rot_is_found_and_named(world: World) -> None:
    served(world)
    c = str(world.place / "c.img")
    world.do("lab", "vault", "rot", c)
    assert world.try_to("check", "vault", "--wait").code == 1
    found = world.try_to("mismatches", "vault", "--json").data
    assert {odd for run in found for area in run["ranges"] for odd in area["odd"]} == {c}


def test_bad_sectors_are_rewritten(world: World) -> None:
    served(world)
    world.do("lab", "vault", "bad-sectors", str(world.place / "a.img"))
    world.do("check", "vault", "--wait")
    until(lambda: world.events("read-error-corrected"), "a sector is corrected")
    assert world.do("check", "vault", "--wait").err.endswith("vault: 0 B differed.\n")


def test_the_power_goes_and_comes_back(world: World) -> None:
    before = served(world).worker_pid
    world.do("lab", "vault", "power-cut")
    until(lambda: world.client.mirror("vault").worker_pid not in (None, before), "another worker has it")
    until(lambda: world.client.mirror("vault").sync_action == "idle", "the copies are equal")
    assert world.client.mirror("vault").lab == {}
    assert world.events("worker-died")


def test_only_with_the_lab(world: World) -> None:
    world.create()
    refused = world.try_to("lab", "vault", "pull", str(world.place / "a.img"))
    assert (refused.code, "was started without the fault lab" in refused.err) == (1, True)
    assert world.try_to("lab", "vault", "power-cut").code == 1
    assert world.try_to("lab", "vault", "pull").code == 2
