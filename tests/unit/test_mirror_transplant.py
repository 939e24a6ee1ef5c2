"""A disk that is full is copied into a new member: it is not written to, and the member has everything or is none."""

from __future__ import annotations

from typing import Any

import pytest

from mirrortui.device.base import Op
from mirrortui.errors import FormatError, MemberError
from mirrortui.format.layout import Layout
from mirrortui.mirror import adopt, manage
from mirrortui.mirror.array import State
from mirrortui.mirror.assemble import read_member
from mirrortui.mirror.executor import Task
from mirrortui.mirror.transplant import lay_out, transplant
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import GIB, KIB, MIB, SECTOR, TIB
from tests.stage import Stage, image, states

SIZE = MIB + 192 * KIB + 3 * SECTOR
"""More than is read at once, and no whole pages."""
PIECE = 128 * KIB
CONTENT = bytes(range(1, 252)) * (SIZE // 251 + 1)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that there are several."""
    monkeypatch.setattr("mirrortui.mirror.transplant.PIECE", PIECE)


class World:
    """A disk full to its last byte, and a new member with something else on it."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.old = self.stage.disk("old", SIZE)
        self.new = self.stage.disk("new", adopt.extended(SIZE))
        self.old.medium.preset(0, CONTENT[:SIZE])
        self.new.medium.preset(0, b"else" * (self.new.size // 4))
        self.old.check_write = self._never
        self.where: Layout = lay_out(self.new.size, SIZE, 64 * KIB, "new")
        self.told: list[tuple[str, int, int]] = []

    @staticmethod
    def _never(disk: SimDisk, offset: int, length: int) -> None:
        raise AssertionError("the disk is written to")

    def task(self) -> Task:
        """The copy."""
        stage = self.stage
        return transplant(
            self.old,
            self.new,
            "vault",
            self.where,
            stage.scheduler,
            stage.pool,
            lambda *word: self.told.append(word),
        )

    def check_whole(self) -> None:
        """The mirror has every byte."""
        mirror = self.stage.assemble([self.new])
        assert mirror.size == self.where.data_size * SECTOR == -(-SIZE // 4096) * 4096
        assert self.stage.read(mirror, 0, mirror.size) == CONTENT[:SIZE].ljust(mirror.size, b"\0")

    def is_member(self) -> bool:
        """By its superblock."""
        try:
            self.stage.run(read_member(self.new, self.stage.pool))
        except FormatError:
            return False
        return True


def test_all_of_it_is_the_mirror_and_another_member_is_filled_from_it() -> None:
    world = World()
    stage = world.stage
    stage.run(world.task())
    assert [word for word in world.told if word[1] == SIZE] == [
        ("copied", SIZE, SIZE),
        ("compared", SIZE, SIZE),
    ]
    world.check_whole()
    mirror = stage.assemble([world.new])
    with pytest.raises(MemberError, match="too small"):
        stage.run(manage.add(mirror, world.old))
    third = stage.disk("third", adopt.extended(SIZE))
    stage.run(manage.add(mirror, third))
    stage.in_sync(mirror)
    assert states(mirror) == {"new": State.IN_SYNC, "third": State.IN_SYNC}
    assert image(third)[:SIZE] == image(world.old) == CONTENT[:SIZE]


def test_wherever_the_power_goes_the_disk_is_as_it_was_and_the_copy_is_whole_or_no_member() -> None:
    step, over, members = 1, False, []
    while not over:
        world = World()
        over = world.stage.cut_at(step, world.task(), [world.old, world.new])
        assert image(world.old) == CONTENT[:SIZE]
        members.append(world.is_member())
        if members[-1]:
            world.check_whole()
        elif step % 5 == 1:
            world.stage.run(world.task())  # begun anew it comes to its end
            world.check_whole()
        step += 1
    assert members[0] is False
    assert members[-1] is True
    assert members == sorted(members)


def test_what_was_copied_before_is_not_written_again() -> None:
    world = World()
    world.new.medium.preset(0, CONTENT[:SIZE] + bytes(-SIZE % 4096))
    written: list[int] = []
    world.new.check_write = lambda disk, offset, length: written.append(offset)
    world.stage.run(world.task())
    assert min(written) >= SIZE, "its metadata only"
    world.check_whole()


def test_an_old_superblock_goes_before_anything_is_copied_over_its_data() -> None:
    step, over, left = 1, False, []
    while not over:
        world = World()
        stage = world.stage
        stage.create([world.new, stage.disk("other", world.new.size)])
        uuid = stage.run(read_member(world.new, stage.pool)).superblock.set_uuid
        stage.executor.abandon()
        stage.scheduler.forget()
        before = image(world.new)
        over = stage.cut_at(step, world.task(), [world.old, world.new])
        if world.is_member() and stage.run(read_member(world.new, stage.pool)).superblock.set_uuid == uuid:
            assert image(world.new) == before
            left.append(step)
        step += 1
    assert left
    assert len(left) < step / 2


@pytest.mark.parametrize("broken", ["old", "new"])
def test_what_cannot_be_read_makes_no_member(broken: str) -> None:
    world = World()
    disk = world.old if broken == "old" else world.new
    disk.damage.unreadable.update(disk.damage.blocks(768 * KIB, SECTOR))
    with pytest.raises(MemberError, match=f"{broken} cannot be read at byte"):
        world.stage.run(world.task())
    assert not world.is_member()
    assert image(world.old) == CONTENT[:SIZE]


def test_a_member_that_does_not_keep_what_it_is_given_is_found_out() -> None:
    world = World()
    submit = world.new.submit

    def forget(op: Op, *operation: Any) -> None:
        if op is Op.FLUSH:
            world.new.current[MIB] ^= 1
        submit(op, *operation)

    world.new.submit = forget  # type: ignore[method-assign, assignment]
    with pytest.raises(MemberError, match=f"new does not hold at byte {MIB} what old does"):
        world.stage.run(world.task())
    assert not world.is_member()


@pytest.mark.parametrize("old", [MIB + 512, 5 * MIB, 8 * GIB, 200 * GIB, 15 * TIB])
def test_how_much_larger_it_must_be(old: int) -> None:
    where = lay_out(adopt.extended(old), old, None, "new")
    assert 0 <= where.data_size * SECTOR - old < 4096
    with pytest.raises(MemberError, match=r"new is too small by 1[2-4]\d KiB"):
        lay_out(old, old, None, "new")
