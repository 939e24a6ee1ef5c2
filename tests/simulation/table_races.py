"""Moments that decide what superblocks say of the bitmap and of who had which slot (races.py)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

from mirrortui.errors import DivergedError
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.verbs import bitmaps, manage, replacing, settings
from mirrortui.units import KIB
from tests.stage import Stage


def _removed_at(step: int, seed: int) -> bool:
    """A mirror that gets a bitmap, and loses its spare after that many operations: do its superblocks say both?
    True: the bitmap was there by then.
    """
    stage = Stage()
    disks = [stage.disk(name) for name in "abc"]
    mirror = stage.create(disks[:2], chunk=64 * KIB)
    stage.run(manage.add(mirror, disks[2]))
    stage.scheduler.rng.seed(seed)
    stage.run(bitmaps.remove_bitmap(mirror))
    for member in mirror.array.members:  # as one says that never had any
        member.superblock = replace(member.superblock, bitmap_offset=0)
    stage.write(mirror, 0, b"x" * 4096)
    ended: list[bool] = []

    async def give() -> None:
        await bitmaps.add_bitmap(mirror, 64 * KIB)
        ended.append(True)

    stage.scheduler.operations = 0
    stage.executor.spawn(give())
    stage.until(lambda: stage.scheduler.operations >= step or ended)
    over = bool(ended)
    stage.run(manage.remove(mirror, "c"))
    stage.until(lambda: ended and mirror.scribe.settled)
    for disk in disks[:2]:
        found = stage.run(read_member(disk, stage.pool))
        assert found.header is not None, f"seed {seed}, step {step}: {found.path} does not speak of it"
    return over


def a_removal_at_any_moment_does_not_bring_old_superblocks_back() -> None:
    for seed in range(8):
        assert next(step for step in itertools.count() if _removed_at(step, seed)) > 6


def the_slot_of_one_that_was_replaced_is_not_given_away_while_there_are_others() -> None:
    """It does not hear that it was replaced, and may be started alone: whoever got its slot would vouch for it."""
    stage = Stage()
    a, b, c, d = (stage.disk(name) for name in "abcd")
    mirror = stage.create([a, b])
    for old, new in (("b", c), ("c", b), ("b", d)):
        stage.run(replacing.replace(mirror, old, new))
        stage.until(lambda: not mirror.sync.running)
    stage.write(mirror, 0, b"a" * 4096)
    stage.run(manage.stop(mirror))
    alone = stage.assemble([c], run=True)
    stage.write(alone, 0, b"c" * 4096)
    for number in range(20):
        stage.run(settings.rename(alone, f"name{number}"))
    stage.run(manage.stop(alone))
    try:
        stage.assemble([a, c], run=True)
    except DivergedError:
        return
    raise AssertionError("what the mirror took while c ran alone is lost in silence")


def who_fails_while_a_pass_flushes_can_be_re_added() -> None:
    """Bits are not cleared without it, and so nobody says that they were."""
    for seed, step in itertools.product(range(4), range(12)):
        stage = Stage()
        disks = [stage.disk(name) for name in "ab"]
        mirror = stage.create(disks, chunk=64 * KIB)
        stage.scheduler.rng.seed(seed)
        stage.write(mirror, 0, b"x" * 4096)
        stage.run(mirror.daemon.one_pass())
        stage.write(mirror, 512 * KIB, b"y" * 4096)
        stage.scheduler.operations = 0
        mirror.daemon.hurry()
        stage.until(
            lambda stage=stage, step=step: stage.scheduler.operations >= step or not stage.scheduler.ready
        )
        stage.run(manage.fail(mirror, "b"))
        stage.until(lambda mirror=mirror: mirror.scribe.settled and not mirror.daemon.passing)
        stage.run(manage.re_add(mirror, disks[1]))
        stage.in_sync(mirror)


def a_copy_from_a_backup_is_stale() -> None:
    """The others' tables count on it, as they never saw it go."""
    stage = Stage()
    a, b = (stage.disk(name) for name in "ab")
    mirror = stage.create([a, b])
    stage.run(manage.stop(mirror))
    backup = bytes(b.current)
    mirror = stage.assemble([a, b])
    stage.write(mirror, 0, b"x" * 4096)
    stage.run(manage.stop(mirror))  # two events: it was written to, and is clean again
    b.medium.preset(0, backup)
    mirror = stage.assemble([a, b], run=True)
    assert [m.path for m in mirror.array.in_sync()] == ["a"]


TABLE_RACES: list[Callable[[], None]] = [
    a_removal_at_any_moment_does_not_bring_old_superblocks_back,
    the_slot_of_one_that_was_replaced_is_not_given_away_while_there_are_others,
    who_fails_while_a_pass_flushes_can_be_re_added,
    a_copy_from_a_backup_is_stale,
]
