"""The last copy of a mirror is late with what is to be durable, and answers after all (lastcopy.py)."""

from __future__ import annotations

import errno
from collections.abc import Callable

from mirrortui.device.base import Op
from mirrortui.errors import RefusedError
from mirrortui.format import bitmap
from mirrortui.format.superblock import WRITE_MOSTLY
from mirrortui.mirror.executor import Task
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage, settings
from mirrortui.testing.simulated import Request
from mirrortui.units import MIB, SECTOR
from tests.simulation.races import DATA, SUPERBLOCK, Played, data_write

PAGE = b"n" * 4096
FAR = 2 * MIB
"""In another chunk than the one that is written to first."""
SOON = 1.0
"""Seconds after which an answer is none."""


class Overdue(Played):
    """Of a mirror only a is left."""

    def __init__(self) -> None:
        super().__init__("ab")
        self.a = self.disk("a")
        self.member = self.mirror.array.members[0]
        self.stage.run(manage.fail(self.mirror, "b"))
        assert self.stage.write(self.mirror, 0, PAGE) == 0

    def times_out(self, request: Request) -> None:
        """The operation that was held back is given up; it may still land."""
        if request.buffer:
            request.buffer.hold()
        self.a.zombies += 1
        request.waiter.complete(request.index, -errno.ETIMEDOUT)
        self.stage.executor.drain()

    def lands(self, request: Request) -> None:
        """It comes to its end."""
        self.a.take_effect(request)
        self.a.zombies -= 1
        if request.buffer:
            request.buffer.drop()

    def flush(self) -> list[int]:
        """Its answer comes into the list."""
        answers: list[int] = []
        self.mirror.start_flush(answers.append)
        return answers

    def answered(self, answers: list[int]) -> int:
        """The errno that comes."""
        self.stage.until(lambda: bool(answers))
        return answers[0]

    def write(self, offset: int) -> int:
        """The errno; it is to come soon."""
        answers = self.start_write(offset, PAGE)
        begun = self.stage.scheduler.time
        answer = self.answered(answers)
        assert self.stage.scheduler.time - begun < SOON
        return answer

    def is_set(self) -> tuple[str, int, int]:
        """What an operator may set."""
        mirror = self.mirror
        return mirror.array.set_name, self.member.devflags, mirror.intent.header.write_behind

    def marked(self, offset: int) -> bool:
        """The bit of that chunk is on the disk."""
        image = self.a.current[self.member.bitmap_place :][:4096]
        return offset >> self.mirror.array.chunk_shift in bitmap.set_chunks(image, self.mirror.array.chunks)


def bits(request: Request) -> bool:
    """It writes a page of the bitmap, or its header."""
    return request.op is Op.WRITE and SUPERBLOCK < request.offset < DATA


def it_goes_on_when_the_last_copy_answers() -> None:
    """And what it was late with is written again, before anything that counts on it."""
    played = Overdue()
    answers = played.start_write(FAR, PAGE)
    late = played.until_waiting(bits)
    played.times_out(late)
    assert played.answered(answers) == errno.EIO
    assert played.mirror.array.unanswered is played.member
    played.a.zombies -= 1  # it was taken back before any disk saw it
    played.mirror.look_again()
    assert not played.mirror.array.broken
    assert played.stage.events[-1][0] == "mirror-recovered"
    assert not played.marked(FAR)
    played.stage.wait(SOON)
    assert played.marked(FAR)
    assert played.write(FAR) == 0


def nothing_is_written_over_what_may_still_land() -> None:
    """Until then it is as if there was nobody: an error, at once."""
    played = Overdue()
    answers = played.start_write(FAR, PAGE)
    late = played.until_waiting(bits)
    played.times_out(late)
    played.mirror.look_again()
    played.stage.wait(60)
    assert played.write(FAR) == errno.EIO
    assert answers == [errno.EIO]
    assert not [r for r in played.stage.scheduler.ready if r.op is Op.WRITE]
    assert played.mirror.array.broken
    played.lands(late)
    played.stage.wait(60)
    assert not played.mirror.array.broken, "nobody needs to look"
    assert played.write(FAR) == 0


def a_flush_that_was_late_is_no_promise_and_no_end() -> None:
    played = Overdue()
    answers = played.flush()
    played.times_out(played.until_waiting(lambda r: r.op is Op.FLUSH))
    assert played.answered(answers) == errno.EIO
    played.a.zombies -= 1
    played.mirror.look_again()
    assert played.write(0) == 0
    assert played.answered(played.flush()) == 0


def a_durable_write_that_fails_is_told_by_the_next_flush() -> None:
    """The kernel tells an error of its page cache once: what was written before, and not flushed, may be gone."""
    played = Overdue()
    answers = played.start_write(0, PAGE, fua=True)
    played.refuse(played.until_waiting(data_write("a")))
    assert played.answered(answers) == errno.EIO
    assert [played.answered(played.flush()) for _ in range(2)] == [errno.EIO, 0]


def a_durable_write_that_fails_late_is_told_by_the_next_flush() -> None:
    """As if it had failed in time."""
    played = Overdue()
    answers = played.start_write(0, PAGE, fua=True)
    played.times_out(played.until_waiting(data_write("a")))
    played.a.zombies, played.a.failed_late = 0, True
    assert played.answered(answers) == errno.ETIMEDOUT
    assert [played.answered(played.flush()) for _ in range(2)] == [errno.EIO, 0]


def a_flush_that_failed_late_is_never_taken_back() -> None:
    """What it was to make durable may be gone, and a second flush would not tell."""
    played = Overdue()
    played.flush()
    played.times_out(played.until_waiting(lambda r: r.op is Op.FLUSH))
    played.a.zombies, played.a.failed_late = 0, True
    played.stage.wait(60)
    assert played.mirror.array.broken == "a, the last copy: a flush that was late failed in the end"
    assert played.mirror.array.unanswered is None
    assert played.write(0) == errno.EIO


def a_log_of_bad_blocks_that_was_late_is_not_trusted() -> None:
    """How it is rewritten without losing an entry depends on what is there."""
    played = Overdue()
    played.member.list_bad(0, 4096)
    played.mirror.array.changed()
    played.mirror.scribe.want()
    log = played.member.superblock.bblog_sector * SECTOR
    late = played.until_waiting(lambda r: r.op is Op.WRITE and r.offset == log)
    played.times_out(late)
    played.lands(late)
    played.stage.wait(60)
    assert "bad-block log" in played.mirror.array.broken


def what_was_refused_is_not_done_later() -> None:
    """Who was told that a name or a flag cannot be set does not find it set when the copy answers."""
    tasks: list[Callable[[Mirror], Task]] = [
        lambda mirror: settings.rename(mirror, "cellar"),
        lambda mirror: settings.set_flag(mirror, "a", WRITE_MOSTLY, True),
        lambda mirror: settings.set_write_behind(mirror, 8),
    ]
    for set_it in tasks:
        played = Overdue()
        array, before = played.mirror.array, played.is_set()
        problems: list[str] = []
        played.stage.executor.spawn(_told(set_it(played.mirror), problems))
        late = played.until_waiting(lambda r: r.op is Op.WRITE and r.offset < DATA)
        played.times_out(late)
        assert len(problems) == 1, problems
        assert problems[0].startswith("vault takes no changes: a, the last copy: ")
        played.lands(late)
        played.mirror.look_again()
        played.stage.wait(SOON)
        assert not array.broken
        assert played.is_set() == before
        header = played.a.current[played.member.bitmap_place :][: bitmap.HEADER]
        assert header == played.mirror.intent.raw[: bitmap.HEADER], "nor on the disk"
        assert played.mirror.scribe.settled


async def _told(task: Task, problems: list[str]) -> None:
    try:
        await task
    except RefusedError as problem:
        problems.append(problem.what)


OVERDUE: list[Callable[[], None]] = [
    it_goes_on_when_the_last_copy_answers,
    nothing_is_written_over_what_may_still_land,
    a_flush_that_was_late_is_no_promise_and_no_end,
    a_durable_write_that_fails_is_told_by_the_next_flush,
    a_durable_write_that_fails_late_is_told_by_the_next_flush,
    a_flush_that_failed_late_is_never_taken_back,
    a_log_of_bad_blocks_that_was_late_is_not_trusted,
    what_was_refused_is_not_done_later,
]
