"""Mirrors that others named, in any 32 bytes: shown, driven and kept, and no terminal or path is touched by them."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from mirrortui.device.probe import Peek
from mirrortui.format.inspect import examine
from mirrortui.nbd.client import NbdClient
from mirrortui.tui.app import MirrorApp
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.units import KIB
from tests.e2e.conftest import World
from tests.e2e.test_bad_members import forge
from tests.e2e.test_tui_pilot import Operator
from tests.golden import members
from tests.unit.test_format_names import NAMES

pytestmark = pytest.mark.slow

LIVES = ["no UTF-8", "terminal", "an option"]
"""That all verbs are tried on; tests/unit/test_format_names.py has the others."""


def named(member: Path) -> str:
    with Peek(str(member)) as peek:
        found = examine(peek.read, peek.size).superblock
    assert found
    return found.set_name


def rename(world: World, name: bytes) -> tuple[Path, Path]:
    """A stopped mirror of that name, on members that were moved: the engine does not know it."""
    world.create()
    with NbdClient.connect(world.client.mirror("vault").uri) as client:
        client.write(0, b"kept" * KIB)
    world.do("stop", "vault")
    world.do("engine", "stop")
    world.paths.state.unlink()
    a, b = world.place / "a.img", world.place / "b.img"
    for member in (a, b):
        forge(member, lambda sb: replace(sb, set_name=name.decode("utf-8", "surrogateescape")))
    return a, b


def assert_shown(text: str) -> None:
    """It was printed as UTF-8, and nothing in it moves the cursor."""
    assert all(letter.isprintable() or letter == "\n" for letter in text), text
    text.encode()


@pytest.mark.parametrize("kind", LIVES)
def test_such_a_mirror_lives_like_any_other(world: World, kind: str) -> None:
    a, b = rename(world, NAMES[kind])
    on_disk = named(a)
    for options in ([], ["--scan"], ["--json"], ["--scan", "--json"]):
        shown = world.do("examine", a, *options).out
        assert_shown(shown)
        assert "--json" not in options or json.loads(shown)

    world.do("assemble", a, b)
    (mirror,) = world.client.mirrors()
    assert_shown(mirror.name)
    with NbdClient.connect(mirror.uri) as client:
        assert client.read(0, 4 * KIB) == b"kept" * KIB
        client.write(4 * KIB, b"new" * KIB)
    chosen = ["--", mirror.name] if mirror.name.startswith("-") else [mirror.name]
    for words in (["status", "--json"], ["status", *chosen], ["events"], ["events", "--json"]):
        assert_shown(world.do(*words).out)
    world.do("fail", *chosen, b, "--yes")
    world.do("re-add", *chosen, b)
    world.do("wait", *chosen, "--for", "in-sync", "--timeout", "20")
    told = world.try_to("assemble", a, b)
    assert_shown(told.err)
    assert "runs" in told.err
    world.do("stop", *chosen)
    world.do("assemble", *chosen)
    world.do("stop", *chosen)
    assert named(a) == named(b) == on_disk

    process = world.start("mirrortui.cli.main", "export", str(a), "--readonly")
    assert process.stdout
    uri = process.stdout.readline().decode().strip()
    with NbdClient.connect(uri) as client:
        assert client.read(0, 4 * KIB) == b"kept" * KIB
    process.terminate()
    _, told_there = process.communicate(timeout=20)
    assert_shown(told_there.decode())


@pytest.mark.parametrize("kind", ["markup", "terminal"])
async def test_on_the_screen(world: World, kind: str) -> None:
    a, b = await asyncio.to_thread(rename, world, NAMES[kind])
    await asyncio.to_thread(world.do, "assemble", a, b)
    (mirror,) = await asyncio.to_thread(world.client.mirrors)
    async with MirrorApp(world.client).run_test(size=(120, 40), notifications=True) as pilot:
        operator = Operator(pilot)
        await operator.sees(lambda: f"{mirror.name} is healthy" in operator.headline)
        for key in ("f", "s"):  # wants a yes; wants nothing, or the name
            await operator.press(key)
            await operator.sees(lambda: isinstance(pilot.app.screen, PlanDialog))
            await operator.press("escape")
        await operator.press("f")
        await operator.confirm()
        await operator.sees(lambda: "1 of 2 in sync" in operator.headline)


def test_a_path_that_is_no_text(world: World) -> None:
    path = os.fsdecode(os.fsencode(world.place) + b"/a\xff.img")
    members("clean-1.2")[0].write(Path(path))
    (facts,) = world.do("examine", path, "--json").data
    assert facts["path"] == path
    assert facts["superblock"]["uuid"]
    told = world.try_to("export", f"{path}.old", "--readonly")
    assert told.err.startswith(f"mirrortui: {ascii(path)[1:-1]}.old does not exist")
