"""Everything can be reached by mouse alone: each test here clicks, and presses no key but to type a word."""

from __future__ import annotations

import pytest
from textual.geometry import Offset

from mirrortui.testing.staging import settle
from mirrortui.tui.modals.create import CreateDialog
from mirrortui.tui.modals.leave import LeaveDialog
from mirrortui.tui.modals.menu import ActionMenu
from mirrortui.tui.modals.mismatches import MismatchScreen
from mirrortui.tui.screens.export import ExportDialog
from mirrortui.tui.views.events import EventsView
from mirrortui.tui.views.mirrors import MirrorsView
from mirrortui.tui.widgets.confirm import Confirm
from mirrortui.tui.widgets.plan_view import PlanView
from tests.tui_stage import Stage, playing

pytestmark = pytest.mark.slow  # together they start some ten apps


def find(play: Stage, words: str, nth: int = 0) -> Offset:
    """Where on the screen these words begin."""
    seen = 0
    for y, strip in enumerate(play.app.screen._compositor.render_strips()):
        x = strip.text.find(words)
        if x >= 0:
            if seen == nth:
                return Offset(len(strip.text[:x]), y)
            seen += 1
    raise AssertionError(f"{words!r} is not on the screen")


async def click(play: Stage, words: str, nth: int = 0, times: int = 1) -> None:
    await play.pilot.click(offset=find(play, words, nth), times=times)
    await settle(play.pilot)


async def test_tabs_bar_and_menu() -> None:
    async with playing("healthy") as play:
        for tab in ("2 mirror", "3 devices", "4 events", "5 jobs", "6 help", "1 mirrors"):
            await click(play, tab)
            place = tab[2:]
            assert play.home.situation.place == place
        await click(play, "space more")
        assert isinstance(play.screen, ActionMenu)
        await click(play, "esc leaves")
        await click(play, "space more")
        await click(play, "rename")
        assert play.screen.query("#dialog")
        await click(play, "esc leaves")
        assert play.at_home


async def test_a_plan_is_confirmed() -> None:
    async with playing("healthy", size=(120, 40)) as play:
        await click(play, "vault")
        await click(play, "C check")
        assert play.at_home
        assert play.vault.sync_action == "check"


async def test_replacing_a_disk() -> None:
    async with playing("healthy") as play:
        await click(play, "vault")
        await click(play, "R replace")
        assert play.plan() == "mirrortui replace vault /dev/sdb --with /dev/sdg --yes"
        await click(play, "^y copies it")
        assert "The command was copied." in [notice.message for notice in play.app._notifications]
        await click(play, "Replace /dev/sdb in vault by")
        assert play.at_home
        assert play.state("/dev/sdg") == "replacing"


async def test_creating_a_mirror() -> None:
    async with playing("healthy") as play:
        await click(play, "c create")
        assert isinstance(play.screen, CreateDialog)
        await play.type("new")
        await click(play, "/dev/sdg")
        await click(play, "/dev/sdh")
        await click(play, "/dev/sdh")
        await click(play, "s marks a spare")
        assert (play.screen._marked, play.screen._spares) == (["/dev/sdg"], ["/dev/sdh"])
        await click(play, "s marks a spare")
        await click(play, "/dev/sdh")
        await click(play, "options and plan", nth=1)
        assert play.screen.step == 1
        await click(play, "overwrite what they hold")
        await click(play, "esc goes back")
        assert play.screen.step == 0
        await click(play, "options and plan", nth=1)
        await click(play, "then type new")
        await play.type("new")
        await play.press("enter")
        assert play.at_home
        assert play.engine.mirror("new")


async def test_a_click_beside_a_dialog_leaves_it_and_does_nothing() -> None:
    async with playing("healthy", size=(120, 40)) as play:
        await click(play, "f fail")
        assert play.screen.query_one(PlanView).plan
        await play.pilot.click(offset=(1, 1))
        await settle(play.pilot)
        assert play.at_home
        assert play.vault.state == "active"


async def test_sorting_and_the_filter() -> None:
    async with playing("several", size=(200, 60)) as play:
        view = play.home.query_one(MirrorsView)
        before = view.order
        await click(play, "11 mirrors")
        assert view.order != before
        await click(play, "filter")
        await play.type("ar")
        await play.press("enter")
        await click(play, "of 11 mirrors")
        assert view.words == ""


async def test_events_are_narrowed_and_written() -> None:
    async with playing("healthy") as play:
        await click(play, " events")
        await click(play, "6 events")
        assert play.home.query_one(EventsView).level != "all"
        await click(play, "write")
        assert isinstance(play.screen, ExportDialog)
        await click(play, "leave")
        assert play.at_home


async def test_differences_and_leaving() -> None:
    async with playing("differs", size=(120, 40)) as play:
        await click(play, "differences")
        assert isinstance(play.screen, MismatchScreen)
        await click(play, "n next")
        await click(play, "esc ")
        assert play.at_home
        await click(play, "^p menu")
        await play.type("leave the screen")
        await click(play, "Leave the screen")
        assert isinstance(play.screen, LeaveDialog)
        await click(play, "esc  stay")
        assert play.at_home


async def test_the_right_button_opens_the_menu_of_its_row() -> None:
    async with playing("healthy") as play:
        await play.pilot.click(offset=find(play, "scratch"), button=3)
        await settle(play.pilot)
        assert isinstance(play.screen, ActionMenu)
        assert play.home.situation.mirror is play.home.picture.mirror("scratch")
        assert play.home.situation.member is None
        await click(play, "esc leaves")
        await click(play, "3 devices")
        await play.pilot.click(offset=find(play, "/dev/sdg"), button=3)
        await settle(play.pilot)
        assert not play.at_home
        await play.press("escape")
        await click(play, "4 events")
        await play.pilot.click(offset=find(play, "vault"), button=3)
        await settle(play.pilot)
        assert isinstance(play.screen, ActionMenu)
        assert play.home.mirror is play.home.picture.mirror("vault")


async def test_a_click_on_a_choice_shows_its_plan_and_a_second_one_goes_on() -> None:
    async with playing("kernel") as play:
        await play.press("G")
        await click(play, "a add")
        await click(play, "/dev/sdg")
        assert not play.at_home
        assert "/dev/sdg" in play.plan()
        await click(play, "/dev/sdg", times=2)
        assert isinstance(play.app.focused, Confirm)


async def test_a_screen_that_stands_still_says_so_at_80_columns_too() -> None:
    async with playing("healthy") as play:
        await play.press("ctrl+f")
        assert find(play, "frozen at 14:02")
        await click(play, "4  5")
        assert play.home.situation.place == "events"
