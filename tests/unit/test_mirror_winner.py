"""A repair with a winner on the core: the ranges it was asked for are made like the winner's copy, and nothing else."""

from __future__ import annotations

import pytest

from mirrortui.mirror.array import State
from mirrortui.mirror.badranges import BadRanges
from mirrortui.mirror.checking.check import outcome
from mirrortui.mirror.checking.findings import Difference, Findings
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage
from mirrortui.units import KIB, MIB
from tests.simulation.races import DATA
from tests.simulation.winning import PAGE, begin, held, made, repair, spoil
from tests.stage import Stage, image, states


def check(stage: Stage, mirror: Mirror) -> Findings:
    findings = Findings("check", stage.scheduler.now(), mirror.size)
    mirror.checker.start(findings)
    stage.until(lambda: not mirror.checker.running)
    return findings


def test_one_range_is_made_like_the_winner_and_the_others_stay_and_are_listed() -> None:
    stage, (a, b), mirror = made("ab")
    for at in (8 * KIB, 1 * MIB):
        spoil(b, at, b"b is right")
    check(stage, mirror)
    before = image(b)
    findings = repair(stage, mirror, "b", [(8 * KIB, 12 * KIB)])
    assert held((a, b), 8 * KIB, 10) == [b"b is right"] * 2
    assert held((a, b), 1 * MIB, 10) == [b"\x14" * 10, b"b is right"]
    assert image(b) == before, "nothing is written to the winner"
    assert findings.ranges == [Difference(1 * MIB, 1 * MIB + PAGE, ())]
    assert (findings.complete, findings.differing, findings.repaired) == (True, 2 * PAGE, PAGE)
    assert stage.events[-1] == (
        "repair-finished",
        "vault: repair is done; 1 range (4.00 KiB) is as b has it; overwritten: 4.00 KiB on a.",
    )
    assert repair(stage, mirror, "a").left == 0
    assert held((a, b), 1 * MIB, 10) == [b"\x14" * 10] * 2, "every range of the last run, whoever wins now"
    assert check(stage, mirror).differing == 0


def test_of_three_the_odd_one_may_be_right() -> None:
    stage, disks, mirror = made("abc")
    spoil(disks[2], 64 * KIB, b"right")
    spoil(disks[0], 1 * MIB, b"one")
    spoil(disks[1], 1 * MIB, b"two")
    check(stage, mirror)
    findings = repair(stage, mirror, "c")
    assert held(disks, 64 * KIB, 5) == [b"right"] * 3
    assert held(disks, 1 * MIB, 3) == [b"\x14" * 3] * 3
    assert (findings.ranges, findings.left) == ([], 0)
    assert "8.00 KiB on a, 8.00 KiB on b" in stage.events[-1][1]


def test_it_is_durable_when_it_is_done() -> None:
    stage, (a, b), mirror = made("ab")
    spoil(a, 8 * KIB, b"wrong")
    check(stage, mirror)
    repair(stage, mirror, "b")
    a.lose_power([])
    assert image(a)[DATA:] == image(b)[DATA:]


def test_what_differs_no_more_is_left_alone() -> None:
    stage, (a, b), mirror = made("ab")
    spoil(b, 0, b"b" * 2 * PAGE)
    check(stage, mirror)
    assert stage.write(mirror, 0, b"new" * 100) == 0
    assert stage.write(mirror, PAGE, b"new" * 1365 + b"!") == 0
    written = {m.path: m.written_bytes for m in mirror.array.members}
    findings = repair(stage, mirror, "b")
    assert [m.written_bytes - written[m.path] for m in mirror.array.members] == [PAGE, 0]
    assert held((a, b), 0, 2 * PAGE)[0] == (b"new" * 100).ljust(PAGE, b"b") + b"new" * 1365 + b"!"
    assert (findings.left, findings.ranges) == (0, [])


def test_a_range_that_was_never_checked_can_be_repaired() -> None:
    stage, (a, b), mirror = made("ab")
    spoil(b, 8 * KIB, b"right")
    findings = repair(stage, mirror, "b", [(0, 64 * KIB)])
    assert held((a, b), 8 * KIB, 5) == [b"right"] * 2
    assert (findings.differing, findings.repaired) == (PAGE, PAGE)
    again = repair(stage, mirror, "b", [(0, 64 * KIB)])
    assert (again.differing, again.complete) == (0, True)
    assert "nothing was overwritten" in stage.events[-1][1]


@pytest.mark.parametrize("why", ["cannot be read there", "has bad blocks there", "waits for a resync there"])
def test_nothing_is_written_where_the_winner_cannot_be_read(why: str) -> None:
    stage, (a, b), mirror = made("ab")
    spoil(b, 8 * KIB, b"b" * 12 * KIB)
    spoil(b, 1 * MIB, b"b")
    check(stage, mirror)
    member = mirror.array.members[1]
    if why.startswith("cannot"):
        b.damage.strike(DATA + 18 * KIB)
        mirror.corrector.stopped = True
    elif "bad" in why:
        member.bad = BadRanges([(19 * KIB, 19 * KIB + 512)])
    else:
        member.need.add(0)
    before = held((a, b), 0, 1 * MIB)
    findings = repair(stage, mirror, "b")
    assert held((a, b), 0, 1 * MIB) == before
    assert held((a,), 1 * MIB, 1) == [b"b"], "where it can be read it wins"
    assert findings.ranges == [Difference(8 * KIB, 20 * KIB, (), "", f"b {why}")]
    assert (findings.complete, findings.left) == (True, 12 * KIB)
    assert f"Left as they are: 12.0 KiB at 8.00 KiB, as b {why}." in stage.events[-1][1]


def test_who_cannot_be_compared_is_told() -> None:
    stage, (_, b, c), mirror = made("abc")
    spoil(b, 8 * KIB, b"right")
    check(stage, mirror)
    c.damage.strike(DATA + 8 * KIB)
    mirror.corrector.stopped = True
    findings = repair(stage, mirror, "b")
    assert [(d.lo, d.left) for d in findings.ranges] == [(8 * KIB, "c cannot be read there")]


def test_a_part_that_is_bad_on_another_holds_nothing_up() -> None:
    stage, disks, mirror = made("abc")
    spoil(disks[1], 8 * KIB, b"r" * 3 * PAGE)
    check(stage, mirror)
    mirror.array.members[2].bad = BadRanges([(12 * KIB, 16 * KIB)])
    assert repair(stage, mirror, "b").left == 0
    assert held(disks, 8 * KIB, PAGE) == held(disks, 16 * KIB, PAGE) == [b"r" * PAGE] * 3
    assert held(disks, 12 * KIB, PAGE) == [b"r" * PAGE, b"r" * PAGE, bytes(PAGE)]


def test_who_does_not_take_it_is_out_and_gets_it_when_it_is_back() -> None:
    stage, disks, mirror = made("ab")
    spoil(disks[1], 8 * KIB, b"right")
    check(stage, mirror)
    disks[0].faults = True
    stage.scheduler.rates.error = 1.0
    findings = repair(stage, mirror, "b")
    assert states(mirror)["a"] is State.FAULTY
    assert (findings.complete, findings.left) == (True, 0)
    stage.scheduler.rates.error = 0.0
    stage.run(manage.re_add(mirror, disks[0]))
    stage.in_sync(mirror)
    assert held(disks, 8 * KIB, 5) == [b"right"] * 2


def test_a_winner_that_goes_wins_nothing_more() -> None:
    stage, (a, b, c), mirror = made("abc")
    spoil(b, 8 * KIB, b"b" * PAGE)
    check(stage, mirror)
    mirror.sync.paused = True
    findings = begin(stage, mirror, "b")
    stage.run(manage.fail(mirror, "b"))
    before = image(a)[DATA:], image(c)[DATA:]
    mirror.sync.paused = False
    stage.until(lambda: not mirror.checker.running)
    assert [d.left for d in findings.ranges] == ["b did not stay in sync"]
    assert (image(a)[DATA:], image(c)[DATA:]) == before


def test_paused_it_waits_and_cancelled_it_leaves_the_list_alone() -> None:
    stage, (a, b), mirror = made("ab")
    spoil(b, 8 * KIB, b"b")
    listed = check(stage, mirror).ranges
    mirror.sync.paused = True
    findings = begin(stage, mirror, "b")
    stage.wait(5.0)
    assert mirror.checker.running
    mirror.checker.cancel()
    stage.until(lambda: not mirror.checker.running)
    assert (findings.complete, findings.ended is not None, findings.ranges) == (False, True, listed)
    assert held((a, b), 8 * KIB, 1) == [bytes(1), b"b"]
    assert stage.events[-1][0] == "sync-cancelled"


def test_a_stop_ends_it_for_good() -> None:
    stage, disks, mirror = made("ab")
    spoil(disks[1], 8 * KIB, b"b")
    check(stage, mirror)
    mirror.sync.paused = True
    findings = begin(stage, mirror, "b")
    stage.run(manage.stop(mirror))
    assert (findings.complete, findings.ended is not None) == (False, True)
    assert len(findings.ranges) == 1


def test_what_is_settled_is_cut_out_of_what_is_listed() -> None:
    findings = Findings("repair", 0.0, 100, differing=30, winner="a")
    findings.ranges = [Difference(0, 20, ()), Difference(40, 50, ("b",))]
    findings.settle(5, 10, 5)
    assert [(d.lo, d.hi) for d in findings.ranges] == [(0, 5), (10, 20), (40, 50)]
    assert (findings.differing, findings.repaired) == (30, 5)
    findings.leave(8, 45, "because")
    assert [d.left for d in findings.ranges] == ["", "because", "because"]
    findings.settle(0, 60, 7)
    assert (findings.ranges, findings.differing, findings.left) == ([], 30, 0)
    findings.settle(60, 70, 10)
    assert (findings.differing, findings.left) == (40, 0), "more than was listed"
    assert "could not be compared" in outcome(findings)


def test_a_spare_that_comes_into_play_meanwhile_is_not_the_winner() -> None:
    stage, disks, mirror = made("ab")
    spare = stage.disk("c", 3 * MIB)
    stage.run(manage.add(mirror, spare))
    spoil(disks[1], 8 * KIB, b"b")
    mirror.sync.paused = True
    findings = begin(stage, mirror, "c", [(8 * KIB, 12 * KIB)])
    stage.run(manage.fail(mirror, "a"))
    mirror.sync.paused = False
    stage.until(lambda: not mirror.checker.running)
    assert states(mirror)["c"] is State.IN_SYNC
    assert (findings.repaired, findings.unread) == (0, PAGE)
