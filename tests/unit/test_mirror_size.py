"""A larger mirror than before, while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mirrortui.errors import RefusedError
from mirrortui.format import layout
from mirrortui.format.superblock import Superblock
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.birth.create import CreateSpec, create
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import bitmaps, manage, size
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB, MIB, SECTOR
from tests.golden import members
from tests.stage import METADATA, Stage, states

DATA = METADATA * SECTOR
SMALL, WHOLE = 2 * MIB, 3 * MIB
"""Bytes of the mirror before and after."""


def made(names: str, *, small: int = SMALL, bits: bool = True) -> tuple[Stage, Mirror, list[SimDisk]]:
    """Members that are equal in the mirror, and differ in what it does not use yet."""
    stage = Stage()
    disks = [stage.disk(name) for name in names]
    for disk in disks:
        disk.current[DATA + small :] = disk.path.encode() * (disk.size - DATA - small)
    spec = CreateSpec(name="vault", assume_clean=True, chunk=64 * KIB, size=small)
    stage.run(create(disks, spec, stage.scheduler, stage.pool))
    mirror = stage.assemble(disks)
    if not bits:
        stage.run(bitmaps.remove_bitmap(mirror))
    return stage, mirror, disks


def superblock(stage: Stage, disk: SimDisk) -> Superblock:
    found = stage.run(read_member(disk, stage.pool))
    assert isinstance(found, Found)
    return found.superblock


def data(disk: SimDisk) -> bytes:
    return bytes(disk.current[DATA : DATA + WHOLE])


@pytest.mark.parametrize("bits", [True, False], ids=["bitmap", "none"])
def test_what_is_new_is_resynced_and_nothing_else(bits: bool) -> None:
    stage, mirror, disks = made("ab", bits=bits)
    disks[1].current[DATA + 512 * KIB] = 1  # whoever copies there undoes it
    stage.run(size.set_size(mirror, None))
    assert mirror.size == mirror.array.size == WHOLE
    assert {superblock(stage, disk).size * SECTOR for disk in disks} == {WHOLE}
    stage.in_sync(mirror)
    assert data(disks[0])[SMALL:] == data(disks[1])[SMALL:] == b"a" * MIB
    assert disks[1].current[DATA + 512 * KIB] == 1
    stage.write(mirror, WHOLE - 4096, b"y" * 4096)
    stage.run(manage.stop(mirror))
    again = stage.assemble(disks)
    assert set(states(again).values()) == {State.IN_SYNC}
    assert not again.array.active
    assert again.size == WHOLE
    assert stage.read(again, WHOLE - 4096, 4096) == b"y" * 4096


def test_until_it_is_resynced_what_is_new_is_read_from_one_copy() -> None:
    stage, mirror, _ = made("ab")
    mirror.sync.paused = True
    stage.run(size.set_size(mirror, None))
    for at in range(SMALL, WHOLE, 64 * KIB):
        assert stage.read(mirror, at, 4096) == b"a" * 4096
    assert mirror.intent.dirty == 16


def test_a_size_within_reach_is_had_in_whole_pages() -> None:
    stage, mirror, disks = made("ab", small=SMALL - 4096)
    stage.run(size.set_size(mirror, SMALL + 20 * KIB + 511))
    assert mirror.size == SMALL + 20 * KIB
    stage.in_sync(mirror)
    assert data(disks[0])[: mirror.size] == data(disks[1])[: mirror.size]
    stage.run(size.set_size(mirror, None))
    stage.in_sync(mirror)
    assert data(disks[0]) == data(disks[1])


def test_what_cannot_be_is_refused() -> None:
    stage, mirror, disks = made("ab")
    stage.run(manage.add(mirror, stage.disk("tiny", 3 * MIB + 512 * KIB)))
    stage.until(lambda: mirror.scribe.settled and not stage.scheduler.ready)
    before = [bytes(disk.current) for disk in disks]
    for wanted, why in [
        (WHOLE, "spare tiny has room for 2.50 MiB"),
        (SMALL, "has 2.00 MiB already"),
        (SMALL + 1, "has 2.00 MiB already"),
        (SMALL - 4096, "not made smaller"),
        (0, "not made smaller"),
    ]:
        with pytest.raises(RefusedError, match=why):
            stage.run(size.set_size(mirror, wanted))
    assert [bytes(disk.current) for disk in disks] == before
    stage.run(size.set_size(mirror, None))
    with pytest.raises(RefusedError, match=r"has 2.50 MiB already, and spare tiny has room for 2.50 MiB"):
        stage.run(size.set_size(mirror, None))


def test_a_device_that_has_grown_counts() -> None:
    stage, mirror, disks = made("ab", small=WHOLE)
    with pytest.raises(RefusedError, match=r"has 3.00 MiB already"):
        stage.run(size.set_size(mirror, None))
    for disk in disks:
        disk.medium.grow(MIB)
    stage.run(size.set_size(mirror, None))
    assert mirror.size == WHOLE + MIB
    assert {superblock(stage, disk).data_size * SECTOR for disk in disks} == {WHOLE + MIB}


def test_a_superblock_at_the_end_does_not_move_with_the_device() -> None:
    stage = Stage()
    disks = [stage.golden(member) for member in members("clean-1.0")]
    mirror = stage.assemble(disks)
    stage.run(size.set_size(mirror, None))
    for disk in disks:
        disk.medium.grow(MIB)
    with pytest.raises(RefusedError, match=r"its superblock \(v1.0\) is where the device ended") as caught:
        stage.run(size.set_size(mirror, None))
    assert "its former size back" in caught.value.hint


def test_one_that_was_away_gets_what_is_new_and_what_changed() -> None:
    stage, mirror, disks = made("ab")
    stage.run(manage.fail(mirror, "b"))
    stage.write(mirror, 0, b"x" * 4096)
    stage.run(size.set_size(mirror, None))
    stage.write(mirror, WHOLE - 4096, b"y" * 4096)
    stage.run(manage.re_add(mirror, disks[1]))
    (member,) = [m for m in mirror.array.members if m.path == "b"]
    assert member.need.count == 1 + 16
    stage.in_sync(mirror)
    assert data(disks[0]) == data(disks[1])
    assert superblock(stage, disks[1]).size * SECTOR == WHOLE


def test_one_that_is_being_filled_is_filled_to_the_new_end() -> None:
    stage, mirror, disks = made("ab")
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.remove(mirror, "b"))
    mirror.sync.courtesy.most = 64 * KIB
    stage.run(manage.add(mirror, disks[1]))
    stage.run(size.set_size(mirror, None))
    mirror.sync.courtesy.most = 0
    stage.in_sync(mirror)
    assert data(disks[0]) == data(disks[1])


def narrow(stage: Stage, name: str) -> SimDisk:
    return SimDisk(name, NARROW // SECTOR, range(32, NARROW // SECTOR), stage.scheduler)


NARROW = 19 * MIB


def narrow_mirror() -> tuple[Stage, Mirror, list[SimDisk]]:
    """A page for the bitmap, all of whose bits count, and no room for a second."""
    stage = Stage()
    disks = [narrow(stage, name) for name in "ab"]
    where = replace(
        layout.plan(NARROW // SECTOR, chunk=4096),
        data_offset=32,
        data_size=NARROW // SECTOR - 32,
        chunk=SECTOR,
    )
    spec = CreateSpec(name="vault", assume_clean=True, layouts=[where, where], size=14 * MIB)
    stage.run(create(disks, spec, stage.scheduler, stage.pool))
    return stage, stage.assemble(disks), disks


def test_a_bitmap_without_room_is_exchanged_for_one_with_larger_chunks() -> None:
    stage, mirror, disks = narrow_mirror()
    stage.write(mirror, 0, b"x" * 4096)
    growth = size.plan_size(mirror.array, 18 * MIB)
    assert growth.exchanged
    assert growth.place == bitmaps.Place(8, 1024)
    stage.run(size.set_size(mirror, 18 * MIB))
    assert 1 << mirror.array.chunk_shift == 1024
    assert mirror.intent.dirty == 4 + 4 * 1024
    stage.in_sync(mirror)
    stage.run(manage.stop(mirror))
    again = stage.assemble(disks)
    assert not again.array.active
    assert again.size == 18 * MIB


def test_a_longer_bitmap_takes_more_pages_where_there_is_room() -> None:
    stage = Stage()
    disks = [stage.disk(name, NARROW) for name in "ab"]
    where = replace(layout.plan(NARROW // SECTOR), chunk=SECTOR, bblog_offset=0, bblog_size=0)
    spec = CreateSpec(name="vault", assume_clean=True, layouts=[where, where], size=14 * MIB)
    stage.run(create(disks, spec, stage.scheduler, stage.pool))
    mirror = stage.assemble(disks)
    assert not size.plan_size(mirror.array, None).exchanged
    stage.run(size.set_size(mirror, None))
    assert mirror.size == 18 * MIB
    assert mirror.intent.dirty == 4 * 2048
    stage.in_sync(mirror)
    stage.run(manage.stop(mirror))
    assert stage.assemble(disks).intent.dirty == 0


def cut_at(step: int, bits: bool, make: Callable[[], tuple[Stage, Mirror, list[SimDisk]]]) -> Cut:
    """A mirror whose copies may differ where it was written to, cut at that operation of its growth."""
    stage, mirror, disks = make()
    stage.write(mirror, 0, b"x" * 4096)
    return stage, disks, stage.cut_at(step, size.set_size(mirror, None), disks)


Cut = tuple[Stage, list[SimDisk], bool]


@pytest.mark.parametrize("bits", [True, False], ids=["bitmap", "none"])
def test_wherever_the_power_goes_it_has_one_size_or_the_other(bits: bool) -> None:
    step, over, sizes = 1, False, []
    while not over:
        stage, disks, over = cut_at(step, bits, lambda: made("abc", bits=bits))
        torn = disks[2]  # what was being written when the power went
        torn.current[DATA : DATA + 4096] = b"t" * 4096
        torn.medium.preset(DATA, b"t" * 4096)
        again = stage.assemble(disks)
        assert states(again) == dict.fromkeys("abc", State.IN_SYNC), f"step {step}"
        stage.until(lambda it=again: not it.sync.running and not it.array.unsynced())
        assert len({bytes(d.current[DATA : DATA + again.size]) for d in disks}) == 1, f"step {step}"
        assert superblock(stage, disks[0]).has_bitmap is bits
        stage.run(manage.stop(again))
        assert {superblock(stage, d).size * SECTOR for d in disks} == {again.size}
        sizes.append(again.size)
        step += 1
    assert sizes == sorted(sizes)
    assert set(sizes) == {SMALL, WHOLE}
