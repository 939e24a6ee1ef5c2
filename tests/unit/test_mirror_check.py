"""Check and repair on the core: what differs is found, who is odd is told, and nothing else is touched."""

from __future__ import annotations

import errno
from collections.abc import Sequence

import pytest

from mirrortui.errors import RefusedError
from mirrortui.mirror.array import State
from mirrortui.mirror.badranges import BadRanges
from mirrortui.mirror.checking.check import outcome
from mirrortui.mirror.checking.findings import MOST_RANGES, Difference, Findings
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB, MIB
from tests.simulation.races import Played, data_write
from tests.stage import METADATA, Stage, image, states

PAGE = 4096


def made(stage: Stage, names: str) -> tuple[list[SimDisk], Mirror]:
    """A mirror with something on it, all copies equal."""
    disks = [stage.disk(name, 8 * MIB) for name in names]
    mirror = stage.create(disks)
    for at in range(0, mirror.size, 256 * KIB):
        assert stage.write(mirror, at, bytes([at // KIB % 251]) * 8 * KIB) == 0
    return disks, mirror


def spoil(disk: SimDisk, mirror: Mirror, offset: int, data: bytes) -> None:
    """Change a copy behind the mirror's back."""
    start = next(m.data for m in mirror.array.members if m.path == disk.path) + offset
    disk.current[start : start + len(data)] = data


def run(stage: Stage, mirror: Mirror, action: str = "check") -> Findings:
    findings = Findings("repair" if action == "repair" else "check", stage.scheduler.now(), mirror.size)
    mirror.checker.start(findings)
    stage.until(lambda: not mirror.checker.running)
    return findings


def places(findings: Findings) -> list[Difference]:
    return findings.ranges


def test_equal_copies_are_equal() -> None:
    stage = Stage()
    _, mirror = made(stage, "ab")
    findings = run(stage, mirror)
    assert (findings.complete, findings.differing, findings.unread) == (True, 0, 0)
    assert findings.position == mirror.size
    assert outcome(findings) == "the copies are equal"
    assert [kind for kind, _ in stage.events][-2:] == ["check-started", "check-finished"]


def test_two_copies_differ_and_nobody_knows_who_is_right() -> None:
    stage = Stage()
    (a, b), mirror = made(stage, "ab")
    spoil(b, mirror, 100 * KIB + 17, b"?")
    spoil(b, mirror, 104 * KIB, b"?")
    spoil(b, mirror, mirror.size - 1, b"?")
    before = image(a), image(b)
    findings = run(stage, mirror)
    last = (mirror.size - 1) // PAGE * PAGE
    assert places(findings) == [
        Difference(100 * KIB, 108 * KIB, ()),
        Difference(last, mirror.size, ()),
    ]
    assert findings.differing == findings.left == 8 * KIB + mirror.size - last
    assert (image(a), image(b)) == before, "a check changes nothing"


def test_of_three_the_odd_one_is_named_and_repaired() -> None:
    stage = Stage()
    (a, b, c), mirror = made(stage, "abc")
    spoil(a, mirror, 8 * KIB, b"wrong")
    spoil(c, mirror, 64 * KIB, b"wrong")
    spoil(a, mirror, 1 * MIB, b"one")
    spoil(b, mirror, 1 * MIB, b"two")
    assert places(run(stage, mirror)) == [
        Difference(8 * KIB, 12 * KIB, ("a",)),
        Difference(64 * KIB, 68 * KIB, ("c",)),
        Difference(1 * MIB, 1 * MIB + PAGE, ()),
    ]
    findings = run(stage, mirror, "repair")
    assert [(d.odd, d.kept) for d in findings.ranges] == [(("a",), "b"), (("c",), "a"), ((), "a")]
    assert (findings.left, findings.repaired) == (0, 3 * PAGE)
    assert stage.read(mirror, 8 * KIB, 5) == bytes(5), "the majority wins, whatever its role"
    assert stage.read(mirror, 1 * MIB, 3) == b"one", "without one the lowest role does"
    data = METADATA * 512
    assert image(a)[data:] == image(b)[data:] == image(c)[data:]
    assert run(stage, mirror).differing == 0


def test_a_repair_is_durable_when_it_is_done() -> None:
    stage = Stage()
    (a, b), mirror = made(stage, "ab")
    spoil(b, mirror, 8 * KIB, b"wrong")
    b.medium.flush(b.medium.version)
    run(stage, mirror, "repair")
    b.lose_power([])
    data = METADATA * 512
    assert image(b)[data:] == image(a)[data:]


def test_a_write_in_flight_is_no_difference() -> None:
    """The window is read when only one copy has taken the write; the second look waits for its end."""
    played = Played("ab")
    mirror, stage = played.mirror, played.stage
    assert stage.write(mirror, 0, bytes(PAGE)) == 0
    answers = played.start_write(0, b"x" * PAGE)
    held = played.until_waiting(data_write("b"))
    stage.until(lambda: played.disk("a").current[METADATA * 512] == ord("x"))
    findings = Findings("check", 0.0, mirror.size)
    mirror.checker.start(findings)
    stage.until(lambda: played.mirror.tickets.buckets[0][1:] or findings.position)
    assert not findings.position, "the window differs, and is looked at again"
    played.finish(held)
    stage.until(lambda: bool(answers) and not mirror.checker.running)
    assert (answers, findings.differing, findings.complete) == ([0], 0, True)


def test_what_only_one_copy_can_give_is_not_compared() -> None:
    stage = Stage()
    (_, b), mirror = made(stage, "ab")
    spoil(b, mirror, 8 * KIB, b"wrong")
    b.faults = True
    stage.scheduler.rates.read_error = 1.0
    findings = run(stage, mirror)
    assert findings.differing == 0
    assert findings.unread == mirror.size
    assert "could not be compared" in outcome(findings)


def test_what_waits_to_be_copied_or_is_bad_is_not_compared() -> None:
    """No copy need be like another there; that it was not compared is said."""
    stage = Stage()
    (_, b), mirror = made(stage, "ab")
    member = mirror.array.members[1]
    spoil(b, mirror, 0, b"wrong")
    spoil(b, mirror, 4 * MIB, b"wrong")
    member.need.add(0)
    member.bad = BadRanges([(4 * MIB, 4 * MIB + PAGE)])
    findings = run(stage, mirror, "repair")
    assert findings.differing == 0
    assert findings.unread >= PAGE + mirror.size // mirror.array.chunks
    assert b.current[member.data : member.data + 5] == b"wrong", "and not written to"


def test_a_check_needs_two_copies_and_no_other() -> None:
    stage = Stage()
    _, mirror = made(stage, "ab")
    findings = Findings("check", 0.0, mirror.size)
    mirror.checker.start(findings)
    with pytest.raises(RefusedError, match="runs already"):
        mirror.checker.start(findings)
    stage.run(manage.fail(mirror, "b"))
    stage.until(lambda: not mirror.checker.running)
    assert not findings.complete
    assert "because one copy is left" in stage.events[-1][1]
    with pytest.raises(RefusedError, match="one copy only"):
        mirror.checker.start(findings)


def test_a_run_waits_until_the_recovery_is_done() -> None:
    stage = Stage()
    disks, mirror = made(stage, "abc")
    stage.run(manage.fail(mirror, "c"))
    assert stage.write(mirror, 0, b"new" * 1024) == 0
    stage.run(manage.re_add(mirror, disks[2]))
    findings = Findings("check", 0.0, mirror.size)
    mirror.checker.start(findings)
    stage.until(lambda: findings.position > 0)
    assert states(mirror)["c"] is State.IN_SYNC
    stage.until(lambda: not mirror.checker.running)
    assert findings.differing == 0


def test_paused_goes_on_where_it_was_and_cancelled_does_not() -> None:
    stage = Stage()
    _, mirror = made(stage, "ab")
    mirror.sync.paused = True
    findings = Findings("check", 0.0, mirror.size)
    mirror.checker.start(findings)
    stage.wait(5.0)
    assert (findings.position, mirror.checker.running) == (0, True)
    mirror.sync.paused = False
    stage.until(lambda: findings.position > 0)
    mirror.sync.paused = True
    stage.wait(5.0)
    at = findings.position
    mirror.checker.cancel()
    stage.until(lambda: not mirror.checker.running)
    assert (findings.complete, findings.ended is not None) == (False, True)
    assert findings.position >= at
    with pytest.raises(RefusedError, match="No check"):
        mirror.checker.cancel()


def test_a_run_goes_on_after_a_restart() -> None:
    stage = Stage()
    disks, mirror = made(stage, "ab")
    spoil(disks[1], mirror, 0, b"wrong")
    findings = Findings("check", 0.0, mirror.size)
    mirror.checker.start(findings)
    stage.until(lambda: findings.position > 0)
    stage.run(manage.stop(mirror))
    assert findings.ended is None, "a stop is no end"
    mirror = stage.assemble(disks)
    reads = {m.path: m.read_bytes for m in mirror.array.members}
    mirror.checker.start(findings)
    stage.until(lambda: not mirror.checker.running)
    assert findings.complete
    assert findings.differing == PAGE
    assert all(m.read_bytes - reads[m.path] < mirror.size for m in mirror.array.members)


def test_a_member_that_does_not_take_the_repair_is_out() -> None:
    stage = Stage()
    (_, b), mirror = made(stage, "ab")
    spoil(b, mirror, 0, b"wrong")
    b.faults = True
    stage.scheduler.rates.error = 1.0
    findings = run(stage, mirror, "repair")
    assert states(mirror)["b"] is State.FAULTY
    assert findings.left == PAGE


def test_a_pause_holds_a_recovery_too() -> None:
    stage = Stage()
    disks, mirror = made(stage, "ab")
    stage.run(manage.fail(mirror, "b"))
    assert stage.write(mirror, 0, b"new" * 1024) == 0
    mirror.sync.paused = True
    stage.run(manage.re_add(mirror, disks[1]))
    stage.wait(5.0)
    assert states(mirror)["b"] is State.RECOVERING
    assert mirror.array.members[-1].need.count
    stage.run(manage.fail(mirror, "b"))
    stage.until(lambda: not mirror.sync.running)
    mirror.sync.paused = False
    stage.run(manage.re_add(mirror, disks[1]))
    stage.in_sync(mirror)


@pytest.mark.parametrize(
    ("added", "kept"),
    [
        ([(0, 1), (1, 2)], [(0, 2)]),
        ([(1, 2), (0, 1)], [(0, 1), (1, 2)]),
        ([(4, 5), (0, 1), (2, 3)], [(0, 1), (2, 3), (4, 5)]),
    ],
)
def test_ranges_are_kept_in_order(added: Sequence[tuple[int, int]], kept: Sequence[tuple[int, int]]) -> None:
    findings = Findings("check", 0.0, 10)
    for lo, hi in added:
        findings.add(Difference(lo, hi, ()))
    assert [(d.lo, d.hi) for d in findings.ranges] == kept


def test_too_many_ranges_are_counted_only() -> None:
    findings = Findings("check", 0.0, 10)
    for at in range(MOST_RANGES + 5):
        findings.add(Difference(2 * at, 2 * at + 1, ()))
    assert len(findings.ranges) == MOST_RANGES
    assert findings.differing == MOST_RANGES + 5


def test_a_broken_mirror_is_not_checked() -> None:
    stage = Stage()
    _, mirror = made(stage, "ab")
    mirror.array.broken = f"a, the last copy: flush error: {errno.errorcode[5]}"
    with pytest.raises(RefusedError, match="cannot be checked"):
        mirror.checker.start(Findings("check", 0.0, mirror.size))
