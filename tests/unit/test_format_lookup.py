"""Which of several superblocks counts, and what damaged ones still say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mirrortui.format.inspect import examine
from mirrortui.format.lookup import Place, find, places
from mirrortui.format.ondisk import superblock_sector
from mirrortui.format.report import to_dict
from mirrortui.format.superblock import Superblock
from mirrortui.units import MIB, SECTOR
from tests.golden import GoldenMember, members

SIZE = 16 * MIB
V0, V1, V2 = (members(f"clean-1.{minor}")[0] for minor in range(3))
OLD = members("legacy/clean")[0]
SECTORS = SIZE // SECTOR


def aged(member: GoldenMember, ctime: int, **change: object) -> dict[int, bytes]:
    """The superblock of a member, created at another time."""
    sb = find(member.read, member.size)[0].superblock
    assert sb
    return {sb.super_offset: replace(sb, ctime=ctime, **change).encode()}  # type: ignore[arg-type]


def on_one(*superblocks: dict[int, bytes]) -> GoldenMember:
    sectors = {sector: data for each in superblocks for sector, data in each.items()}
    return replace(V2, sectors=sectors, size=SIZE)


def counts(member: GoldenMember) -> tuple[str, bool]:
    first = find(member.read, member.size)[0]
    return first.version, first.superblock is not None


def test_places() -> None:
    end = superblock_sector(0, SECTORS) * SECTOR
    assert places(SECTORS) == (
        Place("1.2", 4096), Place("1.1", 0), Place("1.0", end), Place("0.90", SIZE - 65536)
    )  # fmt: skip
    assert places(23) == (Place("1.2", 4096), Place("1.1", 0), Place("1.0", 0))
    assert places(0) == ()


@pytest.mark.parametrize("ages", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_the_youngest_array_counts_wherever_it_is(ages: tuple[int, int, int]) -> None:
    member = on_one(*(aged(one, age) for one, age in zip((V0, V1, V2), ages, strict=True)))
    assert counts(member) == (f"1.{ages.index(3)}", True)


def test_of_arrays_of_one_second_the_last_written_counts() -> None:
    assert counts(on_one(aged(V0, 5, utime=9), aged(V2, 5, utime=8))) == ("1.0", True)
    assert counts(on_one(aged(V0, 5, utime=8), aged(V2, 5, utime=8))) == ("1.2", True)


def test_version_0_90_is_weighed_like_the_others() -> None:
    place = OLD.size // SECTOR - 128
    old = {sector: data for sector, data in OLD.sectors.items() if sector >= place}
    assert counts(on_one(old, aged(V2, 1))) == ("0.90", True)
    assert counts(on_one(old, aged(V2, 1 << 33))) == ("1.2", True)


def test_an_older_array_is_not_believed_because_the_younger_is_damaged() -> None:
    """Its data was overwritten since."""
    young = aged(V2, 20)
    broken = {8: young[8][:400] + b"\0" + young[8][401:]}
    member = on_one(broken, aged(V1, 10))
    assert counts(member) == ("1.2", False)
    found = examine(member.read, SIZE)
    assert found.superblock is None
    assert "There is also a v1.1 superblock at byte 0, of an earlier life of this device." in found.warnings


def test_what_was_not_written_for_this_device_never_counts() -> None:
    """An array inside an array, or a device that was cut: younger, and at a place by chance."""
    alien = aged(V0, 20, super_offset=4711, data_size=4000, size=4000)
    member = on_one(alien, aged(V2, 10))
    assert counts(member) == ("1.2", True)
    assert "not written for this device" in " ".join(examine(member.read, SIZE).warnings)


def damaged(member: GoldenMember, *, at: int, data: bytes, seal: bool) -> GoldenMember:
    (sector,) = (s for s, content in member.sectors.items() if content[:4] == b"\xfc\x4e\x2b\xa9")
    content = bytearray(member.sectors[sector])
    content[at : at + len(data)] = data
    if seal:
        content[216:220] = bytes(4)
        total = sum(int.from_bytes(content[word : word + 4], "little") for word in range(0, 512, 4))
        content[216:220] = ((total & 0xFFFFFFFF) + (total >> 32) & 0xFFFFFFFF).to_bytes(4, "little")
    return replace(member, sectors={**member.sectors, sector: bytes(content)})


def test_where_only_the_checksum_is_wrong_all_else_is_shown() -> None:
    member = damaged(V2, at=40, data=b"x", seal=False)
    found = examine(member.read, SIZE, "a.img")
    assert found.superblock is None
    assert found.reading
    assert (found.reading.role, found.reading.data_offset) == (0, 2048)
    assert found.bitmap
    assert found.bitmap.chunks == 240
    assert found.warnings[1].startswith("Every other field makes sense")
    said = to_dict(found)
    assert said["superblock"] is None
    assert [wrong["field"] for wrong in said["damaged"]["wrong"]] == ["sb_csum"]
    assert said["damaged"]["says"]["name"].startswith("golden:")


@pytest.mark.parametrize(
    ("at", "data", "fields"),
    [
        (144, b"\7", ["super_offset"]),
        (136, b"\xff" * 8, ["data_size"]),
        (80, b"\xff" * 8, ["size"]),
        (220, b"\xff" * 4, ["max_dev"]),
        (92, b"\0", ["raid_disks"]),
        (4, b"\2", ["major_version"]),
        (128, bytes(8) + b"\xff" * 8 + b"\7", ["super_offset", "data_offset", "data_size", "bitmap_offset"]),
    ],
)
def test_every_wrong_field_is_told(at: int, data: bytes, fields: list[str]) -> None:
    found = examine(damaged(V2, at=at, data=data, seal=True).read, SIZE)
    told = [flaw.field for flaw in found.found[0].flaws if flaw.field != "sb_csum"]
    assert told[: len(fields)] == fields
    assert len(found.warnings) >= len(told)
    said = to_dict(found)
    assert (said["damaged"]["says"] is None) == (fields == ["major_version"])


def test_a_damaged_superblock_is_never_a_good_one() -> None:
    """Each bit of it, turned: the checksum or a check notices."""
    sector = V2.sectors[8]
    change: Callable[[int], bytes] = lambda bit: bytes([sector[bit // 8] ^ 1 << bit % 8])  # noqa: E731
    for bit in range(0, 512 * 8, 7):
        member = damaged(V2, at=bit // 8, data=change(bit), seal=False)
        sound: list[Superblock] = [f.superblock for f in find(member.read, SIZE) if f.superblock]
        assert sound == []
