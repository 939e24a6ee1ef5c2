"""Everything that changes something, by its key: what it asks, what it does, and what it must not do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from mirrortui.api.answers import Plan
from mirrortui.api.interface import MemberVerb
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import AssembleRequest, MemberRequest, StopRequest
from mirrortui.errors import DegradedStartError
from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.testing.staging import settle
from mirrortui.tui.modals.add import AddDialog
from mirrortui.tui.modals.assemble import AssembleDialog
from mirrortui.tui.modals.create import CreateDialog
from mirrortui.tui.modals.members import FailDialog
from mirrortui.tui.modals.whole import StopDialog
from mirrortui.tui.widgets.entry import Entry
from mirrortui.tui.widgets.plan_view import PlanView
from tests.tui_stage import playing

pytestmark = pytest.mark.slow  # together they start some thirty apps


async def test_fail_wants_the_name_typed() -> None:
    async with playing("healthy") as play:
        await play.press("f")
        assert isinstance(play.screen, FailDialog)
        assert play.plan() == "mirrortui fail vault /dev/sdb --yes"
        await play.press("y", "enter")
        await play.type("vaul")
        await play.press("enter")
        assert play.state("/dev/sdb") == "in_sync"
        await play.type("t")
        await play.press("enter")
        assert play.at_home
        assert play.state("/dev/sdb") == "faulty"


async def test_fail_takes_the_member_under_the_cursor() -> None:
    async with playing("healthy") as play:
        await play.press("enter", "down", "f")
        assert play.plan() == "mirrortui fail vault /dev/sdc --yes"
        await play.type("vault")
        await play.press("enter")
        assert play.state("/dev/sdc") == "faulty"


async def test_a_refused_plan_cannot_be_confirmed() -> None:
    async with playing("degraded") as play:
        await play.press("f")
        await play.press("enter", "y", *"vault", "enter")
        assert isinstance(play.screen, FailDialog)
        assert play.state("/dev/sdc") == "in_sync"


async def test_a_harmless_remove_runs_at_once() -> None:
    async with playing("degraded") as play:
        await play.press("d")
        assert play.at_home
        assert play.state("/dev/sdb") is None


async def test_re_add_runs_at_once_where_there_is_one_to_re_add() -> None:
    async with playing("degraded") as play:
        await play.press("e")
        assert play.at_home
        assert play.state("/dev/sdb") == "recovering"


async def test_the_rebuild_is_shown_to_its_end() -> None:
    async with playing("degraded") as play:
        await play.press("e")
        shown = play.home.picture.mirror("vault")
        assert shown and shown.sync_action == "recover"
        play.pass_time(86_400)
        while (shown := play.home.picture.mirror("vault")) and shown.sync:
            await play.pilot.pause()
        assert shown and shown.state == "active"


async def test_add_a_device_with_the_deliberate_key() -> None:
    async with playing("degraded") as play:
        await play.press("a")
        assert isinstance(play.screen, AddDialog)
        assert play.plan() == "mirrortui add vault /dev/sdg --yes"
        await play.press("a", "enter", "enter")
        assert play.state("/dev/sdg") is None
        await play.press("y")
        assert play.at_home
        assert play.state("/dev/sdg") == "recovering"


async def test_yes_is_understood_where_nothing_need_be_confirmed() -> None:
    class Lenient(FakeEngine):
        """As the real one is about an empty image."""

        def plan_change(self, mirror: str, verb: MemberVerb, request: MemberRequest) -> Plan:
            return replace(super().plan_change(mirror, verb, request), confirm="none")

        def change(self, mirror: str, verb: MemberVerb, request: MemberRequest) -> Mirror:
            return super().change(mirror, verb, replace(request, yes=True))

    async with playing("degraded") as play:
        play.engine.__class__ = Lenient
        await play.press("a", "y")
        assert play.at_home
        assert play.state("/dev/sdg") == "recovering"


async def test_add_what_holds_data_wants_force_and_the_name() -> None:
    async with playing("degraded") as play:
        await play.press("a", "down")
        assert play.plan() == "mirrortui add vault /dev/sdh"
        await play.press("y", "enter")
        assert isinstance(play.screen, AddDialog)
        await play.press("tab", "tab", "space")
        assert play.plan() == "mirrortui add vault /dev/sdh --force --yes"
        await play.press("y")
        assert play.state("/dev/sdh") is None
        await play.press("enter")
        await play.type("vault")
        await play.press("enter")
        assert play.state("/dev/sdh") == "recovering"


async def test_add_an_image_by_its_path() -> None:
    async with playing("degraded") as play:
        await play.press("a", "tab")
        await play.type("/srv/c.img")
        await play.press("enter", "y")
        assert play.at_home
        assert play.state("/srv/c.img") == "recovering"


async def test_create_from_image_files() -> None:
    async with playing("empty") as play:
        await play.press("c")
        assert isinstance(play.screen, CreateDialog)
        await play.type("new")
        await play.press("enter", "tab")
        await play.type("/a.img /b.img")
        await play.press("enter", "y")
        assert play.at_home
        assert [member.path for member in play.engine.mirror("new").members] == ["/a.img", "/b.img"]
        assert play.home.mirror and play.home.mirror.name == "new"
        assert play.home.focused and play.home.focused.id == "mirror-list"


async def test_create_says_what_is_wrong() -> None:
    async with playing("empty") as play:
        await play.press("c")
        await play.type("new")
        await play.press("enter", "tab")
        await play.type("/a.img /missing.img")
        await play.press("enter", "y")
        assert isinstance(play.screen, CreateDialog)
        plan = play.screen.query_one(PlanView).plan
        assert plan and plan.refused == "/missing.img does not exist."
        assert play.engine.mirrors() == []


async def test_create_from_marked_devices() -> None:
    async with playing("empty") as play:
        await play.press("c")
        await play.type("new")
        await play.press("enter", "space", "down", "space")
        plan = play.screen.query_one(PlanView).plan
        assert plan and plan.refused == "/dev/sdh holds ext4, label old."


async def test_stop_and_assemble() -> None:
    async with playing("healthy") as play:
        await play.press("s")
        assert isinstance(play.screen, StopDialog)
        await play.type("vault")
        await play.press("enter")
        assert [request.name for request in play.engine.scan()] == ["vault"]
        await play.press("A")
        assert play.at_home
        assert play.engine.scan() == []


async def test_a_stop_that_cuts_nobody_off_still_wants_a_deliberate_key() -> None:
    class Lenient(FakeEngine):
        """As the real one is about a mirror without clients."""

        def plan_stop(self, mirror: str, request: StopRequest) -> Plan:
            return replace(super().plan_stop(mirror, request), confirm="none")

    async with playing("healthy") as play:
        play.engine.__class__ = Lenient
        await play.press("s", "s", "enter")
        assert isinstance(play.screen, StopDialog)
        assert play.vault.state == "active"
        await play.press("y")
        assert play.at_home
        assert [request.name for request in play.engine.scan()] == ["vault"]


async def test_the_spare_image_is_one_key_and_a_yes_away(tmp_path: Path) -> None:
    member, spare = tmp_path / "a.img", tmp_path / "spare.img"
    for image in (member, spare):
        image.touch()
        os.truncate(image, 64 << 30)
    async with playing("degraded") as play:
        held = replace(play.vault.members[1], path=str(member))
        play.engine._mirrors["vault"] = replace(play.vault, size=60 << 30, members=[held])
        play.app.store.wake()
        await settle(play.pilot)
        await play.press("a")
        assert play.plan() == f"mirrortui add vault {spare} --yes"
        await play.press("y")
        assert play.state(str(spare)) == "recovering"


async def test_assemble_what_lacks_members_wants_to_be_told() -> None:
    class Strict(FakeEngine):
        def assemble(self, request: AssembleRequest) -> Mirror:
            if not request.run:
                raise DegradedStartError(
                    "Not every member of vault is there.", hint="--run starts it all the same."
                )
            return super().assemble(request)

    async with playing("healthy") as play:
        await play.press("s")
        await play.type("vault")
        await play.press("enter")
        play.engine.__class__ = Strict
        await play.press("A")
        problem = play.screen.query_one(PlanView).problem
        assert problem and problem.code == "degraded-start"
        await play.press("space", "enter")
        assert play.at_home
        assert play.vault.state == "clean"


async def test_a_survivor_is_chosen_and_nobody_is_proposed() -> None:
    async with playing("split") as play:
        await play.press("A")
        assert isinstance(play.screen, AssembleDialog)
        assert play.plan() == "mirrortui assemble vault"
        await play.press("y", "enter", *"vault", "enter")
        assert play.engine.mirror("vault").worker_pid is None, "a plan that is refused cannot be confirmed"
        await play.press("down", "down")
        assert play.plan() == "mirrortui assemble vault --survivor /dev/sdc --yes"
        await play.press("y")
        assert [request.name for request in play.engine.scan()] == ["vault"]
        await play.press("enter")
        await play.type("vault")
        await play.press("enter")
        assert play.at_home
        assert play.vault.state == "clean"


async def test_fix_re_adds_what_is_out() -> None:
    async with playing("degraded") as play:
        await play.press("F")
        assert play.plan() == "mirrortui re-add vault /dev/sdb"
        assert play.state("/dev/sdb") == "faulty", "a choice that was made for somebody is asked about"
        await play.press("y")
        assert play.at_home
        assert play.state("/dev/sdb") == "recovering"


async def test_fix_assembles_what_failed() -> None:
    async with playing("failed") as play:
        await play.press("F")
        assert play.vault.state == "clean"


async def test_fix_adds_where_a_member_is_gone() -> None:
    async with playing("degraded") as play:
        await play.press("d")
        play.engine._devices = [device for device in play.engine._devices if device.path != "/dev/sdg"]
        await play.press("F")
        assert isinstance(play.screen, AddDialog)


@pytest.mark.parametrize("key", ["c", "a", "f", "e", "s", "question_mark", "ctrl+p", "q"])
async def test_escape_always_leaves_and_changes_nothing(key: str) -> None:
    async with playing("failed") as play:
        before = play.engine.mirrors()
        await play.press(key, "escape")
        assert play.at_home
        assert play.engine.mirrors() == before


async def test_a_stale_plan_does_not_fire() -> None:
    async with playing("healthy") as play:
        await play.press("f")
        play.engine._mirrors["vault"] = replace(play.vault, events=5000)
        await play.press("enter")
        await play.type("vault")
        await play.press("enter")
        assert isinstance(play.screen, FailDialog)
        problem = play.screen.query_one(PlanView).problem
        assert problem and problem.code == "changed"
        assert play.state("/dev/sdb") == "in_sync"


async def test_a_name_that_is_left_empty_is_the_one_that_shows() -> None:
    async with playing("healthy") as play:
        await play.press("c", "enter")
        assert play.screen.query_one("#name", Entry).value == "vault-2", "there is a vault"
        await play.press("space", "down", "space", "enter")
        assert isinstance(play.screen, CreateDialog)
        assert play.screen.last


async def test_enter_leads_from_the_name_to_the_members_also_before_they_are_known() -> None:
    async with playing("empty") as play:
        dialog = CreateDialog(play.engine)
        await play.app.push_screen(dialog)
        dialog.go_on()
        await settle(play.pilot)
        assert play.app.focused is dialog.query_one("#choice")
        await play.press("space", "down", "space", "enter")
        assert dialog.last


async def test_what_a_tick_would_do_is_shown_before_it_is_done() -> None:
    class Strict(FakeEngine):
        def plan_assemble(self, request: AssembleRequest) -> Plan:
            plan = super().plan_assemble(request)
            return plan if request.run else replace(plan, refused="Not every member of vault is there.")

    async with playing("healthy") as play:
        play.engine.stop("vault", StopRequest(yes=True))
        play.engine.__class__ = Strict
        play.app.store.wake()
        await settle(play.pilot)
        await play.press("A", "space")
        assert isinstance(play.screen, AssembleDialog)
        assert play.engine.mirror("vault").worker_pid is None
        await play.press("enter")
        assert play.vault.state == "clean"
