"""Races of a member that lags behind what clients were told (write-behind)."""

from __future__ import annotations

import errno
from collections.abc import Callable

from mirrortui.device.buffers import Buffer
from mirrortui.format.superblock import WRITE_MOSTLY
from mirrortui.mirror.array import State
from mirrortui.mirror.verbs import manage, settings
from mirrortui.testing.simulated import Request
from tests.simulation.races import DATA, Played, data_write
from tests.stage import states

OLD, NEW = b"o" * 4096, b"n" * 4096


class Lagging(Played):
    """Member b is write-mostly, may lag by two writes, and does."""

    def __init__(self, names: str = "ab") -> None:
        super().__init__(names)
        mirror, stage = self.mirror, self.stage
        stage.run(settings.set_flag(mirror, "b", WRITE_MOSTLY, True))
        stage.run(settings.set_write_behind(mirror, 2))
        assert stage.write(mirror, 0, OLD) == 0
        self.written = self.start_write(0, NEW)
        self.held = self.until_waiting(data_write("b", 0))
        self.stage.until(lambda: bool(self.written))
        assert self.written == [0]
        assert mirror.lag.writes == 1

    def flush(self) -> list[int]:
        """A flush under way."""
        answers: list[int] = []
        self.mirror.start_flush(answers.append)
        self.let_run()
        return answers

    def read(self) -> list[tuple[int, bytes]]:
        """A read of it under way."""
        answers: list[tuple[int, bytes]] = []

        def done(error: int, buffer: Buffer) -> None:
            answers.append((error, bytes(buffer.view[:4096])))
            buffer.drop()

        self.mirror.start_read(0, self.stage.pool.empty(4096), 4096, done)
        self.let_run()
        return answers

    def let_run(self) -> None:
        """Everything that can happen without the write that is held back."""
        self.stage.executor.drain()
        while self.stage.scheduler.ready:
            self.stage.scheduler.complete_one()
            self.stage.executor.drain()


def a_flush_waits_for_who_lags() -> None:
    """What was flushed is on every member: each of them alone has it."""
    played = Lagging()
    answers = played.flush()
    assert not answers
    played.finish(played.held)
    played.stage.until(lambda: bool(answers))
    assert answers == [0]
    assert not played.mirror.lag.writes
    played.check_equal()


def a_member_that_lags_is_read_when_it_has_what_is_asked() -> None:
    """Although it is the last one."""
    played = Lagging()
    assert played.read() == [(0, NEW)]
    played.stage.run(manage.fail(played.mirror, "a"))
    assert states(played.mirror) == {"a": State.FAULTY, "b": State.IN_SYNC}
    answers = played.read()
    assert not answers
    played.finish(played.held)
    played.stage.until(lambda: bool(answers))
    assert answers == [(0, NEW)]


def a_member_that_may_not_lag_any_more_still_lags() -> None:
    """Neither a flag nor a limit brings it what it lacks."""
    for flag in (True, False):
        played = Lagging()
        mirror, stage = played.mirror, played.stage
        stage.run(
            settings.set_flag(mirror, "b", WRITE_MOSTLY, False)
            if flag
            else settings.set_write_behind(mirror, 0)
        )
        stage.run(manage.fail(mirror, "a"))
        answers = played.read()
        assert not answers
        played.finish(played.held)
        played.at_rest()
        assert answers == [(0, NEW)]
        assert [m.path for m in mirror._copies] == ["b"], "it is read without further ado from then on"


def what_was_answered_and_is_nowhere_is_an_error() -> None:
    """The copy that had it is out, and the one that lagged does not take it: nobody reads what was there before."""
    played = Lagging()
    played.stage.run(manage.fail(played.mirror, "a"))
    waiting = played.read()
    played.refuse(played.held)
    played.stage.until(lambda: bool(waiting))
    for answers in (waiting, played.read()):
        assert [error for error, _ in answers] == [errno.EIO]
    assert played.mirror.array.broken
    assert played.flush() == [errno.EIO]


def who_fails_to_catch_up_is_out_before_a_flush_is_answered() -> None:
    """As after any failed write (I4)."""
    played = Lagging()
    answers = played.flush()
    played.refuse(played.held)
    played.stage.until(lambda: bool(answers))
    assert answers == [0]
    assert states(played.mirror) == {"a": State.IN_SYNC, "b": State.FAULTY}
    assert not played.mirror.scribe.holding


def no_more_lag_than_was_allowed() -> None:
    """The third write waits for everybody, and what overlaps waits for its turn."""
    played = Lagging("abc")
    second, third = played.start_write(8192, NEW), played.start_write(16384, NEW)
    held: list[Request] = [played.until_waiting(data_write("b", 0)) for _ in range(2)]
    again = played.start_write(0, OLD)
    played.let_run()
    assert (second, third, again) == ([0], [], [])
    for request in (*held, played.held):
        played.finish(request)
    played.at_rest()
    assert (third, again) == ([0], [0])
    assert played.disk("b").current[DATA : DATA + 4096] == OLD
    played.check_equal()


def who_lagged_is_not_the_measure_after_a_crash() -> None:
    """Although it is the first: of what was answered nothing is lost when the process dies."""
    played = Lagging("ba")
    stage = played.stage
    stage.executor.abandon()
    stage.scheduler.forget()
    played.mirror = stage.assemble(played.disks)
    played.at_rest()
    assert stage.read(played.mirror, 0, 4096) == NEW
    played.check_equal()


LAGGING: list[Callable[[], None]] = [
    a_flush_waits_for_who_lags,
    a_member_that_lags_is_read_when_it_has_what_is_asked,
    a_member_that_may_not_lag_any_more_still_lags,
    what_was_answered_and_is_nowhere_is_an_error,
    who_fails_to_catch_up_is_out_before_a_flush_is_answered,
    no_more_lag_than_was_allowed,
    who_lagged_is_not_the_measure_after_a_crash,
]
