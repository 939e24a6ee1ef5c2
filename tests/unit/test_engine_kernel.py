"""The kernel's arrays in the engine: beside our own mirrors, by the same verbs, and without waiting for what hangs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mirrortui.api.answers import Plan
from mirrortui.api.mirrors import Mirror
from mirrortui.api.paths import Paths
from mirrortui.api.problems import UnconfirmedError
from mirrortui.api.requests import (
    ExportRequest,
    HandoverRequest,
    MemberRequest,
    ReplaceRequest,
    SpeedRequest,
    StopRequest,
    SyncRequest,
    TakeoverRequest,
)
from mirrortui.engine import kernel as engine_kernel
from mirrortui.engine.house import House
from mirrortui.engine.journal import Journal
from mirrortui.engine.kernel import Keeper, KernelArrays
from mirrortui.engine.state import Remembered, State
from mirrortui.engine.supervisor import Supervisor
from mirrortui.engine.ward import Ward
from mirrortui.errors import ChangedError, NotFoundError, RefusedError
from mirrortui.kernel import hand
from mirrortui.kernel.hand import Hand
from mirrortui.kernel.sysfs import Sysfs
from mirrortui.testing.manual_clock import ManualClock
from tests.sysfs import attribute, furnish, plant, set_attribute

MD = "block/md0/md"


@dataclass
class Stage:
    """An engine without a worker, on a kernel that believes whatever is written."""

    place: Path
    sysfs: Sysfs
    clock: ManualClock = field(default_factory=ManualClock)
    ran: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.paths = Paths(self.place / "s", self.place, self.place)
        self.paths.make()
        self.journal = Journal(self.paths.journal, self.clock)
        self.state = State(self.paths.state)
        self.kernel = KernelArrays(self.journal, self.clock, self.sysfs, Hand(self._run))
        self.supervisor = Supervisor(House(self.paths, self.state, self.journal), self.kernel)

    def _run(self, words: list[str]) -> str:
        self.ran.append(words)
        return ""

    async def keeper(self, name: str = "md0") -> Keeper:
        found = await self.supervisor.find(name)
        assert isinstance(found, Keeper)
        return found

    def dev(self, name: str) -> str:
        return str(self.sysfs.dev / name)

    def says(self, name: str, value: str | None = None) -> str:
        if value is not None:
            set_attribute(self.sysfs, f"{MD}/{name}", value)
        return attribute(self.sysfs, f"{MD}/{name}")

    def remember(self, name: str, uuid: str, *, running: bool = False) -> None:
        self.state.put(
            Remembered(name=name, uuid=uuid, members=["/x/a", "/x/b"], size=1 << 20, running=running)
        )

    def events(self) -> list[str]:
        return [event.kind for event in self.journal.since(0)]


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(hand, "find_program", lambda name: f"/sbin/{name}")
    place = tmp_path / "engine"
    place.mkdir()
    stage = Stage(place, plant("clean", tmp_path))
    yield stage
    stage.journal.close()


async def test_they_are_listed_with_our_own(stage: Stage) -> None:
    stage.remember("scratch", "0:0:0:1")
    await stage.supervisor.begin()
    found = await stage.supervisor.mirrors()
    assert [(m.name, m.driver, m.state) for m in found] == [
        ("md0", "kernel", "clean"),
        ("scratch", "mirrortui", "stopped"),
    ]
    assert isinstance(await stage.supervisor.find("scratch"), Ward)
    with pytest.raises(NotFoundError) as caught:
        await stage.supervisor.find("vault")
    assert "md0, scratch" in str(caught.value)


async def test_what_the_kernel_runs_of_ours_is_listed_once(stage: Stage) -> None:
    furnish(stage.sysfs, "clean-1.2")  # called "0"
    uuid = (await stage.keeper()).seen.uuid
    stage.remember("0", uuid)
    await stage.supervisor.begin()
    assert [(m.name, m.driver) for m in await stage.supervisor.mirrors()] == [("0", "kernel")]
    assert isinstance(await stage.supervisor.find("0"), Keeper)
    stage.says("array_state", "clear")
    assert [(m.name, m.state) for m in await stage.supervisor.mirrors()] == [("0", "stopped")]


async def test_a_name_that_is_another_mirrors_stays_its(stage: Stage) -> None:
    furnish(stage.sysfs, "clean-1.2")
    stage.remember("0", "0:0:0:1")
    await stage.supervisor.begin()
    assert {(m.name, m.driver) for m in await stage.supervisor.mirrors()} == {
        ("0", "mirrortui"),
        ("md0", "kernel"),
    }
    assert isinstance(await stage.supervisor.find("0"), Ward)
    with pytest.raises(RefusedError, match="There is a mirror 0 here already"):
        await stage.supervisor.takeover("md0", TakeoverRequest(yes=True))


async def test_a_verb_is_planned_confirmed_done_and_told(stage: Stage) -> None:
    keeper = await stage.keeper()
    request = MemberRequest(member=stage.dev("vdb"), plan=True)
    plan = await keeper.change("fail", request)
    assert isinstance(plan, Plan) and plan.confirm == "name"
    with pytest.raises(UnconfirmedError) as caught:
        await keeper.change("fail", MemberRequest(member=stage.dev("vdb")))
    assert caught.value.plan == plan
    assert stage.says("dev-vdb/state") == "in_sync,write_mostly"
    mirror = await keeper.change("fail", MemberRequest(member=stage.dev("vdb"), yes=True, events=plan.events))
    assert isinstance(mirror, Mirror)
    assert [m.state for m in mirror.members] == ["in_sync", "faulty"]
    assert stage.events() == ["member-failed"]


async def test_what_cannot_be_done_is_a_plan_that_says_so(stage: Stage) -> None:
    keeper = await stage.keeper()
    plan = await keeper.change("remove", MemberRequest(member=stage.dev("vdb"), plan=True))
    assert isinstance(plan, Plan) and plan.refused
    assert plan.command == f"mirrortui remove md0 {stage.dev('vdb')}"
    plan = await keeper.sync(SyncRequest(action="resume", plan=True))
    assert isinstance(plan, Plan) and plan.refused == "md0 is not paused."
    assert plan.command == "mirrortui sync md0 resume"


async def test_a_stale_plan_does_not_run(stage: Stage) -> None:
    """I14. The kernel's own count would not do: it goes down when an array falls idle."""
    furnish(stage.sysfs, "clean-1.2")
    keeper = await stage.keeper()
    plan = await keeper.change("fail", MemberRequest(member=stage.dev("vdb"), plan=True))
    assert isinstance(plan, Plan)
    assert plan.events == (await keeper.status()).events
    stage.says("array_state", "active")
    again = await keeper.change("fail", MemberRequest(member=stage.dev("vdb"), plan=True))
    assert isinstance(again, Plan) and again.events == plan.events, "it only woke up"
    stage.says("dev-vda/state", "in_sync,want_replacement")
    stage.says("dev-vdc/state", "spare")
    with pytest.raises(ChangedError):
        await keeper.change("fail", MemberRequest(member=stage.dev("vdb"), yes=True, events=plan.events))
    assert stage.says("dev-vdb/state") == "in_sync,write_mostly"


async def test_a_paused_check_is_resumed_and_keeps_what_it_found(stage: Stage) -> None:
    keeper = await stage.keeper()
    await keeper.sync(SyncRequest(action="repair", yes=True))
    stage.says("mismatch_cnt", "8")
    mirror = await keeper.sync(SyncRequest(action="pause"))
    assert isinstance(mirror, Mirror) and mirror.paused
    stage.says("mismatch_cnt", "0")  # md counts anew
    mirror = await keeper.sync(SyncRequest(action="resume"))
    assert isinstance(mirror, Mirror)
    assert (stage.says("sync_action"), mirror.mismatches) == ("repair", 8 * 512)
    stage.says("sync_action", "idle")
    mirror = await keeper.sync(SyncRequest(action="check"))
    assert isinstance(mirror, Mirror) and mirror.mismatches == 0
    assert stage.events() == ["repair-started", "sync-paused", "sync-resumed", "check-started"]


async def test_the_other_verbs_reach_the_kernel(stage: Stage) -> None:
    keeper = await stage.keeper()
    await keeper.set_speed(SpeedRequest(max=1 << 20))
    assert stage.says("sync_speed_max") == "1024"
    with pytest.raises(RefusedError, match="serves it as"):
        await keeper.export(ExportRequest(tcp="127.0.0.1:0"))
    request = ReplaceRequest(member=stage.dev("vda"), replacement=stage.dev("vdb"), plan=True)
    plan = await keeper.replace_member(request)
    assert isinstance(plan, Plan) and plan.refused
    stopped = await keeper.stop(StopRequest(yes=True))
    assert isinstance(stopped, Mirror) and stopped.state == "stopped"
    assert stage.says("array_state") == "clear"
    assert await stage.kernel.all() == []


async def test_what_has_gone_is_not_found(stage: Stage) -> None:
    keeper = await stage.keeper()
    stage.says("array_state", "clear")
    with pytest.raises(NotFoundError, match="has gone"):
        await keeper.stop(StopRequest(yes=True))


async def test_our_own_mirrors_say_what_they_cannot_do(stage: Stage) -> None:
    stage.remember("scratch", "0:0:0:1")
    await stage.supervisor.begin()
    ward = await stage.supervisor.find("scratch")
    with pytest.raises(RefusedError, match="scratch does not run"):
        await ward.sync(SyncRequest(action="check", plan=True))
    with pytest.raises(RefusedError, match="scratch does not run"):
        await ward.replace_member(ReplaceRequest(member="/x/a", replacement="/x/b"))
    with pytest.raises(RefusedError, match="own already"):
        await stage.supervisor.takeover("scratch", TakeoverRequest())
    with pytest.raises(RefusedError, match="The kernel runs md0 already"):
        await stage.supervisor.handover("md0", HandoverRequest())


async def test_a_kernel_that_hangs_holds_up_nobody(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """I16: what was seen last is shown, and how old it is; a verb is refused."""
    keeper = await stage.keeper()
    monkeypatch.setattr(engine_kernel, "LOOKS_WITHIN", 0.05)
    release = threading.Event()
    look = stage.kernel._lookout.look

    def hang(closely: str = "") -> object:
        release.wait()
        return look(closely)

    monkeypatch.setattr(stage.kernel._lookout, "look", hang)
    stage.clock.advance(7)
    [mirror] = await stage.supervisor.mirrors()
    assert mirror.why == "The kernel has not answered for 7 s; this is what it said then."
    with pytest.raises(RefusedError, match="does not answer within"):
        await keeper.stop(StopRequest(yes=True))
    release.set()
    monkeypatch.setattr(engine_kernel, "LOOKS_WITHIN", 20.0)
    [mirror] = await stage.supervisor.mirrors()
    assert mirror.why == ""


async def test_looks_do_not_pile_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    look = stage.kernel._lookout.look

    def counted(closely: str = "") -> object:
        nonlocal looks
        looks += 1
        return look(closely)

    monkeypatch.setattr(stage.kernel._lookout, "look", counted)
    await asyncio.gather(*(stage.supervisor.mirrors() for _ in range(20)))
    assert looks == 1


async def test_takeover_looks_again_before_it_stops_anything(stage: Stage) -> None:
    furnish(stage.sysfs, "clean-1.2")
    plan = await stage.supervisor.takeover("md0", TakeoverRequest(plan=True))
    assert isinstance(plan, Plan) and plan.confirm == "yes" and plan.refused is None
    assert any("next boot" in note for note in plan.notes)
    for letter in "ab":
        disk = stage.sysfs.dev / f"vd{letter}"
        disk.rename(disk.with_suffix(".gone"))
    with pytest.raises(RefusedError):
        await stage.supervisor.takeover("md0", TakeoverRequest(yes=True, events=plan.events))
    assert stage.says("array_state") == "clean", "it was not stopped for nothing"


async def test_takeover_wants_a_yes(stage: Stage) -> None:
    furnish(stage.sysfs, "clean-1.2")
    with pytest.raises(UnconfirmedError):
        await stage.supervisor.takeover("md0", TakeoverRequest())
    assert stage.says("array_state") == "clean"
