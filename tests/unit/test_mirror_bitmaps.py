"""A bitmap that comes, goes and changes under a running mirror; and power cuts at every step of that."""

from __future__ import annotations

import pytest

from mirrortui.errors import RefusedError, RequestError
from mirrortui.format import bitmap
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import bitmaps, manage
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB, MIB, SECTOR
from tests.golden import members
from tests.stage import METADATA, Stage, states

DATA = METADATA * SECTOR


def made(chunk: int | None = 64 * KIB, names: str = "ab") -> tuple[Stage, Mirror, list[SimDisk]]:
    stage = Stage()
    disks = [stage.disk(name) for name in names]
    return stage, stage.create(disks, chunk=chunk), disks


def on_disk(stage: Stage, disks: list[SimDisk]) -> list[Found]:
    return [stage.run(read_member(disk, stage.pool)) for disk in disks]


def test_it_goes_and_comes_back() -> None:
    stage, mirror, disks = made()
    stage.write(mirror, 0, b"x" * 4096)
    stage.run(bitmaps.remove_bitmap(mirror))
    assert [found.header for found in on_disk(stage, disks)] == [None, None]
    assert stage.write(mirror, MIB, b"y" * 4096) == 0
    stage.run(bitmaps.add_bitmap(mirror, 128 * KIB))
    for found in on_disk(stage, disks):
        assert found.header is not None
        assert found.header.chunksize == 128 * KIB
        assert {0, 8} <= found.dirty
        assert len(found.dirty) <= 3
    assert stage.write(mirror, 2 * MIB, b"z" * 4096) == 0
    assert {16} <= on_disk(stage, disks)[1].dirty
    stage.run(manage.stop(mirror))
    assert [found.dirty for found in on_disk(stage, disks)] == [set(), set()]
    again = stage.assemble(disks)
    assert again.array.chunk_shift == 17
    assert not again.array.active
    assert [stage.read(again, at, 1) for at in (0, MIB, 2 * MIB)] == [b"x", b"y", b"z"]


def test_what_is_written_then_is_found_by_bitmap() -> None:
    stage, mirror, disks = made()
    stage.run(bitmaps.add_bitmap(mirror, 4 * KIB))
    stage.run(manage.fail(mirror, "b"))
    stage.write(mirror, MIB, b"y" * 4096)
    stage.run(manage.re_add(mirror, disks[1]))
    assert ("member-re-added", "b is back in vault: 1 of 768 chunks to copy.") in stage.events
    stage.in_sync(mirror)
    assert disks[0].current[DATA:] == disks[1].current[DATA:]


def test_who_was_away_when_it_changed_is_filled_in_full() -> None:
    stage, mirror, disks = made()
    stage.run(manage.fail(mirror, "b"))
    stage.write(mirror, 0, b"x" * 4096)
    stage.run(bitmaps.remove_bitmap(mirror))
    stage.write(mirror, MIB, b"y" * 4096)
    with pytest.raises(RefusedError, match="no write-intent bitmap"):
        stage.run(manage.re_add(mirror, disks[1]))
    stage.run(bitmaps.add_bitmap(mirror, 64 * KIB))
    with pytest.raises(RefusedError, match="it is too old"):
        stage.run(manage.re_add(mirror, disks[1]))
    stage.run(manage.remove(mirror, "b"))
    stage.run(manage.add(mirror, disks[1]))
    stage.in_sync(mirror)
    assert disks[0].current[DATA:] == disks[1].current[DATA:]


def test_writes_wait_and_a_copy_goes_on() -> None:
    stage, mirror, disks = made()
    stage.run(manage.fail(mirror, "b"))
    for at in range(0, mirror.size, MIB):
        stage.write(mirror, at, b"y" * MIB)
    mirror.sync.courtesy.most = MIB
    stage.run(manage.re_add(mirror, disks[1]))
    answers: list[int] = []
    stage.executor.spawn(bitmaps.add_bitmap(mirror, 256 * KIB))
    stage.until(lambda: mirror.gate.shut)
    assert not mirror.try_write(0, memoryview(b"n" * 4096))
    buffer = stage.pool.take(b"n" * 4096)
    mirror.start_write(0, buffer, 4096, False, answers.append)
    mirror.start_zero(MIB, 4096, False, False, answers.append)
    with pytest.raises(RefusedError, match="is being changed"):
        stage.run(bitmaps.add_bitmap(mirror, 512 * KIB))
    assert not answers
    mirror.sync.courtesy.most = 0
    stage.until(lambda: len(answers) == 2)
    assert answers == [0, 0]
    stage.in_sync(mirror)
    assert mirror.array.chunk_shift == 18
    assert disks[0].current[DATA:] == disks[1].current[DATA:]
    assert stage.read(mirror, 0, 1) == b"n"


def test_a_recovery_without_a_bitmap_trusts_its_checkpoint_only() -> None:
    stage, mirror, disks = made()
    stage.run(manage.fail(mirror, "b"))
    stage.write(mirror, 0, b"y" * MIB)
    stage.write(mirror, 2 * MIB, b"y" * MIB)
    mirror.sync.courtesy.most = MIB
    stage.run(manage.re_add(mirror, disks[1]))
    stage.run(bitmaps.remove_bitmap(mirror))
    for disk in disks:
        disk.lose_power([])
    stage.scheduler.forget()
    again = stage.assemble(disks)
    assert states(again)["b"] is State.RECOVERING
    stage.in_sync(again)
    assert disks[0].current[DATA:] == disks[1].current[DATA:]


@pytest.mark.parametrize("state", ["clean-1.0", "clean-1.1", "clean-1.2"])
def test_it_fits_on_what_the_kernel_made(state: str) -> None:
    stage = Stage()
    disks = [stage.golden(member) for member in members(state)]
    mirror = stage.assemble(disks)
    size = mirror.size
    for _ in range(2):
        if mirror.array.has_bitmap:
            stage.run(bitmaps.remove_bitmap(mirror))
        stage.run(bitmaps.add_bitmap(mirror, 64 * KIB))
    for disk, found in zip(disks, on_disk(stage, disks), strict=True):
        assert found.header is not None
        assert found.superblock.size * SECTOR == size
        bitmap.check_belongs(found.header, found.superblock, path=disk.path)
    assert len({found.superblock.bitmap_offset for found in on_disk(stage, disks)}) == 1


def test_what_cannot_be_is_refused() -> None:
    stage, mirror, disks = made()
    for chunk in (3000, 256, 1 << 40):
        with pytest.raises(RequestError, match="must be a power of two"):
            stage.run(bitmaps.add_bitmap(mirror, chunk))
    before = [bytes(disk.current) for disk in disks]
    mirror.array.arriving.add("c")
    with pytest.raises(RefusedError, match="c is being added"):
        stage.run(bitmaps.remove_bitmap(mirror))
    assert [bytes(disk.current) for disk in disks] == before
    assert not mirror.gate.shut


def cut_at(step: int, chunk: int | None, filling: bool) -> tuple[Stage, list[SimDisk], bool]:
    """A mirror whose copies may differ where it was written to, cut at that operation of a change of its bitmap. And
    whether the change was over by then. With `filling` one of its members is not whole yet.
    """
    stage = Stage()
    disks = [stage.disk(name, 2 * MIB) for name in "abc"]
    mirror = stage.create(disks, chunk=64 * KIB)
    if filling:
        stage.run(manage.fail(mirror, "c"))
        stage.write(mirror, 0, b"w" * (mirror.size // 2))
        mirror.sync.courtesy.most = 64 * KIB
        stage.run(manage.re_add(mirror, disks[2]))
    if chunk is not None:
        stage.run(bitmaps.remove_bitmap(mirror))
    for at in (0, mirror.size // 2):
        stage.write(mirror, at, b"x" * 4096)
    change = bitmaps.remove_bitmap(mirror) if chunk is None else bitmaps.add_bitmap(mirror, chunk)
    return stage, disks, stage.cut_at(step, change, disks)


@pytest.mark.slow
@pytest.mark.parametrize("filling", [False, True], ids=["whole", "filling"])
@pytest.mark.parametrize("chunk", [None, 128 * KIB], ids=["goes", "comes"])
def test_wherever_the_power_goes_all_members_are_there_and_equal(chunk: int | None, filling: bool) -> None:
    step, over = 1, False
    while not over:
        stage, disks, over = cut_at(step, chunk, filling)
        torn = disks[1]  # what was being written when the power went
        torn.current[DATA : DATA + 4096] = b"t" * 4096
        torn.medium.preset(DATA, b"t" * 4096)
        again = stage.assemble(disks)
        there = states(again)
        assert there == {**dict.fromkeys("abc", State.IN_SYNC), **({"c": there["c"]} if filling else {})}
        stage.in_sync(again)
        stage.until(lambda mirror=again: not mirror.array.unsynced())
        assert len({bytes(disk.current[DATA:]) for disk in disks}) == 1, f"step {step}"
        stage.run(manage.stop(again))
        assert {found.superblock.has_bitmap for found in on_disk(stage, disks)} == {again.array.has_bitmap}
        step += 1
    assert step > 6, "each of three superblocks is a step, and more"


def test_what_was_copied_before_is_durable_before_the_bitmap_counts() -> None:
    for seed in range(12):
        stage, mirror, disks = made()
        stage.run(bitmaps.remove_bitmap(mirror))
        stage.write(mirror, 2 * MIB, b"w" * 4096)
        disks[0].medium.preset(DATA, b"n" * 4096)
        mirror.array.members[1].need.add(0)
        mirror.sync.kick("they differ")
        stage.until(lambda it=mirror: not it.sync.running)
        stage.run(bitmaps.add_bitmap(mirror, 64 * KIB))
        stage.executor.abandon()
        stage.scheduler.rng.seed(seed)
        for disk in disks:
            disk.lose_power([])
        stage.scheduler.forget()
        again = stage.assemble(disks)
        stage.until(lambda it=again: not it.sync.running and not it.array.unsynced())
        assert disks[0].current[DATA : DATA + 4096] == disks[1].current[DATA : DATA + 4096]
