"""Marks, and what is done to all that is marked."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import SyncRequest
from mirrortui.errors import RefusedError
from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.testing.staging import settle
from mirrortui.tui.actions import by_id
from mirrortui.tui.modals.menu import ActionMenu
from mirrortui.tui.modals.several import SeveralDialog
from mirrortui.tui.several import Joint, One, Several
from mirrortui.tui.widgets.action_bar import ActionBar
from mirrortui.tui.widgets.entry import Entry
from mirrortui.tui.widgets.mirror_list import MirrorList
from mirrortui.tui.widgets.plan_view import PlanView
from mirrortui.tui.widgets.row_list import ChoiceList
from mirrortui.tui.widgets.tab_strip import TabStrip
from tests.tui_stage import Stage, playing

pytestmark = pytest.mark.slow  # each starts an app of its own


def listed(play: Stage) -> MirrorList:
    return play.home.query_one(MirrorList)


def marks(play: Stage) -> set[str]:
    return listed(play).marks


def rows(play: Stage) -> list[str]:
    return [str(option.prompt.drawn(78).plain) for option in listed(play).options]  # type: ignore[union-attr]


def told(play: Stage) -> str:
    """The rows of the dialog."""
    assert isinstance(play.screen, SeveralDialog)
    joint = play.screen._joint
    assert joint is not None
    from mirrortui.tui.modals.several import _draw

    return _draw(joint, 76).plain


async def test_keys_mark_and_escape_drops_the_marks() -> None:
    async with playing("healthy") as play:
        listed(play).action_first()
        await play.press("plus", "plus")
        names = [option.id for option in listed(play).options]
        assert marks(play) == set(names[:2])
        assert listed(play).highlighted == min(2, len(names) - 1), "the cursor goes on"
        assert ["▣" in row for row in rows(play)][:2] == [True, True]
        assert "2 marked" in play.home.query_one(TabStrip).note.plain
        await play.press("asterisk")
        assert marks(play) == set(names)
        await play.press("asterisk")
        assert marks(play) == set()
        await play.press("insert", "escape")
        assert marks(play) == set()
        assert not any("▣" in row for row in rows(play))


async def test_a_click_on_a_sign_or_with_control_marks() -> None:
    async with playing("healthy") as play:
        at = listed(play).region.offset
        await play.pilot.click(MirrorList, offset=(1, 0))
        await settle(play.pilot)
        first = listed(play).options[0].id
        assert marks(play) == {first}
        await play.pilot.click(MirrorList, offset=(20, 1), control=True)
        await settle(play.pilot)
        assert len(marks(play)) == 2, at
        await play.pilot.click(MirrorList, offset=(1, 0))
        await play.pilot.click(MirrorList, offset=(20, 0))
        await settle(play.pilot)
        assert first not in marks(play), "a click elsewhere in the row marks nothing"


async def test_marks_survive_another_order_and_a_filter() -> None:
    async with playing("healthy") as play:
        listed(play).put_cursor("vault")
        await play.press("plus", "O")
        assert marks(play) == {"vault"}
        await play.press("slash")
        await play.type("photos")
        assert marks(play) == {"vault"}
        assert "1 marked (1 not shown)" in play.home.query_one(TabStrip).note.plain
        await play.press("enter", "asterisk")
        assert marks(play) == {"vault", "photos"}
        await play.press("slash", "escape")
        assert marks(play) == {"vault", "photos"}, "escape left the filter first"
        await play.press("escape")
        assert marks(play) == set()


@pytest.mark.slow
async def test_who_is_gone_is_marked_no_more() -> None:
    async with playing("healthy") as play:
        await play.press("asterisk")
        del play.engine._mirrors["photos"]
        play.app.store.wake()
        await settle(play.pilot)
        assert "photos" not in marks(play)
        assert "vault" in marks(play)


async def test_all_that_is_marked_is_checked_after_one_word() -> None:
    async with playing("healthy") as play:
        await play.press("asterisk", "C")
        assert isinstance(play.screen, SeveralDialog)
        plan = play.screen.query_one(PlanView).plan
        assert isinstance(plan, Joint)
        assert {part.mirror for part in plan.parts} == marks(play)
        assert plan.confirm == "yes", "it is about more than is under the cursor"
        assert plan.command.count("mirrortui check ") == len(plan.able)
        await play.press("y")
        assert play.at_home
        for part in plan.able:
            assert play.engine.mirror(part.mirror).sync_action == "check"


async def test_who_cannot_is_named_with_the_reason_and_left_alone() -> None:
    async with playing("healthy") as play:
        play.engine._mirrors["photos"] = replace(play.engine.mirror("photos"), state="stopped", clients=[])
        play.app.store.wake()
        await settle(play.pilot)
        listed(play).marks.update({"vault", "photos"})
        await play.press("C")
        assert "left alone: photos is stopped" in told(play)
        assert play.plan() == "mirrortui check vault"
        await play.press("y")
        assert play.vault.sync_action == "check"
        assert play.engine.mirror("photos").state == "stopped"
        await play.press("C")
        assert play.at_home, "now it can be done to none of them, and that is said"
        assert any("to none of what is marked" in note.message for note in play.app._notifications)


@pytest.mark.slow
async def test_what_went_wrong_with_one_is_in_its_row_and_the_others_are_done() -> None:
    class Stubborn(FakeEngine):
        def sync(self, mirror: str, request: SyncRequest) -> Mirror:
            if mirror == "photos":
                raise RefusedError("photos does not want to.")
            return super().sync(mirror, request)

    async with playing("healthy") as play:
        play.engine.__class__ = Stubborn
        listed(play).marks.update({"vault", "photos"})
        await play.press("C", "y")
        assert isinstance(play.screen, SeveralDialog)
        lines = told(play).splitlines()
        assert any("✔ vault" in line and "done" in line for line in lines)
        assert any("✖ photos" in line and "photos does not want to." in line for line in lines)
        problem = play.screen.query_one(PlanView).problem
        assert problem
        assert problem.hint == "Done: vault."
        await play.press("escape")
        assert play.at_home
        assert play.vault.sync_action == "check"


@pytest.mark.slow
async def test_pause_resume_stop_and_assemble() -> None:
    async with playing("healthy") as play:
        names = {"vault", "photos"}
        for key, state in (("C", "check"), ("p", "idle")):
            listed(play).marks.update(names)
            await play.press(key, "y")
            assert {play.engine.mirror(name).sync_action for name in names} == {state}
        assert all(play.engine.mirror(name).paused for name in names)
        await play.press("P", "y")
        assert not any(play.engine.mirror(name).paused for name in names)
        assert marks(play) == names, "what is marked stays so"
        await play.press("s")
        assert "vault  " in told(play)
        assert "left alone: it wants a decision of its own" in told(play), "it has clients"
        await play.press("escape")
        play.engine._mirrors["vault"] = replace(play.vault, clients=[])
        await play.press("s", "y")
        assert {play.engine.mirror(name).state for name in names} == {"stopped"}
        await play.press("A", "y")
        assert "stopped" not in {play.engine.mirror(name).state for name in names}


@pytest.mark.slow
async def test_one_pace_for_all() -> None:
    async with playing("healthy") as play:
        listed(play).marks.update({"vault", "photos"})
        await play.press("I")
        play.screen.query_one("#choice", ChoiceList).put_cursor("low")
        await settle(play.pilot)
        assert set(play.plan().split("; ")) == {
            f"mirrortui sync {name} impact low" for name in ("photos", "vault")
        }
        play.screen.query_one("#limit", Entry).focus()
        await play.type("2x")
        assert isinstance(play.screen, SeveralDialog)
        assert play.screen.proposal() is None, "that is no amount"
        await play.press("ctrl+u", "4", "M", "enter")
        assert play.plan().count("speed 0 4194304") == 2
        await play.press("y")
        assert {play.engine.mirror(name).impact for name in ("vault", "photos")} == {"low"}


@pytest.mark.slow
async def test_the_bar_and_the_menu_say_what_is_about_all_of_them() -> None:
    async with playing("healthy") as play:
        assert "+ mark" in play.home.query_one(ActionBar)._draw(80).plain
        await play.press("asterisk")
        bar = play.home.query_one(ActionBar)._draw(80).plain
        assert bar.startswith(f" {len(marks(play))} marked: ")
        assert "C check" in bar
        await play.press("space")
        assert isinstance(play.screen, ActionMenu)
        options = play.screen.query_one(ChoiceList).options
        check = next(option for option in options if option.id == "check")
        assert "3 marked]" in str(check.prompt.drawn(78).plain)  # type: ignore[union-attr]
        rename = next(option for option in options if option.id == "rename")
        assert "marked]" not in str(rename.prompt.drawn(78).plain)  # type: ignore[union-attr]


@pytest.mark.slow
async def test_elsewhere_marks_mean_nothing() -> None:
    async with playing("healthy") as play:
        await play.press("asterisk", "2")
        assert not play.home.situation.marked
        assert by_id("mark").refuse(play.home.situation)
        await play.press("1")
        assert len(play.home.situation.marked) == len(marks(play)) > 1


def test_what_wants_its_name_typed_is_not_done_to_several() -> None:
    from mirrortui.tui.proposals import ChangeMember

    engine = FakeEngine("degraded")
    survivor = next(m.path for m in engine.mirror("vault").members if m.state == "in_sync")
    several = Several(
        "Fail", (One("vault", ChangeMember("vault", "fail", survivor)), One("photos", None, "no"))
    )
    plan = several.plan(engine)
    assert plan.refused
    assert "vault is left alone" in plan.hint
    assert "photos is left alone: no" in plan.hint
