"""Arrays that are not ours: the kernel's own of every level, and what no kernel at hand can make, by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mirrortui.errors import RefusedError
from mirrortui.format.foreign import check_readable, check_usable, level_name
from mirrortui.format.inspect import Examination, examine
from mirrortui.format.ondisk import SUPERBLOCK_BYTES
from mirrortui.format.superblock import ROLE_JOURNAL, Feature, Superblock
from mirrortui.units import SECTOR
from tests.golden import GoldenMember, all_members, members

NAMES = {
    "raid0": ("RAID-0",),
    "raid4": ("RAID-4",),
    "raid5": ("RAID-5",),
    "raid6": ("RAID-6",),
    "raid10": ("RAID-10",),
    "linear": ("linear",),
    "ppl": ("RAID-5", "several partial parity logs"),
    "journal": ("RAID-5", "a write journal"),
    "reshape": ("RAID-5", "a reshape under way"),
}
GOOD = members("clean-1.2")[0]


def look(member: GoldenMember) -> Examination:
    return examine(member.read, member.size, str(member))


def changed(change: Callable[[Superblock], Superblock]) -> Superblock:
    sb = look(GOOD).superblock
    assert sb
    return change(sb)


@pytest.mark.parametrize("member", all_members("foreign"), ids=str)
def test_what_the_kernel_made_is_named_and_refused(member: GoldenMember) -> None:
    found = look(member)
    assert found.superblock
    for check in check_usable, check_readable:
        with pytest.raises(RefusedError) as caught:
            check(found.superblock, "a.img")
        for name in NAMES[member.state.removeprefix("foreign/")]:
            assert name in caught.value.what
        assert "use mdadm" in caught.value.hint
    assert NAMES[member.state.removeprefix("foreign/")][0] in " ".join(found.warnings)
    assert found.interop
    assert found.interop.since, "the kernel made it"


def test_the_journal_itself_is_no_member() -> None:
    *_, journal = members("foreign/journal")
    sb = look(journal).superblock
    assert sb
    assert sb.role == ROLE_JOURNAL


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda sb: replace(sb, level=5), "RAID-5"),
        (lambda sb: replace(sb, level=7), "level 7"),
        (lambda sb: replace(sb, feature_map=Feature.RESHAPE), "a reshape under way"),
        (lambda sb: replace(sb, feature_map=Feature.NEW_OFFSET), "new offset"),
        (lambda sb: replace(sb, feature_map=Feature.JOURNAL), "a write journal"),
        (lambda sb: replace(sb, feature_map=Feature.PPL), "a partial parity log"),
        (lambda sb: replace(sb, feature_map=Feature(0x2003)), "unknown feature bits 0x2000"),
        (
            lambda sb: replace(sb, feature_map=Feature.CLUSTERED | Feature.RECOVERY_OFFSET),
            "a clustered bitmap while this member is being filled",
        ),
    ],
)
def test_what_is_not_even_read(change: Callable[[Superblock], Superblock], says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        check_readable(changed(change))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda sb: replace(sb, feature_map=sb.feature_map | Feature.CLUSTERED), "a clustered bitmap"),
        (lambda sb: replace(sb, logical_block_size=4096), "a logical block size of 4096 bytes"),
        (lambda sb: replace(sb, major_version=0), r"metadata of version 0\.90"),
    ],
)
def test_what_is_read_and_not_written(change: Callable[[Superblock], Superblock], says: str) -> None:
    sb = changed(change)
    check_readable(sb)
    with pytest.raises(RefusedError, match=says) as caught:
        check_usable(sb)
    assert "export --readonly" in caught.value.hint


def test_the_field_of_linux_6_19_is_read_and_kept_off_what_we_write() -> None:
    data = bytearray(GOOD.read(8 * SECTOR, SUPERBLOCK_BYTES))
    data[224:228] = (512).to_bytes(4, "little")
    total = sum(int.from_bytes(data[at : at + 4], "little") for at in range(0, 512, 4))
    total -= int.from_bytes(data[216:220], "little")
    data[216:220] = ((total & 0xFFFFFFFF) + (total >> 32) & 0xFFFFFFFF).to_bytes(4, "little")
    found = look(replace(GOOD, sectors={**GOOD.sectors, 8: bytes(data[:SECTOR])}))
    assert found.superblock
    assert found.superblock.logical_block_size == 512
    assert str(found.interop).startswith("kernel 6.19 or later can assemble this")
    with pytest.raises(ValueError, match="no logical_block_size"):
        found.superblock.encode()


@pytest.mark.parametrize(
    ("level", "name"),
    [(1, "RAID-1"), (10, "RAID-10"), (-1, "linear"), (-4, "multipath"), (-5, "faulty"), (2, "level 2")],
)
def test_levels_have_names(level: int, name: str) -> None:
    assert level_name(level) == name
