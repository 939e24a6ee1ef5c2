"""From a device to what it can be used for; members that no scan finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from mirrortui.api.answers import DeviceInfo, Plan
from mirrortui.api.interface import MemberVerb
from mirrortui.api.requests import AssembleRequest, MemberRequest
from mirrortui.errors import MemberError
from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.testing.staging import settle
from mirrortui.tui.drawing import Fitted
from mirrortui.tui.modals.add import AddDialog
from mirrortui.tui.modals.adopt import AdoptDialog
from mirrortui.tui.modals.assemble import AssembleDialog
from mirrortui.tui.modals.create import CreateDialog
from mirrortui.tui.modals.device import DeviceMenu, dialog_for_device, uses
from mirrortui.tui.widgets.path_entry import PathEntry
from mirrortui.tui.widgets.plan_view import PlanView
from mirrortui.tui.widgets.row_list import RowList
from mirrortui.tui.widgets.several import Several
from mirrortui.tui.widgets.tick import Tick
from mirrortui.units import GIB, TIB
from tests.tui_stage import Stage, playing

pytestmark = pytest.mark.slow  # together they start some ten apps

FREE = DeviceInfo(path="/dev/sdg", size=2 * TIB)


async def put_cursor(play: Stage, device: str) -> None:
    await play.press("3")
    play.home.query_one("#device-list", RowList).put_cursor(device)
    await settle(play.pilot)


def test_what_a_device_is_good_for_depends_on_the_mirrors() -> None:
    engine, degraded = FakeEngine("healthy"), FakeEngine("degraded")

    def keys(device: DeviceInfo, engine: FakeEngine = engine) -> list[str]:
        return [use.key for use in uses(engine, device, engine.mirrors())]

    assert keys(FREE) == ["create"]
    assert keys(FREE, degraded) == ["add vault", "create"]
    assert keys(replace(FREE, size=GIB), degraded) == ["create"]  # too small for it
    assert keys(replace(FREE, holds="ext4", why_not="holds ext4")) == ["adopt", "create"]
    assert keys(replace(FREE, holds="MD 1.2 member", why_not="holds MD 1.2 member")) == ["create"]
    assert keys(replace(FREE, why_not="mounted on /backup")) == []
    assert dialog_for_device(engine, replace(FREE, why_not="read-only"), []) is None


async def test_enter_on_a_device_begins_a_mirror_of_it() -> None:
    async with playing("healthy") as play:
        await put_cursor(play, "/dev/sdg")
        await play.press("enter")
        assert isinstance(play.screen, CreateDialog)
        await play.type("new")
        await play.press("tab", "tab")
        await play.type("/srv/b.img")
        await play.press("enter")
        assert play.plan() == "mirrortui create new /dev/sdg /srv/b.img --yes"


async def test_its_key_does_the_same() -> None:
    async with playing("degraded") as play:
        await put_cursor(play, "/dev/sdg")
        await play.press("a")
        assert isinstance(play.screen, AddDialog)
        assert play.plan() == "mirrortui add vault /dev/sdg --yes"
        await play.press("escape", "c")
        assert isinstance(play.screen, CreateDialog)
        assert play.screen._members == ("/dev/sdg",)


async def test_where_a_mirror_wants_one_there_is_a_choice() -> None:
    async with playing("degraded") as play:
        await put_cursor(play, "/dev/sdg")
        await play.press("enter")
        assert isinstance(play.screen, DeviceMenu)
        await play.press("enter")
        assert isinstance(play.screen, AddDialog)
        assert play.plan() == "mirrortui add vault /dev/sdg --yes"
        await play.press("escape")
        assert play.at_home
        await play.press("enter", "down", "enter")
        assert isinstance(play.screen, CreateDialog)
        await play.press("escape", "enter", "escape")
        assert play.at_home


async def test_what_holds_something_is_adopted_and_what_cannot_be_used_says_why() -> None:
    async with playing("healthy", notices=True) as play:
        await put_cursor(play, "/dev/sdh")
        await play.press("enter", "enter")
        assert isinstance(play.screen, AdoptDialog)
        assert play.screen.query_one("#disk", PathEntry).paths == ["/dev/sdh"]
        await play.press("escape")
        await put_cursor(play, "/dev/sdf1")
        await play.press("enter")
        assert play.at_home
        assert [notice.message for notice in play.app._notifications] == ["/dev/sdf1: mounted on /backup"]


async def test_a_device_that_is_a_member_leads_to_its_mirror() -> None:
    async with playing("healthy") as play:
        await put_cursor(play, "/dev/sdc")
        await play.press("enter")
        assert play.at_home
        assert play.home.situation.place == "mirror"


# Members that were not found.


async def test_members_that_no_scan_finds_are_named() -> None:
    async with playing("split") as play:
        play.engine._apart.clear()
        await play.press("N")
        assert isinstance(play.screen, AssembleDialog)
        assert play.screen.query_one(PlanView).plan is None
        entry = play.screen.query_one("#members", PathEntry)
        entry.value = ""
        await play.type("/dev/sdb /dev/sdc")
        play.screen.propose()  # as when the typing pauses
        await settle(play.pilot)
        assert play.plan() == "mirrortui assemble /dev/sdb /dev/sdc"
        assert play.screen.query("#members")  # nothing starts while somebody types
        await play.press("enter")
        assert play.at_home
        assert play.vault.state == "clean"


async def test_those_that_moved_are_named_beside_those_that_did_not(tmp_path: Path) -> None:
    async with playing("split") as play:
        play.engine._apart.clear()
        stayed = tmp_path / "a.img"
        stayed.touch()
        vault = play.vault
        paths = str(stayed), "/nowhere/b.img"
        members = [replace(m, path=path) for m, path in zip(vault.members, paths, strict=True)]
        play.engine._mirrors["vault"] = replace(vault, members=members)
        dialog = AssembleDialog(play.engine, play.engine.mirror("vault"))
        dialog.decided = False
        await play.app.push_screen(dialog)
        await settle(play.pilot)
        dialog.query_one("#members", PathEntry).value = "/moved/b.img"
        await settle(play.pilot)
        dialog.propose()
        await settle(play.pilot)
        assert play.plan() == f"mirrortui assemble vault {stayed} /moved/b.img"


def test_who_is_no_member_is_said_to_be_none() -> None:
    with pytest.raises(MemberError, match="no MD superblock"):
        FakeEngine("healthy").plan_assemble(AssembleRequest(members=["/x"]))


# Flags of several members.


async def test_several_members_get_flags() -> None:
    async with playing("healthy") as play:
        await play.press("c", *"new")
        play.screen.query_one("#paths", PathEntry).value = "/a.img /b.img /c.img"
        await play.press("enter", "enter")
        mostly = play.screen.query_one("#write-mostly", Several)
        assert mostly.words == ("a.img", "b.img", "c.img")
        mostly.focus()
        await play.press("right", "space", "right", "space", "tab", "space", "tab")
        await settle(play.pilot)
        flags = " && ".join(
            f"mirrortui set new {member} {flag} on"
            for member, flag in (
                ("/b.img", "write-mostly"),
                ("/c.img", "write-mostly"),
                ("/a.img", "failfast"),
            )
        )
        assert play.plan() == f"mirrortui create new /a.img /b.img /c.img --yes && {flags}"
        await play.press("enter", "y")
        made = play.engine.mirror("new")
        assert [(m.write_mostly, m.failfast) for m in made.members] == [
            (False, True),
            (True, False),
            (True, False),
        ]


async def test_words_are_ticked_by_mouse_also_in_the_second_line() -> None:
    async with playing("healthy") as play:
        await play.press("c", *"new")
        paths = [f"/srv/member-{number}.img" for number in range(6)]
        play.screen.query_one("#paths", PathEntry).value = " ".join(paths)
        play.screen.query_one("#paths").focus()
        await play.press("enter")
        mostly = play.screen.query_one("#write-mostly", Several)
        assert mostly.size.height == 2
        await play.pilot.click(mostly, offset=(27, 0))
        await play.pilot.click(mostly, offset=(27, 1))
        await settle(play.pilot)
        first, second = sorted(mostly.chosen)
        assert first == 0
        assert second == len(mostly._lines(mostly.content_size.width)[0])


async def test_a_former_member_that_is_added_is_taken_back() -> None:
    class Knows(FakeEngine):
        def plan_change(self, mirror: str, verb: MemberVerb, request: MemberRequest) -> Plan:
            if verb == "add" and request.member == "/dev/sdg" and not request.force:
                plan = super().plan_change(mirror, verb, request)
                return replace(
                    plan, refused="It was a member before.", hint="re-add copies only what changed since"
                )
            if verb == "re-add" and self.apart:
                return replace(super().plan_change(mirror, "add", request), refused="They have diverged.")
            plan = super().plan_change(mirror, "add", request)
            return replace(plan, verb=verb, command=f"mirrortui {verb} vault {request.member}", confirm="yes")

        apart = False

    async with playing("degraded") as play:
        play.engine.__class__ = Knows
        await play.press("a")
        assert play.plan() == "mirrortui re-add vault /dev/sdg"
        play.screen.query_one("#force", Tick).action_tick()
        await settle(play.pilot)
        assert play.plan() == "mirrortui add vault /dev/sdg"
        Knows.apart = True
        play.screen.query_one("#force", Tick).action_tick()
        await settle(play.pilot)
        plan = play.screen.query_one(PlanView).plan
        assert plan and plan.refused == "They have diverged."


async def test_of_a_member_that_nobody_knows_that_is_said_once() -> None:
    async with playing("degraded") as play:
        vault = play.vault
        nobody = replace(vault.members[0], path="", state="missing", why="", since=None, slot=0)
        play.engine._mirrors["vault"] = replace(vault, members=[nobody, vault.members[1]])
        play.app.store.wake()
        await settle(play.pilot)
        prompt = play.home.query_one("#members", RowList).options[0].prompt
        assert isinstance(prompt, Fitted)
        told = prompt.drawn(78).plain
        assert "nobody knows where it was" in told
        assert told.count("missing") == 1
