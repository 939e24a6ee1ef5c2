"""Members whose bad-block log lists something: not read there, healed from another copy, honest where there is none."""

from __future__ import annotations

import errno
from dataclasses import replace

from mirrortui.format import badblocks, layout, superblock
from mirrortui.format.badblocks import BadRange
from mirrortui.format.superblock import Feature, Superblock
from mirrortui.mirror.array import State
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB, SECTOR
from tests.stage import METADATA, Stage, states

START = METADATA * SECTOR
DATA = bytes(range(1, 129)) * 512
"""64 KiB, at the start of the array."""
BAD = (8 * KIB, 12 * KIB)


def read_superblock(disk: SimDisk) -> Superblock:
    return superblock.decode(bytes(disk.current[8 * SECTOR : 16 * SECTOR]), minor=2)


def make_bad(disk: SimDisk, *ranges: tuple[int, int]) -> None:
    """As the kernel does when writes fail: listed, and something else there."""
    sb = read_superblock(disk)
    sb = replace(sb, feature_map=sb.feature_map | Feature.BAD_BLOCKS)
    disk.medium.preset(sb.super_offset * SECTOR, sb.encode())
    log = [BadRange(sb.data_offset + lo // SECTOR, (hi - lo) // SECTOR) for lo, hi in ranges]
    disk.medium.preset(sb.bblog_sector * SECTOR, badblocks.encode(log))
    for lo, hi in ranges:
        disk.medium.preset(START + lo, b"\xbb" * (hi - lo))


def without_log(disk: SimDisk) -> None:
    """As mdadm makes it with --no-bad-blocks or the kernel before 3.5."""
    sb = replace(read_superblock(disk), bblog_offset=0, bblog_size=0)
    disk.medium.preset(sb.super_offset * SECTOR, sb.encode())


def listed(disk: SimDisk) -> tuple[BadRange, ...]:
    """What its log says, if that counts."""
    sb = read_superblock(disk)
    if Feature.BAD_BLOCKS not in sb.feature_map:
        return ()
    return badblocks.decode(bytes(disk.current[sb.bblog_sector * SECTOR :][: sb.bblog_size * SECTOR]))


def stopped(stage: Stage, names: str = "ab", *, chunk: int = 64 * KIB) -> list[SimDisk]:
    """Members of a clean mirror that holds DATA."""
    disks = [stage.disk(name) for name in names]
    mirror = stage.create(disks, chunk=chunk)
    assert stage.write(mirror, 0, DATA) == 0
    stage.run(manage.stop(mirror))
    return disks


def read_error(stage: Stage, mirror: Mirror, offset: int, length: int) -> int:
    buffer = stage.pool.empty(length)
    answers: list[int] = []
    mirror.start_read(offset, buffer, length, lambda error, _: answers.append(error))
    stage.until(lambda: bool(answers))
    return answers[0]


def test_a_bad_range_is_read_elsewhere_then_healed_and_forgotten() -> None:
    stage = Stage()
    a, b = stopped(stage)
    make_bad(a, BAD, (20 * KIB, 21 * KIB))
    mirror = stage.assemble([a, b])
    assert states(mirror) == {"a": State.IN_SYNC, "b": State.IN_SYNC}
    assert stage.read(mirror, 0, len(DATA)) == DATA
    stage.until(lambda: not mirror.sync.running and mirror.scribe.settled)
    assert a.current[START:] == b.current[START:]
    assert not listed(a)
    assert [text for kind, text in stage.events if kind == "bad-blocks-healed"] == [
        "4.00 KiB at 8.00 KiB of a was bad and is good again.",
        "1.00 KiB at 20.0 KiB of a was bad and is good again.",
    ]
    assert stage.read(mirror, 0, len(DATA)) == DATA


def test_what_was_healed_survives_a_power_cut() -> None:
    stage = Stage()
    a, b = stopped(stage)
    make_bad(a, BAD)
    mirror = stage.assemble([a, b])
    stage.until(lambda: not mirror.sync.running and mirror.scribe.settled)
    a.lose_power([])
    assert not listed(a)
    assert a.current[START : START + len(DATA)] == DATA


def test_a_write_that_came_to_nothing_is_copied_from_who_has_the_chunk() -> None:
    stage = Stage()
    a, b = stopped(stage)
    make_bad(a, BAD)
    mirror = stage.assemble([a, b])
    mirror.book.suspect(0, KIB)
    assert [m.path for m in mirror.array.members if 0 in m.need] == ["a"]
    stage.until(lambda: not mirror.sync.running and mirror.scribe.settled)
    assert a.current[START:] == b.current[START:]


def test_two_members_heal_each_other_within_one_chunk() -> None:
    stage = Stage()
    a, b = stopped(stage)
    make_bad(a, BAD)
    make_bad(b, (12 * KIB, 16 * KIB))
    mirror = stage.assemble([a, b])
    assert stage.read(mirror, 0, len(DATA)) == DATA
    stage.until(lambda: not mirror.sync.running)
    assert a.current[START:] == b.current[START:]
    assert stage.read(mirror, 0, len(DATA)) == DATA


def test_where_the_only_copy_is_bad_reads_fail_and_the_rest_is_served() -> None:
    stage = Stage()
    a, _ = stopped(stage)
    make_bad(a, BAD)
    mirror = stage.assemble([a], run=True)
    lo, hi = BAD
    assert stage.read(mirror, 0, lo) == DATA[:lo]
    assert stage.read(mirror, hi, 8 * KIB) == DATA[hi : hi + 8 * KIB]
    assert read_error(stage, mirror, 0, len(DATA)) == errno.EIO
    assert read_error(stage, mirror, hi - SECTOR, SECTOR) == errno.EIO
    assert listed(a) == (BadRange(METADATA + lo // SECTOR, (hi - lo) // SECTOR),)


def test_a_write_heals_what_it_covers_durably() -> None:
    """The only copy: what was acknowledged there must be readable after a crash, and what was not must not be."""
    stage = Stage()
    a, _ = stopped(stage)
    make_bad(a, BAD)
    mirror = stage.assemble([a], run=True)
    lo, hi = BAD
    assert stage.write(mirror, lo + KIB, b"n" * KIB) == 0
    a.lose_power([])
    stage.executor.abandon()
    again = stage.assemble([a], run=True)
    assert stage.read(again, lo + KIB, KIB) == b"n" * KIB
    assert read_error(stage, again, lo, SECTOR) == errno.EIO
    assert read_error(stage, again, lo + 2 * KIB, SECTOR) == errno.EIO
    assert stage.write(again, lo, b"m" * (hi - lo)) == 0
    assert not listed(a)
    assert stage.read(again, 0, hi) == DATA[:lo] + b"m" * (hi - lo)


def test_a_part_of_a_bad_sector_cannot_be_written() -> None:
    """It could never be read back: the rest of the sector is unknown."""
    stage = Stage()
    a, _ = stopped(stage)
    make_bad(a, BAD)
    mirror = stage.assemble([a], run=True)
    lo, _ = BAD
    assert stage.write(mirror, lo + 100, b"n" * 100) == errno.EIO
    assert stage.write(mirror, lo - 100, b"n" * 200) == errno.EIO
    assert stage.write(mirror, lo - 100, b"n" * 100) == 0
    assert read_error(stage, mirror, lo, SECTOR) == errno.EIO


def test_after_a_crash_a_copy_without_bad_blocks_is_the_measure() -> None:
    """The lowest member would be it, but in that chunk it has not all of the data."""
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    mirror = stage.create([a, b], chunk=64 * KIB)
    assert stage.write(mirror, 0, DATA) == 0
    assert stage.write(mirror, 64 * KIB, DATA) == 0
    for disk in (a, b):
        disk.lose_power([])
    stage.executor.abandon()
    for disk in (a, b):
        disk.medium.preset(START, DATA)
    b.medium.preset(START + 40 * KIB, b"\xcc" * KIB)  # in flight at the cut: either version will do, but one
    a.medium.preset(START + 64 * KIB, DATA)
    make_bad(a, BAD)
    again = stage.assemble([a, b])
    expected = DATA[: 40 * KIB] + b"\xcc" * KIB + DATA[41 * KIB :]
    assert stage.read(again, 0, len(DATA)) == expected
    stage.until(lambda: not again.sync.running and again.scribe.settled)
    assert a.current[START:] == b.current[START:]
    assert stage.read(again, 0, len(DATA)) == expected
    assert stage.read(again, 64 * KIB, len(DATA)) == DATA
    assert not listed(a)


def test_a_range_that_no_copy_has_stays_bad_and_the_resync_ends() -> None:
    stage = Stage()
    a, b = stopped(stage)
    make_bad(a, BAD)
    make_bad(b, BAD)
    mirror = stage.assemble([a, b])
    stage.until(lambda: not mirror.sync.running)
    assert read_error(stage, mirror, BAD[0], SECTOR) == errno.EIO
    assert listed(a)
    assert listed(b)
    assert [kind for kind, _ in stage.events].count("bad-blocks-left") == 2
    assert stage.write(mirror, BAD[0], b"n" * 4 * KIB) == 0
    assert stage.read(mirror, BAD[0], 4 * KIB) == b"n" * 4 * KIB
    assert not listed(a)
    assert not listed(b)


def test_a_member_that_does_not_take_the_healing_keeps_its_log() -> None:
    stage = Stage()
    a, b = stopped(stage)
    make_bad(a, BAD)
    mirror = stage.assemble([a, b])
    a.faults, stage.scheduler.rates.error = True, 1.0
    stage.until(lambda: not mirror.sync.running)
    a.faults = False
    assert states(mirror) == {"a": State.IN_SYNC, "b": State.IN_SYNC}
    assert listed(a)
    assert stage.read(mirror, 0, len(DATA)) == DATA
    mirror.sync.kick()
    stage.until(lambda: not mirror.sync.running and mirror.scribe.settled)
    assert not listed(a)


def test_a_former_member_with_bad_blocks_is_taken_back() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    stage.run(manage.fail(mirror, "b"))
    make_bad(b, BAD)
    assert stage.write(mirror, 32 * KIB, b"n" * KIB) == 0
    stage.run(manage.re_add(mirror, b))
    stage.in_sync(mirror)
    stage.until(lambda: mirror.scribe.settled)
    assert a.current[START:] == b.current[START:]
    assert not listed(b)


def test_readonly_nothing_is_healed_and_nothing_written() -> None:
    stage = Stage()
    a, b = stopped(stage)
    make_bad(a, BAD)
    before = bytes(a.current), bytes(b.current)
    mirror = stage.assemble([a, b], readonly=True)
    assert stage.read(mirror, 0, len(DATA)) == DATA
    stage.wait(60)
    assert (bytes(a.current), bytes(b.current)) == before


def test_shortcuts_stay_away_from_what_is_bad() -> None:
    stage = Stage()
    disks = [stage.disk(name, inline=True) for name in "ab"]
    mirror = stage.create(disks, chunk=64 * KIB)
    assert stage.write(mirror, 0, DATA) == 0
    stage.run(manage.stop(mirror))
    make_bad(disks[0], BAD)
    mirror = stage.assemble(disks)
    assert mirror.array.members[0].bad
    assert not mirror.try_write(BAD[0], memoryview(DATA))
    for _ in range(20):  # now and then the page is not in the cache
        assert stage.read(mirror, BAD[0], KIB) == DATA[BAD[0] : BAD[0] + KIB]
    stage.until(lambda: not mirror.sync.running and mirror.scribe.settled)
    assert disks[0].current[START:] == disks[1].current[START:]
    assert stage.write(mirror, 0, DATA) == 0
    assert mirror.try_write(0, memoryview(DATA))


def test_what_all_copies_lost_does_not_keep_the_rest_of_a_range_from_being_healed() -> None:
    stage = Stage()
    a, b = stopped(stage)
    make_bad(a, (8 * KIB, 16 * KIB))
    make_bad(b, (10 * KIB, 11 * KIB), (15 * KIB, 17 * KIB))
    mirror = stage.assemble([a, b])
    stage.until(lambda: not mirror.sync.running and mirror.scribe.done == mirror.scribe.asked)
    first = METADATA + 20
    assert listed(a) == listed(b) == (BadRange(first, 2), BadRange(first + 10, 2))
    assert stage.read(mirror, 0, 10 * KIB) == DATA[: 10 * KIB]
    assert stage.read(mirror, 11 * KIB, 4 * KIB) == DATA[11 * KIB : 15 * KIB]


def test_a_recovery_that_waits_for_what_its_source_lost_goes_on_when_that_is_written() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    stage.run(manage.fail(mirror, "b"))
    assert stage.write(mirror, 0, DATA) == 0
    stage.run(manage.stop(mirror))
    make_bad(a, BAD)
    without_log(b)
    mirror = stage.assemble([a], run=True)
    stage.run(manage.re_add(mirror, b))
    stage.until(lambda: not mirror.sync.running)
    assert states(mirror) == {"a": State.IN_SYNC, "b": State.RECOVERING}
    assert "sync-stuck" in dict(stage.events)
    lo, hi = BAD
    assert stage.write(mirror, lo, b"n" * (hi - lo)) == 0
    stage.in_sync(mirror)
    assert a.current[START:] == b.current[START:]
    assert stage.read(mirror, 0, hi) == DATA[:lo] + b"n" * (hi - lo)


def test_a_recovery_goes_on_when_a_copy_comes_back_that_has_what_the_source_lost() -> None:
    stage = Stage()
    a, b, c = stopped(stage, "abc")
    mirror = stage.assemble([a, b, c])
    for path in "bc":
        stage.run(manage.fail(mirror, path))
    stage.run(manage.remove(mirror, "c"))
    stage.run(manage.stop(mirror))
    make_bad(a, BAD)
    mirror = stage.assemble([a], run=True)
    usual = layout.plan(c.size // SECTOR, chunk=64 * KIB, bitmap=True, size=mirror.size // SECTOR)
    stage.run(manage.add(mirror, c, replace(usual, bblog_offset=0, bblog_size=0)))
    stage.until(lambda: not mirror.sync.running)
    assert states(mirror) == {"a": State.IN_SYNC, "c": State.RECOVERING}
    stage.run(manage.re_add(mirror, b))
    stage.in_sync(mirror)
    assert a.current[START:] == b.current[START:] == c.current[START:]
    assert stage.read(mirror, 0, len(DATA)) == DATA


def test_the_log_of_a_member_that_failed_meanwhile_is_not_written() -> None:
    stage = Stage()
    a, b = stopped(stage)
    for disk in (a, b):
        make_bad(disk, BAD, (20 * KIB, 21 * KIB))
    mirror = stage.assemble([a, b])
    stage.until(lambda: not mirror.sync.running)
    lo, hi = BAD
    buffer = stage.pool.take(b"n" * (hi - lo))
    answers: list[int] = []
    mirror.start_write(lo, buffer, hi - lo, False, answers.append)
    log = read_superblock(a).bblog_sector * SECTOR
    stage.until(lambda: any(r.disk is a and r.offset == log for r in stage.scheduler.ready))
    stage.executor.spawn(manage.fail(mirror, "b"))
    stage.executor.drain()
    written: list[int] = []
    b.check_write = lambda disk, offset, length: written.append(offset)
    stage.until(lambda: bool(answers) and mirror.scribe.done == mirror.scribe.asked)
    assert answers == [0]
    assert states(mirror)["b"] is State.FAULTY
    assert not written


def test_what_one_copy_lost_keeps_no_chunk_from_being_copied() -> None:
    """Two sources lost different chunks, and of one chunk each a part."""
    stage = Stage()
    a, b, c = stopped(stage, "abc", chunk=16 * KIB)
    mirror = stage.assemble([a, b, c])
    stage.run(manage.fail(mirror, "c"))
    stage.run(manage.remove(mirror, "c"))
    stage.run(manage.add(mirror, c))
    stage.executor.abandon()
    stage.scheduler.forget()
    for disk in (a, b, c):
        disk.lose_power([])
    make_bad(a, BAD, (32 * KIB, 33 * KIB))
    make_bad(b, (20 * KIB, 21 * KIB), (40 * KIB, 41 * KIB))
    mirror = stage.assemble([a, b, c])
    assert states(mirror)["c"] is State.RECOVERING
    stage.in_sync(mirror)
    assert a.current[START:] == b.current[START:] == c.current[START:]
    assert stage.read(mirror, 0, len(DATA)) == DATA


def test_only_the_chunk_that_no_copy_has_waits() -> None:
    stage = Stage()
    a, b = stopped(stage, chunk=16 * KIB)
    mirror = stage.assemble([a, b])
    stage.run(manage.fail(mirror, "b"))
    assert stage.write(mirror, 0, DATA) == 0
    stage.run(manage.stop(mirror))
    make_bad(a, BAD)
    without_log(b)
    mirror = stage.assemble([a], run=True)
    stage.run(manage.re_add(mirror, b))
    stage.until(lambda: not mirror.sync.running)
    assert list(mirror.array.members[1].need) == [0]


def test_a_range_that_reaches_into_a_chunk_that_is_copied_is_healed_on_both_sides() -> None:
    stage = Stage()
    a, b = stopped(stage, chunk=16 * KIB)
    make_bad(a, (14 * KIB, 18 * KIB))
    make_bad(b, (17 * KIB, 18 * KIB))
    mirror = stage.assemble([a, b])
    mirror.book.suspect(16 * KIB, KIB)
    stage.until(lambda: not mirror.sync.running and mirror.scribe.done == mirror.scribe.asked)
    assert not any(m.need.count for m in mirror.array.members)
    assert a.current[START : START + 17 * KIB] == DATA[: 17 * KIB]
    assert listed(a) == listed(b) == (BadRange(METADATA + 34, 2),)
