"""Reads that fail: served from elsewhere, put right where they failed, listed as bad where that cannot be."""

from __future__ import annotations

import errno
import random

import pytest

from mirrortui.format import badblocks
from mirrortui.format.badblocks import BadRange
from mirrortui.mirror.array import Member, State
from mirrortui.mirror.badranges import BadRanges
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.syncing.correct import ErrorRate
from mirrortui.mirror.syncing.retest import retest
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB, MIB, SECTOR
from tests.stage import METADATA, Stage, states
from tests.unit.test_mirror_bad_blocks import (
    BAD,
    DATA,
    START,
    listed,
    make_bad,
    read_error,
    read_superblock,
    stopped,
    without_log,
)

PAGE = 4 * KIB


def decay(disk: SimDisk, lo: int, hi: int, *, dead: bool = False) -> None:
    """Bytes of the array that the disk cannot read until they are written; `dead`: they take no write."""
    for at in range(START + lo, START + hi, SECTOR):
        disk.damage.strike(at, dead=dead)


def writes_to(disk: SimDisk) -> list[tuple[int, int]]:
    """What is written to the disk's data from now on: place in the array, and length."""
    seen: list[tuple[int, int]] = []

    def note(disk: SimDisk, offset: int, length: int) -> None:
        if offset >= START:
            seen.append((offset - START, length))

    disk.check_write = note
    return seen


def settled(stage: Stage, mirror: Mirror) -> None:
    """Everything is put right that can be, and on disk."""
    stage.until(
        lambda: (
            not (mirror.corrector.busy or mirror.sync.running) and mirror.scribe.done == mirror.scribe.asked
        )
    )


def texts(stage: Stage, kind: str) -> list[str]:
    return [text for found, text in stage.events if found == kind]


def member(mirror: Mirror, path: str) -> Member:
    found = mirror.array.find(path)
    assert found is not None
    return found


@pytest.mark.parametrize("inline", [False, True])
def test_only_what_cannot_be_read_is_rewritten_and_counted(inline: bool) -> None:
    stage = Stage()
    a, b = (stage.disk(name, inline=inline) for name in "ab")
    mirror = stage.create([a, b], chunk=64 * KIB)
    assert stage.write(mirror, 0, DATA) == 0
    stage.run(manage.stop(mirror))
    mirror = stage.assemble([a, b])
    decay(a, *BAD)
    written = writes_to(a)
    for _ in range(10):  # inline reads now and then find nothing in the cache
        assert stage.read(mirror, 0, len(DATA)) == DATA
    settled(stage, mirror)
    assert written == [(BAD[0], PAGE)]
    assert not a.damage.unreadable
    assert states(mirror) == {"a": State.IN_SYNC, "b": State.IN_SYNC}
    assert (member(mirror, "a").corrected, member(mirror, "b").corrected) == (8, 0)
    assert member(mirror, "a").read_errors >= 1
    assert texts(stage, "read-error-corrected") == [
        "4.00 KiB at 8.00 KiB of a could not be read: rewritten from b, and read again."
    ]
    assert not listed(a)


def test_the_count_is_on_disk_with_the_next_superblock() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    decay(a, *BAD)
    events = mirror.array.events
    assert stage.read(mirror, 0, len(DATA)) == DATA
    settled(stage, mirror)
    assert mirror.array.events == events
    assert read_superblock(a).cnt_corrected_read == 0
    assert stage.write(mirror, 0, DATA) == 0
    assert read_superblock(a).cnt_corrected_read == 8
    assert read_superblock(b).cnt_corrected_read == 0
    stage.run(manage.stop(mirror))
    assert member(stage.assemble([a, b]), "a").corrected == 8


def test_what_was_rewritten_survives_a_power_cut() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    decay(a, *BAD)
    assert stage.read(mirror, 0, len(DATA)) == DATA
    settled(stage, mirror)
    a.lose_power([])
    assert not a.damage.unreadable
    assert a.current[START : START + len(DATA)] == DATA


def test_a_write_that_comes_first_is_not_undone() -> None:
    """I8: what the correction reads and rewrites, no client's write comes between."""
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    decay(a, *BAD)
    assert stage.read(mirror, BAD[0], PAGE) == DATA[BAD[0] : BAD[1]]
    new, answers = stage.pool.take(b"n" * PAGE), list[int]()
    stage.until(lambda: any(r.disk is b and r.offset == START + BAD[0] for r in stage.scheduler.ready))
    mirror.start_write(BAD[0], new, PAGE, False, answers.append)
    stage.until(lambda: bool(answers))
    settled(stage, mirror)
    for disk in (a, b):
        assert disk.current[START + BAD[0] : START + BAD[1]] == b"n" * PAGE


def test_many_reads_of_one_bad_page_are_one_error() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    decay(a, *BAD)
    answers: list[int] = []
    for _ in range(3 * mirror.tuning.read_errors):
        mirror.start_read(BAD[0], stage.pool.empty(PAGE), PAGE, lambda error, _: answers.append(error))
    stage.until(lambda: len(answers) == 3 * mirror.tuning.read_errors)
    settled(stage, mirror)
    assert set(answers) == {0}
    assert states(mirror)["a"] is State.IN_SYNC
    assert member(mirror, "a").corrected == 8


def test_the_source_of_a_recovery_is_put_right_too() -> None:
    stage = Stage()
    a, b, c = stopped(stage, "abc")
    mirror = stage.assemble([a, b, c])
    stage.run(manage.fail(mirror, "c"))
    assert stage.write(mirror, 0, DATA) == 0
    decay(a, *BAD)
    stage.run(manage.re_add(mirror, c))
    stage.in_sync(mirror)
    settled(stage, mirror)
    assert not a.damage.unreadable
    assert member(mirror, "a").corrected == 8
    assert a.current[START:] == b.current[START:] == c.current[START:]


def test_readonly_nothing_is_put_right() -> None:
    stage = Stage()
    a, b = stopped(stage)
    decay(a, *BAD)
    before = bytes(a.current)
    mirror = stage.assemble([a, b], readonly=True)
    assert stage.read(mirror, 0, len(DATA)) == DATA
    stage.wait(60)
    assert bytes(a.current) == before
    assert a.damage.unreadable


def fail_reads(stage: Stage, mirror: Mirror, disk: SimDisk, count: int, hours: float = 0.0) -> None:
    """So many pages that cannot be read, one after the other."""
    for page in range(count):
        at = page % 16 * PAGE
        decay(disk, at, at + PAGE)
        assert stage.read(mirror, at, PAGE) == DATA[at : at + PAGE]
        settled(stage, mirror)
        stage.scheduler.time += hours * 3600


def test_too_many_errors_an_hour_fail_the_member() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    most = mirror.tuning.read_errors
    fail_reads(stage, mirror, a, most)
    assert states(mirror)["a"] is State.IN_SYNC
    fail_reads(stage, mirror, a, 1)
    assert states(mirror) == {"a": State.FAULTY, "b": State.IN_SYNC}
    assert "too many read errors: 21, and 20 an hour" in member(mirror, "a").why
    assert "too many read errors" in texts(stage, "member-failed")[0]


def test_errors_of_a_while_ago_count_less() -> None:
    rate = ErrorRate()
    assert [rate.add(100_000.0) for _ in range(20)][-1] == 20
    assert rate.add(100_000.0 + 3600) == 11
    assert rate.add(100_000.0 + 3 * 3600) == 3
    assert rate.add(100_000.0 + 1e9) == 1
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    fail_reads(stage, mirror, a, 2 * mirror.tuning.read_errors, hours=0.5)
    assert states(mirror)["a"] is State.IN_SYNC


def test_the_last_copy_is_not_failed_for_its_errors() -> None:
    """Nor one that alone has what is bad on the other."""
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    decay(b, 60 * KIB, 64 * KIB, dead=True)
    member(mirror, "b").list_bad(60 * KIB, 64 * KIB)
    mirror.array.changed()
    for page in range(mirror.tuning.read_errors + 5):
        at = page % 15 * PAGE
        decay(a, at, at + PAGE)
        assert stage.read(mirror, at, PAGE) == DATA[at : at + PAGE]
        settled(stage, mirror)
    assert states(mirror)["a"] is State.IN_SYNC
    stage.run(manage.fail(mirror, "b"))
    decay(a, 0, 64 * KIB)
    for page in range(mirror.tuning.read_errors + 5):
        assert read_error(stage, mirror, page % 16 * PAGE, PAGE) == errno.EIO
    assert states(mirror)["a"] is State.IN_SYNC


def test_what_takes_no_rewrite_is_listed_durably_and_read_elsewhere() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    decay(a, *BAD, dead=True)
    assert stage.read(mirror, 0, len(DATA)) == DATA
    settled(stage, mirror)
    assert states(mirror) == {"a": State.IN_SYNC, "b": State.IN_SYNC}
    a.lose_power([])
    assert listed(a) == (BadRange(METADATA + BAD[0] // SECTOR, PAGE // SECTOR),)
    assert texts(stage, "bad-blocks-found") == [
        "4.00 KiB at 8.00 KiB of a is bad from now on: it could not be rewritten, and is read from other members. "
        "A write there heals it."
    ]
    errors = member(mirror, "a").read_errors
    assert stage.read(mirror, BAD[0], PAGE) == DATA[BAD[0] : BAD[1]]
    assert member(mirror, "a").read_errors == errors
    stage.executor.abandon()
    again = stage.assemble([a, b])
    assert stage.read(again, 0, len(DATA)) == DATA


def test_a_write_over_what_is_listed_heals_it_or_leaves_it_and_fails_nobody() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    decay(a, *BAD, dead=True)
    assert stage.read(mirror, 0, len(DATA)) == DATA
    settled(stage, mirror)
    new = DATA[::-1]
    assert stage.write(mirror, 0, new) == 0
    assert states(mirror) == {"a": State.IN_SYNC, "b": State.IN_SYNC}
    assert listed(a)
    assert stage.read(mirror, 0, len(DATA)) == new
    assert a.current[START : START + BAD[0]] == new[: BAD[0]]
    assert a.current[START + BAD[1] : START + len(DATA)] == new[BAD[1] :]
    a.damage.mend()
    assert stage.write(mirror, 0, DATA) == 0
    assert not listed(a)
    assert a.current[START:] == b.current[START:]


def test_zeroes_over_what_is_listed_heal_it_too() -> None:
    stage = Stage()
    a, b = stopped(stage)
    make_bad(a, BAD)
    decay(b, 0, len(DATA))  # so that nobody heals it first
    mirror = stage.assemble([a, b])
    stage.until(lambda: not mirror.sync.running)
    answers: list[int] = []
    mirror.start_zero(0, len(DATA), False, False, answers.append)
    stage.until(lambda: bool(answers))
    assert answers == [0]
    assert not listed(a)
    assert a.current[START : START + len(DATA)] == b.current[START : START + len(DATA)] == bytes(len(DATA))


def test_without_a_log_who_takes_no_rewrite_is_out() -> None:
    stage = Stage()
    a, b = stopped(stage)
    without_log(a)
    mirror = stage.assemble([a, b])
    decay(a, *BAD)
    assert stage.read(mirror, 0, len(DATA)) == DATA
    settled(stage, mirror)
    assert states(mirror)["a"] is State.IN_SYNC
    decay(a, *BAD, dead=True)
    assert stage.read(mirror, 0, len(DATA)) == DATA
    settled(stage, mirror)
    assert states(mirror) == {"a": State.FAULTY, "b": State.IN_SYNC}
    assert "it has no bad-block log" in member(mirror, "a").why


def test_a_full_log_fails_the_member() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    it = member(mirror, "a")
    places = range(128 * KIB, 128 * KIB + 1024 * SECTOR, 2 * SECTOR)
    it.bad = BadRanges((at, at + SECTOR) for at in places)
    mirror.array.changed()
    stage.run(mirror.scribe.durable(mirror.scribe.want()))
    assert len(listed(a)) == 512
    decay(a, *BAD, dead=True)
    mirror.corrector.note(it, BAD[0], PAGE)  # reads prefer who has no bad blocks
    settled(stage, mirror)
    assert states(mirror) == {"a": State.FAULTY, "b": State.IN_SYNC}
    assert "its bad-block log is full" in it.why


def test_a_write_that_would_split_an_entry_of_a_full_log_leaves_it_whole() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    it = member(mirror, "a")
    places = range(128 * KIB, 128 * KIB + 2048 * SECTOR, 4 * SECTOR)
    it.bad = BadRanges((at, at + 3 * SECTOR) for at in places)
    mirror.array.changed()
    before = list(it.bad)
    assert stage.write(mirror, 128 * KIB + SECTOR, b"n" * SECTOR) == 0
    assert list(it.bad) == before
    assert stage.read(mirror, 128 * KIB + SECTOR, SECTOR) == b"n" * SECTOR


def test_each_copy_has_what_the_other_cannot_read() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    decay(a, *BAD)
    decay(b, BAD[1], BAD[1] + PAGE)
    assert stage.read(mirror, 0, len(DATA)) == DATA
    settled(stage, mirror)
    assert not a.damage.unreadable
    assert stage.read(mirror, 0, len(DATA)) == DATA


def test_what_no_copy_can_read_is_an_error_there_and_nowhere_else() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    for disk in (a, b):
        decay(disk, *BAD)
    lo, hi = BAD
    assert read_error(stage, mirror, 0, len(DATA)) == errno.EIO
    settled(stage, mirror)
    assert states(mirror) == {"a": State.IN_SYNC, "b": State.IN_SYNC}
    assert list(mirror.array.lost) == [BAD]
    assert read_error(stage, mirror, lo, PAGE) == errno.EIO
    assert stage.read(mirror, 0, lo) == DATA[:lo]
    assert stage.read(mirror, hi, len(DATA) - hi) == DATA[hi:]
    assert stage.write(mirror, lo, b"n" * PAGE) == 0
    assert stage.read(mirror, 0, len(DATA)) == DATA[:lo] + b"n" * PAGE + DATA[hi:]
    assert not mirror.array.lost
    settled(stage, mirror)
    assert not listed(a)
    assert not listed(b)


def test_the_last_copy_of_a_range_is_not_given_up() -> None:
    """It is listed on one of the two; should the other be readable one day, nothing is lost."""
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    for disk in (a, b):
        decay(disk, *BAD)
    assert read_error(stage, mirror, BAD[0], PAGE) == errno.EIO
    settled(stage, mirror)
    assert [bool(listed(disk)) for disk in (a, b)] == [True, False]
    b.damage.unreadable.clear()
    assert stage.read(mirror, 0, len(DATA)) == DATA
    found = stage.run(retest(mirror, "a"))
    assert found.healed == PAGE
    assert not listed(a)
    assert a.current[START:] == b.current[START:]


def test_a_recovery_goes_on_without_what_its_source_cannot_read() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    stage.run(manage.fail(mirror, "b"))
    assert stage.write(mirror, 0, DATA) == 0
    b.current[START : START + len(DATA)] = b"o" * len(DATA)
    decay(a, *BAD)
    stage.run(manage.re_add(mirror, b))
    stage.in_sync(mirror)
    settled(stage, mirror)
    lo, hi = BAD
    assert listed(b) == (BadRange(METADATA + lo // SECTOR, PAGE // SECTOR),)
    assert not listed(a)
    assert texts(stage, "bad-blocks-copied") == [
        "4.00 KiB from 0 B on of vault cannot be read on any copy: b goes on without, and lists it as bad. "
        "A write there heals it."
    ]
    assert read_error(stage, mirror, lo, PAGE) == errno.EIO
    assert stage.read(mirror, 0, lo) == DATA[:lo]
    stage.run(manage.fail(mirror, "a"))
    assert read_error(stage, mirror, lo, PAGE) == errno.EIO  # and not what b held before
    assert stage.read(mirror, hi, 8 * KIB) == DATA[hi : hi + 8 * KIB]
    assert stage.write(mirror, lo, b"n" * PAGE) == 0
    assert not listed(b)
    assert stage.read(mirror, 0, hi) == DATA[:lo] + b"n" * PAGE


def test_what_a_recovery_left_out_is_on_disk_before_the_newcomer_is_believed() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    stage.run(manage.fail(mirror, "b"))
    assert stage.write(mirror, 0, DATA) == 0
    decay(a, *BAD)
    stage.run(manage.re_add(mirror, b))
    place = read_superblock(b).super_offset * SECTOR
    seen: list[bool] = []

    def check(disk: SimDisk, offset: int, length: int) -> None:
        sb = read_superblock(b)
        if offset == place and not sb.recovering and sb.events > 2:
            seen.append(bool(listed(b)))

    b.check_write = a.check_write = check
    stage.in_sync(mirror)
    assert stage.write(mirror, 128 * KIB, DATA) == 0
    stage.run(manage.stop(mirror))
    assert all(seen)
    assert listed(b)
    assert not read_superblock(b).recovering


def test_what_is_put_right_is_in_whole_blocks_of_every_member() -> None:
    stage = Stage()
    sectors = 4 * MIB // SECTOR
    a, b = (
        SimDisk(name, sectors, range(METADATA, sectors), stage.scheduler, atom=block, block_size=block)
        for name, block in (("a", 512), ("b", 4096))
    )
    mirror = stage.create([a, b], chunk=64 * KIB)
    assert stage.write(mirror, 0, DATA) == 0
    decay(a, BAD[0] + SECTOR, BAD[0] + 2 * SECTOR)
    assert stage.read(mirror, 0, len(DATA)) == DATA
    settled(stage, mirror)
    assert not a.damage.unreadable
    decay(a, BAD[0] + SECTOR, BAD[0] + 2 * SECTOR)
    b.damage.strike(START + BAD[0])
    assert read_error(stage, mirror, 0, len(DATA)) == errno.EIO
    settled(stage, mirror)
    assert {listed(a), listed(b)} == {(), (BadRange(METADATA + BAD[0] // SECTOR, 8),)}
    assert stage.read(mirror, BAD[1], PAGE) == DATA[BAD[1] : BAD[1] + PAGE]
    assert stage.write(mirror, 0, DATA) == 0
    assert not (listed(a) or listed(b))
    assert stage.read(mirror, 0, len(DATA)) == DATA


def test_a_read_that_timed_out_does_not_land_in_what_is_rewritten() -> None:
    """The source hangs, another takes its place, and the first one answers late: into its own buffer."""
    stage = Stage()
    sectors = 4 * MIB // SECTOR
    data = random.Random(1).randbytes(64 * KIB)
    a, b, c = (
        SimDisk(name, sectors, range(METADATA, sectors), stage.scheduler, block_size=512) for name in "abc"
    )
    mirror = stage.create([a, b, c], chunk=64 * KIB)
    assert stage.write(mirror, 0, data) == 0
    decay(a, BAD[0] + SECTOR, BAD[0] + 2 * SECTOR)
    assert stage.read(mirror, 0, len(data)) == data
    ready = stage.scheduler.ready
    stage.until(lambda: any(r.disk is b and r.length == PAGE for r in ready))
    late = next(r for r in ready if r.disk is b and r.length == PAGE)
    ready.remove(late)
    assert late.buffer
    late.buffer.hold()
    late.waiter.complete(late.index, -errno.ETIMEDOUT)
    stage.until(lambda: any(r.disk is a and r.changes and r.offset >= START for r in ready))
    b.take_effect(late)
    late.buffer.drop()
    settled(stage, mirror)
    assert states(mirror) == {"a": State.IN_SYNC, "b": State.FAULTY, "c": State.IN_SYNC}
    assert not a.damage.unreadable
    assert a.current[START:] == c.current[START:]


def test_a_resync_takes_the_version_that_can_be_read() -> None:
    """After a crash without a bitmap: the copy that would be the measure has lost a page, and the other has it."""
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    assert stage.write(mirror, 0, DATA) == 0
    for disk in (a, b):
        disk.medium.flush(disk.medium.version)
    stage.executor.abandon()
    stage.scheduler.forget()
    for disk in (a, b):
        disk.lose_power([])
    decay(a, *BAD)
    again = stage.assemble([a, b])
    assert member(again, "b").need.count
    stage.until(lambda: not again.sync.running)
    settled(stage, again)
    assert not a.damage.unreadable
    assert a.current[START:] == b.current[START:]
    assert stage.read(again, 0, len(DATA)) == DATA


def test_a_retest_clears_what_another_copy_has_and_only_that() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    decay(a, *BAD, dead=True)
    assert stage.read(mirror, 0, len(DATA)) == DATA
    settled(stage, mirror)
    assert stage.run(retest(mirror, "a")).healed == 0
    assert listed(a)
    a.damage.mend()
    assert stage.run(retest(mirror, "a")).healed == PAGE
    assert not listed(a)
    stage.run(manage.stop(mirror))
    make_bad(a, BAD)
    alone = stage.assemble([a], run=True)
    found = stage.run(retest(alone, "a"))
    assert (found.healed, found.readable) == (0, PAGE)
    assert listed(a)
    assert read_error(stage, alone, BAD[0], PAGE) == errno.EIO


def test_a_stop_waits_for_what_is_being_put_right() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    decay(a, *BAD)
    assert stage.read(mirror, 0, len(DATA)) == DATA
    busy = [mirror.corrector.busy]
    stage.run(manage.stop(mirror))
    assert [*busy, mirror.corrector.busy] == [True, False]
    assert not stage.scheduler.ready


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200, 256, 257, 500])
def test_no_cut_in_a_growing_log_loses_what_it_lists(count: int) -> None:
    old = [BadRange(n * 4, 2) for n in range(count)]
    new = [*old, BadRange(9_000, 3), BadRange(10_000, 600)]
    log = badblocks.encode(old)
    for at, data in badblocks.rewrite(log, new, atom=512):
        log = log[:at] + data + log[at + len(data) :]
        assert set(badblocks.decode(log)) >= set(old)
    assert badblocks.decode(log) == tuple(new)


def test_a_source_that_cannot_be_read_is_put_right_in_its_turn() -> None:
    stage = Stage()
    a, b, c = stopped(stage, "abc")
    mirror = stage.assemble([a, b, c])
    for disk in (a, b):
        decay(disk, *BAD)
    mirror.corrector.note(member(mirror, "a"), BAD[0], PAGE)
    settled(stage, mirror)
    assert not (a.damage.unreadable or b.damage.unreadable)
    assert a.current[START:] == b.current[START:] == c.current[START:]


def test_what_can_be_read_of_the_source_is_not_replaced_by_another_version() -> None:
    """After a crash b may have another version of the page. Who has read a's must not read b's later."""
    stage = Stage()
    sectors = 4 * MIB // SECTOR
    a, b = (
        SimDisk(name, sectors, range(METADATA, sectors), stage.scheduler, block_size=512) for name in "ab"
    )
    mirror = stage.create([a, b])
    for disk, data in ((a, b"A"), (b, b"B")):
        disk.current[START : START + PAGE] = data * PAGE
    decay(a, PAGE - SECTOR, PAGE)
    mirror.array.in_sync()[1].need.add(0)
    assert stage.read(mirror, 0, SECTOR) == b"A" * SECTOR
    mirror.sync.kick("a crash")
    settled(stage, mirror)
    assert stage.read(mirror, 0, SECTOR) == b"A" * SECTOR
    assert a.current[START : START + PAGE] == b.current[START : START + PAGE]
    assert stage.read(mirror, PAGE - SECTOR, SECTOR) == b"B" * SECTOR, "which nobody could have read of a"
