"""A member is filled: what it gets where the source has a hole, and that it may go at any moment."""

from __future__ import annotations

from mirrortui.device.base import Extent, Op
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.verbs import manage, width
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB, MIB, SECTOR
from tests.simulation.races import SUPERBLOCK, Played, data_write
from tests.stage import METADATA, Stage

DATA = METADATA * SECTOR


class Forgetful(SimDisk):
    """Its file system tells of a hole, and when it is asked again it does not answer in time: data, then."""

    asked = 0

    def extents(self, offset: int, length: int) -> list[Extent]:
        self.asked += 1
        return [Extent(offset, length, hole=self.asked % 3 != 0)]


def test_a_hole_is_filled_with_zeroes_whoever_answers_what() -> None:
    stage = Stage()
    size = stage.disk("x").size // SECTOR
    a = Forgetful("a", size, range(METADATA, size), stage.scheduler)
    b, c = stage.disk("b"), stage.disk("c")
    mirror = stage.create([a, b], chunk=64 * KIB)
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.remove(mirror, "b"))
    c.current[:] = b"old " * (len(c.current) // 4)
    stage.pool.poison = True  # what a buffer held before must not come into a copy
    stage.run(manage.add(mirror, c))
    stage.in_sync(mirror)
    assert a.asked > 1
    assert not any(c.current[DATA:])


def test_a_superblock_of_an_older_round_does_not_tell_a_spare_that_it_is_filled() -> None:
    """I9: nothing is copied onto it before its own superblock says so."""
    played = Played("abc", size=2 * MIB)
    stage, mirror, (_, b, c) = played.stage, played.mirror, played.disks
    for name in "bc":
        stage.run(manage.fail(mirror, name))
        stage.run(manage.remove(mirror, name))
    stage.run(width.set_width(mirror, 2))
    stage.run(manage.add(mirror, b))
    stage.in_sync(mirror)
    stage.run(manage.add(mirror, c))
    assert stage.write(mirror, 0, b"x" * 4096) == 0
    mirror.array.set_name = "other"
    mirror.scribe.want()
    round_to_b = played.until_waiting(lambda r: r.disk is b and r.offset == SUPERBLOCK)
    mirror.scribe.fault(mirror.array.members[0], "it does not answer")  # the spare takes its place
    played.finish(round_to_b)
    played.until_waiting(data_write("c"))
    assert stage.run(read_member(c, stage.pool)).superblock.recovering


def test_one_that_goes_while_its_end_is_waited_for_is_not_asked_any_more() -> None:
    played = Played("abc", size=2 * MIB)
    stage, mirror, (a, _, c) = played.stage, played.mirror, played.disks
    assert stage.write(mirror, 0, b"x" * 4096) == 0
    stage.run(manage.fail(mirror, "c"))
    stage.run(manage.remove(mirror, "c"))
    stage.run(manage.add(mirror, c))
    last = played.until_waiting(data_write("c"))
    a.zombies = 1  # nobody is promoted while a timed-out operation may land
    played.finish(last)
    stage.wait(1)
    filled = mirror.array.find("c")
    assert filled and filled.state is State.RECOVERING and not filled.need.count
    stage.run(manage.fail(mirror, "c"))
    stage.run(manage.remove(mirror, "c"))
    asked: list[Op] = []
    c.submit = lambda op, *words: asked.append(op)  # type: ignore[method-assign]
    a.zombies = 0
    stage.wait(5)
    assert not asked, "it was given back"
