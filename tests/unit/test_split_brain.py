"""Halves of a mirror that were used apart: when bitmaps tell what differs, and how the loser is filled (I9, I10)."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from mirrortui.device.base import Op, Waiter
from mirrortui.device.buffers import Buffer
from mirrortui.engine.rehearsal import history
from mirrortui.errors import ChangedError, DivergedError, MemberError, RefusedError
from mirrortui.format import bitmap, parting
from mirrortui.format.superblock import ROLE_SPARE, Feature
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.assemble import AssembleSpec, assemble
from mirrortui.mirror.assembly.decide import decide
from mirrortui.mirror.assembly.differences import doubt
from mirrortui.mirror.assembly.diverged import Side
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage, settings
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB, MIB
from tests.stage import METADATA, Stage, image, states

CHUNK = 64 * KIB
DATA = METADATA * 512


def write(stage: Stage, mirror: Mirror, *chunks: int, letter: bytes) -> None:
    """A page in each of these chunks."""
    for chunk in chunks:
        assert stage.write(mirror, chunk * CHUNK, letter * 4096) == 0


def apart(stage: Stage, disk: SimDisk, *chunks: int) -> None:
    """One run of a member alone."""
    mirror = stage.assemble([disk], run=True)
    write(stage, mirror, *chunks, letter=disk.path.encode())
    stage.run(manage.stop(mirror))


def split(stage: Stage, names: str = "ab") -> list[SimDisk]:
    """Disks that were a mirror, of which the first wrote to chunks 1, 2 since, and the second to 2, 3."""
    disks = [stage.disk(name) for name in names]
    mirror = stage.create(disks, chunk=CHUNK)
    write(stage, mirror, 9, letter=b"=")
    stage.run(manage.stop(mirror))
    apart(stage, disks[0], 1, 2)
    apart(stage, disks[1], 2, 3)
    return disks


def look(stage: Stage, *disks: SimDisk) -> list[Found]:
    return [stage.run(read_member(disk, stage.pool)) for disk in disks]


def data(disk: SimDisk) -> bytes:
    return image(disk)[DATA:]


def test_the_refusal_names_what_each_says_and_changed_and_writes_nothing() -> None:
    stage = Stage()
    a, b = split(stage)
    before = image(a), image(b)
    with pytest.raises(DivergedError) as refused:
        stage.assemble([a, b], run=True)
    (one, other) = look(stage, a, b)
    told = str(refused.value)
    assert f"a says at events {one.superblock.events} that b failed or was missing" in told
    assert f"b says at events {other.superblock.events} that a failed or was missing" in told
    assert "both were written since: 2 chunks (128 KiB) changed since on a, 2 chunks (128 KiB)" in told
    assert "They parted at events" in told
    assert (image(a), image(b)) == before


def test_each_history_says_where_that_side_wrote() -> None:
    stage = Stage()
    a, b = split(stage)
    with pytest.raises(DivergedError) as refused:
        stage.assemble([a, b], run=True)
    one, other = (history(side) for side in refused.value.sides if isinstance(side, Side))
    assert (one.members, other.members) == (["a"], ["b"])
    assert one.changed == other.changed == 2 * CHUNK
    assert (one.map[:5], other.map[:5]) == (".dd..", "..dd.")
    assert set(one.map[5:] + other.map[5:]) == {"."}
    assert one.written <= other.written
    (side, _) = refused.value.sides
    assert isinstance(side, Side)
    assert side.cells(2) == "d.", "many chunks to a cell: one of them counts"


@pytest.mark.parametrize("kept", [0, 1])
def test_the_survivor_gives_what_either_wrote_and_no_more(kept: int) -> None:
    stage = Stage()
    disks = split(stage)
    survivor, loser = disks[kept], disks[1 - kept]
    truth = data(survivor)
    verdict = decide(look(stage, *disks), survivor=survivor.path)
    (rejoin,) = verdict.rejoins
    assert rejoin.how == "union"
    assert (rejoin.total.chunks, rejoin.only_kept.chunks, rejoin.only_lost.chunks, rejoin.both.chunks) == (
        3,
        1,
        1,
        1,
    )
    mirror = stage.assemble(disks, survivor=survivor.path)
    stage.in_sync(mirror)
    assert data(loser) == truth == data(survivor)
    (filled,) = (m for m in mirror.array.members if m.path == loser.path)
    assert filled.written_bytes == 3 * CHUNK
    assert ("recovery-finished", "vault: recovery is done; copied 3 of 48 chunks.") in stage.events
    stage.run(manage.stop(mirror))
    again = stage.assemble(disks)
    assert not again.sync.running


def test_a_side_that_wrote_nothing_can_be_the_loser_without_loss() -> None:
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    stage.run(manage.stop(stage.create([a, b], chunk=CHUNK)))
    apart(stage, a, 1)
    mirror = stage.assemble([b], run=True)
    stage.wait(10)
    stage.run(manage.stop(mirror))
    with pytest.raises(DivergedError, match="nothing changed since on b") as refused:
        stage.assemble([a, b])
    assert "--survivor a loses nothing" in refused.value.hint


def test_whoever_comes_later_from_the_losing_side_is_older_by_then() -> None:
    """Of the losing side only one is there when it is healed. The other must not win later."""
    stage = Stage()
    a, b, c = (stage.disk(name) for name in "abc")
    stage.run(manage.stop(stage.create([a, b, c], chunk=CHUNK)))
    apart(stage, a, 1)
    for chunk in range(2, 12):
        mirror = stage.assemble([b, c], run=True)
        write(stage, mirror, chunk, letter=b"x")
        stage.run(manage.stop(mirror))
    mirror = stage.assemble([a, b], survivor="a", run=True)
    stage.until(lambda: not mirror.sync.running)
    stage.run(manage.stop(mirror))
    truth = data(a)
    mirror = stage.assemble([a, b, c], run=True)
    assert [note.path for note in mirror.array.left_out] == ["c"]
    assert data(a) == truth == data(b)


def test_everything_is_compared_where_that_is_asked_for_and_only_what_differs_is_written() -> None:
    stage = Stage()
    a, b = split(stage)
    truth = data(a)
    mirror = stage.assemble([a, b], survivor="a", compare=True)
    stage.in_sync(mirror)
    assert data(b) == truth
    (filled,) = (m for m in mirror.array.members if m.path == "b")
    assert filled.written_bytes == 2 * 4096, "a page in two chunks; in the third one a hole was made"


def test_a_plan_made_at_other_counts_is_not_carried_out() -> None:
    stage = Stage()
    a, b = split(stage)
    counts = {f.path: f.superblock.events for f in look(stage, a, b)}
    apart(stage, b, 5)
    before = image(a), image(b)
    with pytest.raises(ChangedError, match="b has changed since this was planned"):
        stage.assemble([a, b], survivor="a", counts=counts)
    assert (image(a), image(b)) == before


def test_a_member_that_was_used_apart_is_not_re_added() -> None:
    stage = Stage()
    a, b = split(stage)
    mirror = stage.assemble([a], run=True)
    before = image(b)
    with pytest.raises(
        DivergedError, match=r"b and vault have diverged: b says at events .* 2 chunks"
    ) as refused:
        stage.run(manage.re_add(mirror, b))
    assert "--survivor a" in refused.value.hint
    assert image(b) == before


def test_a_re_add_takes_what_is_marked_on_the_other_alone() -> None:
    """It was written to, and the power went before any table said that it was alone."""
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    mirror = stage.create([a, b], chunk=CHUNK)
    write(stage, mirror, 9, letter=b"=")
    stage.run(manage.fail(mirror, "b"))
    (found,) = look(stage, b)
    assert found.header
    raw = bytearray(found.raw)
    bitmap.set_bit(raw, 30)
    how = manage.plan_re_add(mirror.array, mirror.intent.raw, replace(found, raw=bytes(raw)))
    assert 30 in how.need


def cleared(one: Found, events: int) -> Found:
    assert one.header
    return replace(one, header=replace(one.header, events_cleared=events))


def stale_bitmap(one: Found) -> Found:
    assert one.header
    return replace(one, header=replace(one.header, events=one.superblock.events - 5))


def unwritten_bitmap(one: Found) -> Found:
    assert one.header
    return replace(one, header=replace(one.header, state=one.header.state | 4))


def no_bitmap(one: Found) -> Found:
    sb = replace(one.superblock, feature_map=Feature(0), bitmap_offset=0)
    return Found(one.path, sb, None, b"")


def other_chunk(one: Found) -> Found:
    assert one.header
    header = replace(one.header, chunksize=2 * CHUNK)
    return replace(one, header=header, raw=bytes(bitmap.image(header, dirty=False)))


def smaller(one: Found) -> Found:
    return replace(one, superblock=replace(one.superblock, size=one.superblock.size - 8))


def three(one: Found) -> Found:
    return replace(one, superblock=replace(one.superblock, raid_disks=3))


def filled_up(one: Found) -> Found:
    """Another took the place of the one that is gone, in a slot of its own."""
    table = list(one.superblock.dev_roles)
    table[2] = 1 - one.superblock.role
    return replace(one, superblock=replace(one.superblock, dev_roles=tuple(table)))


def past_the_split(one: Found) -> Found:
    return cleared(one, one.superblock.events)


def a_little_later(one: Found) -> Found:
    assert one.header
    return cleared(one, one.header.events_cleared + 1)


def with_others(one: Found) -> Found:
    assert one.header
    return replace(one, header=replace(one.header, cleared_by=one.header.cleared_by ^ 1))


DOUBTS: list[tuple[Callable[[Found], Found], str]] = [
    (stale_bitmap, "has a bitmap that is out of date"),
    (unwritten_bitmap, "has a bitmap that could not be written in full"),
    (no_bitmap, "has no write-intent bitmap"),
    (other_chunk, "their chunks differ, "),
    (smaller, "they are of different sizes"),
    (three, "another number of members since"),
    (filled_up, "got members for all its roles since"),
    (past_the_split, "after they parted"),
    (a_little_later, "one may have done so after they parted"),
    (with_others, "but with other members: one did so after they parted"),
]


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(("change", "why"), DOUBTS)
def test_bitmaps_that_may_not_tell_all_are_not_believed(
    side: int, change: Callable[[Found], Found], why: str
) -> None:
    stage = Stage()
    found = look(stage, *split(stage))
    assert doubt(*found) == ""
    found[side] = change(found[side])
    assert why in doubt(*found)
    assert why in doubt(*reversed(found))


@pytest.mark.parametrize(("change", "why"), DOUBTS[:2] + DOUBTS[6:])
def test_where_the_bitmaps_do_not_tell_all_is_compared(change: Callable[[Found], Found], why: str) -> None:
    stage = Stage()
    one, other = look(stage, *split(stage))
    verdict = decide([one, change(other)], survivor="a")
    (rejoin,) = verdict.rejoins
    assert rejoin.how == "compare"
    assert why in rejoin.summary
    assert len(rejoin.need) == 48
    assert verdict.dirty == rejoin.need
    assert verdict.events == max(one.superblock.events, other.superblock.events)


def test_a_loser_that_has_no_place_for_the_bitmap_is_left_out() -> None:
    stage = Stage()
    one, other = look(stage, *split(stage))
    verdict = decide([one, no_bitmap(other)], survivor="a")
    assert [(note.path, note.why) for note in verdict.left_out] == [
        ("b", "it has no place for the write-intent bitmap")
    ]


def test_one_that_is_only_older_has_not_parted() -> None:
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    stage.run(manage.stop(stage.create([a, b], chunk=CHUNK)))
    apart(stage, a, 1)
    found = look(stage, a, b)
    assert parting.parted_pairs(found) == []
    assert parting.successor(found[1], found) is found[0]


def test_two_that_a_third_left_behind_have_not_parted_though_neither_knows_the_other() -> None:
    stage = Stage()
    a, b, c = (stage.disk(name) for name in "abc")
    mirror = stage.create([a, b, c], chunk=CHUNK)
    stage.run(manage.fail(mirror, "a"))
    stage.run(manage.remove(mirror, "a"))
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.stop(mirror))
    found = look(stage, a, b, c)
    assert parting.parted_pairs(found) == []
    assert states(stage.assemble([a, b, c])) == {"c": State.IN_SYNC}


def test_a_slot_that_was_given_away_is_not_taken_for_its_former_owner() -> None:
    stage = Stage()
    a, b = split(stage)
    c = stage.disk("c", 6 * MIB)
    mirror = stage.assemble([a], run=True)
    stage.run(manage.add(mirror, c))
    stage.in_sync(mirror)
    stage.run(manage.stop(mirror))
    one, other, third = look(stage, a, b, c)
    assert third.superblock.dev_number != other.superblock.dev_number or "given" in doubt(one, other)
    verdict = decide([one, other, third], survivor="b")
    assert {rejoin.how for rejoin in verdict.rejoins} == {"compare"}
    assert all(role != ROLE_SPARE for role in (place.role for place in verdict.places))


class MemoryShelf:
    """What was kept, in memory."""

    def __init__(self) -> None:
        self.label = "shelf"
        self.ranges: dict[int, bytes] = {}
        self.size = 0
        self.end = ""
        self.before_end: Callable[[], None] = lambda: None

    def begin(self, size: int) -> None:
        self.size = size

    def put(self, at: int, data: memoryview) -> None:
        self.ranges[at] = bytes(data)

    def finish(self) -> None:
        self.before_end()
        self.end = "finished"

    def discard(self) -> None:
        self.end = "discarded"


def test_what_only_the_loser_holds_is_kept_before_anything_is_written() -> None:
    stage = Stage()
    a, b = split(stage)
    before = image(a), image(b)
    shelf = MemoryShelf()

    def check() -> None:
        assert (image(a), image(b)) == before

    shelf.before_end = check
    mirror = stage.assemble([a, b], survivor="a", shelf=shelf)
    assert shelf.end == "finished"
    assert shelf.size == mirror.array.size
    assert shelf.ranges == {CHUNK: bytes(4096), 2 * CHUNK: b"b" * 4096, 3 * CHUNK: b"b" * 4096}
    stage.in_sync(mirror)


def test_a_loser_that_cannot_be_read_is_not_overwritten() -> None:
    stage = Stage()
    a, b = split(stage)
    before = image(a), image(b)
    shelf = MemoryShelf()
    reading = b.submit

    def submit(
        op: Op, offset: int, buffer: Buffer | None, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        if op is Op.READ and offset >= DATA:
            waiter.complete(index, -errno.EIO)
        else:
            reading(op, offset, buffer, length, fua, waiter, index)

    b.submit = submit  # type: ignore[method-assign]
    with pytest.raises(MemberError, match=r"b cannot be read at 64\.0 KiB of its data: Input/output error"):
        stage.assemble([a, b], survivor="a", shelf=shelf)
    assert shelf.end == "discarded"
    assert (image(a), image(b)) == before


def test_one_file_does_not_keep_two_sides() -> None:
    stage = Stage()
    disks = split(stage, "abc")
    shelf = MemoryShelf()
    apart(stage, disks[2], 7)
    before = [image(disk) for disk in disks]
    with pytest.raises(RefusedError, match="b and c were used apart from each other too"):
        stage.assemble(disks, survivor="a", shelf=shelf)
    assert shelf.end == ""
    assert [image(disk) for disk in disks] == before


def healed_and_cut(step: int) -> bool:
    """a and b went on together, c counted far beyond them; a survives, and the power goes after so many operations.
    True: it was healed by then.
    """
    stage = Stage()
    a, b, c = (stage.disk(name) for name in "abc")
    stage.run(manage.stop(stage.create([a, b, c], chunk=CHUNK)))
    for half in ([a, b], [c]):
        alone = stage.assemble(half, run=True)
        write(stage, alone, 1, letter=half[0].path.encode())
        for number in range(10 if half == [c] else 0):
            stage.run(settings.rename(alone, f"name{number}"))
        stage.run(manage.stop(alone))
    spec = AssembleSpec(run=True, survivor="a")
    heal = assemble(stage.executor, stage.scheduler, [a, b, c], spec, stage.observe, stage.pool)
    over = stage.cut_at(step, heal, [a, b, c])
    again = stage.assemble([a, b, c], run=True, survivor="a")
    assert states(again) == {"a": State.IN_SYNC, "b": State.IN_SYNC, "c": State.RECOVERING}, f"step {step}"
    return over


def test_a_cut_while_the_count_jumps_over_the_losers_leaves_nobody_stale() -> None:
    assert next(step for step in itertools.count(1) if healed_and_cut(step)) > 15
