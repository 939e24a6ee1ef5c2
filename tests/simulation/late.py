"""Races of what is late or times out: nothing late may write to what a client is sent, or to what it wrote since."""

from __future__ import annotations

import errno
from collections.abc import Callable

from mirrortui.device.base import Op
from mirrortui.device.buffers import Buffer
from mirrortui.mirror.verbs import manage
from tests.simulation.races import DATA, Played


def a_late_answer_comes_after_another_copy_answered() -> None:
    """It comes into nothing that anybody still looks at."""
    played = Played("ab")
    stage, mirror = played.stage, played.mirror
    assert stage.write(mirror, 0, b"n" * 4096) == 0
    answers: list[tuple[int, Buffer]] = []
    mirror.start_read(0, stage.pool.empty(4096), 4096, lambda *answer: answers.append(answer))
    late = played.until_waiting(lambda r: r.op is Op.READ)
    stage.until(lambda: bool(answers))
    ((error, buffer),) = answers
    assert not error
    late.disk.current[DATA : DATA + 4096] = b"?" * 4096
    played.finish(late)
    assert bytes(buffer.view[:4096]) == b"n" * 4096


def a_late_read_is_asked_of_a_copy_that_has_it() -> None:
    """Not of one that waits for a resync there."""
    played = Played("abc")
    stage, mirror = played.stage, played.mirror
    assert stage.write(mirror, 0, b"n" * 4096) == 0
    played.disk("b").current[DATA : DATA + 4096] = b"?" * 4096
    mirror.array.members[1].need.add(0)
    mirror.array.changed()
    answers: list[tuple[int, Buffer]] = []
    mirror.start_read(0, stage.pool.empty(4096), 4096, lambda *answer: answers.append(answer))
    late = played.until_waiting(lambda r: r.op is Op.READ)
    stage.until(lambda: bool(answers))
    played.finish(late)
    assert mirror.hedges.asked == 1
    assert bytes(answers[0][1].view[:4096]) == b"n" * 4096


def a_read_that_timed_out_lands_after_it_was_answered() -> None:
    """Another copy answered instead, and what its client is sent does not change any more."""
    played = Played("ab")
    stage, mirror = played.stage, played.mirror
    assert stage.write(mirror, 0, b"n" * 4096) == 0
    answers: list[tuple[int, Buffer]] = []
    mirror.start_read(0, stage.pool.empty(4096), 4096, lambda *answer: answers.append(answer))
    late = played.until_waiting(lambda r: r.op is Op.READ)
    assert late.buffer is not None
    late.buffer.hold()
    late.disk.zombies += 1
    late.waiter.complete(late.index, -errno.ETIMEDOUT)
    stage.until(lambda: bool(answers))
    ((error, buffer),) = answers
    assert not error
    late.disk.current[DATA : DATA + 4096] = b"?" * 4096
    late.disk.take_effect(late)
    assert bytes(buffer.view[:4096]) == b"n" * 4096


def what_times_out_on_the_last_copy_keeps_shortcuts_from_it() -> None:
    """Of whatever kind it is, it may still land on top of what is written inline meanwhile."""
    played = Played("ab", inline=True)
    mirror, page = played.mirror, memoryview(b"n" * 4096)
    played.stage.run(manage.fail(mirror, "b"))
    assert played.stage.write(mirror, 0, bytes(page)) == 0
    assert mirror.try_write(0, page)
    played.disk("a").zombies += 1
    assert not mirror.scribe.fault(mirror.array.in_sync()[0], "write error while it was filled")
    assert not mirror.try_write(0, page)


LATE: list[Callable[[], None]] = [
    a_late_answer_comes_after_another_copy_answered,
    a_late_read_is_asked_of_a_copy_that_has_it,
    a_read_that_timed_out_lands_after_it_was_answered,
    what_times_out_on_the_last_copy_keeps_shortcuts_from_it,
]
