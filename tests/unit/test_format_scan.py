"""Superblocks that are not where they belong, found by a scan; and what each hit says of where its data lies."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from mirrortui.errors import MemberError
from mirrortui.format.inspect import examine
from mirrortui.format.scan import Hit, Scan
from mirrortui.units import KIB, MIB, SECTOR
from tests.golden import GoldenMember, members

SIZE = 16 * MIB


class Disk:
    """Sparse bytes that remember what was asked."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.sectors: dict[int, bytes] = {}
        self.longest = 0
        self.broken: set[int] = set()
        """Sectors that cannot be read."""

    def put(self, member: GoldenMember, offset: int = 0) -> Disk:
        assert offset % SECTOR == 0
        self.sectors |= {offset // SECTOR + sector: data for sector, data in member.sectors.items()}
        return self

    def read(self, offset: int, length: int) -> bytes:
        self.longest = max(self.longest, length)
        if any(offset < (bad + 1) * SECTOR and bad * SECTOR < offset + length for bad in self.broken):
            raise MemberError("a bad sector")
        data = bytearray(length)
        for sector, content in self.sectors.items():
            at = sector * SECTOR - offset
            if -SECTOR < at < length and sector * SECTOR < self.size:
                data[max(0, at) : at + SECTOR] = content[max(0, -at) :][: length - max(0, at)]
        return bytes(data)

    def scan(self, ranges: Iterable[tuple[int, int]] | None = None) -> list[Hit]:
        return list(Scan(self.read, ranges or [(0, self.size)], self.size, "a.img"))


def where(hit: Hit) -> tuple[str, int, int | None, bool]:
    return hit.found.version, hit.found.offset, hit.start, hit.regular


@pytest.mark.parametrize("minor", [0, 1, 2])
def test_what_is_where_it_belongs(minor: int) -> None:
    member = members(f"clean-1.{minor}")[0]
    (hit,) = Disk(SIZE).put(member).scan()
    sb = examine(member.read, SIZE).superblock
    assert sb
    assert where(hit) == (f"1.{minor}", sb.super_offset * SECTOR, 0, True)
    assert hit.found.superblock == sb
    assert hit.data == (sb.data_offset * SECTOR, sb.size * SECTOR)
    assert hit.missing == 0


@pytest.mark.parametrize("minor", [0, 1, 2])
@pytest.mark.parametrize("start", [MIB, 63 * SECTOR, 5 * MIB + SECTOR])
def test_a_member_in_a_partition(minor: int, start: int) -> None:
    """The table that said where it begins is lost: also that of old, where nothing lies on 4 KiB."""
    member = members(f"clean-1.{minor}")[0]
    (hit,) = Disk(64 * MIB).put(member, start).scan()
    sb = examine(member.read, SIZE).superblock
    assert sb
    assert where(hit) == (f"1.{minor}", start + sb.super_offset * SECTOR, start, False)
    assert hit.data == (start + sb.data_offset * SECTOR, sb.size * SECTOR)
    assert hit.member
    first, length = hit.member
    assert first == start
    assert length <= SIZE
    # What it says to attach is a member again.
    again = Disk(64 * MIB).put(member, start)
    assert examine(lambda at, count: again.read(start + at, count), length).superblock == sb


def test_a_member_that_grew_with_its_superblock_at_the_old_end() -> None:
    member = members("clean-1.0")[0]
    grown = Disk(2 * SIZE).put(member)
    assert examine(grown.read, grown.size).found == ()
    (hit,) = grown.scan()
    assert where(hit) == ("1.0", SIZE - 8192, 0, False)
    assert hit.member == (0, SIZE)


def test_a_member_whose_end_was_cut() -> None:
    member = members("clean-1.0")[0]
    cut = Disk(SIZE - 4096).put(member)
    assert examine(cut.read, cut.size).superblock is None
    (hit,) = cut.scan()
    assert where(hit) == ("1.0", SIZE - 8192, 0, False)
    assert hit.member is None, "no device of this size has it there"
    assert hit.data
    assert hit.missing == 0


def test_an_image_that_was_cut_short_has_a_part_of_the_data() -> None:
    member = members("clean-1.2")[0]
    cut = Disk(5 * MIB).put(member)
    found = examine(cut.read, cut.size)
    assert found.superblock is None
    assert "data_size is" in found.found[0].problem
    (hit,) = cut.scan()
    assert hit.data == (MIB, 15 * MIB)
    assert hit.missing == 11 * MIB
    assert hit.member is None


def test_an_image_whose_beginning_is_lost() -> None:
    member = members("clean-1.0")[0]
    lost = Disk(SIZE - 2 * MIB)
    lost.sectors = {sector - 2 * MIB // SECTOR: data for sector, data in member.sectors.items()}
    (hit,) = lost.scan()
    assert hit.start == -2 * MIB
    assert hit.data is None
    assert hit.member is None


def test_several_generations_and_version_0_90() -> None:
    disk = Disk(64 * MIB).put(members("clean-1.2")[0]).put(members("legacy/clean")[0], 32 * MIB)
    new, old = disk.scan()
    assert where(new) == ("1.2", 4096, 0, True)
    assert where(old) == ("0.90", 48 * MIB - 64 * KIB, 32 * MIB, False)
    assert old.data == (32 * MIB, SIZE - 64 * KIB)
    assert old.member == (32 * MIB, SIZE)


def test_a_damaged_one_says_what_it_can() -> None:
    member = members("clean-1.2")[0]
    disk = Disk(64 * MIB).put(member, MIB)
    place = MIB // SECTOR + 8
    content = bytearray(disk.sectors[place])
    content[200] ^= 1
    disk.sectors[place] = bytes(content)
    (hit,) = disk.scan()
    assert hit.found.only_checksum
    assert hit.start == MIB
    assert hit.data
    assert hit.member is None, "nobody could use it as one"


def test_memory_is_bounded_and_holes_are_skipped() -> None:
    disk = Disk(1 << 40).put(members("clean-1.2")[0], 1 << 39)
    (hit,) = disk.scan([(1 << 39, (1 << 39) + MIB)])
    assert hit.start == 1 << 39
    assert disk.longest <= 4 * MIB


def test_what_cannot_be_read_is_left_out() -> None:
    disk = Disk(64 * MIB).put(members("clean-1.2")[0], MIB)
    disk.broken = {20, 100_000}
    scan = Scan(disk.read, [(0, disk.size)], disk.size)
    (hit,) = scan
    assert hit.start == MIB
    assert scan.unreadable == 2 * 64 * KIB


def test_progress_comes_to_its_end() -> None:
    seen: list[int] = []
    disk = Disk(10 * MIB)
    list(Scan(disk.read, [(0, 5 * MIB), (6 * MIB, 7 * MIB)], disk.size, progress=seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == disk.size


def test_bytes_that_only_look_alike() -> None:
    disk = Disk(16 * MIB)
    disk.sectors[5] = b"\0" * 100 + b"\xfc\x4e\x2b\xa9" + b"\0" * 408
    disk.sectors[7] = b"\xa9\x2b\x4e\xfc\0\0\0\1" + b"\xff" * 504
    assert disk.scan() == []
