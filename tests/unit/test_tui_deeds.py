"""What the dialogs of the newer deeds do: on a fake engine, by keys."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mirrortui.api.mirrors import Member, Mirror
from mirrortui.testing.staging import settle
from mirrortui.tui.modals.add import ReplaceDialog
from mirrortui.tui.modals.assemble import AssembleDialog
from mirrortui.tui.modals.create import CreateDialog
from mirrortui.tui.modals.fix import FixDialog
from mirrortui.tui.modals.lab import LabDialog
from mirrortui.tui.modals.members import ForecastDialog
from mirrortui.tui.remedies import Course
from mirrortui.tui.widgets.divergence import Divergence
from mirrortui.tui.widgets.plan_view import PlanView
from tests.tui_stage import Stage, playing

pytestmark = pytest.mark.slow  # together they start some thirty apps


async def become(play: Stage, **changes: object) -> None:
    """Let vault be so."""
    play.engine._mirrors["vault"] = replace(play.vault, **changes)
    play.app.store.wake()
    await settle(play.pilot)


def plan_of(play: Stage) -> PlanView:
    return play.screen.query_one(PlanView)


# Of one member.


async def test_replace_asks_which_member_and_escape_goes_back_to_that() -> None:
    async with playing("healthy") as play:
        await play.press("R")
        assert isinstance(play.screen, ReplaceDialog)
        assert plan_of(play).plan is None
        await play.press("down", "enter")
        assert play.plan() == "mirrortui replace vault /dev/sdc --with /dev/sdg --yes"
        await play.press("escape")
        assert isinstance(play.screen, ReplaceDialog)
        await play.press("y", "enter")
        assert play.plan() == "mirrortui replace vault /dev/sdb --with /dev/sdg --yes"
        await play.press("y")
        assert play.at_home
        assert play.state("/dev/sdg") == "replacing"


async def test_replace_with_the_cursor_on_a_member_asks_only_by_what() -> None:
    async with playing("healthy") as play:
        await play.press("enter", "down", "R")
        assert play.plan() == "mirrortui replace vault /dev/sdc --with /dev/sdg --yes"
        await play.press("escape")
        assert play.at_home


async def test_bad_blocks_are_listed_and_tested_again() -> None:
    async with playing("healthy") as play:
        first, second = play.vault.members
        await become(play, members=[first, replace(second, bad=64 << 10)])
        await play.press("B")
        plan = plan_of(play).plan
        assert plan and "64.0 KiB" in plan.notes[0]
        assert plan.command == "mirrortui badblocks vault /dev/sdc --retest"
        await play.press("enter", "y")
        assert play.at_home
        assert play.vault.members[1].bad == 0


async def test_failfast_is_set_and_taken_back() -> None:
    async with playing("healthy") as play:
        for on in (True, False):
            await play.press("enter", "W")
            assert play.at_home
            assert play.vault.members[0].failfast is on


async def test_what_if_a_member_fails_is_told_for_each_and_nothing_is_done() -> None:
    async with playing("healthy") as play:
        before = play.engine.mirrors()
        await play.press("i")
        assert isinstance(play.screen, ForecastDialog)
        assert play.plan() == "mirrortui status vault --if-fails /dev/sdb"
        await play.press("down", "enter", "y", "enter")
        assert play.plan() == "mirrortui status vault --if-fails /dev/sdc"
        assert isinstance(play.screen, ForecastDialog)
        assert play.engine.mirrors() == before


# Of a mirror.


async def test_one_more_address() -> None:
    async with playing("healthy") as play:
        await play.press("E")
        await play.type("127.0.0.1:10809")
        await play.press("tab", "space")
        assert play.plan() == "mirrortui export vault --tcp 127.0.0.1:10809 --readonly"
        await play.press("y")
        assert play.at_home
        export = play.vault.exports[-1]
        assert (export.kind, export.readonly) == ("tcp", True)


async def test_pace_is_one_knob_and_a_limit() -> None:
    async with playing("healthy") as play:
        await become(play, impact="balanced")
        await play.press("I", "down", "tab")
        await play.type("200M")
        await play.press("enter")
        assert play.at_home
        assert play.vault.impact == "max"


# Elsewhere.


async def test_assemble_all_leaves_alone_what_wants_a_decision() -> None:
    async with playing("split") as play:
        attic = replace(play.vault, name="attic")
        play.engine._mirrors["attic"] = attic
        await play.press("S")
        assert play.plan() == "mirrortui assemble --scan"
        plan = plan_of(play).plan
        assert plan and plan.notes[0].startswith("vault is left alone: it has two histories")
        await play.press("y")
        assert play.at_home
        assert [request.name for request in play.engine.scan()] == ["vault"]


async def test_a_superblock_is_erased_when_it_was_asked_for_and_confirmed() -> None:
    async with playing("healthy") as play:
        await play.press("Z")
        await play.type("/srv/old.img")
        await play.press("enter")
        assert play.plan() == "mirrortui zero-superblock /srv/old.img --yes"
        plan = plan_of(play).plan
        assert plan and "a member of attic" in plan.erases[0]
        await play.press("enter", "y")
        assert play.at_home


# Create.


async def test_create_with_options_and_spares() -> None:
    async with playing("empty") as play:
        await play.press("c")
        assert isinstance(play.screen, CreateDialog)
        await play.type("new")
        play.screen.query_one("#paths").focus()
        await play.type("/a.img /b.img")
        await play.press("tab")
        await play.type("/s.img")
        await play.press("enter")
        assert play.screen.step == 1
        await play.press("right", "tab", "right", "space", "tab", "tab", "space")
        assert play.plan() == (
            "mirrortui create new /a.img /b.img --yes && mirrortui set new /b.img write-mostly on"
        )
        await play.press("enter", "y")
        assert play.at_home
        made = play.engine.mirror("new")
        assert [member.write_mostly for member in made.members][:2] == [False, True]


async def test_create_goes_on_only_when_there_are_members_and_back_by_escape() -> None:
    async with playing("empty") as play:
        await play.press("c")
        await play.type("new")
        await play.press("enter", "enter")
        assert isinstance(play.screen, CreateDialog)
        assert play.screen.step == 0
        assert play.screen.missing() == "members to choose"
        await play.press("space")
        assert play.screen.onward() == "options and plan, with one member for now"
        await play.press("down", "space")
        assert play.screen.onward() == "options and plan"
        await play.press("enter")
        assert play.screen.step == 1
        await play.press("escape")
        assert isinstance(play.screen, CreateDialog)
        assert play.screen.step == 0
        await play.press("y", "escape")
        assert play.at_home
        assert play.engine.mirrors() == []


async def test_one_member_is_enough_for_now() -> None:
    async with playing("empty") as play:
        await play.press("c")
        await play.type("new")
        await play.press("enter", "space", "enter")
        assert play.plan() == "mirrortui create new /dev/sdg missing --yes"
        await play.press("y")
        assert play.at_home
        made = play.engine.mirror("new")
        assert (made.state, made.raid_disks, len(made.members)) == ("degraded", 2, 1)


async def test_a_spare_is_marked_instead_of_a_member() -> None:
    async with playing("empty") as play:
        await play.press("c")
        await play.type("new")
        await play.press("enter", "space", "s")
        assert isinstance(play.screen, CreateDialog)
        assert (play.screen._marked, play.screen._spares) == ([], ["/dev/sdg"])


# A split brain.


async def test_two_histories_stand_side_by_side_until_one_is_chosen() -> None:
    async with playing("split") as play:
        await play.press("A")
        shown = play.screen.query_one(Divergence)
        assert shown.kept is None
        told = shown._draw(76).plain
        for words in ("events", "4137", "4135", "up to 576 MiB", "65 min before", "◧ only sdb", "▣ both"):
            assert words in told
        await play.press("down", "down")
        told = shown._draw(76).plain
        assert "✖ /dev/sdb  is overwritten" in told
        assert "● /dev/sdc  is kept" in told


async def test_what_only_the_loser_holds_can_be_saved() -> None:
    async with playing("split") as play:
        await play.press("A", "down", "tab", "space", "tab")
        await play.type("/srv/lost.img")
        await play.press("enter")
        assert isinstance(play.screen, AssembleDialog)
        assert play.plan() == (
            "mirrortui assemble vault --survivor /dev/sdb --compare --save-loser /srv/lost.img --yes"
        )


# Fix.


async def fixing(play: Stage, **changes: object) -> Course:
    await become(play, **changes)
    await play.press("F")
    assert isinstance(play.screen, FixDialog)
    plan = plan_of(play).plan
    assert isinstance(plan, Course)
    return plan


def worn(mirror: Mirror) -> list[Member]:
    first, second = mirror.members
    return [first, replace(second, bad=1 << 20, read_errors=9)]


async def test_several_faults_are_fixed_in_order_with_reasons() -> None:
    async with playing("degraded") as play:
        course = await fixing(play, bitmap=None, mismatches=4096)
        assert [step.title for step in course.steps] == ["Re-add /dev/sdb to vault", "Give vault a bitmap"]
        assert all(step.reason for step in course.steps)
        assert course.notes == ["A check found 4.00 KiB to differ: F again when the rest is done."]
        assert course.command == "mirrortui re-add vault /dev/sdb && mirrortui set vault bitmap internal"
        await play.press("y")
        assert play.at_home
        assert play.state("/dev/sdb") == "recovering"
        assert play.vault.bitmap is not None


async def test_a_gap_is_filled_with_the_smallest_empty_device_that_fits() -> None:
    async with playing("degraded") as play:
        course = await fixing(play, members=[m for m in play.vault.members if m.state == "in_sync"])
        assert course.command == "mirrortui add vault /dev/sdg --yes"


async def test_a_spare_that_comes_by_itself_leaves_nothing_to_do() -> None:
    async with playing("degraded") as play:
        spare = Member(path="/dev/sdx", slot=None, state="spare", size=play.vault.size)
        course = await fixing(play, members=[play.vault.members[1], spare])
        assert not course.steps
        assert course.refused == "A spare takes a place by itself."
        await play.press("y", "enter")
        assert isinstance(play.screen, FixDialog)


async def test_a_member_that_wears_out_is_replaced_and_one_with_a_scratch_is_tested_again() -> None:
    async with playing("healthy") as play:
        course = await fixing(play, members=worn(play.vault))
        assert course.command == "mirrortui replace vault /dev/sdc --with /dev/sdg --yes"
    async with playing("healthy") as play:
        first, second = play.vault.members
        course = await fixing(play, members=[first, replace(second, bad=4096)])
        assert course.command == "mirrortui badblocks vault /dev/sdc --retest"


async def test_differences_are_repaired_and_said_to_be_a_guess_between_two() -> None:
    async with playing("differs") as play:
        course = await fixing(play)
        assert course.command == "mirrortui repair vault"
        assert course.erases
        assert "there is no majority of two" in course.steps[0].reason


async def test_a_member_whose_place_is_taken_is_let_go_and_what_is_paused_goes_on() -> None:
    async with playing("degraded") as play:
        whole = [replace(m, slot=n, state="in_sync") for n, m in enumerate(play.vault.members)]
        gone = Member(path="/dev/sdz", slot=None, state="faulty", size=0)
        course = await fixing(play, members=[*whole, gone], state="active", paused=True)
        assert [step.verb for step in course.steps] == ["resume", "remove"]


async def test_a_step_that_became_more_than_was_confirmed_is_not_taken() -> None:
    async with playing("degraded") as play:
        await fixing(play, bitmap=None)
        back = [replace(member, state="in_sync") for member in play.vault.members]
        play.engine._mirrors["vault"] = replace(play.vault, members=back)
        await play.press("y")
        problem = plan_of(play).problem
        assert problem and "Nothing was done. “Re-add /dev/sdb to vault” is not" in problem.what
        assert play.vault.bitmap is None


async def test_nothing_broken_nothing_to_fix() -> None:
    async with playing("healthy") as play:
        await play.press("F")
        assert play.at_home
        assert [note.message for note in play.app._notifications] == ["fix it: nothing is broken in vault"]


async def test_the_fault_lab_breaks_the_member_that_is_picked() -> None:
    async with playing("healthy") as play:
        await become(play, lab={})
        second = play.vault.members[1].path
        await play.press("X", "shift+tab", "right", "tab", "down", "enter")
        assert play.vault.lab == {second: "slow"}
        assert not isinstance(play.screen, LabDialog)
        await play.press("X", "G", "up", "enter")
        assert play.vault.lab == {second: "slow", "": "power-cut"}


async def test_a_full_disk_is_adopted() -> None:
    async with playing("empty") as play:
        await play.press("T")
        await play.type("old")
        await play.press("tab")
        await play.type("/full.img")
        await play.press("tab")
        await play.type("/new.img")
        await play.press("enter", "y")
        assert play.at_home
        assert [member.path for member in play.engine.mirror("old").members] == ["/full.img", "/new.img"]


async def test_a_disk_that_is_full_to_its_end_is_copied_into_another() -> None:
    async with playing("empty") as play:
        await play.press("T")
        await play.type("old")
        await play.press("tab")
        await play.type("/full.img")
        await play.press("tab", "tab", "tab", "tab", "space")
        await play.press("shift+tab", "shift+tab", "shift+tab")
        await play.type("/larger.img")
        await play.press("enter", "y")
        assert play.at_home
        assert [member.path for member in play.engine.mirror("old").members] == ["/larger.img"]


async def test_a_mirror_grows_to_all_that_there_is_room_for() -> None:
    async with playing("healthy") as play:
        await play.press("equals_sign")
        await play.type("max")
        await play.press("enter", "y")
        assert play.at_home
