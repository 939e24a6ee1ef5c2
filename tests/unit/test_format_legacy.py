"""Version 0.90, as the kernel wrote it and as a host of the other byte order would have: read as mdadm does."""

from __future__ import annotations

import re
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrortui.errors import RefusedError
from mirrortui.format import legacy
from mirrortui.format.foreign import check_readable, check_usable
from mirrortui.format.inspect import Examination, array_state, examine
from mirrortui.format.legacy import Legacy
from mirrortui.format.ondisk import SUPERBLOCK_BYTES
from mirrortui.format.superblock import MAX, ROLE_FAULTY, ROLE_SPARE, WRITE_MOSTLY, Superblock, format_uuid
from mirrortui.units import SECTOR
from tests.golden import GoldenMember, all_members, members

MEMBERS = all_members("legacy")
every_member = pytest.mark.parametrize("member", MEMBERS, ids=str)
_CHECKSUM, _EVENTS = 38 * 4, 39 * 4


def place_of(member: GoldenMember) -> int:
    place = legacy.superblock_sector(member.size // SECTOR)
    assert place
    return place


def block(member: GoldenMember) -> bytes:
    return member.read(place_of(member) * SECTOR, SUPERBLOCK_BYTES)


def seal(data: bytes | bytearray, order: str = "<") -> bytes:
    """With a right checksum."""
    changed = bytearray(data)
    struct.pack_into("<I", changed, _CHECKSUM, 0)
    total = sum(struct.unpack(f"{order}1024I", changed))
    struct.pack_into(f"{order}I", changed, _CHECKSUM, ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF)
    return bytes(changed)


def turned_round(data: bytes) -> bytes:
    """As a host of the other byte order writes the same: mdadm swaps each word, then the halves of the counts."""
    words = list(struct.unpack("<1024I", data))
    for high in (39, 41):
        words[high], words[high + 1] = words[high + 1], words[high]
    return seal(struct.pack(">1024I", *words), ">")


def patched(member: GoldenMember, word: int, value: int) -> bytes:
    """One word changed, and the checksum made right again."""
    data = bytearray(block(member))
    struct.pack_into("<I", data, word * 4, value)
    return seal(data)


def looked_at(member: GoldenMember, data: bytes) -> Examination:
    sectors = {place_of(member) + at // SECTOR: data[at : at + SECTOR] for at in range(0, len(data), SECTOR)}
    return examine(replace(member, sectors={**member.sectors, **sectors}).read, member.size, "a.img")


def read(member: GoldenMember) -> tuple[Legacy, Superblock]:
    (found,) = examine(member.read, member.size, "a.img").found
    assert found.problem == ""
    assert found.legacy
    assert found.superblock
    return found.legacy, found.superblock


@every_member
def test_mdadm_reads_the_same(member: GoldenMember) -> None:
    old, sb = read(member)
    says = member.says
    assert says("Version") == f"0.{old.minor_version}.00"
    assert says("UUID") == format_uuid(sb.set_uuid)
    assert says("Raid Level") == {1: "raid1", 5: "raid5", -1: "linear"}[sb.level]
    if sb.level > 0:
        assert (says("Used Dev Size") or "").split()[0] == str(sb.size // 2) == str(old.size)
    assert says("Raid Devices") == str(sb.raid_disks)
    assert says("Total Devices") == str(old.nr_disks)
    assert says("Preferred Minor") == str(old.md_minor)
    assert says("State") == ("clean" if sb.clean else "active")
    assert (says("Internal Bitmap") == "present") == old.has_bitmap
    assert says("Events") == str(sb.events)
    checksum = int.from_bytes(block(member)[_CHECKSUM : _CHECKSUM + 4], "little")
    assert says("Checksum") == f"{checksum:x} - correct"


@every_member
def test_mdadm_sees_the_same_disks(member: GoldenMember) -> None:
    _, sb = read(member)
    this, *table = re.findall(
        r"^ *(?:this|\d+) +(\d+) +\d+ +\d+ +(\d+) +(.*?) *(?:/\S+)?$", member.examine, re.MULTILINE
    )
    assert this[0] == str(sb.dev_number)
    roles: dict[int, int] = {}
    for number, role, state in table:
        roles[int(number)] = (
            ROLE_FAULTY if "faulty" in state else int(role) if "sync" in state else ROLE_SPARE
        )
    assert {slot: sb.dev_roles[slot] for slot in roles} == roles
    assert bool(sb.devflags & WRITE_MOSTLY) == ("write-mostly" in this[2])


@every_member
def test_the_other_byte_order_says_the_same(member: GoldenMember) -> None:
    old, sb = read(member)
    (found,) = looked_at(member, turned_round(block(member))).found
    assert found.problem == ""
    assert found.legacy == replace(old, order="big")
    assert found.superblock == sb


def test_what_only_big_endian_hosts_can_assemble_is_told() -> None:
    member = members("legacy/clean")[0]
    found = looked_at(member, turned_round(block(member)))
    assert "It was written by a big-endian host." in found.warnings
    assert "only such a host takes it as it is (mdadm --assemble --update=byteorder" in str(found.interop)


def test_a_count_of_events_has_64_bits_in_either_order() -> None:
    member = members("legacy/clean")[0]
    data = bytearray(block(member))
    struct.pack_into("<4I", data, _EVENTS, 7, 1, 7, 1)
    for sealed in (seal(data), turned_round(seal(data))):
        (found,) = looked_at(member, sealed).found
        assert found.superblock
        assert found.superblock.events == (1 << 32) + 7


@pytest.mark.parametrize(
    ("state", "letters", "resync"),
    [
        ("clean", "AA", MAX),
        ("created-missing", "A.", MAX),
        ("failed", "A.", MAX),
        ("three-way", "AAA", MAX),
        ("unclean", "AA", 0),
    ],
)
def test_states_as_the_first_member_has_them(state: str, letters: str, resync: int) -> None:
    _, sb = read(members(f"legacy/{state}")[0])
    assert array_state(sb) == letters
    assert sb.resync_offset == resync


def test_a_resync_that_was_stopped_says_how_far_it_got() -> None:
    for member in members("legacy/mid-resync-stopped"):
        _, sb = read(member)
        assert 0 < sb.resync_offset < sb.size


def test_a_checkpoint_of_other_events_is_not_believed() -> None:
    member = members("legacy/mid-resync-stopped")[0]
    (found,) = looked_at(member, patched(member, 41, 1)).found
    assert found.superblock
    assert found.superblock.resync_offset == 0


def test_a_spare_has_no_role() -> None:
    *_, spare = members("legacy/spare")
    _, sb = read(spare)
    assert (sb.dev_number, sb.role) == (2, ROLE_SPARE)


def test_it_is_read_and_never_written() -> None:
    _, sb = read(members("legacy/clean")[0])
    check_readable(sb)
    with pytest.raises(RefusedError, match=r"metadata of version 0\.90") as caught:
        check_usable(sb, "a.img")
    assert "export --readonly" in caught.value.hint
    with pytest.raises(ValueError, match=r"no v0\.90"):
        sb.encode()


@pytest.mark.parametrize(("state", "level"), [("raid5", "RAID-5"), ("linear", "linear")])
def test_other_levels_are_named(state: str, level: str) -> None:
    for member in members(f"legacy/{state}"):
        _, sb = read(member)
        with pytest.raises(RefusedError, match=level):
            check_readable(sb)


def test_a_reshape_is_named() -> None:
    member = members("legacy/raid5")[0]
    (found,) = looked_at(member, patched(member, 2, 91)).found
    assert found.superblock
    with pytest.raises(RefusedError, match="a reshape under way"):
        check_readable(found.superblock)


@pytest.mark.parametrize(
    ("word", "value", "says"),
    [
        (2, 89, "minor_version is 89, expected 90, or 91 while it is reshaped"),
        (8, 0, "size is 0, expected 1 to 16320 KiB"),
        (8, 16321, "size is 16321, expected 1 to 16320 KiB: no more are in front of it"),
        (9, 28, "nr_disks is 28, expected at most 27"),
        (10, 0, "raid_disks is 0, expected 1 to 27"),
        (10, 28, "raid_disks is 28, expected 1 to 27"),
        (12, 1, "not_persistent is 1, expected 0"),
        (992, 27, "this_disk.number is 27, expected at most 26"),
        (992, 5, "disks[5].number is 0, expected 5"),
        (128 + 3, 2, "disks[0].raid_disk is 2, expected less than raid_disks, 2"),
    ],
)
def test_a_field_that_cannot_be_is_named(word: int, value: int, says: str) -> None:
    member = members("legacy/clean")[0]
    found = looked_at(member, patched(member, word, value))
    assert found.superblock is None
    assert found.found[0].problem.startswith(f"a.img: v0.90 superblock field {says}")


def test_a_broken_checksum_is_named_with_the_right_one() -> None:
    member = members("legacy/clean")[0]
    data = bytearray(block(member))
    data[7 * 4] ^= 1 << 4  # the level: 17
    found = looked_at(member, bytes(data))
    assert found.superblock is None
    assert "sb_csum is 0x" in found.found[0].problem
    assert str(found.interop) == "no kernel can assemble this: its checksum is wrong"


@given(
    st.sampled_from(MEMBERS),
    st.lists(st.tuples(st.integers(2, 1023), st.integers(0, 0xFFFFFFFF)), max_size=5),
)
def test_hostile_words(member: GoldenMember, words: list[tuple[int, int]]) -> None:
    data = bytearray(block(member))
    for word, value in words:
        struct.pack_into("<I", data, word * 4, value)
    for sealed in (seal(data), bytes(data)):
        found = looked_at(member, sealed)
        assert all(warning.isprintable() for warning in found.warnings)
        if sb := found.superblock:
            assert sb.dev_number < len(sb.dev_roles)
            assert all(role < sb.raid_disks or role >= ROLE_FAULTY for role in sb.dev_roles)


@pytest.mark.parametrize("sectors", [0, 1, 127, 128, 255])
def test_a_device_without_room_for_data_has_no_place_for_one(sectors: int) -> None:
    assert legacy.superblock_sector(sectors) is None


def test_its_place() -> None:
    assert legacy.superblock_sector(256) == 128
    assert legacy.superblock_sector(383) == 128
    assert legacy.superblock_sector(384) == 256
