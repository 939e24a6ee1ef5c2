"""A member that stops answering is not written to inline, until it answers."""

from __future__ import annotations

import errno

import pytest

from mirrortui.device.base import Op
from mirrortui.mirror.array import State
from mirrortui.mirror.verbs import manage
from mirrortui.units import KIB
from tests.simulation.silent import (
    inline,
    look,
    made,
    who_stops_answering_is_not_written_to_inline_until_it_answers,
)
from tests.stage import Stage, states


def test_who_stops_answering_is_not_written_to_inline_until_it_answers() -> None:
    who_stops_answering_is_not_written_to_inline_until_it_answers()


def test_who_answers_is_written_to_inline_all_the_time() -> None:
    stage = Stage()
    mirror, _ = made(stage)
    for _ in range(5):
        assert inline(mirror)
        look(stage, mirror)
        stage.until(lambda: not stage.scheduler.ready)
        assert inline(mirror)


def test_who_is_not_written_to_is_not_asked() -> None:
    """An idle disk may sleep."""
    stage = Stage()
    mirror, mute = made(stage)
    look(stage, mirror)
    stage.until(lambda: not stage.scheduler.ready)
    mute.mute = True
    for _ in range(3):
        look(stage, mirror)
    assert not mute.held


def test_an_error_is_an_answer() -> None:
    stage = Stage()
    mirror, mute = made(stage)
    mute.damage.unreadable.update(mute.damage.blocks(0, mute.data.start))
    for _ in range(3):
        assert inline(mirror)
        look(stage, mirror)
        stage.until(lambda: not stage.scheduler.ready)
    assert states(mirror)["b"] is State.IN_SYNC, "clients' requests find it out"


@pytest.mark.parametrize("whole", [False, True], ids=["it failed", "the mirror was stopped"])
def test_a_member_that_is_let_go_of_meanwhile_is_not_asked(whole: bool) -> None:
    """Its device is closed."""
    stage = Stage()
    mirror, mute = made(stage)
    inline(mirror)
    if whole:
        stage.run(manage.stop(mirror))
    mirror.silence.look()
    if not whole:
        mirror.scribe.fault(mirror.array.members[1], "it was pulled")
    mute.mute = True
    stage.executor.drain()
    assert not [request for request in mute.held if request.op is Op.READ]


def test_the_superblock_is_what_is_asked_for() -> None:
    """A hole would be read without a disk, and data would have to wait for what clients have written there."""
    stage = Stage()
    mirror, mute = made(stage)
    inline(mirror)
    mute.mute = True
    look(stage, mirror)
    (question,) = mute.held
    assert question.op is Op.READ
    assert question.length == 4 * KIB
    assert question.offset == mirror.array.members[1].place


def test_a_look_that_timed_out_costs_no_client_a_write() -> None:
    """Whoever owes an answer is out when somebody writes; only the last copy stays, and takes nothing meanwhile."""
    stage = Stage()
    disks = [stage.disk(name) for name in "ab"]
    mirror = stage.create(disks)
    disks[0].zombies = 1
    assert stage.write(mirror, 0, bytes(4096)) == 0
    assert states(mirror) == {"a": State.FAULTY, "b": State.IN_SYNC}
    disks[1].zombies = 1
    mirror.array.changed()
    assert stage.write(mirror, 0, bytes(4096)) == errno.EIO
    assert states(mirror)["b"] is State.IN_SYNC


def test_how_long_an_answer_has_been_due_can_be_told() -> None:
    """Of whoever is written to, inline or not."""
    stage = Stage()
    mirror, mute = made(stage)
    mute.pwrite = None
    mirror.array.changed()
    member = mirror.array.members[1]
    assert stage.write(mirror, 0, bytes(4096)) == 0
    mute.mute = True
    look(stage, mirror)
    assert mirror.silence.waited(member) == 0, "an answer may take a moment"
    stage.wait(2)
    look(stage, mirror)
    assert mirror.silence.waited(member) == 2
    mute.speak()
    stage.until(lambda: not stage.scheduler.ready)
    assert mirror.silence.waited(member) == 0
