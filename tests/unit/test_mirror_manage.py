"""The operator's verbs: what they refuse, and what they leave on disk."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from mirrortui.device.base import Op
from mirrortui.errors import MemberError, NotFoundError, RefusedError, RequestError
from mirrortui.format import superblock
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.decide import decide
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.birth.create import CreateSpec, plan
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import Request, SimDisk
from mirrortui.units import KIB, MIB
from tests.golden import members
from tests.stage import Stage, image, states

KEY = b"k" * 4096


def test_a_failed_member_comes_back_with_what_changed_and_no_more() -> None:
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    mirror = stage.create([a, b])
    stage.write(mirror, 0, KEY)
    stage.run(manage.fail(mirror, "b"))
    stage.write(mirror, 1 * MIB, KEY)
    before = b.current[3 * MIB :]
    stage.run(manage.re_add(mirror, b))
    assert mirror.sync.progress.total == 2 * 64 * KIB
    stage.in_sync(mirror)
    assert a.current[MIB:] == b.current[MIB:]
    assert b.current[3 * MIB :] == before


def test_a_new_member_is_filled_in_full() -> None:
    stage = Stage()
    a, b, c = (stage.disk(name) for name in "abc")
    mirror = stage.create([a, b])
    stage.write(mirror, 0, KEY)
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.remove(mirror, "b"))
    stage.run(manage.add(mirror, c))
    stage.in_sync(mirror)
    assert states(mirror) == {"a": State.IN_SYNC, "c": State.IN_SYNC}
    stage.run(manage.stop(mirror))
    assert a.current[MIB:] == c.current[MIB:]


def test_the_last_copy_is_never_failed() -> None:
    stage = Stage()
    mirror = stage.create([stage.disk("a"), stage.disk("b")])
    stage.run(manage.fail(mirror, "a"))
    with pytest.raises(RefusedError, match="b is the last member of vault that is in sync"):
        stage.run(manage.fail(mirror, "b"))
    assert states(mirror)["b"] is State.IN_SYNC


def test_only_what_is_out_can_be_removed() -> None:
    stage = Stage()
    mirror = stage.create([stage.disk("a"), stage.disk("b")])
    with pytest.raises(RefusedError, match="a is in sync"):
        stage.run(manage.remove(mirror, "a"))
    with pytest.raises(NotFoundError, match="no member z"):
        stage.run(manage.remove(mirror, "z"))


def test_a_small_device_is_refused_and_not_written_to() -> None:
    stage = Stage()
    mirror = stage.create([stage.disk("a"), stage.disk("b")])
    stage.run(manage.fail(mirror, "b"))
    small = stage.disk("small", 3 * MIB)
    with pytest.raises(MemberError, match=r"too small .* 1.00 MiB too little"):
        stage.run(manage.add(mirror, small))
    assert not any(image(small))


def test_a_member_that_missed_what_the_bitmap_forgot_is_not_re_added() -> None:
    stage = Stage()
    a, b, c = (stage.disk(name) for name in "abc")
    mirror = stage.create([a, b])
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.remove(mirror, "b"))
    stage.run(manage.add(mirror, c))
    stage.in_sync(mirror)
    stage.write(mirror, 0, KEY)
    stage.until(lambda: not mirror.intent.dirty)
    stage.run(manage.fail(mirror, "c"))
    with pytest.raises(RefusedError, match="too old"):
        stage.run(manage.re_add(mirror, b))


def test_a_spare_takes_over() -> None:
    stage = Stage()
    a, b, c = (stage.disk(name) for name in "abc")
    mirror = stage.create([a, b])
    stage.run(manage.add(mirror, c))
    assert states(mirror)["c"] is State.SPARE
    stage.run(manage.fail(mirror, "a"))
    stage.in_sync(mirror)
    assert states(mirror) == {"a": State.FAULTY, "b": State.IN_SYNC, "c": State.IN_SYNC}


def test_a_read_only_mirror_serves_and_writes_nothing() -> None:
    stage = Stage()
    disks = [stage.golden(member) for member in members("unclean")]
    before = [image(disk) for disk in disks]
    mirror = stage.assemble(disks, readonly=True)
    stage.read(mirror, 0, 65536)
    with pytest.raises(RefusedError, match="read-only"):
        stage.run(manage.fail(mirror, disks[0].path))
    stage.run(manage.stop(mirror))
    assert [image(disk) for disk in disks] == before


def test_a_mirror_without_a_bitmap_is_written_and_stopped_clean() -> None:
    stage = Stage()
    disks = [stage.golden(member) for member in members("no-bitmap")]
    mirror = stage.assemble(disks)
    assert stage.write(mirror, 4096, KEY) == 0
    assert stage.read(mirror, 4096, 4096) == KEY
    stage.run(manage.stop(mirror))
    again = stage.assemble(disks)
    assert not again.array.active
    assert not again.sync.running
    with pytest.raises(RefusedError, match="no write-intent bitmap"):
        stage.run(manage.fail(again, disks[1].path))
        stage.run(manage.re_add(again, disks[1]))


def test_a_failed_flush_of_the_last_copy_is_never_taken_back() -> None:
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    mirror = stage.create([a, b])
    stage.run(manage.fail(mirror, "b"))
    stage.write(mirror, 0, KEY)
    a.faults, stage.scheduler.rates.error = True, 1.0
    answers: list[int] = []
    mirror.start_flush(answers.append)
    stage.until(lambda: bool(answers))
    a.faults = False
    mirror.start_flush(answers.append)
    stage.until(lambda: len(answers) == 2)
    assert answers == [errno.EIO, errno.EIO]
    assert "last copy" in mirror.array.broken


def test_who_is_out_is_not_removed_before_that_is_on_disk() -> None:
    """Removed, it is given to no assembly any more; superblocks that still count on it would have it missed."""
    stage = Stage()
    mirror = stage.create([stage.disk("a"), stage.disk("b")])
    member = mirror.array.find("b")
    assert member
    mirror.scribe.fault(member, "it was pulled")
    assert mirror.scribe.holding, "that is not on disk yet"

    async def remove() -> bool:
        await manage.remove(mirror, "b")
        return mirror.scribe.holding

    assert stage.run(remove()) is False


def test_nobody_is_removed_where_nothing_can_be_written_down() -> None:
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    mirror = stage.create([a, b])
    stage.run(manage.fail(mirror, "b"))
    mirror.array.break_down("a, the last copy: flush error")
    with pytest.raises(RefusedError, match="takes no changes"):
        stage.run(manage.remove(mirror, "b"))


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ([4 * MIB], {}, "2 to 16 members"),
        ([4 * MIB] * 17, {}, "2 to 16 members"),
        ([4 * MIB] * 2, {"size": 4 * MIB}, "room for 3.00 MiB"),
        ([4 * MIB] * 2, {"chunk": 1000}, "power of two"),
        ([4 * MIB] * 2, {"name": "n" * 33}, "32 bytes"),
    ],
)
def test_what_cannot_be_created_is_refused(sizes: list[int], options: dict[str, int], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        plan(sizes, CreateSpec(**{"name": "vault", **options}))  # type: ignore[arg-type]


def test_the_smallest_member_counts() -> None:
    layouts, size = plan([8 * MIB, 4 * MIB], CreateSpec(name="vault"))
    assert size == 3 * MIB
    assert layouts[0].chunk == layouts[1].chunk


def test_very_unequal_members_share_one_bitmap() -> None:
    layouts, size = plan([256 * MIB, 4096 * MIB, 256 * MIB + 5 * 512], CreateSpec(name="vault"))
    assert size == 255 * MIB
    assert {one.chunk for one in layouts} == {64 * KIB}


def test_a_mirror_takes_a_newcomer_many_times_its_size() -> None:
    stage = Stage()
    mirror = stage.create([stage.disk("a"), stage.disk("b")])
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.add(mirror, stage.disk("large", 600 * MIB)))
    stage.in_sync(mirror)
    assert states(mirror)["large"] is State.IN_SYNC


def test_a_removed_spare_is_not_written_any_more() -> None:
    """Its descriptor is closed, and may be another file's by then."""
    stage = Stage()
    a, b, c = (stage.disk(name) for name in "abc")
    mirror = stage.create([a, b])
    stage.run(manage.add(mirror, c))
    answers: list[int] = []
    mirror.start_write(0, stage.pool.take(KEY), len(KEY), False, answers.append)
    events = mirror.array.events
    stage.until(lambda: mirror.scribe.written is None)
    device = stage.run(manage.remove(mirror, "c"))
    assert device is c
    assert mirror.array.events == events, "the round is still under way"
    after = image(c)
    stage.until(lambda: bool(answers))
    assert image(c) == after


@pytest.mark.parametrize("verb", ["add", "re_add", "spare"])
def test_a_newcomer_that_takes_no_metadata_is_an_error_and_no_success(verb: str) -> None:
    stage = Stage()
    b, c = stage.disk("b"), stage.disk("c")
    mirror = stage.create([stage.disk("a"), b])
    if verb != "spare":
        stage.run(manage.fail(mirror, "b"))
    disk = b if verb == "re_add" else c
    disk.faults, stage.scheduler.rates.error = True, 1.0
    verb_ = manage.re_add if verb == "re_add" else manage.add
    with pytest.raises(MemberError, match=f"{disk.path} could not be .*: metadata write error"):
        stage.run(verb_(mirror, disk))
    assert states(mirror)[disk.path] is State.FAULTY
    assert not any(kind in ("member-added", "member-re-added") for kind, _ in stage.events)


def test_a_full_table_of_slots_is_refused_in_words() -> None:
    stage = Stage()
    mirror = stage.create([stage.disk("a"), stage.disk("b")])
    mirror.array.roles = mirror.array.roles[:2]  # as in a superblock with max_dev 2
    with pytest.raises(RefusedError, match="no slot left"):
        stage.run(manage.add(mirror, stage.disk("c")))


def test_a_spare_of_a_whole_mirror_is_still_one_after_a_stop() -> None:
    stage = Stage()
    disks = [stage.disk(name) for name in "abc"]
    mirror = stage.create(disks[:2])
    stage.run(manage.add(mirror, disks[2]))
    stage.run(manage.stop(mirror))
    again = stage.assemble(disks)
    assert states(again) == {"a": State.IN_SYNC, "b": State.IN_SYNC, "c": State.SPARE}


def test_a_spare_is_not_re_added_by_a_bitmap_that_never_knew_its_data() -> None:
    stage = Stage()
    disks = [stage.golden(member) for member in members("spare")]
    mirror = stage.assemble(disks)
    assert stage.write(mirror, 0, KEY) == 0
    stage.run(manage.fail(mirror, "spare-2"))
    stage.run(manage.fail(mirror, "spare-1"))
    with pytest.raises(RefusedError, match="it was a spare and never held the data"):
        stage.run(manage.re_add(mirror, disks[2]))
    assert states(mirror)["spare-2"] is State.FAULTY


def test_nobody_calls_a_spare_a_member_before_it_knows_it_is_being_filled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A power cut then would leave it one update behind, in sync by the others' word, for the kernel too."""
    stage = Stage()
    first, _, spare = disks = [stage.golden(member) for member in members("spare")]
    mirror = stage.assemble(disks)
    finish = spare.finish

    def refuse_superblocks(request: Request) -> None:
        if request.op is Op.WRITE and request.offset == 4096:
            request.waiter.complete(request.index, -errno.EIO)
        else:
            finish(request)

    monkeypatch.setattr(spare, "finish", refuse_superblocks)
    told: set[int] = set()
    mirror.executor.spawn(manage.fail(mirror, "spare-1"))

    def settled() -> bool:
        table = superblock.decode(bytes(first.current[4096:8192]), minor=2).dev_roles
        told.add(table[2])
        return mirror.scribe.settled and table[1] == superblock.ROLE_FAULTY

    stage.until(settled)
    assert told == {superblock.ROLE_SPARE, superblock.ROLE_FAULTY}


def test_who_is_taken_back_learns_it_before_another_that_is_being_filled() -> None:
    """A power cut then would leave the other as the freshest, and it would count on one that nobody else believes."""
    stage = Stage()
    a, b, c = disks = [stage.disk(name, 32 * MIB) for name in "abc"]
    mirror = stage.create(disks)
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.fail(mirror, "c"))
    for offset in range(0, mirror.array.size, MIB):
        stage.write(mirror, offset, KEY * 256)
    stage.run(manage.re_add(mirror, b))
    mirror.executor.spawn(manage.re_add(mirror, c))

    def says(disk: SimDisk) -> superblock.Superblock:
        return superblock.decode(bytes(disk.current[4096:8192]), minor=2)

    stage.until(lambda: says(b).dev_roles[2] == 2 or says(c).recovering)
    assert states(mirror)["b"] is State.RECOVERING
    assert says(c).recovering
    assert [says(disk).dev_roles[2] for disk in (a, b)] == [superblock.ROLE_FAULTY] * 2


def test_a_cut_in_the_round_that_takes_two_in_does_not_keep_the_mirror_from_starting() -> None:
    """One of them has learnt of both, the copy of neither."""
    stage = Stage()
    disks = [stage.disk(name) for name in "abc"]
    mirror = stage.create(disks)
    whole = mirror.array.table()
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.fail(mirror, "c"))
    a, b, c = (stage.run(read_member(disk, stage.pool)) for disk in disks)
    features = b.superblock.feature_map | superblock.Feature.RECOVERY_OFFSET
    told = replace(b.superblock, events=a.superblock.events + 1, dev_roles=whole, feature_map=features)
    verdict = decide([a, replace(b, superblock=told), c])
    assert [(p.found.path, p.recovering) for p in verdict.places] == [("a", False), ("b", True)]
    assert verdict.missing == [2]
