"""A member that went out, and whose last peers are gone too: whoever saw that knows that it is only older (I9)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mirrortui.errors import DivergedError, RefusedError
from mirrortui.format.superblock import Feature
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.departed import MOST, keep_in_mind, only_older
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.notes import Departed
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB, SECTOR
from tests.stage import Stage, states

CHUNK = 64 * KIB


def device(stage: Stage, disk: SimDisk) -> tuple[str]:
    return (stage.run(read_member(disk, stage.pool)).superblock.device_uuid.hex(),)


def take_in(stage: Stage, mirror: Mirror, disk: SimDisk) -> None:
    stage.run(manage.add(mirror, disk))
    stage.until(lambda: not mirror.sync.running)


class Story:
    """b fails, c is filled from a; then a goes, and d is filled from c. b knows neither c nor d."""

    def __init__(self) -> None:
        self.stage = stage = Stage()
        self.a, self.b, self.c, self.d = (stage.disk(name) for name in "abcd")
        self.mirror = mirror = stage.create([self.a, self.b], chunk=CHUNK)
        assert stage.write(mirror, 0, b"1" * 4096) == 0
        self.out("b")
        take_in(stage, mirror, self.c)
        keep_in_mind(mirror.array)
        self.out("a")
        take_in(stage, mirror, self.d)
        assert stage.write(mirror, 0, b"2" * 4096) == 0
        keep_in_mind(mirror.array)
        self.known = mirror.array.departed
        stage.run(manage.stop(mirror))

    def out(self, name: str) -> None:
        self.stage.run(manage.fail(self.mirror, name))
        self.stage.run(manage.remove(self.mirror, name))

    def assemble(self, *disks: SimDisk, **options: object) -> Mirror:
        return self.stage.assemble(disks, departed=self.known, **options)

    def rewrite(self, disk: SimDisk, **change: object) -> None:
        sb = self.stage.run(read_member(disk, self.stage.pool)).superblock
        data = replace(sb, **change).encode()
        disk.current[sb.super_offset * SECTOR : sb.super_offset * SECTOR + len(data)] = data

    def older(self, *disks: SimDisk) -> set[str]:
        return set(only_older([self.stage.run(read_member(d, self.stage.pool)) for d in disks], self.known))


@pytest.fixture
def story() -> Story:
    return Story()


def test_without_a_witness_nobody_can_tell(story: Story) -> None:
    story.known = ()
    with pytest.raises(
        DivergedError, match=r"vault may have diverged.* b last ran with the member of slot 0"
    ):
        story.assemble(story.b, story.c, story.d)


def test_who_was_seen_to_go_out_is_older(story: Story) -> None:
    mirror = story.assemble(story.b, story.c, story.d)
    assert states(mirror) == {"c": State.IN_SYNC, "d": State.IN_SYNC}
    (note,) = mirror.array.left_out
    assert note.path == "b"
    assert "was out when the mirror ran here, and was not used since" in note.why
    assert story.stage.read(mirror, 0, 4096) == b"2" * 4096


def test_it_is_remembered_beyond_the_next_start(story: Story) -> None:
    mirror = story.assemble(story.b, story.c, story.d)
    keep_in_mind(mirror.array)
    story.known = mirror.array.departed
    story.stage.run(manage.stop(mirror))
    assert states(story.assemble(story.b, story.c, story.d)) == {"c": State.IN_SYNC, "d": State.IN_SYNC}


def test_one_that_was_used_since_is_not(story: Story) -> None:
    alone = story.assemble(story.b, run=True)
    assert story.stage.write(alone, 0, b"3" * 4096) == 0
    story.stage.run(manage.stop(alone))
    with pytest.raises(DivergedError):
        story.assemble(story.b, story.c, story.d)


def test_one_that_shows_another_time_is_not(story: Story) -> None:
    story.rewrite(story.b, utime=1)
    assert not story.older(story.b, story.c, story.d)


def test_it_counts_only_beside_one_that_went_on(story: Story) -> None:
    assert not story.older(story.b)
    assert states(story.assemble(story.b, run=True)) == {"b": State.IN_SYNC}


def test_it_counts_only_beside_one_that_had_it_all(story: Story) -> None:
    story.known = tuple(replace(one, after=()) for one in story.known)
    assert not story.older(story.b, story.c, story.d)


def test_it_does_not_count_beside_one_that_never_heard_that_it_is_out() -> None:
    """The round that put it out did not reach the disks: both are as they were."""
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    mirror = stage.create([a, b], chunk=CHUNK)
    stage.run(manage.stop(mirror))
    one, other = (stage.run(read_member(disk, stage.pool)).superblock for disk in (a, b))
    out = Departed(other.device_uuid.hex(), ((other.events, other.utime),), (one.device_uuid.hex(),))
    back = stage.assemble([a, b], departed=[out])
    assert states(back) == {"a": State.IN_SYNC, "b": State.IN_SYNC}


def test_it_does_not_count_beside_one_with_fewer_events(story: Story) -> None:
    """Others that are older still, from a backup, do not make it older."""
    for disk in (story.c, story.d):
        story.rewrite(disk, events=1)
    assert not story.older(story.b, story.c, story.d)


def test_it_does_not_count_beside_one_that_is_being_filled(story: Story) -> None:
    """That one had it all, and does not have it now."""
    filled = Feature.BITMAP | Feature.RECOVERY_OFFSET
    story.rewrite(story.c, feature_map=filled, recovery_offset=0)
    assert not story.older(story.b, story.c)


def test_what_was_being_written_to_it_when_it_went_out_may_be_there() -> None:
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    mirror = stage.create([a, b], chunk=CHUNK)
    member = mirror.array.find("b")
    assert member
    last = member.superblock.events

    def fail_its_superblock(disk: SimDisk, offset: int, length: int) -> None:
        disk.faults, stage.scheduler.rates.error = offset == member.place, 1.0

    b.check_write = fail_its_superblock
    assert stage.write(mirror, 0, b"1" * 4096) == 0
    stage.until(lambda: member.state is State.FAULTY and mirror.scribe.settled)
    keep_in_mind(mirror.array)
    (seen,) = mirror.array.departed
    assert [events for events, _ in seen.shows] == [last, last + 1]


def test_who_is_back_is_forgotten(story: Story) -> None:
    mirror = story.assemble(story.c, run=True)
    take_in(story.stage, mirror, story.d)
    keep_in_mind(mirror.array)
    there = {m.superblock.device_uuid.hex() for m in mirror.array.members if m.active}
    assert not there & {one.device for one in mirror.array.departed}


def test_where_a_survivor_was_chosen_counts_what_it_vouches_for(story: Story) -> None:
    """That both had all that b has is true of either; of the one who was out before b it is not known."""
    (b,) = (one for one in story.known if one.device in device(story.stage, story.b))
    lost = Departed("0e" * 16, ((1, 1),), device(story.stage, story.d))
    story.known = (b, lost)
    for disk, letter in ((story.c, b"c"), (story.d, b"d")):
        alone = story.assemble(disk, run=True)
        assert story.stage.write(alone, 0, letter * 4096) == 0
        story.stage.run(manage.stop(alone))
    mirror = story.assemble(story.a, story.b, story.c, story.d, survivor="c")
    assert mirror.array.departed == (b,)


def test_it_cannot_be_the_survivor(story: Story) -> None:
    for disk, letter in ((story.c, b"c"), (story.d, b"d")):
        alone = story.assemble(disk, run=True)
        assert story.stage.write(alone, 0, letter * 4096) == 0
        story.stage.run(manage.stop(alone))
    with pytest.raises(DivergedError, match="b cannot be the survivor: another went on without it"):
        story.assemble(story.b, story.c, story.d, survivor="b")


@pytest.mark.parametrize("known", [True, False])
def test_it_is_not_left_out_in_silence_where_it_was_named_as_the_survivor(story: Story, known: bool) -> None:
    """Known to be older by the witness, and by its own superblock."""
    older, newer = (story.b, [story.c, story.d]) if known else (story.a, [story.c])
    with pytest.raises(
        RefusedError, match=f"{older.path} cannot be the survivor: another went on without it"
    ):
        story.assemble(older, *newer, survivor=older.path, run=True)


def test_what_is_kept_in_mind_has_an_end(story: Story) -> None:
    mirror = story.assemble(story.c, story.d)
    many = tuple(
        Departed(f"{n:032x}", ((n, n),), tuple(f"{m:032x}" for m in range(MOST))) for n in range(MOST)
    )
    mirror.array.departed = (*many, *story.known)
    keep_in_mind(mirror.array)
    assert len(mirror.array.departed) == MOST
    assert {len(one.after) for one in mirror.array.departed} <= set(range(MOST + 1))
    story.known = mirror.array.departed
    assert story.older(story.b, story.c, story.d) == {"b"}


def test_it_can_be_re_added_although_it_knows_nobody_any_more() -> None:
    """The mirror was degraded all the time, so that its bitmap knows what changed."""
    stage = Stage()
    a, b, gone, c = (stage.disk(name) for name in ("a", "b", "gone", "c"))
    mirror = stage.create([a, b, gone], chunk=CHUNK)
    stage.run(manage.fail(mirror, "gone"))
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.remove(mirror, "b"))
    take_in(stage, mirror, c)
    stage.run(manage.fail(mirror, "a"))
    assert stage.write(mirror, CHUNK, b"2" * 4096) == 0
    stage.run(manage.re_add(mirror, b))
    stage.until(lambda: not mirror.sync.running)
    assert states(mirror)["b"] is State.IN_SYNC
    stage.run(manage.fail(mirror, "c"))
    assert stage.read(mirror, CHUNK, 4096) == b"2" * 4096
