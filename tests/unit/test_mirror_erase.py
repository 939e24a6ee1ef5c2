"""What an earlier life left on a device is gone before anything else is written to it, wherever the power goes."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from mirrortui.device.base import Op
from mirrortui.device.filters.crash import PowerCut
from mirrortui.device.signatures import identify
from mirrortui.errors import MemberError, RefusedError
from mirrortui.format import lookup
from mirrortui.format.superblock import take_as_read
from mirrortui.mirror.birth.create import CreateSpec, create
from mirrortui.mirror.executor import Task
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB, MIB, SECTOR
from tests.golden import GoldenMember, members
from tests.stage import Stage, image

pytestmark = pytest.mark.slow  # the power goes at every operation

DATA = random.Random(1).randbytes(64 * KIB)
OLD = ["legacy/clean", "clean-1.0", "clean-1.1", "clean-1.2", "foreign/raid5"]


def used(stage: Stage, *lives: GoldenMember, name: str = "used") -> SimDisk:
    """A disk that was a member of these arrays, and full of data."""
    size = lives[0].size
    disk = stage.disk(name, size)
    disk.current[:] = DATA * (size // len(DATA))
    for life in lives:
        for place in lookup.places(size // SECTOR):
            if any(life.read(place.offset, SECTOR)):
                disk.current[place.offset : place.offset + 4 * KIB] = life.read(place.offset, 4 * KIB)
    disk.medium.preset(0, bytes(disk.current))
    return disk


def found_on(disk: SimDisk) -> dict[int, bytes]:
    """Where a superblock is in order, and whose: each by itself, as a tool finds it that knows only one place."""
    found = lookup.find(lambda at, length: bytes(disk.current[at : at + length]), disk.size)
    return {one.offset: one.superblock.set_uuid for one in found if one.superblock}


def make(stage: Stage, *disks: SimDisk, clean: bool = False) -> bytes:
    spec = CreateSpec(name="new", assume_clean=clean)
    uuid = stage.run(create(disks, spec, stage.scheduler, stage.pool))
    assert isinstance(uuid, bytes)
    return uuid


@pytest.mark.parametrize("state", OLD)
def test_a_new_mirror_is_all_that_is_found(state: str) -> None:
    stage = Stage()
    disk = used(stage, members(state)[0])
    before = found_on(disk)
    assert len(before) == 1
    uuid = make(stage, disk, stage.disk("blank", disk.size))
    assert found_on(disk) == {4096: uuid}
    borne = identify(lambda at, length: bytes(disk.current[at : at + length]), disk.size)
    assert [str(one)[:6] for one in borne] == ["MD 1.2"]


def test_all_lives_go_the_oldest_first() -> None:
    stage = Stage()
    lives = [members(state)[0] for state in ("legacy/clean", "clean-1.0", "clean-1.1")]
    disk = used(stage, *lives)
    assert len(found_on(disk)) == 3
    age = lookup.find(lambda at, length: bytes(disk.current[at : at + length]), disk.size)
    gone: list[list[int]] = []
    disk.check_write = lambda it, offset, length: gone.append(sorted(found_on(it)))
    uuid = make(stage, disk, stage.disk("blank", disk.size))
    oldest_last = [one.offset for one in age]
    assert gone[:4] == [sorted(oldest_last[:left]) for left in (3, 2, 1, 0)]
    assert found_on(disk) == {4096: uuid}


def cut(stage: Stage, disk: SimDisk, at: int, task: Task) -> bool:
    """Run it until the power goes, at that operation. False: it ended before."""
    scheduler = stage.scheduler
    scheduler.operations, scheduler.cut_at = 0, at
    try:
        stage.run(task)
    except PowerCut:
        stage.executor.abandon()
        disk.lose_power(scheduler.ready)
        return True
    return False


@pytest.mark.parametrize("state", OLD)
@pytest.mark.parametrize("verb", ["create", "add"])
def test_an_old_superblock_never_stands_over_new_bytes(state: str, verb: str) -> None:
    """Who finds it after a power cut must find what it describes, or not find it at all."""
    cuts = at = 0
    while True:
        at += 1
        stage = Stage()
        stage.scheduler.rng.seed(at)
        disk = used(stage, members(state)[0])
        old = set(found_on(disk).values())
        before = image(disk)
        if verb == "create":
            spec = CreateSpec(name="new")
            task: Task = create([disk, stage.disk("blank", disk.size)], spec, stage.scheduler, stage.pool)
        else:
            mirror = stage.create([stage.disk(name, 8 * MIB) for name in "ab"])
            stage.run(manage.fail(mirror, "b"))
            task = manage.add(mirror, disk)
        if not cut(stage, disk, at, task):
            break
        cuts += 1
        if old & set(found_on(disk).values()):
            assert image(disk) == before, f"cut at operation {at}"
    assert cuts > 8
    assert not old & set(found_on(disk).values())


def test_what_is_nested_in_the_data_is_content() -> None:
    """A superblock that was written for a smaller device is nobody's here."""
    stage = Stage()
    disk = stage.disk("outer", 16 * MIB)
    place = lookup.places(disk.size // SECTOR)[2].offset
    inner = members("clean-1.2")[0].read(4096, 4 * KIB)
    inner = replace(take_as_read(inner), super_offset=(place - MIB) // SECTOR).encode().ljust(4 * KIB, b"\0")
    disk.current[place : place + 4 * KIB] = inner
    make(stage, disk, stage.disk("blank", disk.size), clean=True)
    assert bytes(disk.current[place : place + 4 * KIB]) == inner


def test_members_that_are_equal_stay_equal() -> None:
    """The old superblock of the smaller lies inside what the larger has as data, too."""
    stage = Stage()
    small = used(stage, members("clean-1.0")[0], name="small")
    large = stage.disk("large", small.size + 2 * MIB)
    (place,) = found_on(small)
    large.current[MIB : small.size] = small.current[MIB:]
    make(stage, small, large, clean=True)
    assert not any(small.current[place : place + 4 * KIB])
    assert small.current[MIB:] == large.current[MIB : small.size]


def test_one_that_cannot_be_erased_is_not_written_to() -> None:
    stage = Stage()
    disk = used(stage, members("clean-1.0")[0])
    disk.faults = True
    stage.scheduler.rates.error = 1.0
    (place,) = found_on(disk)
    before = image(disk)
    with pytest.raises(MemberError, match=f"old superblock at byte {place}"):
        make(stage, disk, stage.disk("blank", disk.size))
    end = image(disk)
    assert end[:place] == before[:place]
    assert end[place + 4 * KIB :] == before[place + 4 * KIB :]


def test_what_is_being_added_is_not_re_added_meanwhile() -> None:
    """The erasure would land on the superblock of a member."""
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    mirror = stage.create([a, b])
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.remove(mirror, "b"))
    stage.executor.spawn(manage.add(mirror, b))
    stage.until(lambda: any(r.disk is b and r.op is Op.WRITE for r in stage.scheduler.ready))
    with pytest.raises(RefusedError, match="b is being added to vault already"):
        stage.run(manage.re_add(mirror, b))
    stage.in_sync(mirror)
    assert len(found_on(b)) == 1


def test_a_former_member_is_erased_when_nobody_counts_on_it() -> None:
    """A cut before that would leave a mirror that misses a copy which is no more, and that does not start by itself."""
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    mirror = stage.create([a, b])
    member = mirror.array.find("b")
    assert member
    mirror.scribe.fault(member, "it was pulled")
    mirror.array.detach(member)
    stage.executor.spawn(manage.add(mirror, b))
    stage.executor.drain()
    while own := [request for request in stage.scheduler.ready if request.disk is b]:
        stage.scheduler.ready.remove(own[0])
        b.finish(own[0])
        stage.executor.drain()
    assert found_on(b), "and a, which was given no time, still has it in its table"
    stage.in_sync(mirror)


@pytest.mark.parametrize("verb", ["create", "add"])
def test_one_that_cannot_be_read_now_does_not_come_back(verb: str) -> None:
    """The disk answers again when other bytes are on it."""
    stage = Stage()
    disk = used(stage, members("clean-1.0")[0])
    (place,) = found_on(disk)
    disk.damage.strike(place)
    seen: list[tuple[int, bool]] = []
    disk.check_write = lambda it, offset, length: seen.append((offset, place in found_on(it)))
    if verb == "create":
        make(stage, disk, stage.disk("blank", disk.size))
    else:
        mirror = stage.create([stage.disk(name, 8 * MIB) for name in "ab"])
        stage.run(manage.fail(mirror, "b"))
        stage.run(manage.add(mirror, disk))
    assert seen[0] == (place, True)
    assert not any(there for _, there in seen[1:])


def test_a_place_that_cannot_be_read_goes_when_the_youngest_is_gone() -> None:
    """It may be content of that one's: if it takes no write, nobody takes the disk for a whole member."""
    stage = Stage()
    disk = used(stage, members("clean-1.0")[0])
    disk.damage.strike(0, dead=True)
    with pytest.raises(MemberError, match="old superblock at byte 0 be erased"):
        make(stage, disk, stage.disk("blank", disk.size))
    assert not found_on(disk)


def test_members_that_are_called_equal_must_be_readable_where_one_may_lie() -> None:
    """It is not erased unseen: it may be content, and the others would lose theirs, too."""
    stage = Stage()
    disk, other = used(stage, members("clean-1.0")[0]), stage.disk("other", 8 * MIB)
    (place,) = found_on(disk)
    disk.damage.strike(place)
    before = image(disk), image(other)
    with pytest.raises(MemberError, match=f"could not be read at byte {place}"):
        make(stage, disk, other, clean=True)
    assert (image(disk), image(other)) == before
