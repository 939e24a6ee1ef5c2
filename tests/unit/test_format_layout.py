"""Where things lie on a new member: what mdadm 4.2 does, and the chunk that is ours to choose."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mirrortui.errors import MemberError, RequestError
from mirrortui.format.bitmap import count_bits, image_bytes
from mirrortui.format.layout import array_size, default_chunk, plan
from mirrortui.units import GIB, KIB, MIB, SECTOR, TIB

BY_MDADM: list[dict[str, Any]] = json.loads((Path(__file__).parent / "golden" / "layouts.json").read_text())


def _sectors(said: str | None) -> int:
    """The number in what mdadm prints; 0 where it prints nothing."""
    return next(
        (int(word) for word in (said or "").split() if word.lstrip("-").isdigit() and word != "512"), 0
    )


@pytest.mark.parametrize(
    "mdadm", BY_MDADM, ids=lambda m: f"1.{m['minor']}-{m['size']}-{'bitmap' if m['chunk'] else 'none'}"
)
def test_as_mdadm_does_it(mdadm: dict[str, Any]) -> None:
    ours = plan(mdadm["size"] // SECTOR, minor=mdadm["minor"], bitmap=bool(mdadm["chunk"]))
    assert ours.chunk == mdadm["chunk"]
    assert ours.data_offset == _sectors(mdadm["Data Offset"])
    assert ours.super_offset == _sectors(mdadm["Super Offset"])
    assert ours.bitmap_offset == _sectors(mdadm["Internal Bitmap"])
    assert ours.bblog_offset == _sectors((mdadm["Bad Block Log"] or "").partition("offset")[2])
    more = _sectors(mdadm["Avail Dev Size"]) - ours.data_size
    # In front of a v1.0 superblock mdadm leaves the bitmap what it uses now, we what it may come to use.
    assert 0 <= more < 256 if mdadm["minor"] == 0 and mdadm["chunk"] else more == 0


@pytest.mark.parametrize(
    ("size", "data_offset", "log", "log_without"),
    [
        (2 * MIB, 2048, 16, 16),
        (256 * MIB, 2048, 16, 16),
        (GIB, 4096, 16, 16),
        (4 * GIB, 10240, 16, 16),
        (8 * GIB, 18432, 16, 16),
        (9 * GIB, 18432, 16, 136),
        (100 * GIB, 133120, 16, 136),
        (200 * GIB, 264192, 16, 136),
        (201 * GIB, 264192, 16, 264),
        (TIB, 264192, 16, 264),
        (15 * TIB, 264192, 72, 264),
    ],
)
def test_mdadm_s_table_by_size(size: int, data_offset: int, log: int, log_without: int) -> None:
    mdadm_s_chunk = plan(size // SECTOR, chunk=64 * MIB)
    without = plan(size // SECTOR, bitmap=False)
    assert (mdadm_s_chunk.data_offset, mdadm_s_chunk.bitmap_offset) == (data_offset, 8)
    assert (mdadm_s_chunk.bblog_offset, without.bblog_offset) == (log, log_without)
    assert (without.bitmap_offset, without.bitmap_space, without.chunk) == (0, 0, 0)


@pytest.mark.parametrize("minor", [0, 1, 2])
@pytest.mark.parametrize("bitmap", [True, False])
@pytest.mark.parametrize("size", [2 * MIB, 3 * MIB + 512, 9 * GIB, 250 * GIB, 16 * TIB, 300 * TIB])
def test_nothing_overlaps(size: int, minor: int, bitmap: bool) -> None:
    sectors = size // SECTOR
    ours = plan(sectors, minor=minor, bitmap=bitmap)
    places = [(ours.super_offset, 8), (ours.super_offset + ours.bblog_offset, ours.bblog_size)]
    places += [(ours.data_offset, ours.data_size)]
    if bitmap:
        places += [(ours.super_offset + ours.bitmap_offset, ours.bitmap_space)]
    places.sort()
    for (start, length), (following, _) in pairwise(places):
        assert start + length <= following
    assert places[0][0] >= 0
    assert sum(places[-1]) <= sectors


@pytest.mark.parametrize("minor", [0, 1, 2])
def test_the_smallest_member(minor: int) -> None:
    with pytest.raises(
        MemberError, match=r"50.0 KiB is too small for a member: the least is .*\(\d+ bytes\)"
    ) as caught:
        plan(100, minor=minor)
    least = int(caught.value.what.split("(")[1].split()[0])
    assert plan(least // SECTOR, minor=minor).data_size == 128
    with pytest.raises(MemberError, match=str(least)):
        plan(least // SECTOR - 1, minor=minor)


@pytest.mark.parametrize("sectors", [0, 1, 8, 15, 16])
@pytest.mark.parametrize("minor", [0, 1, 2])
def test_next_to_nothing_is_too_small(sectors: int, minor: int) -> None:
    with pytest.raises(MemberError, match="too small"):
        plan(sectors, minor=minor)


@pytest.mark.parametrize(
    ("size", "chunk"),
    [
        (MIB, 64 * KIB),
        (256 * MIB, 64 * KIB),
        (256 * MIB + 1, 128 * KIB),
        (GIB, 256 * KIB),
        (128 * GIB, 32 * MIB),
        (256 * GIB, 64 * MIB),
        (100 * TIB, 64 * MIB),
    ],
)
def test_the_default_chunk(size: int, chunk: int) -> None:
    assert default_chunk(size) == chunk


@pytest.mark.parametrize("size", [256 * MIB, 10 * GIB, 256 * GIB, 16 * TIB, 300 * TIB])
def test_the_default_s_bits_are_enough_and_fit(size: int) -> None:
    ours = plan(size // SECTOR)
    bits = count_bits(ours.data_size, ours.chunk)
    assert bits > 2000
    assert ours.bitmap_space * SECTOR == image_bytes(bits)


def test_a_chunk_is_taken_as_given() -> None:
    assert plan(256 * MIB // SECTOR, chunk=64 * MIB).chunk == 64 * MIB
    assert plan(64 * MIB // SECTOR, chunk=4096).chunk == 4096


def test_a_large_member_of_a_small_array_needs_bits_for_the_array_alone() -> None:
    small = plan(256 * MIB // SECTOR)
    large = plan(15 * TIB // SECTOR, chunk=small.chunk, size=small.data_size)
    assert large.bitmap_space == small.bitmap_space == 8
    assert large.data_size == plan(15 * TIB // SECTOR).data_size
    assert plan(15 * TIB // SECTOR, size=small.data_size).chunk == small.chunk
    with pytest.raises(RequestError):
        plan(15 * TIB // SECTOR, chunk=small.chunk)


@pytest.mark.parametrize(
    ("size", "chunk", "least"),
    [
        (2 * MIB, 2048, 4096),
        (2 * MIB, 5000, 4096),
        (2 * MIB, 65537, 4096),
        (256 * MIB, 4096, 16 * KIB),
        (8 * GIB, 256 * KIB, 512 * KIB),
        (TIB, 512 * KIB, 2 * MIB),
        (2 * MIB, 4 * GIB, 4096),
    ],
)
def test_an_impossible_chunk_names_the_least_that_fits(size: int, chunk: int, least: int) -> None:
    with pytest.raises(RequestError) as caught:
        plan(size // SECTOR, chunk=chunk)
    assert f"A bitmap chunk of {chunk} bytes" in caught.value.what
    assert f"({least} bytes)" in caught.value.what
    assert plan(size // SECTOR, chunk=least).chunk == least


def test_the_array_is_as_large_as_its_smallest_member_in_whole_pages() -> None:
    small, large = plan(100 * MIB // SECTOR + 5), plan(200 * MIB // SECTOR)
    assert small.data_size % 8
    assert array_size([large, small]) == small.data_size // 8 * 8
    assert array_size([large]) == large.data_size
