"""Every action by key and by mouse, with its effect in the engine's status. The tables are the modules beside this."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mirrortui.errors import MirrortuiError
from mirrortui.testing.staging import settle, stage
from mirrortui.tui.actions import ACTIONS
from mirrortui.tui.app import MirrorApp
from tests.e2e.cockpit.ground import Ground
from tests.e2e.cockpit.hands import Hands, Keys, Mouse
from tests.e2e.cockpit.lives import LIVES
from tests.e2e.cockpit.members import MEMBERS
from tests.e2e.cockpit.play import Play, Rehearsal
from tests.e2e.cockpit.rehearsals import REHEARSALS
from tests.e2e.cockpit.settings import SETTINGS
from tests.e2e.cockpit.upkeep import UPKEEP
from tests.e2e.conftest import PATIENCE, World

PLAYS = [*MEMBERS, *UPKEEP, *SETTINGS, *LIVES]
HANDS = {"keys": Keys, "mouse": Mouse}
_LOOK = 0.02
"""Seconds between looks at a status that tells no event."""


@pytest.fixture(scope="session")
def theatre() -> Iterator[Ground]:
    """An engine for all plays of a process."""
    place = Path(tempfile.mkdtemp(prefix="mt-"))
    world = World(place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIRRORTUI_SOCKET", str(world.paths.socket))
        ground = Ground(world)
        try:
            ground.nothing()
            yield ground
        finally:
            world.kill_all()
            shutil.rmtree(place)


@pytest.fixture
def ground(theatre: Ground, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """What is typed as a relative path lies here; a play that went wrong leaves nothing to the next."""
    monkeypatch.chdir(theatre.place)
    monkeypatch.setenv("MIRRORTUI_SOCKET", str(theatre.world.paths.socket))
    try:
        theatre.client.engine()
    except MirrortuiError:
        theatre.nothing()
    yield theatre
    theatre.strike()


def test_every_action_is_played() -> None:
    everything: list[Play | Rehearsal] = [*PLAYS, *REHEARSALS]
    played = {play.action for play in everything}
    assert {action.id for action in ACTIONS} - played == set(), "add a play to a table of tests/e2e/cockpit"
    assert played - {action.id for action in ACTIONS} == set()
    ids = [play.id for play in everything]
    assert len(set(ids)) == len(ids)


def test_what_changes_a_mirror_is_played_for_real() -> None:
    changing = {action.id for action in ACTIONS if action.group in ("mirror", "members", "engine")}
    for each in REHEARSALS:
        assert each.why
    assert changing - {play.action for play in PLAYS} == {"hand_over", "take_over"}


@pytest.mark.slow
@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.id)
async def test_play(play: Play, hand: str, ground: Ground) -> None:
    await asyncio.to_thread(play.given, ground)
    if play.shown is Play.shown:
        assert not await asyncio.to_thread(_quietly, lambda: play.effect(ground)), "it is so already"
    async with MirrorApp(ground.client).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        hands = HANDS[hand](pilot)
        await hands.until(lambda: hands.home.picture.taken, "there is a picture")
        await perform(hands, play)
        await _comes_true(lambda: play.effect(ground), hands)
        await hands.until(lambda: play.shown(hands), "it is shown")


@pytest.mark.slow
@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize("play", REHEARSALS, ids=lambda play: play.id)
async def test_rehearsal(play: Rehearsal, hand: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    engine, app = stage(play.state, history=2)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        hands = HANDS[hand](pilot)
        if play.on:
            await hands.put_on(mirror=play.on)
            await hands.act(play.action)
        else:
            if play.place:
                await hands.move(play.place)
            assert not play.effect(engine, hands), "it is so already"
            await hands.move(play.action)
        for move in play.moves:
            await move(hands)
        await hands.until(lambda: play.effect(engine, hands), "it has had its effect")


async def perform(hands: Hands, play: Play) -> None:
    if play.first:
        await play.first(hands)
    elif hands.home.picture.mirrors:
        await hands.put_on(play.on)
    await hands.act(play.action)
    for move in play.moves:
        await move(hands)


async def _comes_true(true: Callable[[], object], hands: Hands) -> None:
    """Ask the engine until it says so; its answers are threads' work, so that the screen goes on."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not await asyncio.to_thread(_quietly, true):
                await hands.pilot.pause(_LOOK)
    except TimeoutError:
        raise AssertionError("it had no effect:\n" + "\n".join(hands.lines())) from None


def _quietly(true: Callable[[], object]) -> bool:
    """A mirror that is between two states is not there."""
    try:
        return bool(true())
    except MirrortuiError:
        return False
