"""Arrays that the kernel left in every state: who takes part is what the kernel itself would say."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from mirrortui.format import bitmap
from mirrortui.format.lookup import find
from mirrortui.mirror.assembly.decide import decide
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.verdict import Verdict
from mirrortui.units import SECTOR
from tests.golden import GoldenMember, members

CHUNKS = 240


def _found(member: GoldenMember) -> Found:
    sb = find(member.read, member.size, str(member))[0].superblock
    assert sb
    if not sb.has_bitmap:
        return Found(str(member), sb, None, b"")
    place = sb.bitmap_sector * SECTOR
    header = bitmap.decode(member.read(place, bitmap.HEADER))
    return Found(str(member), sb, header, member.read(place, bitmap.image_bytes(header.chunks)))


def _roles(verdict: Verdict) -> dict[int, int | None]:
    """By the member's number in the state: its role."""
    return {int(place.found.path[-1]): place.role for place in verdict.places}


def _to_copy(verdict: Verdict) -> dict[int, int]:
    """By the member's number in the state: how many chunks of it must be copied, where any."""
    return {int(place.found.path[-1]): len(place.need) for place in verdict.places if place.need}


@pytest.mark.parametrize(
    ("state", "roles", "to_copy"),
    [
        ("clean-1.0", {0: 0, 1: 1}, {}),
        ("clean-1.1", {0: 0, 1: 1}, {}),
        ("clean-1.2", {0: 0, 1: 1}, {}),
        ("default-chunk", {0: 0, 1: 1}, {}),
        ("no-bitmap", {0: 0, 1: 1}, {}),
        ("no-log", {0: 0, 1: 1}, {}),
        ("nine-gib", {0: 0, 1: 1}, {}),
        ("created-missing", {0: 0}, {}),
        ("three-way", {0: 0, 1: 1, 2: 2}, {}),
        ("three-way-removed", {0: 0, 2: 2}, {}),
        ("unclean", {0: 0, 1: 1}, {1: 2}),
        ("unclean-no-bitmap", {0: 0, 1: 1}, {1: CHUNKS}),
        ("failed", {0: 0}, {}),
        ("removed", {0: 0}, {}),
        ("re-added", {0: 0, 1: 1}, {}),
        ("mid-resync", {0: 0, 1: 1}, {1: CHUNKS}),
        ("spare", {0: 0, 1: 1, 2: None}, {}),
        ("spare-took-over", {0: 0, 2: 1}, {}),
        ("write-mostly", {0: 0, 1: 1}, {}),
    ],
)
def test_who_takes_part_and_what_is_copied(
    state: str, roles: dict[int, int | None], to_copy: dict[int, int]
) -> None:
    for order in permutations(_found(member) for member in members(state)):
        verdict = decide(order)
        assert _roles(verdict) == roles
        assert _to_copy(verdict) == to_copy


@pytest.mark.parametrize("state", ["mid-recovery", "mid-re-add"])
def test_a_recovery_goes_on_where_the_kernel_left_it(state: str) -> None:
    source, target = (_found(member) for member in members(state))
    done = target.superblock.recovery_offset * SECTOR // 65536
    for order in permutations((source, target)):
        (place,) = (p for p in decide(order).places if p.recovering)
        assert place.found is target
        beyond = set(range(done, CHUNKS))
        assert place.need == (source.dirty & beyond if state == "mid-re-add" else beyond)


def test_a_resync_goes_on_where_the_kernel_left_it() -> None:
    first, second = (_found(member) for member in members("mid-resync-stopped"))
    done = first.superblock.resync_offset * SECTOR // 65536
    for order in permutations((first, second)):
        assert _to_copy(decide(order)) == {1: CHUNKS - done}


def test_a_member_with_bad_blocks_takes_part() -> None:
    good, bad = (_found(member) for member in members("bad-blocks"))
    assert _roles(decide((good, bad))) == {0: 0, 1: 1}
    assert _to_copy(decide((good, bad))) == {}
    log = bad.superblock.bblog_sector * SECTOR
    listed = replace(bad, log=members("bad-blocks")[1].read(log, bad.superblock.bblog_size * SECTOR))
    assert listed.bad_chunks(65536) == {
        (22048 - 2048) // 128,
        *range((30000 - 2048) // 128, 28951 // 128 + 1),
    }
