"""Bad ranges against a plain set of sectors, and their log against cuts anywhere in its rewriting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mirrortui.format import badblocks
from mirrortui.format.badblocks import BadRange, decode, encode, rewrite
from mirrortui.mirror.badranges import BadRanges

LOG = 4096
RANGES = st.lists(st.builds(BadRange, st.integers(0, 4000), st.integers(1, 1500)), max_size=40)
MANY = st.lists(st.builds(BadRange, st.integers(0, 60000), st.integers(1, 3)), max_size=250)
EDITS = st.lists(st.tuples(st.integers(0, 5500), st.integers(0, 900)), min_size=1, max_size=6)


def sectors(ranges: tuple[BadRange, ...] | list[BadRange]) -> set[int]:
    return {sector for start, length in ranges for sector in range(start, start + length)}


@given(st.one_of(RANGES, MANY), EDITS, st.sampled_from([512, 4096]), st.data())
def test_no_cut_loses_what_stays_bad(
    before: list[BadRange], edits: list[tuple[int, int]], atom: int, data: st.DataObject
) -> None:
    bad = BadRanges((start, start + length) for start, length in before)
    for start, length in edits:
        bad.discard(start, start + length)
    after = [BadRange(lo, hi - lo) for lo, hi in bad]
    if len(badblocks._entries(before, 0)) + len(badblocks._entries(after, 0)) > LOG // 8:
        return
    # As the kernel leaves it: neither merged nor in order.
    log = bytearray(badblocks._pack(data.draw(st.permutations(badblocks._entries(before, 0))), LOG))
    for at, piece in rewrite(bytes(log), after, atom=atom):
        for unit in range(0, len(piece), atom):
            log[at + unit : at + unit + atom] = piece[unit : unit + atom]
            assert sectors(decode(bytes(log))) >= sectors(after)
    assert decode(bytes(log)) == badblocks.merge(after)


def test_a_log_with_no_room_for_both_is_written_at_once() -> None:
    before = [BadRange(sector * 2, 1) for sector in range(500)]
    assert rewrite(encode(before), before[1:], atom=512) == [(0, encode(before[1:]))]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), max_size=12), EDITS)
def test_bad_ranges_are_a_set_of_bytes(found: list[tuple[int, int]], edits: list[tuple[int, int]]) -> None:
    bad = BadRanges((lo, lo + length) for lo, length in found)
    model = {byte for lo, length in found for byte in range(lo, lo + length)}
    for edit, size in edits:
        lo, hi = edit % 350, edit % 350 + size % 80
        touched = bool(model & set(range(lo, hi)))
        assert bad.touches(lo, hi) is touched
        assert {b for a, z in bad.within(lo, hi) for b in range(a, z)} == model & set(range(lo, hi))
        assert bad.discard(lo, hi) is touched
        model -= set(range(lo, hi))
        assert {b for a, z in bad for b in range(a, z)} == model
        assert bad.bytes == len(model)
        assert bool(bad) is bool(model)
