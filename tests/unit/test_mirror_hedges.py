"""A read that is late is asked of another copy, too: the first answer counts, and the other disturbs nobody."""

from __future__ import annotations

from mirrortui.device.base import Op
from mirrortui.device.buffers import Buffer
from mirrortui.format.superblock import WRITE_MOSTLY
from mirrortui.mirror.array import State
from mirrortui.mirror.traffic.hedges import BURST, SHARE
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import Request
from mirrortui.units import KIB, MIB
from tests.simulation import late
from tests.simulation.races import DATA, Played
from tests.stage import states

LENGTH = 4 * KIB


class Reads(Played):
    """A mirror whose copies differ where nobody should look, so that each answer tells whose it is."""

    def __init__(self, names: str = "ab") -> None:
        super().__init__(names)
        for disk in self.disks:
            disk.current[DATA : DATA + MIB] = disk.path.encode() * MIB
        self.answers: list[tuple[int, Buffer]] = []

    def start(self, offset: int = 0) -> Buffer:
        """A read under way."""
        buffer = self.stage.pool.empty(LENGTH)
        self.mirror.start_read(offset, buffer, LENGTH, lambda *answer: self.answers.append(answer))
        return buffer

    def held_back(self, name: str = "a") -> Request:
        """The read that a member does not answer for now."""
        return self.until_waiting(lambda r: r.disk.path == name and r.op is Op.READ)

    def answered(self) -> str:
        """Whose answer it was."""
        self.stage.until(lambda: bool(self.answers))
        ((error, buffer),) = self.answers
        assert not error
        found = set(bytes(buffer.view[:LENGTH]))
        assert len(found) == 1
        return chr(found.pop())


def test_the_first_answer_counts_and_the_late_one_disturbs_nobody() -> None:
    played = Reads()
    given = played.start()
    held = played.held_back()
    assert played.answered() == "b"
    assert (played.mirror.hedges.asked, played.mirror.hedges.won) == (1, 1)
    ((_, buffer),) = played.answers
    assert buffer is not given, "a late answer still comes into that"
    assert given.refs == 1, "and nobody else gets it meanwhile"
    played.finish(held)
    assert played.answered() == "b"
    assert given.refs == 0
    assert not any(m.reading for m in played.mirror.array.members)


def test_who_was_asked_first_may_still_win() -> None:
    played = Reads()
    given = played.start()
    first = played.held_back()
    second = played.held_back("b")
    played.finish(first)
    assert played.answered() == "a"
    assert played.answers[0][1] is given
    played.finish(second)
    assert (played.mirror.hedges.asked, played.mirror.hedges.won) == (1, 0)


def test_one_answer_is_enough_and_none_goes_by_the_book() -> None:
    played = Reads("abc")
    played.start()
    first, second = played.held_back(), played.held_back("b")
    played.refuse(second)
    assert not played.answers
    played.finish(first)
    assert played.answered() == "a"
    played = Reads("abc")
    played.start()
    for held in (played.held_back(), played.held_back("b")):
        played.refuse(held)
    assert played.answered() in "abc"
    assert [m.read_errors for m in played.mirror.array.members] == [1, 1, 0]


def test_a_timed_out_read_is_not_answered_from_the_buffer_that_it_may_still_write_to() -> None:
    late.a_read_that_timed_out_lands_after_it_was_answered()


def test_another_is_asked_as_soon_as_a_read_is_late() -> None:
    """What that is the fastest copy tells, though a few of its own reads are late, too."""
    played = Reads()
    for member in played.mirror.array.members:
        for number in range(250):
            member.timing.took_to_read(0.9 if number % 50 == 0 else 0.04)
    for _ in range(2):  # what there is to learn is learnt with the first
        played.answers.clear()
        played.stage.scheduler.pass_time(1.0)
        begun = played.stage.scheduler.monotonic()
        played.start()
        held = [played.held_back(), played.held_back("b")]
        asked = played.stage.scheduler.monotonic() - begun
        for request in held:
            played.finish(request)
    assert 0.04 <= asked <= 0.042


def test_few_reads_are_asked_twice() -> None:
    """A member that is always slow: what more there is to do about it is the laggards'."""
    played = Reads()
    mirror, stage = played.mirror, played.stage
    for member in mirror.array.members:
        for _ in range(1000):
            member.timing.took_to_read(0.0001)
    mirror.hedges._reads_before = sum(m.timing.reads for m in mirror.array.members)
    for number in range(200):
        played.start(number * LENGTH % MIB)
    held = [r for r in stage.scheduler.ready if r.disk.path == "a"]
    stage.scheduler.ready[:] = [r for r in stage.scheduler.ready if r not in held]
    stage.until(lambda: len(played.answers) + len(held) >= 200 + BURST)
    stage.scheduler.pass_time(1.0)
    asked = mirror.hedges.asked
    assert BURST <= asked <= BURST + SHARE * 200
    for request in held:
        played.finish(request)
    stage.until(lambda: len(played.answers) == 200)
    assert not mirror.hedges.flying


def test_who_is_read_last_is_asked_only_where_nobody_else_can_be() -> None:
    played = Reads("abc")
    played.mirror.array.members[1].devflags = WRITE_MOSTLY
    played.mirror.array.changed()
    played.start()
    held = played.held_back()
    assert played.answered() == "c"
    played.finish(held)
    played.stage.run(manage.fail(played.mirror, "c"))
    played.answers.clear()
    played.start()
    held = played.held_back()
    assert played.answered() == "b"
    played.finish(held)


def test_nothing_is_done_where_there_is_no_other_copy_or_no_hurry() -> None:
    played = Reads()
    stage, mirror = played.stage, played.mirror
    played.start()
    stage.until(lambda: bool(played.answers))
    stage.scheduler.pass_time(1.0)
    assert mirror.hedges.idle, "no timer runs while nothing is in flight"
    stage.run(manage.fail(mirror, "b"))
    played.start()
    held = played.held_back()
    stage.scheduler.pass_time(10.0)
    assert not mirror.hedges.asked
    assert states(mirror)["a"] is State.IN_SYNC
    played.finish(held)
    assert [error for error, _ in played.answers] == [0, 0]
