"""A third disk between two halves that were used apart: it makes neither of them stale, and hides neither."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

import pytest

from mirrortui.errors import DivergedError, MemberError
from mirrortui.format import parting
from mirrortui.format.superblock import ROLE_FAULTY, ROLE_SPARE, Feature
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.decide import decide
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.verbs import manage, settings
from mirrortui.units import KIB, MIB
from tests.stage import Stage, states

FILLING = Feature.RECOVERY_OFFSET


def told(found: Found, slot: int, events: int, roles: Mapping[int, int], *features: Feature) -> Found:
    """The member, with that superblock. `roles`: by slot."""
    table = tuple(roles.get(n, ROLE_SPARE) for n in range(found.superblock.max_dev))
    flags = functools.reduce(operator.or_, features, found.superblock.feature_map)
    sb = replace(
        found.superblock,
        dev_number=slot,
        events=events,
        dev_roles=table,
        feature_map=flags,
        recovery_offset=0,
    )
    return replace(found, superblock=sb)


@pytest.fixture
def members() -> list[Found]:
    """Three that are whole and were stopped together."""
    stage = Stage()
    disks = [stage.disk(name) for name in "abc"]
    stage.run(manage.stop(stage.create(disks)))
    return [stage.run(read_member(disk, stage.pool)) for disk in disks]


def test_one_that_is_filled_on_the_other_side_makes_nobody_stale(members: list[Found]) -> None:
    """c was to replace a while a ran alone; then b, which ran alone too, was to survive c. And the other way round."""
    a, b, c = members
    one = [
        told(a, 0, 6, {0: 0, 2: 0}),
        told(b, 1, 8, {1: 1, 2: 0}),
        told(c, 2, 8, {1: 1, 2: 0}, FILLING),
    ]
    other = [
        told(a, 0, 6, {0: 0, 2: 1}),
        told(b, 1, 8, {1: 1, 2: 1}),
        told(c, 2, 8, {1: 1, 2: 1}, FILLING, Feature.REPLACEMENT),
    ]
    for found in (one, other):
        with pytest.raises(DivergedError, match="b is gone"):
            decide(found)


def test_one_that_is_filled_again_where_it_was_shows_who_is_stale(members: list[Found]) -> None:
    """a failed, c took its role, then b failed and came back: a still believes in b, which has forgotten it."""
    a, b, c = members
    found = [
        told(a, 0, 2, {0: 0, 1: 1}),
        told(b, 1, 26, {1: 1, 2: 0}, FILLING),
        told(c, 2, 25, {2: 0}),
    ]
    verdict = decide(found)
    assert {place.found.path: place.recovering for place in verdict.places} == {"b": True, "c": False}
    assert [note.path for note in verdict.left_out] == ["a"]


def test_one_that_is_filled_in_the_survivors_slot_goes_with_its_own_side(members: list[Found]) -> None:
    """The kernel gives the first free slot to newcomers on both sides: a's is b's own."""
    a, b, c = members
    found = [
        told(a, 0, 7, {0: 0, 2: 0}),
        told(b, 2, 5, {1: 1, 2: 0}),
        told(c, 2, 7, {0: 0, 2: 0}, FILLING, Feature.REPLACEMENT),
    ]
    verdict = decide(found, survivor="b", run=True)
    assert {place.found.path for place in verdict.places if not place.recovering} == {"b"}
    assert {rejoin.kept for rejoin in verdict.rejoins} == {"b"}


def test_one_that_nobody_who_stays_has_filled_goes_with_the_losers(members: list[Found]) -> None:
    """c was to replace b once, and was being filled by a when the power went."""
    a, b, c = members
    found = [
        told(a, 0, 35, {0: 0, 1: 1}),
        told(b, 3, 28, {3: 1, 5: 1}),
        told(c, 5, 36, {0: 0, 5: 1}, FILLING),
    ]
    verdict = decide(found, survivor="b", run=True)
    assert {place.found.path for place in verdict.places if not place.recovering} == {"b"}


def test_a_slot_means_the_latest_who_had_it(members: list[Found]) -> None:
    """b had slot 2 in its own life, c has it in the other one; a is being filled by c, not by b."""
    a, b, c = members
    found = [
        told(a, 4, 49, {2: 0, 4: 0}, FILLING, Feature.REPLACEMENT),
        told(b, 2, 17, {2: 0}),
        told(c, 2, 49, {2: 0, 4: 0}),
    ]
    verdict = decide(found, survivor="b", run=True)
    assert {place.found.path for place in verdict.places if not place.recovering} == {"b"}


def test_the_survivor_is_named_also_where_who_is_filled_beside_it_knows_more(members: list[Found]) -> None:
    """A round of superblocks reached c, which is to replace b, and not b."""
    a, b, c = members
    found = [
        told(a, 0, 9, {0: 0}),
        told(b, 1, 7, {1: 1}),
        told(c, 3, 8, {1: 1, 3: 1}, FILLING, Feature.REPLACEMENT),
    ]
    verdict = decide(found, survivor="b", run=True)
    assert [(rejoin.kept, rejoin.lost) for rejoin in verdict.rejoins] == [("b", "a")]


def test_a_loser_that_was_being_filled_gets_a_slot_that_its_side_does_not_know(members: list[Found]) -> None:
    """c was to replace a; filled on b's side under the same slot it would look as if it had done so."""
    _, b, c = members
    found = [told(b, 1, 3, {1: 1}), told(c, 2, 6, {0: 0, 2: 0}, FILLING)]
    verdict = decide(found, survivor="b", run=True)
    (slot,) = [place.found.superblock.dev_number for place in verdict.places if place.rejoin]
    assert slot not in {0, 1, 2}


def test_a_newcomers_slot_is_nobodys_and_depends_on_who_takes_it_in() -> None:
    """Else each half would take the other's newcomer for its own, and the younger one would make the older stale."""
    table = [0, ROLE_FAULTY, *[ROLE_SPARE] * 6]
    one, other = bytes(7) + b"\x04" + bytes(8), bytes(7) + b"\x06" + bytes(8)
    assert parting.vacant_slot(table, 2, {0}, one) == 4
    assert parting.vacant_slot(table, 2, {0}, other) == 6
    assert parting.vacant_slot(table, 2, {0, 6, 7}, other) == 2
    table[2:] = [ROLE_SPARE, ROLE_FAULTY, 1, ROLE_FAULTY, 1, 1]
    assert parting.vacant_slot(table, 2, {0}, one) == 2
    assert parting.vacant_slot(table, 2, {0, 2}, one) == 5
    assert parting.vacant_slot(table, 2, {0, 2, 3, 5}, one) is None


def test_one_whose_source_is_lost_says_what_starting_from_an_older_one_would_cost(
    members: list[Found],
) -> None:
    """Its word keeps the older copy out; a person may know that there is nothing else."""
    _, b, c = members
    found = [
        told(b, 3, 19, {3: 1, 7: 1}),
        told(c, 7, 23, {5: 1, 7: 1}, FILLING, Feature.REPLACEMENT),
    ]
    with pytest.raises(MemberError, match="No member holds the whole data") as refused:
        decide(found, run=True)
    assert refused.value.hint == (
        "Give the others that c last ran with. If they are lost, leave c out: "
        "b has what was there at events 19, and what came later is lost."
    )
    assert [place.found.path for place in decide(found[:1], run=True).places] == ["b"]


def test_one_that_was_being_filled_by_those_who_are_out_is_only_stale(members: list[Found]) -> None:
    """b was filling c when it was replaced by a, which knows that both are out."""
    a, _, c = members
    out = {1: ROLE_FAULTY, 2: ROLE_FAULTY}
    found = [told(a, 5, 19, {5: 1, **out}), told(c, 2, 8, {1: 1, 2: 2}, FILLING)]
    verdict = decide(found, run=True)
    assert [place.found.path for place in verdict.places] == ["a"]
    assert [note.path for note in verdict.left_out] == ["c"]
    ahead = [found[0], told(c, 2, 20, {1: 1, 2: 2}, FILLING)]
    with pytest.raises(DivergedError):
        decide(ahead, run=True)


def test_one_that_was_being_filled_on_the_other_side_is_not_filled_to_the_end_here(
    members: list[Found],
) -> None:
    """b took c into the slot that a gave to somebody else, as the kernel does; both of those are lost."""
    a, _, c = members
    for role in (0, 1):
        found = [
            told(a, 0, 9, {0: 0, 1: ROLE_FAULTY, 2: 1}),
            told(c, 2, 8, {0: ROLE_FAULTY, 1: 1, 2: role}, FILLING, Feature.REPLACEMENT),
        ]
        with pytest.raises(DivergedError):
            decide(found, run=True)


def test_one_that_is_filled_by_somebody_who_says_that_the_copy_is_out_is_evidence(
    members: list[Found],
) -> None:
    """a ran alone; so did b, which was filling c."""
    a, _, c = members
    found = [
        told(a, 0, 20, {0: 0, 1: ROLE_FAULTY, 2: ROLE_FAULTY}),
        told(c, 2, 12, {0: ROLE_FAULTY, 1: 1, 2: 2}, FILLING),
    ]
    with pytest.raises(DivergedError):
        decide(found, run=True)


def test_a_former_member_that_was_used_apart_is_not_taken_back_for_a_slot_that_both_halves_gave_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def first(table: Sequence[int], raid_disks: int, taken: AbstractSet[int], first: bytes) -> int | None:
        return next(slot for slot in range(raid_disks, len(table)) if slot not in taken)

    monkeypatch.setattr(parting, "vacant_slot", first)  # as the kernel gives them
    stage = Stage()
    a, b, c, d = (stage.disk(name) for name in "abcd")
    stage.run(manage.stop(stage.create([a, b], chunk=64 * KIB)))
    for half, newcomer, at in ((b, d, MIB), (a, c, 512 * KIB)):
        alone = stage.assemble([half], run=True)
        stage.write(alone, at, half.path.encode() * 4096)
        for number in range(6 if half is a else 0):
            stage.run(settings.rename(alone, f"name{number}"))
        stage.run(manage.add(alone, newcomer))
        stage.in_sync(alone)
        for number in range(8):  # bits are cleared, and b counts far enough to know of that
            stage.run(alone.daemon.one_pass())
            stage.run(settings.rename(alone, f"other{number}"))
        if half is b:
            stage.run(manage.stop(alone))
    stage.run(manage.fail(alone, "a"))
    stage.run(manage.remove(alone, "a"))
    with pytest.raises(DivergedError):
        stage.run(manage.re_add(alone, b))


def test_a_former_member_gets_its_role_back_so_that_an_older_one_knows_it() -> None:
    stage = Stage()
    a, b, c = (stage.disk(name) for name in "abc")
    mirror = stage.create([a, b, c], chunk=64 * KIB)
    for path in "bc":
        stage.run(manage.fail(mirror, path))
        stage.write(mirror, 0, path.encode() * 4096)
    stage.run(manage.re_add(mirror, c))
    stage.until(lambda: not mirror.sync.running)
    stage.write(mirror, 0, b"n" * 4096)
    stage.run(manage.stop(mirror))
    again = stage.assemble([b, c], run=True)
    assert states(again) == {"c": State.IN_SYNC}
    assert [note.path for note in again.array.left_out] == ["b"]
