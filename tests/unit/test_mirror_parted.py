"""Halves that were used apart and come together again: what the losing side holds is neither mixed nor believed."""

from __future__ import annotations

from collections.abc import Sequence

from mirrortui.device.base import Op
from mirrortui.format import superblock
from mirrortui.format.superblock import Superblock
from mirrortui.mirror.array import State
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB, SECTOR
from tests.stage import METADATA, Stage, states

START = METADATA * SECTOR
CHUNK = 64 * KIB


def read_superblock(disk: SimDisk) -> Superblock:
    return superblock.decode(bytes(disk.current[8 * SECTOR : 16 * SECTOR]), minor=2)


def being_filled(stage: Stage, disk: SimDisk) -> bool:
    """The first of what is copied onto it is on its way."""
    return any(r.disk is disk and r.op is Op.WRITE and r.offset >= START for r in stage.scheduler.ready)


def part(stage: Stage, disks: Sequence[SimDisk]) -> None:
    """The first disk and the others are used apart, the others more."""
    stage.run(manage.stop(stage.create(disks, chunk=CHUNK)))
    for half, data in ((disks[:1], b"kept" * KIB), (disks[1:], b"lost" * KIB)):
        mirror = stage.assemble(half, run=True)
        assert stage.write(mirror, 0, data) == 0
        stage.run(manage.stop(mirror))
    for _ in range(4):
        mirror = stage.assemble(disks[1:])
        assert stage.write(mirror, CHUNK, b"lost" * KIB) == 0
        stage.run(manage.stop(mirror))


def test_nothing_is_copied_onto_a_loser_that_still_calls_itself_whole() -> None:
    """A power cut then would leave it a mixture that its own side believes."""
    stage = Stage()
    lost = stage.disk("lost")
    disks = [stage.disk("kept"), lost]
    part(stage, disks)
    stage.assemble(disks, survivor="kept")
    stage.until(lambda: being_filled(stage, lost))
    assert read_superblock(lost).recovering


def test_whoever_of_the_losing_side_comes_later_is_the_older_one() -> None:
    stage = Stage()
    kept, lost, later = disks = [stage.disk(name) for name in ("kept", "lost", "later")]
    part(stage, disks)
    mirror = stage.assemble([kept, lost], survivor="kept")
    stage.until(lambda: not mirror.sync.running)
    stage.run(manage.stop(mirror))
    mirror = stage.assemble([lost, later], run=True)
    assert states(mirror) == {"lost": State.IN_SYNC}
    assert stage.read(mirror, 0, 4 * KIB) == b"kept" * KIB


def test_who_was_being_filled_by_the_losing_side_decides_nothing() -> None:
    stage = Stage()
    kept, lost, filled = disks = [stage.disk(name) for name in ("kept", "lost", "filled")]
    part(stage, disks)
    mirror = stage.assemble([lost, filled])
    stage.run(manage.fail(mirror, "filled"))
    stage.write(mirror, 0, b"more" * KIB)
    stage.run(manage.re_add(mirror, filled))
    stage.until(lambda: being_filled(stage, filled))
    stage.executor.abandon()
    stage.scheduler.forget()
    mirror = stage.assemble(disks, survivor="kept")
    assert states(mirror) == {"kept": State.IN_SYNC, "lost": State.RECOVERING, "filled": State.RECOVERING}
    stage.in_sync(mirror)
    assert kept.current[START:] == lost.current[START:] == filled.current[START:]
