"""The registry of actions: each of them can be reached in every way, does something, and can be left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from mirrortui.api.schema import CheckRun, Difference, Mirror
from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.testing.staging import settle
from mirrortui.tui.actions import ACTIONS, by_id
from mirrortui.tui.modals.menu import ActionMenu
from mirrortui.tui.palette import ActionCommands
from mirrortui.tui.screens.help import HelpScreen
from mirrortui.tui.widgets.action_bar import ActionBar
from mirrortui.tui.widgets.row_list import ChoiceList
from tests.tui_stage import Stage, playing

DEEDS = [action.id for action in ACTIONS if action.group != "screen"]
READING = ("engine", "mirror", "devices", "scan", "forecast", "mismatches", "look", "bad_blocks", "events")
ASKED = CheckRun(
    action="check",
    begun=0,
    ended=1,
    complete=True,
    size=1 << 30,
    position=1 << 30,
    differing=4096,
    repaired=0,
    unread=0,
    ranges=[Difference(offset=8192, length=4096, odd=[])],
)
STATES: dict[str, tuple[str, Callable[[Mirror], Mirror]]] = {
    "fix": ("degraded", lambda mirror: mirror),
    "remove": ("degraded", lambda mirror: mirror),
    "re_add": ("degraded", lambda mirror: mirror),
    "pause": ("rebuilding", lambda mirror: mirror),
    "resume": ("healthy", lambda mirror: replace(mirror, paused=True)),
    "cancel": ("healthy", lambda mirror: replace(mirror, paused=True)),
    "mismatches": ("healthy", lambda mirror: replace(mirror, mismatches=4096, checks=[ASKED])),
    "bad_blocks": (
        "healthy",
        lambda mirror: replace(mirror, members=[replace(m, bad=4096) for m in mirror.members]),
    ),
    "readwrite": ("healthy", lambda mirror: replace(mirror, state="readonly")),
    "take_over": (
        "healthy",
        lambda mirror: replace(mirror, driver="kernel", device="/dev/md9", exports=[], clients=[], uri=""),
    ),
    "assemble": ("healthy", lambda mirror: replace(mirror, state="stopped", clients=[], worker_pid=None)),
}
"""Where an action is possible, if not on a healthy mirror."""


@dataclass
class Counting:
    """Which calls that change something an engine gets."""

    calls: list[str] = field(default_factory=list)

    def watch(self, engine: FakeEngine) -> None:
        for name in dir(engine):
            verb = getattr(engine, name)
            reads = name.startswith(("_", "plan_", "mirrors")) or name in READING
            if callable(verb) and not reads:
                setattr(engine, name, self._counted(name, verb))

    def _counted(self, name: str, verb: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.calls.append(name)
            return verb(*arguments)

        return call


async def set_up(play: Stage, action: str) -> None:
    """Make it possible."""
    _, changed = STATES.get(action, ("healthy", lambda mirror: mirror))
    play.engine._mirrors["vault"] = changed(play.vault)
    play.app.store.wake()
    await settle(play.pilot)
    assert by_id(action).refuse(play.home.situation) is None


def start(action: str) -> str:
    return STATES.get(action, ("healthy", None))[0]


@pytest.mark.parametrize("action", DEEDS)
async def test_its_key_and_the_menu_lead_to_the_same(action: str) -> None:
    shown = []
    for from_menu in (False, True):
        async with playing(start(action)) as play:
            await set_up(play, action)
            before = play.engine.mirrors()
            if from_menu and action != "more":
                await play.press("space")
                assert isinstance(play.screen, ActionMenu)
            await play.press(by_id(action).keys[0])
            changed = play.engine.mirrors() != before
            copied = play.app.clipboard
            assert changed or copied or not play.at_home, "nothing happened"
            shown.append((type(play.screen), changed, copied))
    assert shown[0] == shown[1]


@pytest.mark.parametrize("action", DEEDS)
async def test_escape_leaves_its_dialog_and_nothing_was_asked_for(action: str) -> None:
    async with playing(start(action)) as play:
        await set_up(play, action)
        counting = Counting()
        counting.watch(play.engine)
        for verb in ("sync", "change", "set_access", "set_flag", "assemble"):
            monkey = getattr(play.engine, f"plan_{'change' if verb == 'change' else verb}")
            setattr(play.engine, f"plan_{verb}", _deliberate(monkey))
        await play.press(by_id(action).keys[0], "escape", "escape")
        assert play.at_home
        assert counting.calls == []


def _deliberate(plan: Callable[..., Any]) -> Callable[..., Any]:
    """Whatever runs at once would be done before escape: here everything asks."""
    return lambda *arguments: replace(plan(*arguments), confirm="yes")


async def test_every_action_is_in_the_palette_and_in_the_help() -> None:
    async with playing("healthy", size=(120, 60)) as play:
        commands = ActionCommands(play.home)
        await commands.startup()
        offered = {hit.text async for hit in commands.discover()}
        await play.press("question_mark")
        assert isinstance(play.screen, HelpScreen)
        page = play.screen._draw(200).plain
        for action in ACTIONS:
            assert action.title in offered
            assert action.title in page


async def test_every_deed_is_in_the_menu_or_dim_with_its_reason() -> None:
    async with playing("degraded") as play:
        await play.press("space")
        listed = play.screen.query_one(ChoiceList)
        rows = {option.id: option for option in listed.options}
        assert set(DEEDS) - {"more"} <= set(rows)
        for action in ACTIONS:
            if action.id in rows:
                assert rows[action.id].disabled == (action.refuse_here(play.home.situation) is not None)


async def test_the_menu_of_a_member_is_about_that_member() -> None:
    async with playing("degraded") as play:
        await play.press("enter", "enter")
        menu = play.screen
        assert isinstance(menu, ActionMenu)
        rows = {option.id: option for option in menu.query_one(ChoiceList).options}
        assert rows["fail"].disabled, "this one is out; the other could be failed"
        assert not rows["re_add"].disabled
        await play.press("down", "enter")
        assert play.at_home
        assert play.state("/dev/sdb") is None, "it was removed"


async def test_the_last_row_of_the_menu_can_be_reached_and_seen_in_a_small_terminal() -> None:
    async with playing("healthy") as play:
        await play.press("space", "G")
        listed = play.screen.query_one(ChoiceList)
        assert listed.key == "zero_superblock"
        last = listed.scroll_offset.y + listed.size.height - 1
        assert last == listed.option_count - 1
        assert listed.region.bottom <= 23


async def test_the_bar_offers_the_menu() -> None:
    async with playing("failed") as play:
        assert "space more" in play.home.query_one(ActionBar)._draw(80).plain
