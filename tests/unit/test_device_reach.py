"""How far reaches what is on a device: by what the real tools wrote, and without trusting what others did."""

from __future__ import annotations

import base64
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrortui.device.reach import furthest, reaches
from tests.unit.test_device_signatures import GOLDEN, sparse

WHOLE = (
    *("ext2", "ext3", "ext4", "ext4-nojournal", "xfs", "btrfs", "ntfs", "exfat", "fat12", "fat16", "fat32"),
    *("swap", "iso9660", "f2fs", "mbr", "lvm"),
)
"""Made as large as their device."""


def golden(name: str) -> tuple[dict[int, bytes], int]:
    found = GOLDEN[name]
    blocks = {int(at): zlib.decompress(base64.b85decode(data)) for at, data in found["blocks"].items()}
    return blocks, found["size"]


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_system_reaches_to_the_end_of_the_device_it_was_made_for(name: str) -> None:
    blocks, size = golden(name)
    last = furthest(reaches(sparse(blocks), 2 * size, 512))
    assert last and last.end == size


def test_a_gpt_reaches_to_the_end_of_its_last_partition_and_has_a_copy_at_the_end() -> None:
    blocks, size = golden("gpt")
    found = reaches(sparse(blocks), size, 512)
    last = furthest(found)
    assert last and last.end == 4096 * 512
    assert [one.end for one in found if one.spare] == [size]


def test_an_mbr_counts_in_the_sectors_of_its_disk() -> None:
    blocks, size = golden("mbr")
    last = furthest(reaches(sparse(blocks), size, 4096))
    assert last and last.end == 8 * size


@pytest.mark.parametrize("name", ["luks2", "bcache", "drbd", "erofs"])
def test_of_others_it_is_not_known(name: str) -> None:
    blocks, size = golden(name)
    assert [one.end for one in reaches(sparse(blocks), size, 512)] == [None]


def test_a_gpt_with_impossible_numbers_is_not_followed() -> None:
    for at, form, number in [(72, "<Q", 1 << 62), (80, "<I", 1 << 31), (84, "<I", 1 << 30), (84, "<I", 0)]:
        blocks, size = golden("gpt")
        first = bytearray(blocks[0].ljust(4096, b"\0"))
        struct.pack_into(form, first, 512 + at, number)
        found = reaches(sparse({**blocks, 0: bytes(first)}), size, 512)
        assert [one.end for one in found if one.what.detail == ""] == [None]


@given(name=st.sampled_from(sorted(GOLDEN)), at=st.integers(0, 4095), junk=st.binary(min_size=1, max_size=16))
def test_no_bytes_make_it_stumble(name: str, at: int, junk: bytes) -> None:
    blocks, size = golden(name)
    place = max((block for block in blocks if block <= 0x10000), default=0)
    page = bytearray(blocks.get(place, b"").ljust(4096, b"\0"))
    page[at : at + len(junk)] = junk[: 4096 - at]
    for one in reaches(sparse({**blocks, place: bytes(page)}), size, 512):
        assert one.end is None or one.end > 0
