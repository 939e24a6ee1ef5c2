"""What the real kernel and mdadm wrote: read right, told apart, and written back byte for byte."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from mirrortui.format import badblocks, bitmap, superblock
from mirrortui.format.badblocks import BadRange
from mirrortui.format.bitmap import HEADER, PAGE, BitmapHeader
from mirrortui.format.foreign import check_usable
from mirrortui.format.inspect import array_state, examine
from mirrortui.format.ondisk import SUPERBLOCK_BYTES, superblock_sector
from mirrortui.format.superblock import (
    FAILFAST,
    ROLE_FAULTY,
    ROLE_SPARE,
    WRITE_MOSTLY,
    Feature,
    Superblock,
    format_uuid,
)
from mirrortui.units import SECTOR
from tests.golden import GoldenMember, all_members, members

MEMBERS = all_members()
every_member = pytest.mark.parametrize("member", MEMBERS, ids=str)
every_bitmap = pytest.mark.parametrize("member", [m for m in MEMBERS if m.says("Internal Bitmap")], ids=str)


def _bytes(member: GoldenMember) -> bytes:
    place = superblock_sector(member.minor, member.size // SECTOR)
    return member.read(place * SECTOR, SUPERBLOCK_BYTES)


def _superblock(member: GoldenMember) -> Superblock:
    sectors = member.size // SECTOR
    return superblock.decode(_bytes(member), minor=member.minor, device_sectors=sectors, path=str(member))


def _bitmap(member: GoldenMember) -> tuple[BitmapHeader, bytes]:
    sb = _superblock(member)
    header = bitmap.decode(member.read(sb.bitmap_sector * SECTOR, HEADER), path=str(member))
    length = bitmap.image_bytes(header.chunks)
    return header, member.read(sb.bitmap_sector * SECTOR, length)


def _dirty(member: GoldenMember) -> set[int]:
    header, image = _bitmap(member)
    return set(bitmap.set_chunks(image, header.chunks))


@every_member
def test_the_superblock_is_written_back_byte_for_byte(member: GoldenMember) -> None:
    again = _superblock(member).encode()
    assert again == _bytes(member)[: len(again)]


@every_bitmap
def test_the_bitmap_header_is_written_back_byte_for_byte(member: GoldenMember) -> None:
    header, image = _bitmap(member)
    assert header.encode() == image[:HEADER]
    assert len(image) % PAGE == 0


@every_member
def test_mdadm_reads_the_same(member: GoldenMember) -> None:
    sb = _superblock(member)
    says = member.says
    assert says("Version") == f"1.{sb.minor}" == f"1.{member.minor}"
    assert says("Feature Map") == hex(sb.feature_map)
    assert says("Array UUID") == format_uuid(sb.set_uuid)
    assert says("Name") == sb.set_name
    assert says("Raid Devices") == str(sb.raid_disks)
    assert _number(says("Avail Dev Size")) == sb.data_size
    assert _number(says("Array Size")) == sb.size // 2
    assert _number(says("Data Offset")) == sb.data_offset
    assert _number(says("Super Offset")) == sb.super_offset
    assert _number(says("Recovery Offset")) == (sb.recovery_offset if sb.recovering else 0)
    assert says("State") == ("clean" if sb.clean else "active")
    assert says("Device UUID") == format_uuid(sb.device_uuid)
    assert says("Events") == str(sb.events)
    assert says("Checksum") == f"{int.from_bytes(_bytes(member)[216:220], 'little'):x} - correct"
    assert _time(says("Creation Time")) == superblock.seconds(sb.ctime)
    assert _time(says("Update Time")) == superblock.seconds(sb.utime)


@every_member
def test_mdadm_sees_the_same_places_and_roles(member: GoldenMember) -> None:
    sb = _superblock(member)
    says = member.says
    assert _number(says("Internal Bitmap")) == (sb.bitmap_offset if sb.has_bitmap else 0)
    log = says("Bad Block Log") or ""
    assert _number(log.partition("offset")[2]) == sb.bblog_offset
    assert ("bad blocks present" in log) == (Feature.BAD_BLOCKS in sb.feature_map)
    flags = {
        word for word, bit in (("write-mostly", WRITE_MOSTLY), ("failfast", FAILFAST)) if sb.devflags & bit
    }
    assert set((says("Flags") or "").split()) == flags
    kind = "Replacement" if Feature.REPLACEMENT in sb.feature_map else "Active"
    role = "spare" if sb.role == ROLE_SPARE else f"{kind} device {sb.role}"
    assert says("Device Role") == role
    assert (says("Array State") or "").split()[0] == array_state(sb)


@every_member
def test_all_can_be_used_and_examined(member: GoldenMember) -> None:
    sb = _superblock(member)
    check_usable(sb)
    found = examine(member.read, member.size, str(member))
    assert found.superblock == sb
    assert len(found.found) == 1
    assert (found.bitmap is not None) == sb.has_bitmap


def _number(said: str | None) -> int:
    found = re.search(r"-?\d+", said or "")
    return int(found[0]) if found else 0


def _time(said: str | None) -> float:
    assert said
    return datetime.strptime(said, "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "state", ["clean-1.0", "clean-1.1", "clean-1.2", "re-added", "three-way", "nine-gib"]
)
def test_a_healthy_mirror_has_nothing_to_warn_of(state: str) -> None:
    for member in members(state):
        found = examine(member.read, member.size)
        assert found.warnings == ()
        assert found.bitmap is not None
        assert found.bitmap.dirty == 0


def test_unclean_members_name_the_chunks_that_were_written() -> None:
    for member in members("unclean"):
        assert _superblock(member).resync_offset == 0
        assert _dirty(member) == {100 * 4096 // 65536, 300 * 4096 // 65536}


def test_without_a_bitmap_everything_is_suspect() -> None:
    (member, _) = members("unclean-no-bitmap")
    assert examine(member.read, member.size).warnings == (
        "The array was not stopped cleanly: all of it must be resynced.",
    )


def test_a_failed_member_is_known_by_the_survivor_alone() -> None:
    survivor, failed = (_superblock(member) for member in members("failed"))
    assert survivor.dev_roles[:2] == (0, ROLE_FAULTY)
    assert failed.dev_roles[:2] == (0, 1)
    assert survivor.events > failed.events + 1


def test_a_removed_member_leaves_its_slot_and_the_bits_of_what_it_missed() -> None:
    survivor, removed = members("removed")
    assert _superblock(survivor).dev_roles[:2] == (0, ROLE_SPARE)
    assert {20 * 4096 // 65536, 500 * 4096 // 65536} <= _dirty(survivor)
    # It may come back by its bitmap.
    assert _superblock(removed).events >= _bitmap(survivor)[0].events_cleared


def test_a_member_being_filled_by_bitmap() -> None:
    source, target = members("mid-re-add")
    sb = _superblock(target)
    assert sb.feature_map == Feature.BITMAP | Feature.RECOVERY_OFFSET | Feature.RECOVERY_BITMAP
    assert not _superblock(source).recovering
    assert 0 < sb.recovery_offset < sb.size
    header, _ = _bitmap(target)
    assert min(_dirty(target)) >= sb.recovery_offset * SECTOR // header.chunksize
    assert sb.dev_roles[:2] == (0, 1), "only the feature bit tells"


def test_a_member_being_filled_in_full() -> None:
    _, target = members("mid-recovery")
    sb = _superblock(target)
    assert sb.feature_map == Feature.BITMAP | Feature.RECOVERY_OFFSET
    assert (sb.dev_number, sb.role) == (2, 1), "a new member gets a new slot"


def test_a_resync_that_was_stopped_says_how_far_it_got() -> None:
    for member in members("mid-resync-stopped"):
        sb = _superblock(member)
        assert 0 < sb.resync_offset < sb.size


def test_a_spare_has_a_slot_and_no_role() -> None:
    *_, spare = members("spare")
    assert (_superblock(spare).dev_number, _superblock(spare).role) == (2, ROLE_SPARE)


def test_a_spare_that_took_over_has_a_role_that_is_not_its_slot() -> None:
    first, failed, spare = (_superblock(member) for member in members("spare-took-over"))
    assert (spare.dev_number, spare.role) == (2, 1)
    assert first.dev_roles[:3] == (0, ROLE_FAULTY, 1)
    assert failed.role == 1, "it was not told"
    assert failed.events + 1 < first.events


def test_a_replacement_shares_its_role() -> None:
    replaced, _, replacement = (_superblock(member) for member in members("replacing"))
    assert replaced.role == replacement.role == 0
    assert Feature.REPLACEMENT in replacement.feature_map
    assert replacement.recovering


def test_the_bad_block_log() -> None:
    _, member = members("bad-blocks")
    sb = _superblock(member)
    data = member.read(sb.bblog_sector * SECTOR, sb.bblog_size * SECTOR)
    assert badblocks.decode(data) == (BadRange(22048, 16), BadRange(30000, 1000))
    assert badblocks.decode(badblocks.encode(badblocks.decode(data))) == badblocks.decode(data)


def test_a_write_mostly_member() -> None:
    fast, slow = (_superblock(member) for member in members("write-mostly"))
    assert not fast.devflags & WRITE_MOSTLY
    assert slow.devflags & WRITE_MOSTLY
    assert _bitmap(members("write-mostly")[0])[0].write_behind == 256
