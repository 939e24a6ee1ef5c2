"""Interleavings that chance finds too seldom, played step by step; each must hold, and each catches its mutant."""

from __future__ import annotations

import errno
from collections.abc import Callable

from mirrortui.device.base import Op
from mirrortui.format import badblocks, superblock
from mirrortui.format.superblock import Feature
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import access, bitmaps, manage, replacing
from mirrortui.testing.simulated import Request, SimDisk
from mirrortui.units import MIB, SECTOR
from tests.stage import METADATA, Stage, states

DATA = METADATA * SECTOR
CHUNK = 64 << 10
SUPERBLOCK = 8 * SECTOR


class Played:
    """A stage whose next completions are chosen by hand."""

    def __init__(self, names: str, *, size: int = 4 * MIB, chunk: int = CHUNK, inline: bool = False) -> None:
        self.stage = Stage()
        self.disks = [self.stage.disk(name, size, inline=inline) for name in names]
        self.mirror = self.stage.create(self.disks, chunk=chunk)

    def disk(self, name: str) -> SimDisk:
        """By its path."""
        return next(d for d in self.disks if d.path == name)

    def until_waiting(self, wanted: Callable[[Request], bool]) -> Request:
        """Complete everything else until such an operation is in flight, and hold it back."""
        scheduler = self.stage.scheduler
        for _ in range(10_000):
            self.stage.executor.drain()
            held = next((r for r in scheduler.ready if wanted(r)), None)
            if held:
                scheduler.ready.remove(held)
                return held
            if scheduler.ready:
                scheduler.complete_one()
            else:
                assert scheduler.jump(), "it waits for nothing"
        raise AssertionError("it never came")

    def finish(self, request: Request) -> None:
        """The operation that was held back ends well."""
        request.disk.finish(request)

    def refuse(self, request: Request) -> None:
        """The operation that was held back fails."""
        request.waiter.complete(request.index, -errno.EIO)

    def start_write(self, offset: int, data: bytes, *, fua: bool = False) -> list[int]:
        """A write under way; its errno comes into the list."""
        answers: list[int] = []
        buffer = self.stage.pool.take(data)
        self.mirror.start_write(offset, buffer, len(data), fua, answers.append)
        self.stage.executor.drain()
        return answers

    def at_rest(self, mirror: Mirror | None = None) -> None:
        """Everything that can be copied is."""
        it = mirror or self.mirror
        self.stage.until(lambda: not it.sync.running and not self.stage.scheduler.ready)

    def check_equal(self) -> None:
        """All copies in sync hold the same."""
        held = {m.path: bytes(self.disk(m.path).current[DATA:]) for m in self.mirror.array.in_sync()}
        assert len(set(held.values())) == 1, f"{', '.join(held)} differ"


def data_write(name: str, at: int | None = None) -> Callable[[Request], bool]:
    """Picks a write to a member's data."""

    def wanted(request: Request) -> bool:
        place = request.offset - DATA
        here = at is None or at <= place < at + CHUNK
        return request.disk.path == name and request.op is Op.WRITE and place >= 0 and here

    return wanted


def a_source_fails_while_its_window_is_read() -> None:
    """What was read from a copy that then failed must not reach one of the others only."""
    played = Played("abc")
    for disk in played.disks:  # an unclean stop left three versions of one block
        disk.current[DATA : DATA + 4096] = disk.path.encode() * 4096
    array = played.mirror.array
    for member in array.in_sync()[1:]:
        member.need.add(0)
    array.active = True
    played.mirror.intent.ask(0, 0)
    played.mirror.sync.kick("a crash")
    read = played.until_waiting(lambda r: r.op is Op.READ and r.disk.path == "a" and r.offset >= DATA)
    failing = manage.fail(played.mirror, "a")
    played.stage.executor.spawn(failing)
    played.stage.executor.drain()
    played.finish(read)
    played.at_rest()
    assert states(played.mirror)["a"] is State.FAULTY
    played.check_equal()


def one_is_taken_in_while_a_window_is_read_for_another() -> None:
    """By its own superblock it is still whole: were the power to go now, its side would serve a mixture."""
    played = Played("abc")
    stage, mirror = played.stage, played.mirror
    for name in "bc":
        stage.run(manage.fail(mirror, name))
    stage.write(mirror, 0, b"x" * 4096)
    stage.run(manage.re_add(mirror, played.disk("b")))
    read = played.until_waiting(lambda r: r.op is Op.READ and r.disk.path == "a" and r.offset >= DATA)
    stage.executor.spawn(manage.re_add(mirror, played.disk("c")))
    told = played.until_waiting(lambda r: r.op is Op.WRITE and r.disk.path == "c" and r.offset == SUPERBLOCK)
    played.finish(read)
    stage.executor.drain()
    copied = [r for r in stage.scheduler.ready if r.op is Op.WRITE and r.disk.path == "c"]
    assert not copied, "it was written to before it knew"
    played.finish(told)
    stage.in_sync(mirror)
    played.at_rest()
    played.check_equal()


def a_write_fails_on_the_last_copy_and_reaches_the_one_being_filled() -> None:
    """The client was told no: what the newcomer took all the same must be copied over."""
    played = Played("ab")
    stage, mirror = played.stage, played.mirror
    stage.run(manage.fail(mirror, "b"))
    stage.write(mirror, 2 * MIB, b"x" * 4096)
    stage.run(manage.re_add(mirror, played.disk("b")))
    copy = played.until_waiting(data_write("b", 2 * MIB))
    answers = played.start_write(0, b"n" * 4096)
    mine = played.until_waiting(data_write("a", 0))
    played.refuse(mine)
    stage.until(lambda: bool(answers))
    assert answers == [errno.EIO]
    played.finish(copy)
    stage.in_sync(mirror)
    played.at_rest()
    played.check_equal()


def a_re_added_member_holds_the_bitmap_that_counts() -> None:
    """Alone one day, it must know what the others lack: all pages, not only the one with the header."""
    played = Played("ab", size=16 * MIB, chunk=4096)
    stage, mirror = played.stage, played.mirror
    stage.run(manage.fail(mirror, "b"))
    stage.write(mirror, 3000 * 4096, b"x" * 4096)
    stage.run(manage.re_add(mirror, played.disk("b")))
    found = stage.run(read_member(played.disk("b"), stage.pool))
    assert 3000 in found.dirty


def a_half_filled_member_is_filled_to_the_end() -> None:
    """A newcomer that failed in mid-recovery lacks more than the bitmap lists."""
    played = Played("ab")
    stage, mirror = played.stage, played.mirror
    played.disk("a").current[DATA : DATA + 3 * MIB] = b"d" * (3 * MIB)
    played.disk("b").current[DATA : DATA + 3 * MIB] = b"d" * (3 * MIB)
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.remove(mirror, "b"))
    newcomer = stage.disk("c")
    played.disks.append(newcomer)
    stage.run(manage.add(mirror, newcomer))
    played.refuse(played.until_waiting(data_write("c", 1 * MIB)))
    played.at_rest()
    stage.run(manage.re_add(mirror, newcomer))
    stage.in_sync(mirror)
    played.check_equal()


def a_failed_attempt_uses_no_number_up() -> None:
    """Headers that failed before any superblock was written must not leave a good member two events behind."""
    played = Played("abc")
    mirror = played.mirror
    before = mirror.array.events
    played.start_write(0, b"x" * 4096)
    bitmap_place = mirror.array.members[0].bitmap_place
    header = played.until_waiting(lambda r: r.disk.path == "c" and r.offset == bitmap_place)
    played.refuse(header)
    first = played.until_waiting(lambda r: r.disk.path == "a" and r.offset == SUPERBLOCK)
    played.finish(first)
    played.stage.executor.drain()
    assert mirror.array.members[0].superblock.events == before + 1
    played.at_rest()
    assert states(mirror)["c"] is State.FAULTY


def a_late_write_of_the_last_copy_is_waited_for() -> None:
    """A timed-out write may land after its chunk was copied: nobody is promoted meanwhile."""
    played = Played("ab")
    stage, mirror = played.stage, played.mirror
    a, b = played.disk("a"), played.disk("b")
    stage.run(manage.fail(mirror, "b"))
    stage.write(mirror, 0, b"o" * 4096)
    stage.write(mirror, 2 * MIB, b"o" * 4096)
    stage.run(manage.re_add(mirror, b))
    copy = played.until_waiting(data_write("b", 2 * MIB))
    answers = played.start_write(0, b"n" * 4096)
    late = played.until_waiting(data_write("a", 0))
    a.zombies += 1
    assert late.buffer is not None
    late.buffer.hold()
    late.waiter.complete(late.index, -errno.ETIMEDOUT)
    stage.until(lambda: bool(answers))
    played.finish(copy)
    for _ in range(200):
        stage.executor.drain()
        if stage.scheduler.ready:
            stage.scheduler.complete_one()
        else:
            stage.scheduler.jump()
    a.zombies -= 1
    a.take_effect(late)
    stage.in_sync(mirror)
    played.at_rest()
    played.check_equal()


def a_client_leaves_when_some_copies_took_its_write() -> None:
    """Nobody repeats it, and nobody is failed for it: one copy is made like the other."""
    played = Played("ab", inline=True)
    mirror, b, rates = played.mirror, played.disk("b"), played.stage.scheduler.rates
    assert played.stage.write(mirror, 0, b"o" * 4096) == 0
    b.faults, rates.error = True, 1.0
    assert not mirror.try_write(0, memoryview(b"n" * 4096))
    b.faults = False
    played.at_rest()
    assert states(mirror) == {"a": State.IN_SYNC, "b": State.IN_SYNC}
    played.check_equal()


def a_member_fails_while_it_is_read_only() -> None:
    """Nothing is written down then; but before the first answer to a write afterwards."""
    played = Played("abc")
    mirror, stage = played.mirror, played.stage
    assert stage.write(mirror, 0, b"o" * 4096) == 0
    stage.run(access.make_readonly(mirror))
    mirror.scribe.fault(mirror.array.members[2], "it does not answer")
    stage.executor.spawn(access.make_writable(mirror))
    place = mirror.array.members[0].place
    held = played.until_waiting(lambda r: r.disk.path == "a" and r.op is Op.WRITE and r.offset == place)
    answers: list[int] = []
    mirror.start_flush(answers.append)
    stage.executor.drain()
    while stage.scheduler.ready:
        stage.scheduler.complete_one()
        stage.executor.drain()
    assert not answers, "acknowledged, and no superblock knows who never saw it"
    played.finish(held)
    stage.until(lambda: bool(answers))


def the_power_goes_when_superblocks_begin_to_speak_of_a_bitmap() -> None:
    """Who has not heard of it is a member all the same, and what it marks is copied."""
    played = Played("ab")
    stage, mirror = played.stage, played.mirror
    stage.run(bitmaps.remove_bitmap(mirror))
    stage.write(mirror, 0, b"x" * 4096)
    stage.executor.spawn(bitmaps.add_bitmap(mirror, CHUNK))
    place = mirror.array.members[1].place
    played.until_waiting(lambda r: r.disk.path == "b" and r.op is Op.WRITE and r.offset == place)
    stage.executor.abandon()
    for disk in played.disks:
        disk.lose_power([])
    stage.scheduler.forget()
    played.disk("b").current[DATA : DATA + 4096] = b"t" * 4096  # torn by the cut
    played.mirror = again = stage.assemble(played.disks)
    assert states(again) == {"a": State.IN_SYNC, "b": State.IN_SYNC}
    assert again.array.has_bitmap
    played.at_rest()
    played.check_equal()


def a_flush_waits_until_who_was_replaced_is_out_on_disk() -> None:
    """It is not flushed any more, and after a power cut it would be believed."""
    played = Played("ab")
    stage, mirror = played.stage, played.mirror
    newcomer = stage.disk("c")
    played.disks.append(newcomer)
    stage.run(replacing.replace(mirror, "a", newcomer))

    def last_word(request: Request) -> bool:
        out = states(mirror).get("a") is State.FAULTY
        return out and request.disk is newcomer and request.offset == SUPERBLOCK and request.op is Op.WRITE

    held = played.until_waiting(last_word)
    answers: list[int] = []
    mirror.start_flush(answers.append)
    stage.executor.drain()
    while stage.scheduler.ready:
        stage.scheduler.complete_one()
        stage.executor.drain()
    assert not answers
    played.finish(held)
    played.at_rest()
    assert answers == [0]
    assert states(mirror) == {"b": State.IN_SYNC, "c": State.IN_SYNC}
    played.check_equal()


def a_bad_range_that_takes_no_write_stays_bad() -> None:
    """What a failed write left there is nothing that a client wrote."""
    played = Played("ab")
    stage, mirror = played.stage, played.mirror
    member = mirror.array.members[0]
    played.disk("a").current[DATA : DATA + 4096] = b"?" * 4096
    member.list_bad(0, 4096)
    mirror.array.changed()
    answers = played.start_write(0, b"n" * 8192)
    bad = played.until_waiting(lambda r: r.disk.path == "a" and r.op is Op.WRITE and r.offset == DATA)
    played.refuse(bad)
    stage.until(lambda: bool(answers))
    assert answers == [0]
    assert states(mirror)["a"] is State.IN_SYNC
    assert stage.read(mirror, 0, 8192) == b"n" * 8192


def a_log_is_written_before_it_counts() -> None:
    """Until a superblock says that there is one, there is garbage where it will be."""
    played = Played("ab")
    mirror = played.mirror
    a, b = mirror.array.members
    log = a.superblock.bblog_sector * SECTOR
    for disk in played.disks:
        disk.medium.preset(log, b"g" * 4096)
    b.list_bad(0, 4096)
    mirror.array.changed()
    mirror.scribe.want()
    held = played.until_waiting(lambda r: r.disk.path == "b" and r.offset == log)
    a.list_bad(4096, 8192)
    mirror.array.changed()
    mirror.scribe.want()
    played.finish(held)

    def check(disk: SimDisk, offset: int, length: int) -> None:
        sb = superblock.decode(bytes(disk.current[8 * SECTOR : 16 * SECTOR]), minor=2)
        if Feature.BAD_BLOCKS in sb.feature_map:
            badblocks.decode(bytes(disk.current[log : log + 4096]))

    for disk in played.disks:
        disk.check_write = check
    played.at_rest()
    for disk in played.disks:
        check(disk, 0, 0)
    assert mirror.scribe.done == mirror.scribe.asked


def a_replacement_hears_first_that_it_took_over() -> None:
    """A power cut then would leave a mirror that counts on neither of the two."""
    played = Played("ab")
    stage, mirror = played.stage, played.mirror
    newcomer = stage.disk("c")
    played.disks.append(newcomer)
    stage.run(replacing.replace(mirror, "a", newcomer))

    def others(request: Request) -> bool:
        out = states(mirror).get("a") is State.FAULTY
        return out and request.disk.path == "b" and request.offset == SUPERBLOCK and request.op is Op.WRITE

    held = played.until_waiting(others)
    page = bytes(newcomer.current[SUPERBLOCK : SUPERBLOCK + 4096])
    assert not superblock.decode(page, minor=2).recovering
    played.finish(held)
    played.at_rest()
    played.check_equal()


RACES: list[Callable[[], None]] = [
    a_source_fails_while_its_window_is_read,
    one_is_taken_in_while_a_window_is_read_for_another,
    a_write_fails_on_the_last_copy_and_reaches_the_one_being_filled,
    a_re_added_member_holds_the_bitmap_that_counts,
    a_half_filled_member_is_filled_to_the_end,
    a_failed_attempt_uses_no_number_up,
    a_late_write_of_the_last_copy_is_waited_for,
    a_client_leaves_when_some_copies_took_its_write,
    a_member_fails_while_it_is_read_only,
    the_power_goes_when_superblocks_begin_to_speak_of_a_bitmap,
    a_flush_waits_until_who_was_replaced_is_out_on_disk,
    a_bad_range_that_takes_no_write_stays_bad,
    a_log_is_written_before_it_counts,
]
