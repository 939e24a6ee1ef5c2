"""Who is out is two events behind before a write is acknowledged: md forgives one, and kernels before 6.8 would take
an older copy for in sync.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage, replacing
from mirrortui.testing.simulated import SimDisk
from tests.stage import Stage

OLD, NEW = b"o" * 4096, b"n" * 4096


def count(stage: Stage, disk: SimDisk) -> int:
    """Events on a disk."""
    return int(stage.run(read_member(disk, stage.pool)).superblock.events)


def by_failure(stage: Stage, mirror: Mirror, disks: list[SimDisk]) -> tuple[Mirror, SimDisk]:
    stage.run(manage.fail(mirror, "b"))
    return mirror, disks[1]


def by_replacement(stage: Stage, mirror: Mirror, disks: list[SimDisk]) -> tuple[Mirror, SimDisk]:
    stage.run(replacing.replace(mirror, "b", stage.disk("c")))
    stage.until(lambda: not mirror.sync.running)
    return mirror, disks[1]


def by_absence(stage: Stage, mirror: Mirror, disks: list[SimDisk]) -> tuple[Mirror, SimDisk]:
    stage.executor.abandon()
    stage.scheduler.forget()
    return stage.assemble([disks[0]], run=True), disks[1]


@pytest.mark.parametrize("way", [by_failure, by_replacement, by_absence])
def test_an_older_copy_is_two_events_behind(
    way: Callable[[Stage, Mirror, list[SimDisk]], tuple[Mirror, SimDisk]],
) -> None:
    stage = Stage()
    disks = [stage.disk(name) for name in "ab"]
    mirror = stage.create(disks)
    assert stage.write(mirror, 0, OLD) == 0
    mirror, old = way(stage, mirror, disks)
    assert stage.write(mirror, 0, NEW) == 0
    assert count(stage, disks[0]) >= count(stage, old) + 2


def test_so_it_is_wherever_the_power_goes_while_a_member_is_taken_out() -> None:
    """The next start may find the first update only."""
    between = 0
    for step in range(8):
        stage = Stage()
        disks = [stage.disk(name) for name in "ab"]
        mirror = stage.create(disks)
        assert stage.write(mirror, 0, OLD) == 0
        stage.cut_at(step, manage.fail(mirror, "b"), disks)
        between += count(stage, disks[0]) == count(stage, disks[1]) + 1
        mirror = stage.assemble([disks[0]], run=True)
        assert stage.write(mirror, 0, NEW) == 0
        assert count(stage, disks[0]) >= count(stage, disks[1]) + 2
    assert between > 0


def test_a_half_that_lost_is_two_events_behind_the_survivor() -> None:
    stage = Stage()
    disks = [stage.disk(name) for name in "ab"]
    stage.run(manage.stop(stage.create(disks)))
    for disk in disks:
        alone = stage.assemble([disk], run=True)
        assert stage.write(alone, 0, NEW) == 0
        stage.run(manage.stop(alone))
    lost = count(stage, disks[1])
    mirror = stage.assemble(disks, survivor="a")
    assert stage.write(mirror, 8192, NEW) == 0
    assert count(stage, disks[0]) >= lost + 2


def test_a_failure_right_after_the_start_brings_nobody_nearer() -> None:
    """Who is away may have had one more than those who are here; who fails now has not."""
    stage = Stage()
    disks = [stage.disk(name) for name in "abc"]
    assert stage.write(stage.create(disks), 0, OLD) == 0
    stage.executor.abandon()
    stage.scheduler.forget()
    before = count(stage, disks[0])
    mirror = stage.assemble(disks[:2], run=True)
    mirror.scribe.fault(mirror.array.members[1], "it does not answer")
    assert stage.write(mirror, 0, NEW) == 0
    assert count(stage, disks[0]) >= before + 3
