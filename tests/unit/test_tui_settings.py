"""Small matters of daily use on the screen, by their keys."""

from __future__ import annotations

import pytest

from mirrortui.testing.staging import settle
from mirrortui.tui.modals.members import WriteMostlyDialog
from mirrortui.tui.modals.settings import AccessDialog, RenameDialog
from mirrortui.tui.widgets.mirror_list import MirrorList
from mirrortui.tui.widgets.row_list import RowList
from tests.tui_stage import Stage, playing

pytestmark = pytest.mark.slow  # each starts an app of its own


async def test_write_mostly_is_set_shown_and_cleared() -> None:
    async with playing("healthy") as play:
        await play.press("w")
        assert isinstance(play.screen, WriteMostlyDialog)
        assert play.plan() == "mirrortui set vault /dev/sdb write-mostly on"
        await play.press("enter")
        assert play.at_home
        assert [member.write_mostly for member in play.vault.members] == [True, False]
        await settle(play.pilot)
        table = play.home.query_one("#members", RowList)
        assert "w-mostly" in table.render_line(0).text
        assert "w-mostly" not in table.render_line(1).text
        await play.press("enter", "w")
        assert play.at_home, "the one under the cursor, and nothing to ask"
        assert [member.write_mostly for member in play.vault.members] == [False, False]


def state(play: Stage) -> str:
    return play.vault.state


async def test_read_only_wants_the_deliberate_key_and_back_does_not() -> None:
    async with playing("healthy") as play:
        await play.press("L")
        assert [note.message for note in play.app._notifications] == ["writable: vault is not read-only"]
        await play.press("l")
        assert isinstance(play.screen, AccessDialog)
        await play.press("enter")
        assert state(play) == "active"
        await play.press("y")
        assert play.at_home
        assert state(play) == "readonly"
        play.app.store.wake()
        await settle(play.pilot)
        await play.press("L")
        assert play.at_home
        assert state(play) == "active"


async def test_a_new_name_is_typed_and_confirmed() -> None:
    async with playing("healthy") as play:
        await play.press("n")
        assert isinstance(play.screen, RenameDialog)
        await play.type("attic")
        await play.press("enter", "y")
        assert play.at_home
        assert play.engine.mirror("attic").name == "attic"


async def test_a_name_that_is_taken_is_refused() -> None:
    async with playing("healthy") as play:
        await play.press("n")
        await play.type("vault")
        await play.press("enter", "y", "enter")
        assert isinstance(play.screen, RenameDialog)


async def test_the_kernels_are_left_to_mdadm() -> None:
    async with playing("kernel") as play:
        assert play.home.mirror is not None
        name = next(m.name for m in play.engine.mirrors() if m.driver == "kernel")
        play.home.query_one(MirrorList).put_cursor(name)
        await settle(play.pilot)
        await play.press("n", "l", "w")
        assert play.at_home
        assert len(play.app._notifications) == 3


async def test_a_bitmap_is_taken_away_and_given_back() -> None:
    async with playing("healthy") as play:
        await play.press("b")
        assert play.plan() == "mirrortui set vault bitmap none --yes"
        await play.press("enter", "y")
        assert play.at_home
        assert play.vault.bitmap is None
        play.app.store.wake()
        await settle(play.pilot)
        await play.press("b", "y")
        assert play.vault.bitmap is not None


async def test_how_many_members_is_typed() -> None:
    async with playing("healthy") as play:
        await play.press("m")
        await play.type("x3")
        await play.press("backspace", "backspace")
        await play.type("3")
        await play.press("enter", "y")
        assert play.at_home
        assert play.vault.raid_disks == 3
