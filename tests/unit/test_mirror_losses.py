"""Members whose file somebody deletes or cuts while they are in use."""

from __future__ import annotations

from collections.abc import Callable
from errno import ENXIO

import pytest

from mirrortui.device.base import Loss, Op
from mirrortui.device.filters.fault import Fault, FaultFilter
from mirrortui.mirror.array import State
from mirrortui.mirror.verbs import manage
from mirrortui.units import MIB
from tests.simulation.lost import (
    CUT,
    the_last_copy_takes_no_more_writes_when_it_was_cut,
    who_was_cut_is_filled_in_full,
    who_was_cut_is_out,
)
from tests.stage import Stage, states

DELETED = Loss("its file was deleted", already=False)


@pytest.mark.parametrize("loss", [CUT, DELETED])
def test_who_lost_something_is_out(loss: Loss) -> None:
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    mirror = stage.create([a, b])
    mirror.losses.look()
    assert states(mirror) == {"a": State.IN_SYNC, "b": State.IN_SYNC}
    b.loss = loss
    mirror.losses.look()
    assert states(mirror)["b"] is State.FAULTY
    assert mirror.array.members[1].why == loss.why
    assert stage.write(mirror, 0, b"x" * 4096) == 0


def test_a_spare_that_was_deleted_does_not_wait_for_its_turn() -> None:
    stage = Stage()
    a, b, c = (stage.disk(name) for name in "abc")
    mirror = stage.create([a, b])
    stage.run(manage.add(mirror, c))
    assert states(mirror)["c"] is State.SPARE
    c.loss = DELETED
    mirror.losses.look()
    assert states(mirror)["c"] is State.FAULTY


@pytest.mark.parametrize(
    "race",
    [who_was_cut_is_out, the_last_copy_takes_no_more_writes_when_it_was_cut, who_was_cut_is_filled_in_full],
)
def test_who_was_cut(race: Callable[[], None]) -> None:
    race()


def test_the_last_copy_that_was_deleted_serves_until_there_is_another() -> None:
    stage = Stage()
    a, b, c = (stage.disk(name) for name in "abc")
    mirror = stage.create([a, b])
    b.loss = a.loss = DELETED
    for _ in range(3):
        mirror.losses.look()
    assert stage.write(mirror, 0, b"x" * 4096) == 0
    told = [text for kind, text in stage.events if kind == "member-deleted"]
    assert len(told) == 1
    assert "b is the last copy of vault, and its file was deleted" in told[0]
    stage.run(manage.add(mirror, c))
    stage.in_sync(mirror)
    mirror.losses.look()
    assert states(mirror) == {"a": State.FAULTY, "b": State.FAULTY, "c": State.IN_SYNC}


def test_who_ends_before_what_is_read_is_out() -> None:
    """To rewrite what it did not give would make its file longer, with zeroes in between."""
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    mirror = stage.create([a, b])
    assert stage.write(mirror, 0, b"x" * 4096) == 0
    for member in mirror.array.members:
        if member.path == "b":
            member.device = FaultFilter(
                b, [Fault(ENXIO, Op.READ, start=member.data, times=9)], stage.scheduler.call_later
            )
    mirror.array.changed()
    for _ in range(4):
        assert stage.read(mirror, 0, 4096) == b"x" * 4096
        stage.read(mirror, MIB, 4096)
    assert states(mirror)["b"] is State.FAULTY
