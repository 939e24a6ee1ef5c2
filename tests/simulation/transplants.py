"""A full disk that is copied into a member (transplant.py), with the power cut at every operation."""

from __future__ import annotations

from mirrortui.errors import FormatError
from mirrortui.format.layout import Layout
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.birth import adopt
from mirrortui.mirror.birth.transplant import lay_out, transplant
from mirrortui.mirror.executor import Task
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB, MIB, SECTOR
from tests.stage import Stage, image

SIZE = MIB + 192 * KIB + 3 * SECTOR
"""More than is read at once, and no whole pages."""
PIECE = 320 * KIB
"""So that there are several."""
CONTENT = bytes(range(1, 252)) * (SIZE // 251 + 1)


class Transplant:
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
            PIECE,
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


def wherever_the_power_goes_the_copy_is_whole_or_no_member() -> None:
    step, over, members = 1, False, []
    while not over:
        world = Transplant()
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


def an_old_superblock_goes_before_anything_is_copied_over_its_data() -> None:
    step, over, left = 1, False, []
    while not over and step < 40:
        world = Transplant()
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
    assert len(left) < step - 1
