"""Small matters of daily use by the command line, with real processes."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import World


def states(world: World, name: str = "vault") -> dict[str, str]:
    """Members' states by file name."""
    return {Path(member.path).name: member.state for member in world.client.mirror(name).members}


def test_spares_from_the_beginning(world: World) -> None:
    images = [world.image(f"{name}.img") for name in "abc"]
    world.do("create", "vault", *images[:2], "--spare", images[2], "--assume-clean")
    assert states(world) == {"a.img": "in_sync", "b.img": "in_sync", "c.img": "spare"}
    assert f"If a member fails, spare {images[2]} takes its place at once." in world.do("status", "vault").out
    told = world.do("status", "vault", "--if-fails", "b.img", "--json").data
    assert (told["copies"], told["spare"], told["lost"]) == ([str(images[0])], str(images[2]), 0)
    world.do("fail", "vault", "b.img", "--yes")
    world.do("wait", "vault", "--for", "in-sync", "--timeout", "20")
    assert states(world) == {"a.img": "in_sync", "b.img": "faulty", "c.img": "in_sync"}
    assert world.try_to("status", "vault", "--if-fails", "b.img").code == 1
    world.do("stop", "vault")
    world.do("assemble", "vault")
    assert states(world)["c.img"] == "in_sync"


def test_what_would_be_lost_is_told_by_the_exit_code(world: World) -> None:
    world.create()
    world.do("fail", "vault", "b.img", "--yes")
    outcome = world.try_to("status", "vault", "--if-fails", "a.img")
    assert outcome.code == 1
    assert "a.img is the only copy in sync" in outcome.out
    assert "Name the mirror" in world.try_to("status", "--if-fails", "a.img").err
