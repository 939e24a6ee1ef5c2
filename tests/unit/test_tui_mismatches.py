"""The explorer of differences: what it shows, and how one gets from one to the next."""

from __future__ import annotations

import pytest

from mirrortui.api.mirrors import CopyOf, Look
from mirrortui.testing.staging import settle
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.modals.mismatches import MismatchScreen
from mirrortui.tui.modals.winner import WinnerDialog
from mirrortui.tui.widgets.hex_view import HexView, differing, layout
from mirrortui.tui.widgets.mirror_list import MirrorList
from mirrortui.tui.widgets.plan_view import PlanView
from mirrortui.tui.widgets.row_list import ChoiceList
from mirrortui.tui.widgets.tick import Tick
from mirrortui.units import GIB
from tests.tui_stage import Stage, playing

pytestmark = pytest.mark.slow  # each starts an app of its own


def view_of(play: Stage) -> HexView:
    assert isinstance(play.screen, MismatchScreen)
    return play.screen.query_one(HexView)


def here(play: Stage) -> int:
    view = view_of(play)
    assert view.page
    return view.page.offset + view.at


async def test_it_begins_at_the_first_difference_and_names_the_odd_member() -> None:
    async with playing("differs") as play:
        play.home.query_one(MirrorList).put_cursor("photos")
        await settle(play.pilot)
        await play.press("D")
        assert here(play) == 180 * GIB + 260
        assert view_of(play).odd == {"/dev/sde1"}
        assert "≠ odd /dev/sde1" in view_of(play)._draw(78).plain


async def test_n_goes_through_a_page_its_range_and_the_ranges_and_back() -> None:
    async with playing("differs") as play:
        await play.press("D")
        seen = [here(play)]
        for _ in range(9):
            await play.press("n")
            seen.append(here(play))
        a, b, c, d = 180 * GIB, 180 * GIB + 16384, 200 * GIB, 499 * GIB
        pages = [a, b, b + 4096, c, d]
        assert seen == [page + at for page in pages for at in (260, 1500)]
        await play.press("n")
        assert here(play) == seen[-1]
        assert "That was the last one." in [note.message for note in play.app._notifications]
        await play.press("N", "N")
        assert here(play) < d


async def test_g_goes_to_an_offset_and_says_when_there_is_none() -> None:
    async with playing("differs") as play:
        await play.press("D", "g")
        await play.type("0x2000")
        await play.press("enter")
        assert here(play) == 0x2000
        assert not view_of(play).differing
        await play.press("g")
        await play.type("nowhere")
        await play.press("enter", "escape")
        assert here(play) == 0x2000
        assert isinstance(play.screen, MismatchScreen), "escape left the entry only"


async def test_the_cursor_runs_over_the_edges_of_pages() -> None:
    async with playing("differs") as play:
        await play.press("D", "g")
        await play.type("8184")
        await play.press("enter", "down")
        page = view_of(play).page
        assert page and page.offset == 8192
        await play.press("up")
        page = view_of(play).page
        assert page and page.offset == 4096


async def test_a_repair_is_offered_asked_for_and_seen() -> None:
    async with playing("differs") as play:
        await play.press("D", "H")
        assert isinstance(play.screen, PlanDialog)
        assert play.plan().startswith("mirrortui repair vault")
        await play.press("y")
        assert view_of(play).page
        assert play.vault.sync_action == "repair"


async def test_its_command_line_can_be_copied() -> None:
    async with playing("differs") as play:
        await play.press("D", "ctrl+y")
        assert play.app.clipboard == f"mirrortui mismatches vault --show {180 * GIB} --length 4096"


@pytest.mark.parametrize(
    ("width", "copies", "each", "beside"),
    [
        (77, 2, 8, True),
        (77, 3, 4, True),
        (157, 2, 16, True),
        (77, 5, 16, False),
        (39, 2, 4, False),
        (36, 2, 4, False),
    ],
)
def test_as_much_as_fits_is_shown(width: int, copies: int, each: int, beside: bool) -> None:
    assert layout(width, copies)[:2] == (each, beside)


def test_differences_that_are_near_are_one_and_unread_copies_tell_nothing() -> None:
    data = bytearray(200)
    data[3] = data[10] = data[100] = 1
    copies = [
        CopyOf(path="a", data=bytes(200)),
        CopyOf(path="b", data=bytes(data)),
        CopyOf(path="c", data=None),
    ]
    assert differing(copies) == [(3, 11), (100, 101)]


@pytest.mark.parametrize("copies", [1, 2, 3, 5])
def test_every_line_has_the_same_width(copies: int) -> None:
    view = HexView()
    view.page = Look(
        offset=0, copies=[CopyOf(path=f"/dev/sd{n}", data=bytes([n]) * 300) for n in range(copies)]
    )
    for width in (40, 78, 118, 158, 198):
        lines = view._draw(width).plain.split("\n")
        assert max(map(len, lines)) <= width


def dialog(play: Stage) -> WinnerDialog:
    assert isinstance(play.screen, WinnerDialog)
    return play.screen


async def test_of_two_nobody_is_right_until_somebody_says_so() -> None:
    async with playing("differs") as play:
        await play.press("D", "n", "n", "w")
        assert dialog(play).proposal() is None
        await play.press("y", "enter")
        assert play.vault.mismatches == 20 << 10
        await play.press("down", "down")
        range_two = 180 * GIB + 16384
        assert play.plan() == f"mirrortui repair vault --range {range_two}+8192 --winner /dev/sdc --yes"
        plan = dialog(play).query_one(PlanView).plan
        assert plan
        assert plan.erases == [
            "/dev/sdb: what it has in the 8.00 KiB at 180 GiB, where it differs, is overwritten and lost."
        ]
        await play.press("y")
        assert isinstance(play.screen, MismatchScreen)
        assert play.vault.mismatches == 12 << 10
        assert len(view_of(play).screen.query_one("#ranges", ChoiceList).options) == 3


async def test_all_at_once_by_the_tick_or_by_another_key() -> None:
    async with playing("differs") as play:
        await play.press("D", "w", "down", "tab", "space")
        assert play.plan() == "mirrortui repair vault --winner /dev/sdb --yes"
        await play.press("escape", "W", "down")
        assert play.plan() == "mirrortui repair vault --winner /dev/sdb --yes"
        assert not dialog(play).query(Tick)
        await play.press("y")
        assert play.vault.mismatches == 0
        await play.press("w")
        assert isinstance(play.screen, MismatchScreen), "nothing is left to be right about"


async def test_whom_most_agree_with_is_proposed() -> None:
    async with playing("differs") as play:
        play.home.query_one(MirrorList).put_cursor("photos")
        await settle(play.pilot)
        await play.press("D", "w")
        chosen = dialog(play).query_one("#choice", ChoiceList)
        assert chosen.chosen not in (None, "/dev/sde1")
        told = [str(option.prompt.drawn(76)) for option in chosen.options]  # type: ignore[union-attr]
        assert ["most agree" in line for line in told] == [True, False, True]
        chosen.put_cursor("/dev/sde1")
        await settle(play.pilot)
        plan = dialog(play).query_one(PlanView).plan
        assert plan
        assert "it is the odd one" in plan.notes[0]
        assert len(plan.erases) == 2
