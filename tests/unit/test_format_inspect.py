"""What `examine` finds on a member, whole, broken or hostile."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from typing import Any

import pytest

from mirrortui.format import badblocks, bitmap
from mirrortui.format.badblocks import BadRange
from mirrortui.format.bitmap import BitmapHeader
from mirrortui.format.inspect import Examination, array_state, examine
from mirrortui.format.layout import plan
from mirrortui.format.names import printable
from mirrortui.format.report import to_dict
from mirrortui.format.superblock import FAILFAST, MAX, ROLE_FAULTY, ROLE_SPARE, Feature, Superblock
from mirrortui.units import MIB, SECTOR

SIZE = 16 * MIB
UUID = bytes.fromhex("00112233445566778899aabbccddeeff")


class Image:
    """A member in memory."""

    def __init__(self, size: int = SIZE) -> None:
        self.data = bytearray(size)

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self.data[offset : offset + length])

    def write(self, sector: int, data: bytes | bytearray) -> None:
        self.data[sector * SECTOR : sector * SECTOR + len(data)] = data

    def examine(self) -> Examination:
        return examine(self.read, len(self.data), "a.img")


def _superblock(minor: int = 2, **change: Any) -> Superblock:
    layout = plan(SIZE // SECTOR, minor=minor)
    sb = Superblock(
        feature_map=Feature.BITMAP,
        set_uuid=UUID,
        set_name="vault",
        ctime=1_700_000_000,
        size=layout.data_size,
        raid_disks=2,
        bitmap_offset=layout.bitmap_offset,
        data_offset=layout.data_offset,
        data_size=layout.data_size,
        super_offset=layout.super_offset,
        dev_number=1,
        device_uuid=UUID[::-1],
        bblog_size=layout.bblog_size,
        bblog_offset=layout.bblog_offset,
        utime=1_700_000_100,
        events=20,
        dev_roles=(0, 1, *[ROLE_SPARE] * 126),
    )
    return replace(sb, **change)


def _image(sb: Superblock, *dirty: int) -> Image:
    image = Image()
    image.write(sb.super_offset, sb.encode())
    header = BitmapHeader(uuid=UUID, events=20, events_cleared=18, sync_size=sb.size, chunksize=65536)
    raw = bitmap.image(header, dirty=False)
    for chunk in dirty:
        bitmap.set_bit(raw, chunk)
    image.write(sb.bitmap_sector, raw)
    return image


@pytest.mark.parametrize("minor", [0, 1, 2])
def test_a_member_in_order(minor: int) -> None:
    sb = _superblock(minor)
    found = _image(sb, 3, 5).examine()
    assert found.superblock == sb
    assert found.warnings == ()
    assert to_dict(found) == {
        "path": "a.img",
        "size": SIZE,
        "version": f"1.{minor}",
        "offset": sb.super_offset * SECTOR,
        "problem": "",
        "superblock": {
            "uuid": "00112233:44556677:8899aabb:ccddeeff",
            "name": "vault",
            "level": 1,
            "level_name": "RAID-1",
            "raid_disks": 2,
            "array_state": "AA",
            "array_size": sb.size * SECTOR,
            "created": 1_700_000_000,
            "updated": 1_700_000_100,
            "events": 20,
            "clean": True,
            "resynced": None,
            "device_uuid": "ffeeddcc:bbaa9988:77665544:33221100",
            "slot": 1,
            "role": 1,
            "recovered": None,
            "data_offset": sb.data_offset * SECTOR,
            "data_size": sb.data_size * SECTOR,
            "write_mostly": False,
            "failfast": False,
            "features": ["bitmap"],
        },
        "bitmap": {
            "version": 4,
            "chunk": 65536,
            "chunks": 240 if minor else 256,
            "dirty": 2,
            "events": 20,
            "events_cleared": 18,
        },
        "bad_blocks": [],
        "damaged": None,
        "interop": {"kernel": "3.0", "why": [], "text": "any kernel since 3.0 with md can assemble this"},
        "warnings": [],
    }


def test_not_a_member() -> None:
    found = Image().examine()
    assert (found.found, found.superblock, found.warnings) == ((), None, ())
    assert to_dict(found)["problem"] == "No MD superblock."


@pytest.mark.parametrize("size", [0, 511, 512, 4096, 8191, 8192, 65536])
def test_a_tiny_file(size: int) -> None:
    assert Image(size).examine().found == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"resync_offset": 0},
            "The array was not stopped cleanly: 2 of 240 chunks (128 KiB) must be resynced.",
        ),
        ({"resync_offset": 2048}, "The members are equal up to 1.00 MiB; the rest was not synced yet."),
        ({"dev_roles": (ROLE_FAULTY, 1)}, "no member has role 0."),
        (
            {"feature_map": Feature.BITMAP | Feature.RECOVERY_OFFSET, "recovery_offset": 4096},
            "This member was being filled: 2.00 MiB of 15.0 MiB is good.",
        ),
        ({"dev_roles": (0, ROLE_SPARE)}, "This member is spare"),
        ({"dev_roles": (0, ROLE_FAULTY)}, "This member is faulty"),
        ({"events": 21}, "The bitmap is out of date: every chunk counts as dirty."),
        ({"set_uuid": bytes(16)}, "a.img: bitmap field uuid is"),
        ({"level": 5}, "RAID-5"),
        ({"feature_map": Feature(0x4001)}, "unknown feature bits 0x4000"),
    ],
)
def test_what_the_owner_should_know(change: dict[str, Any], says: str) -> None:
    found = _image(_superblock(**change), 3, 5).examine()
    assert says in " ".join(found.warnings)
    assert found.superblock == _superblock(**change)


_FILLED = {"feature_map": Feature.BITMAP | Feature.RECOVERY_OFFSET, "recovery_offset": 4096}


@pytest.mark.parametrize(
    ("change", "forgotten"),
    [
        ({"dev_roles": (0, 1, 0)}, True),
        ({"dev_roles": (0, 1, 0), "resync_offset": MAX}, False),
        ({"dev_roles": (0, 1, 0), "feature_map": Feature(0)}, False),
        ({"dev_roles": (1, ROLE_FAULTY, 1)}, False),
        ({**_FILLED, "raid_disks": 3, "dev_roles": (0, 1, 2)}, True),
        ({**_FILLED, "raid_disks": 3, "dev_roles": (0, 1, ROLE_FAULTY)}, False),
        ({"raid_disks": 3, "dev_roles": (0, 1, 2)}, False),
    ],
)
def test_that_a_kernel_would_forget_where_copies_differ(change: dict[str, Any], forgotten: bool) -> None:
    sb = _superblock(**{"resync_offset": 0, **change})
    warnings = " ".join(_image(sb).examine().warnings)
    assert ("would fill the member first and then forget" in warnings) == forgotten


def test_an_unclean_array_without_a_trustworthy_bitmap_is_suspect_as_a_whole() -> None:
    all_of_it = "The array was not stopped cleanly: all of it must be resynced."
    assert all_of_it in _image(_superblock(resync_offset=0, events=21), 3).examine().warnings
    assert all_of_it in _image(_superblock(resync_offset=0, feature_map=Feature(0))).examine().warnings


def test_bad_blocks_are_listed_in_bytes() -> None:
    image = _image(sb := _superblock(feature_map=Feature.BITMAP | Feature.BAD_BLOCKS))
    image.write(sb.bblog_sector, badblocks.encode([BadRange(3000, 16)]))
    found = image.examine()
    assert to_dict(found)["bad_blocks"] == [{"offset": 3000 * SECTOR, "length": 8192}]
    assert found.warnings == ("8.00 KiB of this member is in the bad-block log and holds no valid data.",)
    image.write(sb.bblog_sector, bytes(8))
    assert "bad-block log entry 0 has length 0" in image.examine().warnings[0]


def test_a_broken_superblock_is_described() -> None:
    image = _image(sb := _superblock())
    image.data[sb.super_offset * SECTOR + 200] ^= 1
    found = image.examine()
    assert found.superblock is None
    assert "a.img: superblock field sb_csum is" in found.warnings[0]
    assert to_dict(found)["problem"] == found.warnings[0]
    assert to_dict(found)["superblock"] is None


def test_the_newest_of_several_superblocks_counts() -> None:
    image = _image(new := _superblock(2, ctime=1_800_000_000))
    old = _superblock(1)
    image.write(old.super_offset, old.encode())
    broken = bytearray(_superblock(0).encode())
    broken[300] ^= 1
    image.write(_superblock(0).super_offset, broken)
    found = image.examine()
    assert found.superblock == new
    assert [one.version for one in found.found] == ["1.2", "1.1", "1.0"]
    assert found.warnings == (
        "There is also a v1.1 superblock at byte 0, of an earlier life of this device.",
        "There is also a broken v1.0 superblock at byte 16769024, of an earlier life of this device.",
    )


def test_a_bitmap_that_would_cost_memory_is_not_read() -> None:
    image = _image(sb := _superblock())
    image.write(sb.super_offset, replace(sb, size=1 << 40, data_size=1 << 40).encode())
    asked: list[int] = []

    def read(offset: int, length: int) -> bytes:
        asked.append(length)
        return image.read(offset, length)

    struct.pack_into("<I", image.data, sb.bitmap_sector * SECTOR + 52, 512)
    found = examine(read, 1 << 50, "a.img")
    assert "the bits must fit" in " ".join(found.warnings)
    assert max(asked) <= 4096


@pytest.mark.parametrize(
    ("roles", "letters"),
    [((0, 1), "AA"), ((0, ROLE_FAULTY), "A."), ((0, 1, 0), "RA"), ((ROLE_SPARE,) * 3, "..")],
)
def test_array_state(roles: tuple[int, ...], letters: str) -> None:
    assert array_state(_superblock(dev_roles=roles)) == letters


def test_a_name_cannot_reach_the_terminal() -> None:
    assert printable("host:vault ä") == "host:vault ä"
    assert printable("\x1b[2J\n\0") == r"\x1b[2J\n\x00"
    assert printable(b"\xff".decode("utf-8", "surrogateescape")) == r"\xff"


def test_hostile_values_still_make_json() -> None:
    sb = _superblock(
        set_name=bytes(range(0x80, 0xA0)).decode("utf-8", "surrogateescape"),
        feature_map=Feature(0xFFFFFFFF & ~Feature.BAD_BLOCKS),
        ctime=MAX,
        utime=MAX,
        events=MAX,
        recovery_offset=MAX,
        resync_offset=MAX - 1,
        devflags=0xFF & ~FAILFAST,
    )
    text = json.dumps(to_dict(_image(sb).examine()))
    assert text.isascii()
    assert json.loads(text)["superblock"]["events"] == MAX
