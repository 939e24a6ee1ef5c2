"""How a sync gives way to clients."""

from __future__ import annotations

import pytest

from mirrortui.mirror.checking.findings import Findings
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.syncing.courtesy import MANNERS, PIECE, SILENCE, Courtesy, Impact
from mirrortui.mirror.verbs import manage
from mirrortui.units import KIB, MIB
from tests.stage import Stage

DATA = 3 * MIB
"""Bytes of the mirrors here."""


class Clients:
    """Busy: so many requests are answered a second, with some always waiting."""

    def __init__(self, stage: Stage, a_second: int, waiting: int = 1) -> None:
        self._stage = stage
        self._a_second = a_second
        self._waiting = waiting

    def load(self) -> tuple[int, int]:
        return int(self._stage.scheduler.time * self._a_second), self._waiting if self._a_second else 0


def filling(stage: Stage, clients: Clients, impact: Impact = "balanced") -> Mirror:
    """A mirror whose second member is being filled from data all over."""
    disks = [stage.disk(name) for name in "ab"]
    mirror = stage.create(disks)
    for at in range(0, mirror.size, 64 * KIB):
        assert stage.write(mirror, at, b"x" * 4096) == 0
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.remove(mirror, "b"))
    mirror.sync.courtesy.load = clients.load
    mirror.sync.courtesy.impact = impact
    stage.run(manage.add(mirror, stage.disk("c")))
    return mirror


def seconds(stage: Stage, mirror: Mirror) -> float:
    begun = stage.scheduler.time
    stage.in_sync(mirror)
    return stage.scheduler.time - begun


@pytest.mark.parametrize("impact", ["low", "balanced"])
def test_so_many_requests_go_first_after_each_piece(impact: Impact) -> None:
    stage = Stage()
    mirror = filling(stage, Clients(stage, 100_000), impact)
    passed = seconds(stage, mirror) * 100_000
    pieces = DATA // PIECE
    assert 0.8 * pieces <= passed / MANNERS[impact].requests <= 2 * pieces
    assert mirror.sync.courtesy.limit == "clients, who come first"


def test_when_many_wait_more_go_first() -> None:
    stage = Stage()
    mirror = filling(stage, Clients(stage, 1_000_000, waiting=4))
    passed = seconds(stage, mirror) * 1_000_000
    assert passed >= 0.8 * DATA // PIECE * MANNERS["balanced"].requests * 4


def test_slow_clients_do_not_hold_it_up_for_ever() -> None:
    stage = Stage()
    mirror = filling(stage, Clients(stage, 10))
    assert 0.5 < seconds(stage, mirror) / (DATA / MANNERS["balanced"].least) < 1.5


def test_the_least_speed_is_the_operators_word() -> None:
    stage = Stage()
    mirror = filling(stage, Clients(stage, 10), "low")
    mirror.sync.courtesy.least = 8 * MIB
    assert 0.5 < seconds(stage, mirror) / (DATA / (8 * MIB)) < 1.5


@pytest.mark.parametrize(("a_second", "impact"), [(0, "low"), (100_000, "max")])
def test_what_clients_leave_is_used(a_second: int, impact: Impact) -> None:
    stage = Stage()
    mirror = filling(stage, Clients(stage, a_second), impact)
    assert seconds(stage, mirror) < 0.1
    assert mirror.sync.courtesy.limit == ""


def test_a_most_speed_is_kept_to() -> None:
    stage = Stage()
    mirror = filling(stage, Clients(stage, 0))
    mirror.sync.courtesy.most = 1 * MIB
    assert 2 < seconds(stage, mirror) < 5
    assert mirror.sync.courtesy.limit == "the speed set, 1.00 MiB/s"


def test_a_check_gives_way_too() -> None:
    stage = Stage()
    mirror = stage.create([stage.disk(name) for name in "ab"])
    for at in range(0, mirror.size, 64 * KIB):
        assert stage.write(mirror, at, b"x" * 4096) == 0
    mirror.sync.courtesy.load = Clients(stage, 10).load
    begun = stage.scheduler.time
    mirror.checker.start(Findings("check", 0.0, mirror.size))
    stage.until(lambda: not mirror.checker.running)
    assert stage.scheduler.time - begun > 0.5 * DATA / MANNERS["balanced"].least


def test_busy_clients_are_noticed_by_what_they_were_answered() -> None:
    stage = Stage()
    courtesy = Courtesy(stage.scheduler, depth=2)
    answered = 0
    courtesy.load = lambda: (answered, 0)
    assert courtesy.piece(MIB) == MIB
    answered = 1
    assert courtesy.piece(MIB) == PIECE
    stage.scheduler.pass_time(MANNERS["balanced"].hold)
    assert courtesy.piece(MIB) == MIB


@pytest.mark.parametrize("chunk", [64 * KIB, 2 * MIB], ids=["many in a window", "more than a window"])
def test_pieces_do_not_make_it_more(chunk: int) -> None:
    stage = Stage()
    mirror = stage.create([stage.disk("a", 8 * MIB), stage.disk("b", 8 * MIB)], chunk=chunk)
    for at in range(0, mirror.size, 64 * KIB):
        assert stage.write(mirror, at, b"x" * 4096) == 0
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.remove(mirror, "b"))
    mirror.sync.courtesy.load = Clients(stage, 100_000).load
    stage.run(manage.add(mirror, stage.disk("c", 8 * MIB)))
    totals: set[int] = set()

    def watched() -> bool:
        totals.add(mirror.sync.progress.total)
        return not mirror.array.degraded()

    stage.until(watched)
    assert totals - {0} == {mirror.size}


def test_a_queued_sync_waits_as_long_as_somebody_says_so() -> None:
    stage = Stage()
    mirror = filling(stage, Clients(stage, 0))
    courtesy = mirror.sync.courtesy
    for _ in range(10):
        courtesy.take_turn("queued behind other: both copy on sdb", 0, 0)
        stage.wait(1.0)
    moved = mirror.sync.progress.completed
    assert moved < mirror.size, "at most what was under way"
    assert courtesy.queued
    courtesy.take_turn("", 0, 0)
    assert not courtesy.queued
    assert seconds(stage, mirror) < 1.0


def test_a_queued_sync_goes_by_itself_when_nobody_speaks_any_more() -> None:
    stage = Stage()
    mirror = filling(stage, Clients(stage, 0))
    mirror.sync.courtesy.take_turn("queued behind other: both copy on sdb", 0, 0)
    assert SILENCE <= seconds(stage, mirror) < SILENCE + 1.0


def test_a_part_of_what_all_may_take_is_a_limit_like_its_own() -> None:
    stage = Stage()
    mirror = filling(stage, Clients(stage, 0))
    courtesy = mirror.sync.courtesy
    courtesy.most = 10 * MIB
    courtesy.take_turn("", 0, MIB)
    stage.wait(0.5)
    assert courtesy.limit == "the speed for all mirrors together, of which it has 1.00 MiB/s"
    assert seconds(stage, mirror) > 1.5
