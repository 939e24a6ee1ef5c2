"""What is on a device is recognised: on bytes that the real tools wrote, and without stumbling over any others."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrortui.device.signatures import identify
from tests.golden import all_members

Read = Callable[[int, int], bytes]
SIZE = 8 << 20


class Golden(TypedDict):
    """What a foreign tool left on an image: the 4 KiB blocks at either end that are not zero."""

    command: str
    size: int
    blocks: dict[str, str]
    """Offset -> base85 of zlib."""


GOLDEN: dict[str, Golden] = json.loads((Path(__file__).parent / "golden_signatures.json").read_text())

EXPECTED = {
    "ext2": ["ext2, label old, 14.0 KiB used"],
    "ext3": ["ext3, label older, 19.0 KiB used"],
    "ext4": ["ext4, label photos, 14.0 KiB used"],
    "ext4-nojournal": ["ext4, 14.0 KiB used"],
    "xfs": ["XFS, label vault, 128 KiB used"],
    "btrfs": ["Btrfs, label garden, 144 KiB used"],
    "ntfs": ["NTFS"],
    "exfat": ["exFAT"],
    "fat12": ["FAT12, label TINY"],
    "fat16": ["FAT16, label STICK"],
    "fat32": ["FAT32, label BOOT, 512 B used"],
    "f2fs": ["F2FS, label flash"],
    "erofs": ["EROFS"],
    "squashfs": ["SquashFS"],
    "iso9660": ["ISO 9660, label DISC"],
    "swap": ["swap, label paging"],
    "luks1": ["LUKS1"],
    "luks2": ["LUKS2, label safe"],
    "lvm": ["LVM2 physical volume, PV "],
    "bcache": ["bcache"],
    "drbd": ["DRBD"],
    "gpt": [
        "MBR partition table, protects a GPT",
        "GPT partition table",
        "GPT partition table, backup table at the end",
    ],
    "mbr": ["MBR partition table, 2 partitions"],
    "qcow2": ["qcow2 image"],
    "vmdk": ["VMDK image"],
    "vdi": ["VDI image"],
    "vhdx": ["VHDX image"],
}


def sparse(blocks: dict[int, bytes]) -> Read:
    """Reads of a device that is zero but for these."""

    def read(offset: int, length: int) -> bytes:
        found = bytearray(length)
        for at, data in blocks.items():
            low, high = max(at, offset), min(at + len(data), offset + length)
            if low < high:
                found[low - offset : high - offset] = data[low - at : high - at]
        return bytes(found)

    return read


def texts(read: Read, size: int) -> list[str]:
    return [str(signature) for signature in identify(read, size)]


def test_every_golden_image_has_an_expectation() -> None:
    assert GOLDEN.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_what_real_tools_wrote(name: str) -> None:
    golden = GOLDEN[name]
    blocks = {int(at): zlib.decompress(base64.b85decode(data)) for at, data in golden["blocks"].items()}
    found = texts(sparse(blocks), golden["size"])
    assert len(found) == len(EXPECTED[name])
    assert all(text.startswith(expected) for text, expected in zip(found, EXPECTED[name], strict=True))
    exact = name != "lvm"  # a physical volume has a number, not a name
    assert (found == EXPECTED[name]) is exact


def test_md_superblocks_that_mdadm_wrote() -> None:
    seen = set()
    for member in all_members():
        [found] = identify(member.read, member.size)
        seen.add(found.kind)
        name = (member.says("Name") or "").split("  ")[0]
        assert found.detail == f"name {name}, UUID {member.says('Array UUID')}"
    assert seen == {f"MD {version} array member" for version in ("1.0", "1.1", "1.2")}


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_oldest_md_format_in_either_byte_order(order: str) -> None:
    head = struct.pack(f"{order}6I", 0xA92B4EFC, 0, 90, 0, 0, 0x11223344).ljust(52, b"\0")
    superblock = head + struct.pack(f"{order}3I", 0x55667788, 0x99AABBCC, 0xDDEEFF00)
    read = sparse({SIZE - 0x10000: superblock})
    assert texts(read, SIZE) == ["MD 0.90 array member, UUID 11223344:55667788:99aabbcc:ddeeff00"]
    assert texts(read, SIZE + 4096) == texts(read, SIZE)


@pytest.mark.parametrize(
    ("offset", "magic", "expected"),
    [
        (160 << 10, b"\x0c\xb1\xba\0\0\0\0\0", "ZFS pool member"),
        (255 << 10, b"\0\0\0\0\0\xba\xb1\x0c", "ZFS pool member"),
        (SIZE - 1024, b"Intel Raid ISM Cfg Sig. 1.3.00", "Intel RAID member"),
        (SIZE - 512, b"\xde\x11\xde\x11", "DDF RAID member"),
        (0x204, b"!Stra0tis\x86\xff\x02^\x41rh", "Stratis pool member"),
        (32, b"NXSB", "APFS"),
        (1024, b"H+\0\4", "HFS+"),
        (4096, b"EFI PART", "GPT partition table"),
        (65526, b"SWAPSPACE2", "swap"),
    ],
)
def test_magic_numbers_by_the_book(offset: int, magic: bytes, expected: str) -> None:
    """Kinds whose tools are not at hand."""
    assert texts(sparse({offset: magic}), SIZE) == [expected]


def test_a_boot_sector_is_not_a_partition_table() -> None:
    assert texts(sparse({510: b"\x55\xaa"}), SIZE) == []
    wild = sparse({446: b"\x13" + bytes(3) + b"\x83" + bytes(3) + b"\1\0\0\0\2\0\0\0", 510: b"\x55\xaa"})
    assert texts(wild, SIZE) == [], "a status byte other than 0 and 0x80 is code"


def test_labels_cannot_draw_on_the_screen() -> None:
    read = sparse({0: b"XFSB", 108: b"a\x1b[31m\xff\n"})
    assert texts(read, SIZE) == ["XFS, label a?[31m\N{REPLACEMENT CHARACTER}"]


def test_only_both_ends_are_read() -> None:
    asked: list[tuple[int, int]] = []

    def read(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return bytes(length)

    identify(read, 1 << 40)
    assert asked == [(0, 256 << 10), ((1 << 40) - (128 << 10), 128 << 10)]


@given(data=st.binary(max_size=70_000), size=st.integers(0, 600_000))
def test_no_bytes_and_no_size_are_too_odd(data: bytes, size: int) -> None:
    whole = (data * (size // max(1, len(data)) + 1))[:size] if data else bytes(size)
    found = identify(lambda offset, length: whole[offset : offset + length], size)
    assert all(0 <= signature.offset < size for signature in found)
    assert all(str(signature).isprintable() for signature in found)


@given(st.sampled_from([4 << 10, 8 << 10, 64 << 10, 200 << 10, 300 << 10]), st.data())
def test_a_magic_number_in_hostile_company(size: int, data: st.DataObject) -> None:
    """Every place where a magic number is looked for, with random bytes behind it."""
    places = [
        (0, b"XFSB"),
        (0x438, b"\x53\xef"),
        (0, b"LUKS\xba\xbe"),
        (4096, b"\xfc\x4e\x2b\xa9\1\0\0\0"),
        (0, b"LABELONE"),
    ]
    at, magic = data.draw(st.sampled_from(places))
    noise = data.draw(st.binary(min_size=512, max_size=512))
    whole = bytearray(size)
    whole[at : at + 520] = (magic + noise)[: max(0, min(520, size - at))]
    found = identify(lambda offset, length: bytes(whole[offset : offset + length]), size)
    assert all(str(signature).isprintable() for signature in found)
