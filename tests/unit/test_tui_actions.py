"""The registry of actions: each of them can be reached in every way, does something, and can be left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from textual.binding import Binding

from mirrortui.api.mirrors import CheckRun, Difference, Mirror
from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.testing.staging import settle
from mirrortui.tui.actions import ACTIONS, by_id
from mirrortui.tui.modals.menu import ActionMenu
from mirrortui.tui.palette import ActionCommands
from mirrortui.tui.views.help import HelpPage
from mirrortui.tui.widgets.action_bar import ActionBar
from mirrortui.tui.widgets.row_list import ChoiceList
from tests.tui_stage import Stage, playing

DEEDS = [action.id for action in ACTIONS if action.group not in ("screen", "place")]
READING = (
    "engine",
    "mirror",
    "mirrors",
    "clock",
    "devices",
    "scan",
    "forecast",
    "mismatches",
    "look",
    "bad_blocks",
    "events",
)
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
    "lab": ("healthy", lambda mirror: replace(mirror, lab={})),
    "readwrite": ("healthy", lambda mirror: replace(mirror, state="readonly")),
    "take_over": (
        "healthy",
        lambda mirror: replace(mirror, driver="kernel", device="/dev/md9", exports=[], clients=[], uri=""),
    ),
    "assemble": ("healthy", lambda mirror: replace(mirror, state="stopped", clients=[], worker_pid=None)),
}
"""Where an action is possible, if not on a healthy mirror."""


class Cautious(FakeEngine):
    """Everything asks, so that a dialog stays where it is opened; what is done all the same is counted."""

    calls: list[str]

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("plan_"):
            return lambda *arguments: replace(found(*arguments), confirm="yes")
        if name.startswith("_") or name in READING or not callable(found):
            return found
        self.calls.append(name)
        return found


async def set_up(play: Stage, action: str, whole: Mirror) -> None:
    """Make it possible."""
    _, changed = STATES.get(action, ("", lambda mirror: mirror))
    play.engine._mirrors["vault"] = changed(whole)
    play.app.store.wake()
    await settle(play.pilot)
    assert by_id(action).refuse(play.home.situation) is None, action


@pytest.mark.parametrize("way", ["key", pytest.param("menu", marks=pytest.mark.slow)])
@pytest.mark.parametrize("state", ["healthy", "degraded", "rebuilding"])
async def test_each_deed_opens_its_dialog_and_escape_leaves_that_with_nothing_done(
    state: str, way: str
) -> None:
    deeds = [deed for deed in DEEDS if STATES.get(deed, ("healthy",))[0] == state]
    assert deeds
    async with playing(state) as play:
        play.engine.__class__ = Cautious
        assert isinstance(play.engine, Cautious)
        play.engine.calls = []
        whole = play.vault
        for deed in deeds:
            await set_up(play, deed, whole)
            play.app._clipboard = ""
            await play.press(*(["space"] if way == "menu" and deed != "more" else []), by_id(deed).keys[0])
            assert not play.at_home or play.app.clipboard, f"{deed} did nothing"
            assert way == "key" or deed == "more" or not isinstance(play.screen, ActionMenu), deed
            await play.press("escape")
            assert play.at_home, deed
            assert play.engine.calls == [], deed


def test_the_menu_knows_every_key() -> None:
    bindings = [binding for binding in ActionMenu.BINDINGS if isinstance(binding, Binding)]
    bound = {key for binding in bindings for key in binding.key.split(",")}
    assert bound >= {key for deed in DEEDS if deed != "more" for key in by_id(deed).keys}


async def test_every_action_is_in_the_palette_and_in_the_help() -> None:
    async with playing("healthy", size=(120, 60)) as play:
        commands = ActionCommands(play.home)
        await commands.startup()
        offered = {hit.text async for hit in commands.discover()}
        await play.press("question_mark")
        page = play.screen.query_one(HelpPage)._draw(200).plain
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
            if action.id in DEEDS and action.id in rows:
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
