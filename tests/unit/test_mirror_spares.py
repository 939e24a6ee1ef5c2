"""Which spare takes over, when, and what is said about it beforehand."""

from __future__ import annotations

import pytest

from mirrortui.errors import RefusedError, RequestError
from mirrortui.format import badblocks
from mirrortui.mirror.array import State
from mirrortui.mirror.badranges import BadRanges
from mirrortui.mirror.birth.create import CreateSpec, create
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage, spares
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import MIB, SECTOR
from mirrortui.worker.forecast import forecast
from tests.stage import METADATA, Stage, states


def with_spares(stage: Stage, *sizes: int) -> tuple[Mirror, list[SimDisk]]:
    """A clean pair of a and b, and spares s0, s1... of these MiB."""
    disks = [stage.disk(name) for name in "ab"]
    disks += [stage.disk(f"s{n}", size * MIB) for n, size in enumerate(sizes)]
    spec = CreateSpec(name="vault", assume_clean=True, spares=len(sizes))
    stage.run(create(disks, spec, stage.scheduler, stage.pool))
    return stage.assemble(disks), disks


def test_a_mirror_is_born_with_spares() -> None:
    stage = Stage()
    mirror, disks = with_spares(stage, 4, 4)
    assert states(mirror) == {
        "a": State.IN_SYNC, "b": State.IN_SYNC, "s0": State.SPARE, "s1": State.SPARE,
    }  # fmt: skip
    assert mirror.array.raid_disks == 2
    stage.write(mirror, 0, b"x" * 4096)
    stage.run(manage.stop(mirror))
    again = stage.assemble(disks)
    assert states(again) == states(mirror)
    assert not again.array.active


def test_the_smallest_counts_spares_too_and_there_is_a_bound() -> None:
    stage = Stage()
    mirror, _ = with_spares(stage, 3)
    assert mirror.size == 2 * MIB
    disks = [stage.disk(f"d{n}") for n in range(19)]
    for count, told in ((17, "16 spares at most"), (18, "2 to 16 members, not 1")):
        with pytest.raises(RequestError, match=told):
            stage.run(create(disks, CreateSpec(name="x", spares=count), stage.scheduler, stage.pool))


def test_the_largest_takes_over_at_once() -> None:
    stage = Stage()
    mirror, _ = with_spares(stage, 4, 6, 5)
    stage.write(mirror, 0, b"x" * 4096)
    stage.run(manage.fail(mirror, "b"))
    assert states(mirror)["s1"] is State.RECOVERING
    stage.in_sync(mirror)
    stage.run(manage.fail(mirror, "a"))
    stage.in_sync(mirror)
    assert states(mirror) == {
        "a": State.FAULTY, "b": State.FAULTY, "s0": State.SPARE, "s1": State.IN_SYNC, "s2": State.IN_SYNC,
    }  # fmt: skip
    assert stage.read(mirror, 0, 4096) == b"x" * 4096


def test_of_equals_the_one_that_failed_longest_ago() -> None:
    stage = Stage()
    mirror, disks = with_spares(stage, 4, 4)
    for name, heir in (("b", "s0"), ("s0", "s1")):
        stage.wait(1)
        stage.run(manage.fail(mirror, name))
        stage.in_sync(mirror)
        assert states(mirror)[heir] is State.IN_SYNC
    for disk in (disks[2], disks[1]):
        stage.run(manage.remove(mirror, disk.path))
        stage.run(manage.add(mirror, disk))
    assert [m.path for m in spares.ranked(mirror.array)] == ["b", "s0"]
    stage.run(manage.fail(mirror, "s1"))
    assert states(mirror)["b"] is State.RECOVERING


def test_one_that_still_owes_an_answer_takes_over_when_it_has_given_it() -> None:
    stage = Stage()
    mirror, disks = with_spares(stage, 4)
    disks[2].zombies = 1
    assert "would not do" in spares.policy(mirror.array)
    stage.run(manage.fail(mirror, "b"))
    stage.wait(30)
    assert states(mirror)["s0"] is State.SPARE
    disks[2].zombies = 0
    stage.in_sync(mirror)
    assert states(mirror)["s0"] is State.IN_SYNC


def test_a_place_that_was_vacant_at_the_start_is_taken_too() -> None:
    """The power went between the failure and the spare's first superblock, or the member is gone for good."""
    stage = Stage()
    mirror, disks = with_spares(stage, 4)
    stage.write(mirror, 0, b"x" * 4096)
    stage.run(manage.stop(mirror))
    again = stage.assemble([disks[0], disks[2]], run=True)
    stage.in_sync(again)
    assert states(again) == {"a": State.IN_SYNC, "s0": State.IN_SYNC}
    assert "spare-activated" in [kind for kind, _ in stage.events]


def test_the_policy_is_a_sentence() -> None:
    stage = Stage()
    assert spares.policy(stage.create([stage.disk("x"), stage.disk("y")]).array) == ""
    mirror, _ = with_spares(Stage(), 4, 5)
    assert spares.policy(mirror.array) == (
        "If a member fails, spare s1 takes its place at once; of 2 it is the largest, or of equals the one that failed "
        "longest ago."
    )
    mirror.array.readonly = True
    assert spares.policy(mirror.array) == "No spare takes over while the mirror is read-only."


def test_if_a_member_failed() -> None:
    stage = Stage()
    mirror, _ = with_spares(stage, 4)
    before = stage.events[:]
    found = forecast(mirror, "b")
    assert (found.copies, found.spare, found.copied, found.lost) == (["a"], "s0", mirror.size, 0)
    assert found.text == (
        "Nothing would be lost: a would serve on, 1 of 2 in sync. Spare s0 would take its place at once: 3.00 MiB "
        "would be copied to it, in a time that is not known before it begins. Until then one more failure would "
        "lose data."
    )
    spare = forecast(mirror, "s0")
    assert (spare.copies, spare.spare, spare.lost) == (["a", "b"], None, 0)
    assert "s0 is a spare: nothing would be lost" in spare.text
    mirror.array.members[1].bad = BadRanges([(0, 4096)])
    assert forecast(mirror, "a").lost == 4096
    assert forecast(mirror, "b").lost == 0
    assert "4.00 KiB would be lost" in forecast(mirror, "a").text
    assert stage.events == before, "asking changes nothing"


def test_if_the_last_copy_failed() -> None:
    stage = Stage()
    mirror, _ = with_spares(stage)
    assert 'There is no spare: "mirrortui add vault MEMBER"' in forecast(mirror, "a").text
    stage.run(manage.fail(mirror, "b"))
    found = forecast(mirror, "a")
    assert (found.copies, found.spare, found.lost) == ([], None, mirror.size)
    assert found.text == "a is the only copy in sync: the data of vault would be lost with it."
    with pytest.raises(RefusedError, match="b is out of vault already"):
        forecast(mirror, "b")


def test_what_a_failed_source_kept_from_being_copied_is_copied_then() -> None:
    """One copy waits for what is bad on the other, and a third for either: when the bad one is out it goes on."""
    stage = Stage()
    disks = [stage.disk(name) for name in "abc"]
    mirror = stage.create(disks)
    a, b, _ = mirror.array.members
    stage.run(manage.fail(mirror, "c"))
    stage.write(mirror, 0, b"x" * 4096)
    a.bad = BadRanges([(0, 1 << mirror.array.chunk_shift)])
    a.log = badblocks.encode(a.bad.log(a.superblock))
    b.need.add(0)
    stage.run(manage.re_add(mirror, disks[2]))
    stage.until(lambda: not mirror.sync.running and not stage.scheduler.ready)
    stage.run(manage.fail(mirror, "a"))
    stage.until(lambda: not mirror.sync.running and not stage.scheduler.ready)
    assert states(mirror) == {"a": State.FAULTY, "b": State.IN_SYNC, "c": State.IN_SYNC}
    assert not any(m.bad for m in mirror.array.in_sync())


def test_a_mirror_is_born_with_a_place_that_a_spare_or_a_newcomer_fills() -> None:
    for waiting in (0, 1):
        stage = Stage()
        disks = [stage.disk(name) for name in "ab"]
        spec = CreateSpec(name="vault", missing=1, spares=waiting)
        there = disks[: 1 + waiting]
        stage.run(create(there, spec, stage.scheduler, stage.pool))
        mirror = stage.assemble(there)
        assert stage.write(mirror, 0, b"x" * 4096) == 0
        if not waiting:
            assert mirror.array.degraded() and not mirror.sync.running
            stage.run(manage.add(mirror, disks[1]))
        stage.in_sync(mirror)
        assert {m.path: m.role for m in mirror.array.members} == {"a": 0, "b": 1}
        assert disks[0].current[METADATA * SECTOR :] == disks[1].current[METADATA * SECTOR :]


@pytest.mark.parametrize(
    ("missing", "waiting", "why"),
    [(0, 0, "2 to 16 members, not 1"), (16, 0, "not 17"), (2, 1, "All members are missing")],
)
def test_a_mirror_is_not_born_of_too_few_or_too_many(missing: int, waiting: int, why: str) -> None:
    stage = Stage()
    disk = stage.disk("a")
    before = bytes(disk.current)
    spec = CreateSpec(name="vault", missing=missing, spares=waiting)
    with pytest.raises(RequestError, match=why):
        stage.run(create([disk], spec, stage.scheduler, stage.pool))
    assert bytes(disk.current) == before
