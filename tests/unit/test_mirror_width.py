"""More members than before, or fewer, while the mirror runs."""

from __future__ import annotations

import pytest

from mirrortui.errors import RefusedError, RequestError
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage, width
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB, MIB, SECTOR
from tests.stage import METADATA, Stage, states

DATA = METADATA * SECTOR


def made(names: str) -> tuple[Stage, Mirror, list[SimDisk]]:
    stage = Stage()
    disks = [stage.disk(name, 2 * MIB) for name in names]
    return stage, stage.create(disks, chunk=64 * KIB), disks


def test_a_third_copy_comes_from_a_spare_or_a_newcomer() -> None:
    stage, mirror, disks = made("ab")
    stage.write(mirror, 0, b"x" * 4096)
    disks += [stage.disk(name, 2 * MIB) for name in "cd"]
    stage.run(manage.add(mirror, disks[2]))
    assert states(mirror)["c"] is State.SPARE
    stage.run(width.set_width(mirror, 3))
    assert states(mirror)["c"] is State.RECOVERING
    stage.in_sync(mirror)
    stage.run(width.set_width(mirror, 4))
    assert mirror.array.degraded()
    stage.run(manage.add(mirror, disks[3]))
    stage.in_sync(mirror)
    assert len({bytes(disk.current[DATA:]) for disk in disks}) == 1
    stage.run(manage.stop(mirror))
    again = stage.assemble(disks)
    assert set(states(again).values()) == {State.IN_SYNC}
    assert again.array.raid_disks == 4
    assert not again.array.active


def test_who_is_left_moves_up() -> None:
    stage, mirror, disks = made("abc")
    stage.run(manage.fail(mirror, "b"))
    stage.write(mirror, 0, b"x" * 4096)
    stage.run(width.set_width(mirror, 2))
    assert {m.path: m.role for m in mirror.array.members} == {"a": 0, "b": None, "c": 1}
    assert not mirror.array.degraded()
    sb = stage.run(read_member(disks[2], stage.pool)).superblock
    assert (sb.raid_disks, sb.role) == (2, 1)
    stage.run(manage.stop(mirror))
    again = stage.assemble(disks)
    assert states(again) == {"a": State.IN_SYNC, "c": State.IN_SYNC}
    assert not again.array.active, "nothing is missing, so bits went and it is clean"
    with pytest.raises(RefusedError, match="it is too old"):
        stage.run(manage.re_add(again, disks[1]))


def test_one_whose_role_is_gone_may_take_another() -> None:
    stage, mirror, disks = made("abc")
    stage.run(manage.fail(mirror, "c"))
    stage.run(width.set_width(mirror, 2))
    stage.write(mirror, 0, b"x" * 4096)
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.re_add(mirror, disks[2]))
    stage.in_sync(mirror)
    assert disks[0].current[DATA:] == disks[2].current[DATA:]


def test_what_cannot_be_is_refused() -> None:
    stage, mirror, disks = made("abc")
    before = [bytes(disk.current) for disk in disks]
    for count in (1, 0, 17):
        with pytest.raises(RequestError, match="2 to 16 members"):
            stage.run(width.set_width(mirror, count))
    with pytest.raises(RefusedError, match="of 3 members already"):
        stage.run(width.set_width(mirror, 3))
    with pytest.raises(RefusedError, match="has 3 members at work, and is to have 2: a, b, c"):
        stage.run(width.set_width(mirror, 2))
    assert [bytes(disk.current) for disk in disks] == before


def test_who_was_out_when_roles_were_numbered_anew_is_only_stale() -> None:
    stage, mirror, disks = made("abc")
    stage.run(manage.fail(mirror, "a"))
    stage.write(mirror, 0, b"x" * 4096)
    stage.run(width.set_width(mirror, 2))
    stage.run(manage.stop(mirror))
    again = stage.assemble(disks)
    assert states(again) == {"b": State.IN_SYNC, "c": State.IN_SYNC}
    (left,) = again.array.left_out
    assert left.path == "a"
    assert "went on without it" in left.why


def cut_at(step: int, count: int) -> tuple[Stage, list[SimDisk], bool]:
    stage, mirror, disks = made("abc")
    if count == 2:
        stage.run(manage.fail(mirror, "a"))
    stage.write(mirror, 0, b"x" * 4096)
    return stage, disks, stage.cut_at(step, width.set_width(mirror, count), disks)


@pytest.mark.parametrize("count", [2, 4])
def test_wherever_the_power_goes_nobody_is_kicked(count: int) -> None:
    step, over = 1, False
    while not over:
        stage, disks, over = cut_at(step, count)
        torn = disks[2]
        torn.current[DATA : DATA + 4096] = b"t" * 4096
        torn.medium.preset(DATA, b"t" * 4096)
        again = stage.assemble(disks)
        there = "bc" if count == 2 else "abc"
        assert states(again) == dict.fromkeys(there, State.IN_SYNC), f"step {step}"
        stage.until(lambda mirror=again: not mirror.sync.running and not mirror.array.unsynced())
        assert len({bytes(d.current[DATA:]) for d in disks if d.path in there}) == 1, f"step {step}"
        step += 1
    assert step > 4
