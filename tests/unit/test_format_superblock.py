"""The superblock: its bytes, and what makes a member refused."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from mirrortui.errors import FormatError, MemberError, RefusedError
from mirrortui.format import foreign, superblock
from mirrortui.format.foreign import check_usable
from mirrortui.format.ondisk import SUPERBLOCK_BYTES, checksum, superblock_sector
from mirrortui.format.superblock import (
    MAX,
    ROLE_FAULTY,
    ROLE_JOURNAL,
    ROLE_SPARE,
    Feature,
    Superblock,
    decode,
)

KERNEL_WROTE = bytes.fromhex(
    """
    fc 4e 2b a9 01 00 00 00  01 00 00 00 00 00 00 00
    e9 ac d7 bf c0 7b 72 47  c6 ad 43 7c a3 67 0d 71
    6b 65 72 6e 65 6c 76 6d  3a 66 69 78 00 00 00 00
    00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00
    31 bd 02 6b 00 00 00 00  01 00 00 00 00 00 00 00
    00 78 01 00 00 00 00 00  00 00 00 00 02 00 00 00
    08 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00
    00 08 00 00 00 00 00 00  00 78 01 00 00 00 00 00
    08 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00  02 8e c2 f3 ab 01 ac e3
    8a e7 29 51 6b 77 10 66  00 00 08 00 10 00 00 00
    33 bd 02 6b 00 00 00 00  11 00 00 00 00 00 00 00
    ff ff ff ff ff ff ff ff  db 26 d3 56 80 00 00 00
    00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00
    00 00 01 00
    """
).ljust(512, b"\xff")
"""By Linux 6.12 on the first member of a clean two-way mirror."""

GOOD = Superblock(
    feature_map=Feature.BITMAP,
    set_uuid=bytes.fromhex("e9acd7bfc07b7247c6ad437ca3670d71"),
    set_name="kernelvm:fix",
    ctime=0x6B02BD31,
    size=96256,
    raid_disks=2,
    bitmap_offset=8,
    data_offset=2048,
    data_size=96256,
    super_offset=8,
    dev_number=0,
    device_uuid=bytes.fromhex("028ec2f3ab01ace38ae729516b771066"),
    bblog_size=8,
    bblog_offset=16,
    utime=0x6B02BD33,
    events=17,
    dev_roles=(0, 1, *[ROLE_SPARE] * 126),
)


def test_what_the_kernel_wrote_is_read() -> None:
    assert decode(KERNEL_WROTE, minor=2, device_sectors=98304) == GOOD


def test_what_we_write_is_what_the_kernel_wrote() -> None:
    assert GOOD.encode() == KERNEL_WROTE


def test_properties_of_a_clean_member() -> None:
    assert GOOD.clean
    assert GOOD.has_bitmap
    assert GOOD.has_bblog
    assert not GOOD.recovering
    assert (GOOD.role, GOOD.minor, GOOD.max_dev) == (0, 2, 128)
    assert (GOOD.bitmap_sector, GOOD.bblog_sector) == (16, 24)


def test_the_role_is_looked_up_by_slot() -> None:
    assert replace(GOOD, dev_number=1).role == 1
    assert replace(GOOD, dev_number=2).role == ROLE_SPARE
    assert replace(GOOD, dev_number=128).role == ROLE_SPARE
    assert replace(GOOD, dev_number=1, dev_roles=(0, ROLE_FAULTY)).role == ROLE_FAULTY


@pytest.mark.parametrize(("offset", "minor"), [(0, 1), (8, 2), (16, 0), (98288, 0)])
def test_the_minor_version_follows_from_the_place(offset: int, minor: int) -> None:
    assert replace(GOOD, super_offset=offset).minor == minor


@pytest.mark.parametrize(
    ("minor", "sectors", "place"),
    [(0, 98304, 98288), (0, 98303, 98280), (0, 98311, 98288), (1, 98304, 0), (2, 98304, 8), (2, 16, 8)],
)
def test_places(minor: int, sectors: int, place: int) -> None:
    assert superblock_sector(minor, sectors) == place


@pytest.mark.parametrize(("minor", "sectors"), [(0, 15), (1, 7), (2, 15), (2, 0)])
def test_a_device_without_room_for_a_superblock(minor: int, sectors: int) -> None:
    with pytest.raises(MemberError, match="too small"):
        superblock_sector(minor, sectors)


@pytest.mark.parametrize("slots", [2, 3, 127, 128, 129, 384, 1920])
def test_any_length_of_role_table_has_its_checksum(slots: int) -> None:
    sb = replace(GOOD, dev_roles=tuple(range(slots)), data_offset=4096, data_size=90000, size=90000)
    data = sb.encode()
    assert len(data) == -(-(256 + 2 * slots) // 512) * 512
    assert decode(data, minor=2) == sb


def test_an_odd_role_is_summed_as_half_a_word() -> None:
    block = bytearray(GOOD.encode())
    assert checksum(block, 258) - checksum(block, 256) == 0
    struct.pack_into("<H", block, 256, 5)
    assert checksum(block, 258) - checksum(block, 256) == 5


def test_a_name_may_be_any_bytes_of_its_length() -> None:
    name = bytes(range(0xE0, 0x100)).decode("utf-8", "surrogateescape")
    assert decode(replace(GOOD, set_name=name).encode(), minor=2).set_name == name


@pytest.mark.parametrize(
    "change",
    [
        {"set_name": "n" * 33},
        {"set_name": "ä" * 17},
        {"set_uuid": bytes(15)},
        {"device_uuid": bytes(17)},
        {"size": -1},
        {"bitmap_offset": 1 << 31},
        {"dev_roles": (0, 0x10000)},
        {"dev_roles": (0,) * 1921},
    ],
)
def test_what_does_not_fit_is_not_written(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        replace(GOOD, **change).encode()  # type: ignore[arg-type]


def _patched(offset: int, form: str, value: int, *, seal: bool = True) -> bytes:
    """The good superblock with one field changed, and its checksum made right again."""
    block = bytearray(KERNEL_WROTE.ljust(SUPERBLOCK_BYTES, b"\0"))
    struct.pack_into(form, block, offset, value)
    if seal:
        struct.pack_into("<I", block, 216, checksum(block, 512))
    return bytes(block)


@pytest.mark.parametrize(
    ("offset", "form", "value", "says"),
    [
        (0, "<I", 0x12345678, "magic is 0x12345678, expected 0xa92b4efc"),
        (4, "<I", 2, "major_version is 2, expected 1"),
        (12, "<I", 1, "pad0 is 01000000, expected zeroes"),
        (80, "<Q", 96257, "size is 96257, expected at most data_size, 96256"),
        (80, "<Q", 0, "size is 0, expected at least 1 sector"),
        (92, "<I", 0, "raid_disks is 0, expected 1 to max_dev, 128"),
        (92, "<I", 129, "raid_disks is 129, expected 1 to max_dev, 128"),
        (96, "<i", 0, "bitmap_offset is 0, expected a place clear of the superblock"),
        (96, "<i", 2040, "bitmap_offset is 2040, expected a place clear of the data"),
        (96, "<i", -9, "bitmap_offset is -9, expected a place on the device"),
        (128, "<Q", 8, "data_offset is 8, expected at least 9, behind the superblock"),
        (136, "<Q", 9, "data_size is 9, expected at least 10 sectors"),
        (136, "<Q", 96257, "data_size is 96257, expected at most 96256 sectors"),
        (136, "<Q", MAX, f"data_size is {MAX}, expected at most 96256 sectors"),
        (144, "<Q", 0, "super_offset is 0, expected 8, where it lies"),
        (185, "<B", 21, "bblog_shift is 21, expected at most 20"),
        (188, "<i", -7, "bblog_offset is -7, expected a place clear of the superblock"),
        (188, "<i", 2033, "bblog_offset is 2033, expected a place clear of the data"),
        (220, "<I", 0, "max_dev is 0, expected 1 to 1920"),
        (220, "<I", 1921, "max_dev is 1921, expected 1 to 1920"),
        (220, "<I", 0xFFFFFFFF, "max_dev is 4294967295, expected 1 to 1920"),
        (224, "<I", 513, "logical_block_size is 513, expected 0, or a power of two from 512 bytes on"),
        (224, "<I", 1 << 21, "logical_block_size is 2097152, expected 0, or a power of two"),
        (252, "<I", 1, "pad3 is"),
    ],
)
def test_a_field_that_cannot_be_is_named(offset: int, form: str, value: int, says: str) -> None:
    with pytest.raises(FormatError) as caught:
        decode(_patched(offset, form, value), minor=2, device_sectors=98304, path="a.img")
    assert caught.value.what.startswith("a.img: superblock field ")
    assert says in caught.value.what


def test_a_broken_checksum_is_named_with_the_right_one() -> None:
    with pytest.raises(FormatError, match="sb_csum is 0x56d326db, expected 0x56d326dc"):
        decode(_patched(200, "<Q", 18, seal=False), minor=2)


def test_a_role_table_longer_than_the_bytes_is_not_believed() -> None:
    with pytest.raises(FormatError, match="max_dev is 129, expected 1 to 128"):
        decode(_patched(220, "<I", 129)[:512], minor=2)


def test_a_short_read_is_refused() -> None:
    with pytest.raises(FormatError, match="length is 255"):
        decode(KERNEL_WROTE[:255], minor=2)


def test_a_log_that_is_announced_must_have_a_place() -> None:
    data = replace(GOOD, feature_map=Feature.BAD_BLOCKS, bblog_offset=0).encode()
    with pytest.raises(FormatError, match="bblog_offset is 0"):
        decode(data, minor=2)


def test_a_stale_bitmap_offset_is_not_looked_at() -> None:
    sb = replace(GOOD, feature_map=Feature(0), bitmap_offset=-1000)
    assert decode(sb.encode(), minor=2) == sb


def _at_the_end(place: int, **change: int) -> bytes:
    fields = {"data_offset": 0, "data_size": 96000, "size": 96000, "bitmap_offset": -16, "bblog_offset": -8}
    return replace(GOOD, super_offset=place, **{**fields, **change}).encode()  # type: ignore[arg-type]


def test_version_1_0_ends_where_its_superblock_begins() -> None:
    assert decode(_at_the_end(98288), minor=0, device_sectors=98304).minor == 0
    with pytest.raises(FormatError, match="data_size is 98289, expected at most 98288"):
        decode(_at_the_end(98288, data_size=98289), minor=0, device_sectors=98304)


def test_version_1_0_on_a_device_that_grew_is_not_where_it_says() -> None:
    with pytest.raises(FormatError, match="super_offset is 98288, expected 98296, where it lies"):
        decode(_at_the_end(98288), minor=0, device_sectors=98312)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda sb: replace(sb, level=5), "RAID-5"),
        (lambda sb: replace(sb, level=-4), "multipath"),
        (lambda sb: replace(sb, feature_map=Feature.RESHAPE), "a reshape under way"),
        (lambda sb: replace(sb, feature_map=Feature.NEW_OFFSET), "new offset"),
        (lambda sb: replace(sb, feature_map=Feature.CLUSTERED), "a clustered bitmap"),
        (lambda sb: replace(sb, feature_map=Feature.JOURNAL), "a write journal"),
        (lambda sb: replace(sb, dev_roles=(ROLE_JOURNAL,)), "a write journal"),
        (lambda sb: replace(sb, feature_map=Feature.PPL), "a partial parity log"),
        (lambda sb: replace(sb, feature_map=Feature.RAID0_LAYOUT), "a RAID-0 layout"),
        (lambda sb: replace(sb, feature_map=Feature(0x2003)), "unknown feature bits 0x2000"),
    ],
)
def test_what_is_not_ours_to_run_is_refused_by_name(
    change: Callable[[Superblock], Superblock], says: str
) -> None:
    foreign = change(replace(GOOD, raid_disks=1))
    # It can still be looked at.
    assert decode(foreign.encode(), minor=2) == foreign
    with pytest.raises(RefusedError) as caught:
        check_usable(foreign, "a.img")
    assert says in caught.value.what
    assert "a.img" in caught.value.what
    assert "Nothing was written" in caught.value.hint


def test_every_feature_of_a_mirror_is_usable() -> None:
    check_usable(replace(GOOD, feature_map=foreign.USABLE_FEATURES))


def test_times_and_uuids_as_people_read_them() -> None:
    assert superblock.seconds(GOOD.ctime) == 0x6B02BD31
    assert superblock.seconds(500_000 << 40 | 7) == 7.5
    assert superblock.format_uuid(GOOD.set_uuid) == "e9acd7bf:c07b7247:c6ad437c:a3670d71"
