"""Replace while redundant: who serves, what is on disk, and what is left when one of those who take part is lost."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace as changed

import pytest

from mirrortui.device.base import Op
from mirrortui.errors import DegradedStartError, DivergedError, MemberError, RefusedError
from mirrortui.format import parting
from mirrortui.format.superblock import ROLE_FAULTY, ROLE_SPARE, Feature, Superblock
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.decide import decide
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage, replacing
from mirrortui.testing.simulated import Request, SimDisk
from mirrortui.units import KIB, MIB
from tests.stage import Stage, image, states

KEY = b"k" * 4096
BOTH = {"a": State.IN_SYNC, "b": State.IN_SYNC}


class Play:
    """A mirror of a and b, and c beside it, which is to replace a."""

    def __init__(self, size: int = 4 * MIB) -> None:
        self.stage = Stage()
        self.a, self.b, self.c = self.disks = [self.stage.disk(name, size) for name in "abc"]
        self.mirror = self.stage.create(self.disks[:2])
        for at in range(0, self.mirror.size, MIB):
            self.stage.write(self.mirror, at, bytes([1 + at // MIB]) * MIB)

    def begin(self) -> Mirror:
        """c is taken in; nothing is copied yet."""
        self.mirror.sync.courtesy.most = 1
        self.stage.run(replacing.replace(self.mirror, "a", self.c))
        return self.mirror

    def part_way(self, least: int = MIB) -> Mirror:
        """Something was copied and recorded."""
        self.mirror.sync.courtesy.most = 4 * MIB
        self.stage.run(replacing.replace(self.mirror, "a", self.c))
        self.stage.until(lambda: self.says(self.c).recovery_offset * 512 >= least)
        return self.mirror

    def crash(self) -> None:
        """The process dies; what was written is there."""
        for disk in self.disks:
            disk.medium.flush(disk.medium.version)
        self.stage.executor.abandon()
        self.stage.scheduler.forget()

    def says(self, disk: SimDisk) -> Superblock:
        """A disk's own superblock."""
        found = self.stage.run(read_member(disk, self.stage.pool))
        assert isinstance(found.superblock, Superblock)
        return found.superblock

    def role(self, of: SimDisk, by: SimDisk) -> int:
        """What one's table says of another."""
        return self.says(by).dev_roles[self.says(of).dev_number]

    def end(self, mirror: Mirror) -> None:
        """Let the replacement come to its end."""
        mirror.sync.courtesy.most = 0
        self.stage.until(lambda: not mirror.sync.running and mirror.scribe.done == mirror.scribe.asked)

    def equal(self, *disks: SimDisk) -> bool:
        return len({bytes(disk.current[MIB:]) for disk in disks}) == 1


def test_the_replaced_one_serves_until_the_end_and_is_out_then() -> None:
    play = Play()
    stage, mirror = play.stage, play.begin()
    assert states(mirror) == {**BOTH, "c": State.RECOVERING}
    assert not mirror.array.degraded()
    assert (play.role(play.a, play.b), play.role(play.c, play.b)) == (0, 0)
    assert play.says(play.c).feature_map == Feature.BITMAP | Feature.RECOVERY_OFFSET | Feature.REPLACEMENT
    stage.write(mirror, 2 * MIB, KEY)
    place = MIB + 2 * MIB
    assert [bytes(disk.current[place : place + 4096]) for disk in play.disks] == [KEY] * 3
    gone: list[str] = []
    mirror.sync.succession.replaced = lambda member: gone.append(member.path)
    play.end(mirror)
    assert states(mirror) == {"b": State.IN_SYNC, "c": State.IN_SYNC}
    assert gone == ["a"]
    assert play.says(play.c).feature_map == Feature.BITMAP
    assert (play.role(play.a, play.b), play.role(play.c, play.b)) == (ROLE_FAULTY, 0)
    assert play.equal(play.b, play.c)
    assert "member-failed" not in {kind for kind, _ in stage.events}
    kinds = [kind for kind, _ in stage.events if kind.startswith("member-")]
    assert kinds == ["member-replacing", "member-in-sync", "member-replaced"]
    stage.run(manage.stop(mirror))
    again = stage.assemble(play.disks)
    assert states(again) == {"b": State.IN_SYNC, "c": State.IN_SYNC}
    assert not again.array.degraded()


def test_it_is_copied_from_the_replaced_one_and_from_others_only_where_that_cannot_be_read() -> None:
    play = Play()
    stage, mirror = play.stage, play.begin()
    read: list[str] = []
    finish = play.a.finish

    def unreadable(request: Request) -> None:
        if request.op is Op.READ and request.offset == 2 * MIB:
            request.waiter.complete(request.index, -errno.EIO)
        else:
            finish(request)

    play.a.finish = unreadable  # type: ignore[method-assign]
    submit = play.b.submit

    def note(op: Op, offset: int, *rest: object) -> None:
        if op is Op.READ:
            read.append(f"{offset // MIB}")
        submit(op, offset, *rest)  # type: ignore[arg-type]

    play.b.submit = note  # type: ignore[assignment]
    play.end(mirror)
    assert read == ["2"]
    assert states(mirror) == {"b": State.IN_SYNC, "c": State.IN_SYNC}
    assert play.equal(play.b, play.c)
    assert ("read-error", f"a could not read at 1.00 MiB of vault: {'Input/output error'}.") in stage.events


def test_a_spare_can_be_the_replacement() -> None:
    play = Play()
    play.stage.run(manage.add(play.mirror, play.c))
    play.stage.run(replacing.replace_by_spare(play.mirror, "b", "c"))
    play.end(play.mirror)
    assert states(play.mirror) == {"a": State.IN_SYNC, "c": State.IN_SYNC}


def test_what_fails_in_the_replacement_costs_nothing() -> None:
    play = Play()
    stage, mirror = play.stage, play.part_way()
    play.c.faults, stage.scheduler.rates.error = True, 1.0
    assert stage.write(mirror, 0, KEY) == 0
    play.c.faults = False
    assert states(mirror) == {**BOTH, "c": State.FAULTY}
    assert not mirror.array.degraded()
    assert play.role(play.c, play.a) == ROLE_FAULTY
    play.end(mirror)
    play.crash()
    again = stage.assemble(play.disks)
    assert states(again) == BOTH
    assert [note.path for note in again.array.left_out] == ["c"]


def test_a_replacement_that_fails_is_followed_by_a_spare() -> None:
    play = Play()
    mirror, stage = play.begin(), play.stage
    spare = stage.disk("d")
    stage.run(manage.add(mirror, spare))
    assert states(mirror)["d"] is State.SPARE
    mirror.scribe.fault(mirror.array.members[2], "it broke")
    assert states(mirror) == {**BOTH, "c": State.FAULTY, "d": State.RECOVERING}
    assert any(m.replacement for m in mirror.array.members if m.path == "d")
    play.end(mirror)
    assert states(mirror) == {"b": State.IN_SYNC, "c": State.FAULTY, "d": State.IN_SYNC}
    assert play.equal(play.b, spare)
    assert play.role(of=spare, by=play.b) == 0


@pytest.mark.parametrize("ending", ["fail", "cancel"])
def test_what_the_operator_ends_no_spare_takes_up(ending: str) -> None:
    play = Play()
    mirror, stage = play.begin(), play.stage
    stage.run(manage.add(mirror, stage.disk("d")))
    stage.run(manage.fail(mirror, "c") if ending == "fail" else replacing.cancel(mirror))
    stage.wait(1)
    assert states(mirror) == {**BOTH, "c": State.FAULTY, "d": State.SPARE}


def test_after_a_failed_replacement_a_newcomer_waits_and_a_vacant_place_comes_first() -> None:
    play = Play()
    mirror, stage = play.begin(), play.stage
    mirror.scribe.fault(mirror.array.members[2], "it broke")
    stage.run(manage.remove(mirror, "c"))
    stage.run(manage.add(mirror, stage.disk("d")))
    stage.wait(1)
    assert states(mirror) == {**BOTH, "d": State.SPARE}, "it was not there when somebody was wanted"
    stage.run(replacing.replace_by_spare(mirror, "a", "d"))
    stage.run(manage.add(mirror, stage.disk("e")))
    stage.run(manage.fail(mirror, "b"))
    assert states(mirror)["e"] is State.RECOVERING
    mirror.scribe.fault(next(m for m in mirror.array.members if m.path == "d"), "it broke")
    play.end(mirror)
    stage.until(lambda: not mirror.array.degraded())
    assert {path for path, state in states(mirror).items() if state is State.IN_SYNC} == {"a", "e"}


def test_a_newcomer_that_takes_no_metadata_is_refused_and_costs_nothing() -> None:
    play = Play()
    play.c.faults, play.stage.scheduler.rates.error = True, 1.0
    with pytest.raises(MemberError, match="c could not be taken into vault"):
        play.stage.run(replacing.replace(play.mirror, "a", play.c))
    assert states(play.mirror) == {**BOTH, "c": State.FAULTY}


def test_when_the_replaced_one_fails_the_replacement_is_an_ordinary_member_that_is_being_filled() -> None:
    play = Play()
    stage, mirror = play.stage, play.part_way()
    done = play.says(play.c).recovery_offset
    stage.run(manage.fail(mirror, "a"))
    assert states(mirror) == {"a": State.FAULTY, "b": State.IN_SYNC, "c": State.RECOVERING}
    assert mirror.array.degraded()
    said = play.says(play.c)
    assert said.feature_map == Feature.BITMAP | Feature.RECOVERY_OFFSET
    assert said.recovery_offset >= done > 0
    assert play.role(play.a, play.b) == ROLE_FAULTY
    play.end(mirror)
    assert states(mirror) == {"a": State.FAULTY, "b": State.IN_SYNC, "c": State.IN_SYNC}
    assert play.equal(play.b, play.c)


def test_it_can_be_given_up() -> None:
    play = Play()
    stage, mirror = play.stage, play.part_way()
    assert stage.run(replacing.cancel(mirror)) == ["c"]
    assert states(mirror) == {**BOTH, "c": State.FAULTY}
    stage.run(manage.remove(mirror, "c"))
    assert states(mirror) == BOTH
    stage.run(replacing.replace(mirror, "b", play.c))
    play.end(mirror)
    assert states(mirror) == {"a": State.IN_SYNC, "c": State.IN_SYNC}
    assert play.equal(play.a, play.c)


@pytest.mark.parametrize("how", ["stop", "crash"])
def test_it_goes_on_from_its_checkpoint(how: str) -> None:
    play = Play()
    stage, mirror = play.stage, play.part_way()
    if how == "stop":
        stage.run(manage.stop(mirror))
    else:
        play.crash()
    done = play.says(play.c).recovery_offset * 512
    again = stage.assemble(play.disks)
    assert states(again) == {**BOTH, "c": State.RECOVERING}
    assert done >= MIB
    (newcomer,) = (m for m in again.array.members if m.path == "c")
    if how == "stop":
        assert newcomer.need.count << again.array.chunk_shift == again.size - done
    play.end(again)
    assert states(again) == {"b": State.IN_SYNC, "c": State.IN_SYNC}
    assert play.equal(play.b, play.c)


def test_without_the_replacement_it_starts_whole_and_with_it_gone_for_good() -> None:
    play = Play()
    stage, _ = play.stage, play.part_way()
    play.crash()
    mirror = stage.assemble(play.disks[:2])
    assert states(mirror) == BOTH
    assert not mirror.array.degraded()
    stage.write(mirror, 0, KEY)
    play.crash()
    again = stage.assemble(play.disks)
    assert states(again) == BOTH
    assert [note.path for note in again.array.left_out] == ["c"]


def test_without_the_replaced_one_it_is_degraded_and_wants_to_be_told_to_start() -> None:
    play = Play()
    stage, _ = play.stage, play.part_way()
    play.crash()
    with pytest.raises(DegradedStartError):
        stage.assemble([play.b, play.c])
    mirror = stage.assemble([play.b, play.c], run=True)
    assert states(mirror) == {"b": State.IN_SYNC, "c": State.RECOVERING}
    assert mirror.array.degraded()
    play.end(mirror)
    assert play.says(play.c).feature_map == Feature.BITMAP
    assert play.equal(play.b, play.c)


def test_bits_go_meanwhile_but_not_those_of_what_the_replacement_still_lacks() -> None:
    play = Play()
    stage, mirror = play.stage, play.part_way()
    mirror.sync.courtesy.most = 1
    stage.write(mirror, 0, KEY)
    stage.write(mirror, 2 * MIB + 512 * KIB, KEY)
    (newcomer,) = (m for m in mirror.array.members if m.path == "c")
    late = (2 * MIB + 512 * KIB) >> mirror.array.chunk_shift
    assert late in newcomer.need
    stage.wait(30)
    assert mirror.intent.heat[0] == 0
    assert mirror.intent.heat[late]
    assert late in newcomer.need


@pytest.mark.parametrize("told", ["nobody", "the new one", "all"])
def test_a_cut_while_it_takes_over_costs_no_copy(told: str) -> None:
    play = Play()
    stage, mirror = play.stage, play.begin()
    mirror.sync.courtesy.most = 0
    stage.until(lambda: states(mirror)["a"] is State.FAULTY)
    if told != "nobody":
        written = {"the new one": [play.c], "all": [play.c, play.b]}[told]
        stage.until(lambda: all(image(d)[4096:8192].count(b"\xfe\xff") for d in written))
    play.crash()
    new, other = play.says(play.c), play.says(play.b)
    if told == "nobody":
        assert new.feature_map == Feature.BITMAP | Feature.RECOVERY_OFFSET | Feature.REPLACEMENT
        assert new.recovery_offset == new.size, "what it holds is on record"
    else:
        assert new.feature_map == Feature.BITMAP
        assert (other.events == new.events) is (told == "all"), "the new one is the first to know"
    again = stage.assemble(play.disks)
    assert not again.array.degraded()
    assert len(again.array.in_sync()) == 2
    play.end(again)
    assert states(again) == {"b": State.IN_SYNC, "c": State.IN_SYNC}
    assert play.equal(play.b, play.c)


def test_a_replacement_that_fails_when_it_is_filled_has_not_cost_the_replaced_one() -> None:
    play = Play()
    stage, mirror = play.stage, play.begin()
    finish = play.c.finish

    def refuse(request: Request) -> None:
        if request.op is Op.WRITE and request.offset == 4096 and newcomer.recovered == mirror.size:
            request.waiter.complete(request.index, -errno.EIO)
        else:
            finish(request)

    (newcomer,) = (m for m in mirror.array.members if m.path == "c")
    play.c.finish = refuse  # type: ignore[method-assign]
    play.end(mirror)
    assert states(mirror) == {**BOTH, "c": State.FAULTY}
    assert not mirror.array.degraded()
    play.crash()
    assert states(stage.assemble(play.disks)) == BOTH


def test_nothing_is_acknowledged_that_the_replaced_one_missed_before_it_is_out_on_disk() -> None:
    play = Play()
    stage, mirror = play.stage, play.begin()
    mirror.sync.courtesy.most = 0
    stage.until(lambda: states(mirror)["a"] is State.FAULTY)
    assert mirror.scribe.holding
    answers: list[int] = []
    mirror.start_flush(answers.append)
    stage.until(lambda: bool(answers))
    assert play.role(play.a, play.b) in (ROLE_FAULTY, ROLE_SPARE)


def test_a_degraded_mirror_can_have_its_last_copy_replaced() -> None:
    play = Play()
    stage, mirror = play.stage, play.mirror
    stage.run(manage.fail(mirror, "b"))
    play.begin()
    assert mirror.array.degraded()
    play.end(mirror)
    assert states(mirror) == {"b": State.FAULTY, "c": State.IN_SYNC}
    assert play.equal(play.a, play.c)
    stage.run(manage.remove(mirror, "b"))
    stage.run(manage.add(mirror, play.b))
    play.end(mirror)
    assert states(mirror) == {"b": State.IN_SYNC, "c": State.IN_SYNC}
    assert play.equal(play.b, play.c)


def test_two_members_can_be_replaced_at_once() -> None:
    play = Play()
    stage, mirror = play.stage, play.begin()
    d = stage.disk("d")
    stage.run(replacing.replace(mirror, "b", d))
    play.end(mirror)
    assert states(mirror) == {"c": State.IN_SYNC, "d": State.IN_SYNC}
    assert play.equal(play.c, d)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("a", "c", "a is being replaced by c already"),
        ("c", "d", "c is recovering in vault"),
        ("b", "a", "a is a member of vault already"),
    ],
)
def test_what_cannot_be_replaced_says_why(old: str, new: str, message: str) -> None:
    play = Play()
    mirror = play.begin()
    disks = {disk.path: disk for disk in (*play.disks, play.stage.disk("d"))}
    with pytest.raises(RefusedError, match=message):
        play.stage.run(replacing.replace(mirror, old, disks[new]))


def test_one_that_fails_while_its_replacement_is_prepared_is_not_replaced() -> None:
    play = Play()
    stage, mirror = play.stage, play.mirror
    problems: list[RefusedError] = []

    async def attempt() -> None:
        try:
            await replacing.replace(mirror, "a", play.c)
        except RefusedError as problem:
            problems.append(problem)

    mirror.executor.spawn(attempt())
    stage.executor.drain()
    stage.run(manage.fail(mirror, "a"))
    stage.until(lambda: bool(problems))
    assert "there is nothing to replace" in str(problems[0])
    assert states(mirror) == {"a": State.FAULTY, "b": State.IN_SYNC}


def test_a_small_spare_or_device_is_refused() -> None:
    play = Play()
    small = play.stage.disk("small", 3 * MIB)
    with pytest.raises(MemberError, match="too small"):
        play.stage.run(replacing.replace(play.mirror, "a", small))
    assert not any(image(small))


def test_halves_that_part_while_one_is_replaced_are_told_apart() -> None:
    """The one that is being filled goes with those that fill it."""
    play = Play()
    stage, _ = play.stage, play.part_way()
    play.crash()
    stage.run(manage.stop(stage.assemble([play.b], run=True)))
    stage.run(manage.stop(stage.assemble([play.a, play.c], run=True)))
    found = [stage.run(read_member(disk, stage.pool)) for disk in play.disks]
    kept_b = decide(found, survivor="b", run=True)
    assert {(p.found.path, p.role, p.recovering) for p in kept_b.places} == {("b", 1, False), ("a", 0, True)}
    assert [note.path for note in kept_b.left_out] == ["c"]
    kept_a = decide(found, survivor="a", run=True)
    assert {(p.found.path, p.role, p.recovering, p.replacement) for p in kept_a.places} == {
        ("a", 0, False, False),
        ("c", 0, True, True),
        ("b", 1, True, False),
    }


def test_whoever_the_losers_were_filling_does_not_speak_for_the_survivor() -> None:
    """c failed long ago; d took the place of a, which came back for that of c. b, which has seen it all, is away."""
    stage = Stage()
    a, b, c, d = (stage.disk(name) for name in "abcd")
    mirror = stage.create([a, b, c])
    stage.run(manage.fail(mirror, "c"))
    stage.run(replacing.replace(mirror, "a", d))
    stage.until(lambda: not mirror.sync.running)
    stage.run(manage.remove(mirror, "c"))
    mirror.sync.courtesy.most = 1
    stage.run(manage.add(mirror, a))
    found = [stage.run(read_member(disk, stage.pool)) for disk in (a, c, d)]
    kept_c = decide(found, survivor="c", run=True)
    assert {(p.found.path, p.recovering) for p in kept_c.places} == {("c", False), ("d", True), ("a", True)}
    kept_d = decide(found, survivor="d", run=True)
    assert {(p.found.path, p.recovering) for p in kept_d.places} == {("d", False), ("a", True), ("c", True)}


@pytest.fixture
def first_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots are given away as the kernel does it."""

    def first(table: Sequence[int], raid_disks: int, taken: AbstractSet[int], first: bytes) -> int | None:
        return next(slot for slot in range(raid_disks, len(table)) if slot not in taken)

    monkeypatch.setattr(parting, "vacant_slot", first)


@pytest.mark.usefixtures("first_free")
def test_a_slot_that_was_given_on_does_not_part_a_replaced_member_from_its_successor() -> None:
    """c had the slot first, d has it now; who was replaced last knows only the slot."""
    stage = Stage()
    a, b, c, d = (stage.disk(name) for name in "abcd")
    mirror = stage.create([a, b])
    stage.run(manage.fail(mirror, "a"))
    stage.run(manage.remove(mirror, "a"))
    for old, new in (("b", c), ("c", b), ("b", d)):
        stage.run(replacing.replace(mirror, old, new))
        stage.until(lambda: not mirror.sync.running)
        stage.write(mirror, 0, KEY)
    found = [stage.run(read_member(disk, stage.pool)) for disk in (b, c, d)]
    assert len({f.superblock.dev_number for f in found}) == 2
    verdict = decide(found)
    assert [place.found.path for place in verdict.places] == ["d"]
    assert {note.path for note in verdict.left_out} == {"b", "c"}


@pytest.mark.usefixtures("first_free")
def test_a_disk_that_both_halves_took_in_does_not_make_one_of_them_stale() -> None:
    """a has it for role 1, b for role 0: a was not left behind by it."""
    stage = Stage()
    a, b, c = (stage.disk(name) for name in "abc")
    stage.run(manage.stop(stage.create([a, b])))
    for half in (a, b):
        alone = stage.assemble([half], run=True)
        stage.run(manage.add(alone, c))
        stage.in_sync(alone)
        stage.write(alone, 0, KEY)
        stage.run(manage.stop(alone))
    found = [stage.run(read_member(disk, stage.pool)) for disk in (a, c)]
    later = changed(found[1].superblock, events=found[0].superblock.events + 5)
    with pytest.raises(DivergedError, match="has another role"):
        decide([found[0], changed(found[1], superblock=later)])


def test_one_that_was_being_filled_long_ago_does_not_part_the_survivors() -> None:
    """Its slot is another's by now, of which only one of the two knows yet."""
    play = Play()
    stage = play.stage
    stage.run(manage.stop(play.part_way()))
    kept, other, old = (stage.run(read_member(disk, stage.pool)) for disk in play.disks)

    def told(found: Found, slot: int, events: int, roles: dict[int, int]) -> Found:
        table = tuple(roles.get(n, ROLE_SPARE) for n in range(found.superblock.max_dev))
        sb = changed(found.superblock, dev_number=slot, events=events, dev_roles=table)
        return changed(found, superblock=sb)

    found = [
        told(kept, 4, 31, {3: 1, 4: 1, 5: 0}),
        told(other, 5, 30, {4: 1, 5: 0}),
        told(old, 3, 10, {1: 1, 3: 1}),
    ]
    for survivor in ("a", "b"):
        verdict = decide(found, survivor=survivor, run=True)
        assert {p.found.path for p in verdict.places if not p.recovering} == {"a", "b"}


def test_a_guided_replacement_of_the_kernels_is_filled_in_full() -> None:
    """Bits go while the replaced one serves: they do not tell what it lacks."""
    play = Play()
    play.part_way()
    play.crash()
    found = [play.stage.run(read_member(disk, play.stage.pool)) for disk in play.disks]
    sb = found[2].superblock
    marked = changed(sb, feature_map=sb.feature_map | Feature.RECOVERY_BITMAP)
    verdict = decide([*found[:2], changed(found[2], superblock=marked)])
    (place,) = (p for p in verdict.places if p.found.path == "c")
    assert not place.guided
    assert len(place.need) >= (verdict.freshest.superblock.size - sb.recovery_offset) * 512 // verdict.chunk


def test_of_two_copies_with_one_role_the_one_that_is_marked_is_filled_again() -> None:
    """As the kernel might leave them, for a moment."""
    play = Play()
    play.part_way()
    play.crash()
    found = [play.stage.run(read_member(disk, play.stage.pool)) for disk in play.disks]
    whole = changed(found[2].superblock, feature_map=Feature.BITMAP | Feature.REPLACEMENT, recovery_offset=0)
    verdict = decide([*found[:2], changed(found[2], superblock=whole)])
    assert [(p.found.path, p.recovering, p.told) for p in verdict.places] == [
        ("a", False, True),
        ("b", False, True),
        ("c", True, False),
    ]
    (place,) = (p for p in verdict.places if p.replacement)
    assert place.need == set(range(whole.size * 512 // verdict.chunk))
