"""Plans and status of a real mirror on image files, driven by the worker's loop in this process."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from mirrortui.api import mirrors
from mirrortui.api.answers import Plan
from mirrortui.api.requests import ReplaceRequest
from mirrortui.device.buffers import Pool
from mirrortui.device.opening import open_engine, open_member
from mirrortui.device.probe import check_candidate
from mirrortui.errors import ChangedError, NotFoundError, RefusedError
from mirrortui.mirror.assembly.assemble import AssembleSpec, assemble
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.badranges import BadRanges
from mirrortui.mirror.birth.create import CreateSpec, create
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage, replacing
from mirrortui.units import KIB, MIB
from mirrortui.worker import plans
from mirrortui.worker.loop import Loop
from mirrortui.worker.members import Absent
from mirrortui.worker.nbd_server import NbdServer
from mirrortui.worker.plans import Precondition
from mirrortui.worker.rates import Rates
from mirrortui.worker.status import count, describe

SIZE = 16 * MIB
CHUNKS = 240


class Rig:
    """A loop, and the mirror on it."""

    mirror: Mirror

    def __init__(self, place: Path) -> None:
        self.place = place
        self.engine = open_engine("threads")
        self.loop = Loop(self.engine)
        self.pool = Pool()
        self.events: list[str] = []

    def run(self, task: Coroutine[Any, Any, Any]) -> Any:
        """Turn the loop until the task is done."""
        results: list[Any] = []
        self.loop.executor.spawn(task, results.append)
        while not results:
            self.loop.turn()
        return results[0]

    def image(self, name: str, content: bytes = b"") -> str:
        path = self.place / name
        path.write_bytes(content.ljust(SIZE, b"\0"))
        return str(path)

    def build(self, *names: str, assume_clean: bool = True) -> None:
        devices = [open_member(self.image(name), self.engine) for name in names]

        async def begin() -> Mirror:
            await create(devices, CreateSpec(name="vault", assume_clean=assume_clean), self.loop, self.pool)
            spec = AssembleSpec(name="vault")
            return await assemble(self.loop.executor, self.loop, devices, spec, self._observe, self.pool)

        self.mirror = self.run(begin())

    def path(self, name: str) -> str:
        return str(self.place / name)

    def write(self, offset: int, length: int) -> None:
        """A client's write, acknowledged."""
        answers: list[int] = []
        buffer = self.pool.take(b"x" * length)
        self.mirror.start_write(offset, buffer, length, False, answers.append)
        while not answers:
            self.loop.turn()
        assert answers == [0]

    def settle(self) -> None:
        """Until nothing is being copied."""
        while self.mirror.sync.running:
            self.loop.turn()

    def _observe(self, kind: str, severity: str, text: str, member: str | None) -> None:
        self.events.append(kind)

    def close(self) -> None:
        for member in self.mirror.array.members:
            member.device.close()
        self.loop.close()
        self.engine.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    rig.build("a.img", "b.img")
    yield rig
    rig.close()


def test_failing_the_second_copy_wants_the_name(rig: Rig) -> None:
    plan = plans.fail(rig.mirror, rig.path("b.img"))
    assert (plan.confirm, plan.copies, plan.erases) == ("name", "nothing", [])
    assert plan.afterwards == "1 of 2 copies: if that one fails, the data is lost"
    assert plan.command == f"mirrortui fail vault {rig.path('b.img')} --yes"
    assert plan.events == rig.mirror.array.events


def test_the_last_copy_cannot_be_failed(rig: Rig) -> None:
    rig.run(manage.fail(rig.mirror, rig.path("b.img")))
    with pytest.raises(RefusedError, match="last member of vault that is in sync"):
        plans.fail(rig.mirror, rig.path("a.img"))
    with pytest.raises(RefusedError, match="is out of vault already: failed by the operator"):
        plans.fail(rig.mirror, rig.path("b.img"))
    with pytest.raises(NotFoundError, match="has no member"):
        plans.fail(rig.mirror, rig.path("c.img"))


def test_only_what_takes_no_writes_can_be_removed(rig: Rig) -> None:
    with pytest.raises(RefusedError, match="is in sync in vault"):
        plans.remove(rig.mirror, rig.path("b.img"), absent=False)
    rig.run(manage.fail(rig.mirror, rig.path("b.img")))
    assert plans.remove(rig.mirror, rig.path("b.img"), absent=False).confirm == "none"
    assert plans.remove(rig.mirror, "/gone.img", absent=True).confirm == "none"


@pytest.mark.parametrize(
    ("content", "confirm", "erases"),
    [
        (b"", "none", []),
        (b"who knows", "yes", ["{} is not empty, though nothing on it is known."]),
        (b"XFSB", "name", ["{} holds XFS."]),
    ],
)
def test_adding_asks_as_much_as_is_lost(rig: Rig, content: bytes, confirm: str, erases: list[str]) -> None:
    rig.run(manage.fail(rig.mirror, rig.path("b.img")))
    path = rig.image("c.img", content)
    plan = plans.add(rig.mirror, check_candidate(path, force=True), force=True)
    assert (plan.confirm, plan.erases) == (confirm, [text.format(path) for text in erases])
    assert plan.copies == f"all {CHUNKS} chunks (15.0 MiB) from {rig.path('a.img')} to {path}"
    assert plan.meanwhile == "1 of 2 copies: if that one fails, the data is lost"
    assert plan.afterwards == "2 of 2 copies"


def test_a_newcomer_without_a_role_is_a_spare(rig: Rig) -> None:
    plan = plans.add(rig.mirror, check_candidate(rig.image("c.img")), force=False)
    assert plan.title.endswith("as a spare")
    assert plan.copies == "nothing: it waits as a spare"
    assert plan.afterwards == "2 of 2 copies"


def test_a_re_add_says_what_changed(rig: Rig) -> None:
    b = rig.path("b.img")
    rig.run(manage.fail(rig.mirror, b))
    member = manage.attached(rig.mirror.array, b)

    def plan() -> Plan:
        found = rig.run(read_member(member.device, rig.pool))
        return plans.re_add(rig.mirror, b, manage.plan_re_add(rig.mirror.array, rig.mirror.intent.raw, found))

    assert plan().copies == "nothing: no chunk has changed"
    rig.write(0, 100 * KIB)
    rig.write(5 * MIB, 4096)
    assert plan().copies == f"3 of {CHUNKS} chunks (192 KiB) from {rig.path('a.img')} to {b}"
    assert plan().confirm == "none"


def test_stopping_what_was_deleted_loses_all_of_it(rig: Rig) -> None:
    rig.run(manage.fail(rig.mirror, rig.path("b.img")))
    Path(rig.path("a.img")).unlink()
    deadline = time.monotonic() + 10
    while (plan := plans.stop(rig.mirror, [])).confirm == "none" and time.monotonic() < deadline:
        time.sleep(0.001)
    assert plan.erases == [f"All that vault holds: the file of {rig.path('a.img')} was deleted."]
    while not (deleted := rig.mirror.array.in_sync()[0]).why and time.monotonic() < deadline:
        rig.mirror.losses.look()
    assert deleted.why
    server = NbdServer(rig.loop, rig.mirror, "vault")
    rates = Rates(rig.loop, lambda: count(rig.mirror, server.traffic))
    said = describe(rig.mirror, server, rates, [], 7.0).why
    assert f"{rig.path('a.img')} is there, but its file was deleted: when vault is stopped" in said


def test_stopping_under_clients_wants_a_yes(rig: Rig) -> None:
    assert plans.stop(rig.mirror, []).confirm == "none"
    plan = plans.stop(rig.mirror, ["qemu (pid 7)"])
    assert plan.confirm == "yes"
    assert plan.notes == ["Connected now, and cut off then: qemu (pid 7)."]


def test_a_plan_outlives_activity_and_not_a_change_of_members(rig: Rig) -> None:
    precondition = Precondition(rig.mirror.array)
    planned = rig.mirror.array.events
    rig.write(0, 4096)  # not clean any more: the events count goes up
    assert rig.mirror.array.events > planned
    precondition.check(planned)
    rig.run(manage.fail(rig.mirror, rig.path("b.img")))
    with pytest.raises(ChangedError, match="has changed since this was planned"):
        precondition.check(planned)
    precondition.check(precondition.count)
    precondition.check(None)


def test_a_plan_is_out_of_date_before_superblocks_say_what_changed(rig: Rig) -> None:
    precondition = Precondition(rig.mirror.array)
    planned = precondition.count
    rig.mirror.scribe.fault(rig.mirror.array.members[1], "write error")
    precondition.note()  # somebody looks, and only then the scribe has its turn
    rig.run(rig.mirror.scribe.durable(rig.mirror.scribe.asked))
    with pytest.raises(ChangedError, match="has changed since this was planned"):
        precondition.check(planned)
    precondition.check(precondition.count)


def test_a_status_tells_what_is_wrong(rig: Rig) -> None:
    server = NbdServer(rig.loop, rig.mirror, "vault")
    rates = Rates(rig.loop, lambda: count(rig.mirror, server.traffic))
    healthy = describe(rig.mirror, server, rates, [], since=7.0)
    assert (healthy.state, healthy.why, healthy.sync, healthy.since) == ("clean", "", None, 7.0)
    assert (healthy.read_rate, healthy.members[0].write_rate, healthy.members[0].latency) == (0, 0, None)
    assert healthy.map == "." * CHUNKS
    assert [(member.slot, member.state) for member in healthy.members] == [(0, "in_sync"), (1, "in_sync")]

    rig.write(0, 4096)
    assert count(rig.mirror, server.traffic)[rig.path("b.img")] == (0, 4096)
    assert describe(rig.mirror, server, rates, [], 7.0).map == "d" + "." * (CHUNKS - 1)

    rig.run(manage.fail(rig.mirror, rig.path("b.img")))
    degraded = describe(rig.mirror, server, rates, [], 7.0)
    assert degraded.state == "degraded"
    assert degraded.why == (
        f"{rig.path('b.img')} is out: failed by the operator; one copy is left; add or re-add a member."
    )

    rig.run(manage.remove(rig.mirror, rig.path("b.img"))).close()
    gone = describe(rig.mirror, server, rates, [Absent("/x.img", "missing", "/x.img does not exist.")], 7.0)
    assert [(member.path, member.slot, member.state) for member in gone.members[1:]] == [
        ("/x.img", None, "missing")
    ]
    nameless = describe(rig.mirror, server, rates, [], 7.0)
    assert [(member.path, member.slot, member.state) for member in nameless.members[1:]] == [
        ("", 1, "missing")
    ]


def test_a_status_tells_what_is_bad(rig: Rig) -> None:
    server = NbdServer(rig.loop, rig.mirror, "vault")
    rates = Rates(rig.loop, lambda: count(rig.mirror, server.traffic))
    rig.mirror.array.members[1].bad = BadRanges([(0, 4096), (8192, 12288)])
    status = describe(rig.mirror, server, rates, [], 7.0)
    assert [(member.state, member.bad, member.why) for member in status.members] == [
        ("in_sync", 0, ""),
        ("in_sync", 8192, "8.00 KiB of it is bad"),
    ]
    assert status.map == "b" + "." * (CHUNKS - 1)


def test_a_status_tells_what_is_being_copied(rig: Rig) -> None:
    server = NbdServer(rig.loop, rig.mirror, "vault")
    rates = Rates(rig.loop, lambda: count(rig.mirror, server.traffic))
    rig.run(manage.fail(rig.mirror, rig.path("b.img")))
    rig.mirror.sync.courtesy.most = 1 * MIB
    rig.run(manage.add(rig.mirror, open_member(rig.image("c.img"), rig.engine)))
    rig.loop.turn(0)
    status = describe(rig.mirror, server, rates, [], 7.0)
    assert (status.state, status.sync_action) == ("degraded", "recover")
    assert status.sync
    assert status.sync.total == 15 * MIB
    assert status.sync.limit == "the speed set, 1.00 MiB/s"
    assert "c.img was added" in status.sync.reason
    rig.mirror.array.members[0].device.zombies = 1
    late = describe(rig.mirror, server, rates, [], 7.0)
    rig.mirror.array.members[0].device.zombies = 0
    assert late.sync
    assert late.sync.limit == f"{rig.path('a.img')}: an operation timed out there and has not ended yet"
    assert f"{rig.path('c.img')} is being filled" in status.why
    assert set(status.map) <= {"n", "s", ".", "d"}
    assert status.map.count("s") == 1
    (filling,) = [member for member in status.members if member.state == "recovering"]
    assert filling.recovered is not None
    assert 0 <= filling.recovered < 15 * MIB
    rig.mirror.sync.courtesy.most = 0
    rig.settle()
    assert describe(rig.mirror, server, rates, [], 7.0).sync is None


def describe_now(rig: Rig) -> mirrors.Mirror:
    """Its status, served nowhere."""
    server = NbdServer(rig.loop, rig.mirror, "vault")
    rates = Rates(rig.loop, lambda: count(rig.mirror, server.traffic))
    return describe(rig.mirror, server, rates, [], 7.0)


def test_replacing_a_member_tells_who_serves_meanwhile_and_who_is_out(rig: Rig) -> None:
    a, b, c = rig.path("a.img"), rig.path("b.img"), rig.image("c.img")
    request = ReplaceRequest(member=a, replacement=c)
    member = replacing.replaceable(rig.mirror.array, a)
    plan = plans.replace_member(rig.mirror, member, request, check_candidate(c))
    assert (plan.verb, plan.confirm, plan.erases) == ("replace", "none", [])
    assert plan.copies == f"all {CHUNKS} chunks (15.0 MiB) from {a} to {c}"
    assert plan.meanwhile == f"2 of 2 copies: {a} serves until {c} is filled"
    assert plan.afterwards == f"2 of 2 copies; {a} is out, and free"
    assert plan.command == f"mirrortui replace vault {a} --with {c}"

    rig.mirror.sync.courtesy.most = 1
    rig.run(replacing.replace(rig.mirror, a, open_member(c, rig.engine)))
    shown = describe_now(rig)
    assert [(m.path, m.slot, m.state, m.why) for m in shown.members] == [
        (a, 0, "in_sync", f"it is to be replaced by {c}"),
        (c, 0, "replacing", f"it is to replace {a}"),
        (b, 1, "in_sync", ""),
    ]
    assert shown.state in ("active", "clean")
    assert shown.sync_action == "recover"
    assert shown.why == f"{a} serves until {c} is filled and takes its place."
    assert plans.fail(rig.mirror, c).notes == [f"It was to replace {a}, which stays and serves on."]
    assert plans.fail(rig.mirror, a).notes == [
        f"{c}, which was to replace it, takes its place when it is filled."
    ]
    cancelling = plans.sync(rig.mirror, "cancel")
    assert cancelling.title == f"Cancel the replacement of {a} in vault"
    assert cancelling.afterwards == f"{c} is out; {a} serves on"
    with pytest.raises(RefusedError) as refused:
        replacing.replaceable(rig.mirror.array, a)
    refusal = plans.no_replacement(rig.mirror, ReplaceRequest(member=a, replacement=b), refused.value)
    assert refusal.refused == f"{a} is being replaced by {c} already."
    assert refusal.command == f"mirrortui replace vault {a} --with {b}"

    rig.run(manage.fail(rig.mirror, a))
    shown = describe_now(rig)
    assert shown.state == "degraded"
    assert {m.path: m.state for m in shown.members} == {a: "faulty", b: "in_sync", c: "recovering"}
