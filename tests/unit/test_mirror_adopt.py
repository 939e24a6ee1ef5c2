"""A disk with data on it becomes a member: only its tail is written to, wherever the power goes."""

from __future__ import annotations

import pytest

from mirrortui.device.filters.crash import PowerCut
from mirrortui.errors import FormatError, MemberError
from mirrortui.format.layout import Layout
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.birth import adopt
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import GIB, KIB, MIB, SECTOR, TIB
from tests.stage import Stage, states

SIZE = 2 * MIB


def filled(stage: Stage, size: int = SIZE) -> tuple[SimDisk, Layout]:
    """A disk with data up to its tail."""
    disk = stage.disk("old", size)
    where = adopt.lay_out(size, 64 * KIB)
    disk.medium.preset(0, bytes(range(1, 251)) * (where.data_size * SECTOR // 250 + 1))
    disk.medium.preset(where.data_size * SECTOR, bytes(size - where.data_size * SECTOR))
    return disk, where


def data(disk: SimDisk, where: Layout) -> bytes:
    return bytes(disk.current[: where.data_size * SECTOR])


def test_the_data_are_the_mirror_and_another_member_is_filled_from_them() -> None:
    stage = Stage()
    disk, where = filled(stage)
    before = data(disk, where)
    uuid = stage.run(adopt.adopt(disk, "vault", where, stage.scheduler, stage.pool))
    mirror = stage.assemble([disk])
    assert mirror.array.uuid == uuid
    assert mirror.size == where.data_size * SECTOR == SIZE - 128 * KIB
    assert mirror.array.in_sync()[0].superblock.version == "1.0"
    assert stage.read(mirror, 0, mirror.size) == before
    new = stage.disk("new", SIZE)
    stage.run(manage.add(mirror, new))
    stage.in_sync(mirror)
    assert data(disk, where) == data(new, where) == before
    stage.run(manage.stop(mirror))
    again = stage.assemble([disk, new])
    assert states(again) == {"old": State.IN_SYNC, "new": State.IN_SYNC}
    assert not again.array.active


def test_wherever_the_power_goes_the_data_are_there_and_it_is_a_member_or_none() -> None:
    step, over, members = 1, False, []
    while not over:
        stage = Stage()
        disk, where = filled(stage)
        before = data(disk, where)
        stage.scheduler.cut_at = step
        try:
            stage.run(adopt.adopt(disk, "vault", where, stage.scheduler, stage.pool))
            over = True
        except PowerCut:
            pass
        stage.scheduler.cut_at = -1
        stage.executor.abandon()
        disk.lose_power(stage.scheduler.ready)
        stage.scheduler.forget()
        assert data(disk, where) == before
        places = adopt.written(where)
        outside = bytearray(disk.current[len(before) :])
        for lo, hi in (places.bitmap, places.superblock):
            outside[lo - len(before) : hi - len(before)] = bytes(hi - lo)
        assert not any(outside), "nothing else was written"
        try:
            stage.run(read_member(disk, stage.pool))
            assert stage.read(stage.assemble([disk]), 0, len(before)) == before
            members.append(True)
        except FormatError:
            members.append(False)
        step += 1
    assert members[0] is False
    assert members[-1] is True
    assert members == sorted(members)


@pytest.mark.parametrize("size", [MIB, SIZE, GIB + 512, 9 * GIB, TIB + 4096, 16 * TIB])
def test_its_metadata_lie_in_the_tail(size: int) -> None:
    where = adopt.lay_out(size, None)
    places = adopt.written(where)
    end = where.data_size * SECTOR
    assert end % 4096 == 0
    assert end <= size - 128 * KIB
    assert size - end <= 256 * KIB
    log = (where.super_offset + where.bblog_offset) * SECTOR
    assert end <= places.bitmap[0] < places.bitmap[1] <= log
    assert log + where.bblog_size * SECTOR == places.superblock[0]
    assert places.superblock[1] <= size


@pytest.mark.parametrize("size", [1, 4096, 5 * MIB + 1, 8 * GIB - 4096, 200 * GIB, 15 * TIB])
def test_an_image_that_is_made_longer_loses_nothing(size: int) -> None:
    where = adopt.lay_out(adopt.extended(size), None, most=size)
    assert 0 <= where.data_size * SECTOR - size < 4096


def test_what_is_too_small_is_refused() -> None:
    with pytest.raises(MemberError, match="too small"):
        adopt.lay_out(128 * KIB, None)


@pytest.mark.parametrize("late", ["bitmap", "superblock"])
def test_what_timed_out_may_land_and_the_words_say_so(late: str) -> None:
    stage = Stage()
    disk, where = filled(stage)
    before = data(disk, where)
    place, _ = getattr(adopt.written(where), late)

    def hang(it: SimDisk, offset: int, length: int) -> None:
        it.faults = offset == place

    disk.check_write = hang
    stage.scheduler.rates.hang = 1.0
    words = "It is no member" if late == "bitmap" else "It may be a member of a mirror now all the same"
    with pytest.raises(MemberError, match=f"its new {late} at byte {place}: .* {words}"):
        stage.run(adopt.adopt(disk, "vault", where, stage.scheduler, stage.pool))
    disk.faults, stage.scheduler.rates.hang = False, 0.0
    stage.wait(600)
    assert not disk.zombies, "it has landed"
    assert data(disk, where) == before
    if late == "bitmap":
        with pytest.raises(FormatError):
            stage.run(read_member(disk, stage.pool))
        stage.run(adopt.adopt(disk, "vault", where, stage.scheduler, stage.pool))
    assert stage.read(stage.assemble([disk]), 0, len(before)) == before
