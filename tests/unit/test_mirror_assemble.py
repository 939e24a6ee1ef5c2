"""Arrays that the real kernel left in every state open as what they are, and only what must be copied is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mirrortui.errors import DegradedStartError, DivergedError, FormatError, MemberError, RequestError
from mirrortui.format import bitmap, superblock
from mirrortui.format.superblock import ROLE_FAULTY, ROLE_SPARE, Feature
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.decide import decide
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.verbs import manage
from tests.golden import members
from tests.stage import Stage, image, states


def found(state: str) -> list[Found]:
    stage = Stage()
    return [stage.run(read_member(stage.golden(member), stage.pool)) for member in members(state)]


def needs(state: str) -> dict[str, int]:
    """Chunks to copy, by member that takes part."""
    return {place.found.path: len(place.need) for place in decide(found(state)).places}


@pytest.mark.parametrize("state", ["clean-1.0", "clean-1.1", "clean-1.2", "no-bitmap", "no-log", "three-way"])
def test_a_clean_array_is_whole_and_assembling_it_writes_nothing(state: str) -> None:
    stage = Stage()
    disks = [stage.golden(member) for member in members(state)]
    before = [image(disk) for disk in disks]
    mirror = stage.assemble(disks)
    assert set(states(mirror).values()) == {State.IN_SYNC}
    assert not mirror.sync.running
    assert [image(disk) for disk in disks] == before


def test_a_clean_array_is_stopped_as_it_was() -> None:
    """Bits were cleared when the kernel counted otherwise: nothing to put right where nothing is cleared."""
    stage = Stage()
    disks = [stage.golden(member) for member in members("clean-1.2")]
    for disk in disks:
        member = stage.run(read_member(disk, stage.pool))
        assert member.header
        older = replace(member.header, events_cleared=member.header.events - 1)
        disk.current[8192 : 8192 + bitmap.HEADER] = older.encode()
    before = [image(disk) for disk in disks]
    stage.run(manage.stop(stage.assemble(disks)))
    assert [image(disk) for disk in disks] == before


def test_an_unclean_array_copies_the_dirty_chunks_from_the_first_role() -> None:
    first, second = found("unclean")
    verdict = decide([first, second])
    assert [place.need for place in verdict.places] == [frozenset(), frozenset(first.dirty)]
    assert 0 < len(first.dirty) < bitmap.count_bits(first.superblock.size, 65536)


def test_without_a_bitmap_an_unclean_array_copies_everything() -> None:
    first, second = needs("unclean-no-bitmap").values()
    assert first == 0
    assert second > 100


@pytest.mark.parametrize("state", ["failed", "removed"])
def test_a_member_that_the_survivor_failed_is_left_out_without_asking(state: str) -> None:
    verdict = decide(found(state))
    assert [place.found.path for place in verdict.places] == [f"{state}-0"]
    assert [note.path for note in verdict.left_out] == [f"{state}-1"]


def test_the_stale_half_alone_does_not_start_by_itself() -> None:
    stale = found("removed")[1]
    with pytest.raises(DegradedStartError, match="1 more of 2 members"):
        decide([stale])
    assert decide([stale], run=True).missing == [0]


def test_a_recovery_goes_on_from_its_checkpoint() -> None:
    verdict = decide(found("mid-recovery"))
    filling = next(place for place in verdict.places if place.recovering)
    start = filling.found.superblock.recovery_offset * 512 // 65536
    assert start > 0
    assert min(filling.need) == start
    assert not filling.guided


def test_a_re_add_goes_on_with_the_bitmap() -> None:
    verdict = decide(found("mid-re-add"))
    filling = next(place for place in verdict.places if place.recovering)
    assert filling.guided
    assert filling.need <= verdict.dirty


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_a_replacement_that_the_kernel_began_goes_on_from_its_checkpoint(order: tuple[int, ...]) -> None:
    there = found("replacing")
    verdict = decide([there[n] for n in order])
    assert verdict.left_out == []
    replaced, other, replacement = (
        next(p for p in verdict.places if p.found.path == f"replacing-{n}") for n in range(3)
    )
    assert (replaced.role, replacement.role) == (0, 0)
    assert [p.recovering for p in (replaced, other, replacement)] == [False, False, True]
    assert [p.replacement for p in (replaced, other, replacement)] == [False, False, True]
    done = replacement.found.superblock.recovery_offset * 512 // verdict.chunk
    assert done > 0
    assert replacement.need >= set(range(done, bitmap.count_bits(there[0].superblock.size, verdict.chunk)))
    assert min(replacement.need) == done or verdict.dirty


def test_a_replacement_without_the_replaced_one_is_only_being_filled() -> None:
    there = found("replacing")
    with pytest.raises(DegradedStartError, match="1 more of 2 members"):
        decide(there[1:])
    verdict = decide(there[1:], run=True)
    assert [(p.role, p.recovering, p.replacement) for p in verdict.places] == [
        (1, False, False),
        (0, True, False),
    ]


def test_a_replacement_that_is_away_is_not_missed_and_loses_its_place_in_the_table() -> None:
    """One event behind, the kernel would believe the table, and take it on with all that it missed."""
    stage = Stage()
    disks = [stage.golden(member) for member in members("replacing")]
    slot = stage.run(read_member(disks[2], stage.pool)).superblock.dev_number
    mirror = stage.assemble(disks[:2])
    assert not mirror.array.degraded()
    assert stage.write(mirror, 0, bytes(4096)) == 0
    for member in mirror.array.members:
        table = stage.run(read_member(member.device, stage.pool)).superblock.dev_roles
        assert table[slot] == ROLE_FAULTY


@pytest.mark.parametrize("marked", [True, False])
def test_two_that_claim_one_role_are_taken_only_as_a_member_and_its_replacement(marked: bool) -> None:
    there = found("replacing")
    features = there[2].superblock.feature_map & ~Feature.REPLACEMENT
    stranger = replace(there[2], superblock=replace(there[2].superblock, feature_map=features))
    third = there[2] if marked else stranger
    verdict = decide([*there[:2], third])
    assert (third.path in {p.found.path for p in verdict.places}) is marked
    if not marked:
        assert [note.why for note in verdict.left_out] == ["it claims role 0, which another fills"]


def test_a_spare_is_a_spare() -> None:
    verdict = decide(found("spare"))
    assert [place.role for place in verdict.places].count(None) == 1


def test_halves_of_two_arrays_are_not_joined() -> None:
    with pytest.raises(MemberError, match=r"clean-1.1-0 belongs to another array"):
        decide([found("clean-1.2")[0], found("clean-1.1")[0]])


def test_two_copies_of_one_member_are_not_two_members() -> None:
    one = found("clean-1.2")[0]
    with pytest.raises(MemberError, match="one and the same member"):
        decide([one, replace(one, path="copy")])


def test_another_name_is_refused() -> None:
    stage = Stage()
    disks = [stage.golden(member) for member in members("clean-1.2")]
    with pytest.raises(RequestError, match="not photos"):
        stage.assemble(disks, name="photos")


def test_a_broken_superblock_counts_as_missing_and_says_which_field() -> None:
    stage = Stage()
    disks = [stage.golden(member) for member in members("clean-1.2")]
    disks[1].current[4096 + 200] ^= 1
    before = image(disks[1])
    with pytest.raises(DegradedStartError, match=r"clean-1.2-1: superblock field sb_csum is"):
        stage.assemble(disks)
    mirror = stage.assemble(disks, run=True)
    assert states(mirror) == {"clean-1.2-0": State.IN_SYNC}
    assert image(disks[1]) == before


def test_a_member_without_a_superblock_alone_is_no_mirror() -> None:
    stage = Stage()
    with pytest.raises(FormatError, match="no MD superblock"):
        stage.assemble([stage.disk("empty")])


def split() -> list[Found]:
    """Two halves that were each run, and written to, alone."""
    removed = found("removed")
    kept, other = removed
    assert other.header
    assert kept.header
    table = (0xFFFF, 1, *kept.superblock.dev_roles[2:])
    sb = replace(other.superblock, dev_roles=table, events=kept.superblock.events)
    raw = bitmap.image(replace(other.header, events=sb.events), dirty=False)
    for chunk in (100, 101):
        bitmap.set_bit(raw, chunk)
    header = replace(other.header, events=sb.events, events_cleared=kept.header.events_cleared)
    return [kept, Found("other", sb, header, bytes(raw))]


def test_a_split_brain_is_refused_with_the_evidence() -> None:
    with pytest.raises(
        DivergedError,
        match=r"removed-0 says at events 21 that other is gone .*, other says at events 21 that removed-0 is gone .*; "
        r"both were written since: 2 chunks \(128 KiB\) changed since on removed-0, 2 chunks .* on other",
    ):
        decide(split())


def test_the_survivor_of_a_split_brain_gives_the_union_of_both_bitmaps_and_no_more() -> None:
    kept, other = split()
    verdict = decide([kept, other], survivor="removed-0")
    loser = next(place for place in verdict.places if place.found.path == "other")
    assert loser.recovering
    assert loser.need == kept.dirty | {100, 101}
    assert verdict.dirty == set(loser.need)


def test_where_the_bitmaps_of_a_split_brain_cannot_tell_they_say_everything_from_then_on() -> None:
    """The loser gets the bits before its superblock: after a power cut between, they must not tell of less."""
    kept, other = split()
    assert other.header
    header = replace(other.header, events_cleared=other.header.events_cleared + 1)
    verdict = decide([kept, replace(other, header=header)], survivor="removed-0")
    loser = next(place for place in verdict.places if place.found.path == "other")
    assert loser.need == verdict.dirty == set(range(header.chunks))


def test_the_survivor_must_be_one_of_them() -> None:
    with pytest.raises(DivergedError, match="not among the members"):
        decide(split(), survivor="nobody")


def other_size(one: Found) -> Found:
    return replace(one, superblock=replace(one.superblock, size=one.superblock.size - 8))


def other_chunk(one: Found) -> Found:
    assert one.header
    header = replace(one.header, chunksize=4096)
    return replace(one, header=header, raw=bytes(bitmap.image(header, dirty=True)))


def no_bitmap(one: Found) -> Found:
    sb = replace(one.superblock, feature_map=Feature(0), bitmap_offset=0)
    return Found(one.path, sb, None, b"")


def slot_beyond(one: Found) -> Found:
    table = (*one.superblock.dev_roles, *[ROLE_SPARE] * 100)
    return replace(one, superblock=replace(one.superblock, dev_number=200, dev_roles=table))


@pytest.mark.parametrize("member", [1, 2])
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (other_size, "by its superblock the array has"),
        (other_chunk, "its bitmap has chunks of 4.00 KiB, not 64.0 KiB"),
        (no_bitmap, "no place for the write-intent bitmap"),
        (slot_beyond, "its slot 200 is beyond the 128"),
    ],
)
def test_a_member_that_cannot_hold_what_would_be_written_is_left_out(
    member: int, change: Callable[[Found], Found], why: str
) -> None:
    """The freshest superblock says what is written, and where: not all of it fits every member."""
    there = found("spare")
    there[member] = change(there[member])
    verdict = decide(there, run=True)
    assert [note.path for note in verdict.left_out] == [f"spare-{member}"]
    assert why in verdict.left_out[0].why
    assert max(verdict.dirty, default=0) < bitmap.count_bits(there[0].superblock.size, 65536)


def test_a_spare_that_missed_its_promotion_is_filled_and_not_believed() -> None:
    first, second, spare = found("spare")
    table = (0, ROLE_FAULTY, 1, *first.superblock.dev_roles[3:])
    first = replace(first, superblock=replace(first.superblock, dev_roles=table, events=17))
    verdict = decide([first, second, spare])
    place = next(p for p in verdict.places if p.found is spare)
    assert place.recovering
    assert len(place.need) == bitmap.count_bits(first.superblock.size, 65536)


def test_a_spare_that_was_removed_does_not_share_the_slot_of_its_successor() -> None:
    first, second, spare = found("spare")
    fresh = [replace(f, superblock=replace(f.superblock, events=20)) for f in (first, second, spare)]
    removed = replace(spare, path="removed", superblock=replace(spare.superblock, device_uuid=bytes(16)))
    for there in ([removed, *fresh], [*fresh, removed]):
        verdict = decide(there)
        assert [(note.path, note.why) for note in verdict.left_out] == [
            ("removed", "its slot 2 was given to spare-2")
        ]


def test_a_member_one_update_behind_that_fails_does_not_keep_the_others_from_starting() -> None:
    stage = Stage()
    disks = [stage.disk(name) for name in "abc"]
    stage.run(manage.stop(stage.create(disks)))
    sb = superblock.decode(bytes(disks[0].current[4096:8192]), minor=2)
    for disk in (disks[0], disks[2]):
        own = superblock.decode(bytes(disk.current[4096:8192]), minor=2)
        disk.current[4096:4608] = replace(own, events=sb.events + 1).encode()
    disks[1].faults, stage.scheduler.rates.error = True, 1.0
    mirror = stage.assemble(disks)
    assert states(mirror) == {"a": State.IN_SYNC, "b": State.FAULTY, "c": State.IN_SYNC}
    assert stage.write(mirror, 0, b"b" * 4096) == 0
