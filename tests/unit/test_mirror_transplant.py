"""A disk that is full is copied into a new member: it is not written to, and the member has everything or is none."""

from __future__ import annotations

from typing import Any

import pytest

from mirrortui.device.base import Op
from mirrortui.errors import MemberError
from mirrortui.mirror.array import State
from mirrortui.mirror.birth import adopt
from mirrortui.mirror.birth.transplant import lay_out
from mirrortui.mirror.verbs import manage
from mirrortui.units import GIB, KIB, MIB, SECTOR, TIB
from tests.simulation.transplants import (
    CONTENT,
    PIECE,
    SIZE,
    Transplant,
    an_old_superblock_goes_before_anything_is_copied_over_its_data,
    wherever_the_power_goes_the_copy_is_whole_or_no_member,
)
from tests.stage import image, states


def test_all_of_it_is_the_mirror_and_another_member_is_filled_from_it() -> None:
    world = Transplant()
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


def test_wherever_the_power_goes_the_copy_is_whole_or_no_member() -> None:
    wherever_the_power_goes_the_copy_is_whole_or_no_member()


def test_an_old_superblock_goes_before_anything_is_copied_over_its_data() -> None:
    an_old_superblock_goes_before_anything_is_copied_over_its_data()


def test_what_was_copied_before_is_not_written_again() -> None:
    world = Transplant()
    world.new.medium.preset(0, CONTENT[:SIZE] + bytes(-SIZE % 4096))
    written: list[int] = []
    world.new.check_write = lambda disk, offset, length: written.append(offset)
    world.stage.run(world.task())
    assert min(written) >= SIZE, "its metadata only"
    world.check_whole()


@pytest.mark.parametrize("broken", ["old", "new"])
def test_what_cannot_be_read_makes_no_member(broken: str) -> None:
    world = Transplant()
    disk = world.old if broken == "old" else world.new
    disk.damage.unreadable.update(disk.damage.blocks(768 * KIB, SECTOR))
    with pytest.raises(MemberError, match=f"{broken} cannot be read at byte"):
        world.stage.run(world.task())
    assert not world.is_member()
    assert image(world.old) == CONTENT[:SIZE]


def test_a_member_that_does_not_keep_what_it_is_given_is_found_out() -> None:
    world = Transplant()
    submit = world.new.submit

    def forget(op: Op, *operation: Any) -> None:
        if op is Op.FLUSH:
            world.new.current[3 * PIECE] ^= 1
        submit(op, *operation)

    world.new.submit = forget  # type: ignore[method-assign, assignment]
    with pytest.raises(MemberError, match=f"new does not hold at byte {3 * PIECE} what old does"):
        world.stage.run(world.task())
    assert not world.is_member()


@pytest.mark.parametrize("old", [MIB + 512, 5 * MIB, 8 * GIB, 200 * GIB, 15 * TIB])
def test_how_much_larger_it_must_be(old: int) -> None:
    where = lay_out(adopt.extended(old), old, None, "new")
    assert 0 <= where.data_size * SECTOR - old < 4096
    with pytest.raises(MemberError, match=r"new is too small by 1[2-4]\d KiB"):
        lay_out(old, old, None, "new")


def test_what_the_new_member_has_behind_the_end_of_an_empty_disk_is_no_difference() -> None:
    world = Transplant()
    world.old.medium.preset(0, bytes(SIZE))
    world.new.medium.preset(0, bytes(SIZE))
    world.stage.run(world.task())
    size = world.where.data_size * SECTOR
    assert size > SIZE
    assert image(world.new)[:size] == bytes(size)
