"""The bad-block log."""

from __future__ import annotations

import struct

import pytest

from mirrortui.errors import FormatError
from mirrortui.format.badblocks import BadRange, decode, encode, merge


def test_what_the_kernel_wrote_is_read_merged() -> None:
    entries = [22048 << 10 | 8, 22056 << 10 | 8, 42056 << 10 | 8]
    data = struct.pack("<3Q", *entries).ljust(4096, b"\xff")
    assert decode(data) == (BadRange(22048, 16), BadRange(42056, 8))


def test_an_empty_log() -> None:
    assert encode([]) == b"\xff" * 4096
    assert decode(encode([])) == ()


def test_long_ranges_take_several_entries() -> None:
    data = encode([BadRange(1000, 1025)])
    assert struct.unpack_from("<4Q", data) == (
        1000 << 10 | 512,
        1512 << 10 | 512,
        2024 << 10 | 1,
        (1 << 64) - 1,
    )
    assert decode(data) == (BadRange(1000, 1025),)


def test_larger_units_are_rounded_outwards() -> None:
    data = encode([BadRange(9, 2), BadRange(12, 1)], shift=3)
    assert struct.unpack_from("<2Q", data) == (1 << 10 | 1, (1 << 64) - 1)
    assert decode(data, shift=3) == (BadRange(8, 8),)


def test_merge() -> None:
    ranges = [BadRange(30, 5), BadRange(10, 10), BadRange(15, 2), BadRange(20, 1), BadRange(50, 0)]
    assert merge(ranges) == (BadRange(10, 11), BadRange(30, 5))


def test_a_log_is_finite() -> None:
    fitting = [BadRange(sector * 2, 1) for sector in range(512)]
    assert decode(encode(fitting)) == tuple(fitting)
    with pytest.raises(ValueError, match="513 bad-block entries do not fit a log of 4096 bytes"):
        encode([*fitting, BadRange(5000, 1)])
    with pytest.raises(ValueError, match="do not fit"):
        encode([BadRange(1 << 54, 1)])


@pytest.mark.parametrize("length", [0, 513, 1023])
def test_a_length_that_cannot_be_is_named(length: int) -> None:
    data = struct.pack("<2Q", 7 << 10 | 1, 9 << 10 | length)
    with pytest.raises(FormatError) as caught:
        decode(data, path="a.img")
    assert caught.value.what == f"a.img: bad-block log entry 1 has length {length}, expected 1 to 512."
