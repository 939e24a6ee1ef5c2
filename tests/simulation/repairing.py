"""Repairs in which nobody is named as the winner, while a member is away, played step by step."""

from __future__ import annotations

from mirrortui.mirror.array import State
from mirrortui.mirror.checking.findings import Findings
from mirrortui.mirror.executor import sleep
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage
from mirrortui.units import KIB, MIB
from tests.simulation.races import Played, data_write
from tests.simulation.winning import PAGE, held, made, spoil
from tests.stage import Stage, states


def begin(stage: Stage, mirror: Mirror, position: int = 0) -> Findings:
    findings = Findings("repair", stage.scheduler.now(), mirror.size, position=position)
    mirror.checker.start(findings)
    return findings


def who_is_away_gets_what_was_repaired() -> None:
    stage, disks, mirror = made("abc")
    for disk in disks[1:]:
        spoil(disk, 8 * KIB, b"wrong")
    right = held(disks[:1], 8 * KIB, 5)
    stage.run(manage.fail(mirror, "c"))
    findings = begin(stage, mirror)
    stage.until(lambda: not mirror.checker.running)
    assert (findings.complete, findings.repaired) == (True, PAGE)
    stage.run(manage.re_add(mirror, disks[2]))
    stage.in_sync(mirror)
    assert held(disks, 8 * KIB, 5) == right * 3


def who_comes_back_meanwhile_gets_it_too() -> None:
    """No bit was set yet when it came."""
    played = Played("abc")
    stage, mirror, disks = played.stage, played.mirror, played.disks
    stage.until(lambda: not mirror.array.active)
    for disk in disks[1:]:
        spoil(disk, 1 * MIB, b"wrong")
    stage.run(manage.fail(mirror, "c"))
    findings = begin(stage, mirror)
    waiting = played.until_waiting(data_write("b", 1 * MIB))
    stage.executor.spawn(manage.re_add(mirror, disks[2]))
    stage.until(lambda: states(mirror).get("c") is State.IN_SYNC)
    played.finish(waiting)
    stage.until(lambda: not mirror.checker.running)
    assert findings.complete
    assert held(disks, 1 * MIB, 5) == [bytes(5)] * 3


def a_power_cut_anywhere_does_not_let_the_few_win() -> None:
    """The first role is the measure of a resync after it, and had what was wrong."""
    cuts = 0
    for step in range(1, 200):
        stage, disks, mirror = made("abcd")
        last = mirror.size - 64 * KIB
        right = held(disks[1:2], last, PAGE)
        stage.run(manage.fail(mirror, "d"))
        stage.wait(60)
        spoil(disks[0], last, b"a" * PAGE)

        async def run(stage: Stage = stage, mirror: Mirror = mirror, last: int = last) -> None:
            begin(stage, mirror, last)
            while mirror.checker.running:
                await sleep(0.01)

        over = stage.cut_at(step, run(), disks)
        stage.executor.abandon()
        again = stage.assemble(disks[:3], run=True)
        stage.until(lambda again=again: not again.sync.running)
        assert held(disks[1:3], last, PAGE) == right * 2, f"cut at {step}"
        if over:
            break
        cuts += 1
    assert over, "it never came to its end"
    assert cuts >= 4


REPAIRING = [
    who_is_away_gets_what_was_repaired,
    who_comes_back_meanwhile_gets_it_too,
    a_power_cut_anywhere_does_not_let_the_few_win,
]
