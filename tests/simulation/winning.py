"""Repairs with a winner beside what chance seldom brings, played step by step."""

from __future__ import annotations

from collections.abc import Sequence

from mirrortui.mirror.array import State
from mirrortui.mirror.checking.findings import Findings, unsettled, with_winner
from mirrortui.mirror.executor import sleep
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB, MIB
from tests.simulation.races import DATA, Played, data_write
from tests.stage import Stage, image, states

PAGE = 4096
Ranges = list[tuple[int, int]]


def made(names: str) -> tuple[Stage, list[SimDisk], Mirror]:
    """A mirror with something on it, all copies equal."""
    stage = Stage()
    disks = [stage.disk(name, 3 * MIB) for name in names]
    mirror = stage.create(disks, chunk=64 * KIB)
    for at in range(0, mirror.size, 256 * KIB):
        assert stage.write(mirror, at, bytes([at // KIB % 251]) * 8 * KIB) == 0
    stage.until(lambda: not mirror.array.active and mirror.scribe.done == mirror.scribe.asked)
    return stage, disks, mirror


def spoil(disk: SimDisk, offset: int, data: bytes) -> None:
    """Change a copy behind the mirror's back, on the medium too."""
    disk.medium.preset(DATA + offset, data)


def begin(stage: Stage, mirror: Mirror, winner: str, chosen: Ranges | None = None) -> Findings:
    last = mirror.checker.findings
    chosen = [(d.lo, d.hi) for d in unsettled(last)] if chosen is None else chosen
    findings = with_winner(last, winner, chosen, stage.scheduler.now())
    mirror.checker.start(findings)
    return findings


def repair(stage: Stage, mirror: Mirror, winner: str, chosen: Ranges | None = None) -> Findings:
    findings = begin(stage, mirror, winner, chosen)
    stage.until(lambda: not mirror.checker.running)
    return findings


def held(disks: Sequence[SimDisk], offset: int, length: int) -> list[bytes]:
    return [image(d)[DATA + offset : DATA + offset + length] for d in disks]


def a_write_in_flight_comes_first() -> None:
    played = Played("ab")
    mirror, stage = played.mirror, played.stage
    a, b = played.disks
    assert stage.write(mirror, 0, bytes(PAGE)) == 0
    answers = played.start_write(0, b"x" * PAGE)
    waiting = played.until_waiting(data_write("b"))
    stage.until(lambda: a.current[DATA] == ord("x"))
    findings = begin(stage, mirror, "b", [(0, PAGE)])
    stage.until(
        lambda: not stage.scheduler.ready and (mirror.tickets.buckets[0][1:] or findings.ended is not None)
    )
    played.finish(waiting)
    stage.until(lambda: bool(answers) and not mirror.checker.running)
    assert held((a, b), 0, PAGE) == [b"x" * PAGE] * 2
    assert (answers, findings.complete) == ([0], True)


def who_is_away_gets_it_when_it_is_back() -> None:
    stage, disks, mirror = made("abc")
    spoil(disks[1], 8 * KIB, b"right")
    stage.run(manage.fail(mirror, "c"))
    assert repair(stage, mirror, "b", [(8 * KIB, 12 * KIB)]).complete
    stage.run(manage.re_add(mirror, disks[2]))
    stage.in_sync(mirror)
    assert held(disks, 8 * KIB, 5) == [b"right"] * 3


def who_comes_back_meanwhile_gets_it_too() -> None:
    """It was away when the first range was repaired, and no bit of it was set yet when it came."""
    played = Played("abc")
    stage, mirror, disks = played.stage, played.mirror, played.disks
    stage.until(lambda: not mirror.array.active)
    for at in (8 * KIB, 1 * MIB):
        spoil(disks[1], at, b"right")
    stage.run(manage.fail(mirror, "c"))
    findings = begin(stage, mirror, "b", [(8 * KIB, 12 * KIB), (1 * MIB, 1 * MIB + PAGE)])
    waiting = played.until_waiting(data_write("a", 1 * MIB))
    stage.executor.spawn(manage.re_add(mirror, disks[2]))
    stage.until(lambda: states(mirror).get("c") is State.IN_SYNC)
    played.finish(waiting)
    stage.until(lambda: not mirror.checker.running)
    assert findings.complete
    assert held(disks, 8 * KIB, 5) == held(disks, 1 * MIB, 5) == [b"right"] * 3
    assert "8.00 KiB on a" in stage.events[-1][1], "also what was overwritten before it came"


def a_power_cut_anywhere_leaves_the_winner_as_it_is() -> None:
    """Whatever the loser has by then: no resync comes and takes the loser, who has the lower role, for right."""
    cuts = 0
    for step in range(1, 60):
        stage, disks, mirror = made("ab")
        spoil(disks[1], 8 * KIB, b"b" * 2 * PAGE)
        findings = with_winner(None, "b", [(8 * KIB, 16 * KIB)], 0.0)

        async def run(mirror: Mirror = mirror, findings: Findings = findings) -> None:
            mirror.checker.start(findings)
            while mirror.checker.running:
                await sleep(0.01)

        over = stage.cut_at(step, run(), disks)
        stage.executor.abandon()
        again = stage.assemble(disks)
        stage.until(lambda again=again: not again.sync.running)
        assert held(disks[1:], 8 * KIB, 2 * PAGE) == [b"b" * 2 * PAGE], f"cut at {step}"
        if over:
            break
        cuts += 1
    assert over, "it never came to its end"
    assert cuts >= 4


def a_winner_that_went_and_came_back_wins_nothing() -> None:
    """It was filled from the others meanwhile: what it has now is what was to be overwritten."""
    stage, disks, mirror = made("ab")
    assert stage.write(mirror, 8 * KIB, bytes(PAGE)) == 0  # a bit is set: the chunk is copied when it is back
    spoil(disks[1], 8 * KIB, b"right")
    mirror.sync.paused = True
    findings = begin(stage, mirror, "b", [(8 * KIB, 12 * KIB)])
    stage.run(manage.fail(mirror, "b"))
    assert stage.write(mirror, 8 * KIB + PAGE, bytes(PAGE)) == 0
    stage.run(manage.re_add(mirror, disks[1]))
    mirror.sync.paused = False
    stage.until(lambda: not mirror.checker.running)
    assert (findings.repaired, findings.unread) == (0, PAGE), "it is not said to have won"


WINNING = [
    a_winner_that_went_and_came_back_wins_nothing,
    a_write_in_flight_comes_first,
    who_is_away_gets_it_when_it_is_back,
    who_comes_back_meanwhile_gets_it_too,
    a_power_cut_anywhere_leaves_the_winner_as_it_is,
]
