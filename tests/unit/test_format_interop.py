"""Which kernels can assemble a member: said of what the kernel made, and of each thing that asks for a newer one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mirrortui.format.inspect import examine
from mirrortui.format.superblock import Feature
from mirrortui.units import SECTOR
from tests.golden import GoldenMember, all_members, members

GOOD = members("clean-1.2")[0]


def told(member: GoldenMember) -> str:
    return str(examine(member.read, member.size).interop)


def rewritten(member: GoldenMember, **change: object) -> GoldenMember:
    """With other fields in its superblock."""
    sb = examine(member.read, member.size).superblock
    assert sb
    data = replace(sb, **change).encode()  # type: ignore[arg-type]
    return replace(member, sectors={**member.sectors, sb.super_offset: data})


def spoilt(member: GoldenMember, sector: int, at: int, data: bytes) -> GoldenMember:
    """With other bytes."""
    content = bytearray(member.sectors[sector])
    content[at : at + len(data)] = data
    return replace(member, sectors={**member.sectors, sector: bytes(content)})


@pytest.mark.parametrize("member", all_members(), ids=str)
def test_every_mirror_that_the_kernel_made_can_be_assembled(member: GoldenMember) -> None:
    found = examine(member.read, member.size).interop
    assert found
    assert found.since
    assert found.since <= (6, 12), "it was made by 6.12"


@pytest.mark.parametrize(
    ("state", "index", "says"),
    [
        ("clean-1.0", 0, "any kernel since 3.0 with md can assemble this"),
        ("write-mostly", 1, "any kernel since 3.0 with md can assemble this"),
        ("legacy/clean", 0, "any kernel since 3.0 with md can assemble this"),
        ("bad-blocks", 1, "kernel 3.1 or later can assemble this: its bad-block log is not empty"),
        ("replacing", 2, "kernel 3.3 or later can assemble this: a replacement is under way"),
        ("mid-re-add", 1, "kernel 3.14 or later can assemble this: a recovery by bitmap is under way"),
        ("foreign/raid10", 0, "any kernel since 3.0 with md can assemble this: RAID-10"),
        ("foreign/journal", 0, "kernel 4.4 or later can assemble this: RAID-5; write journal"),
        ("foreign/ppl", 0, "kernel 4.14 or later can assemble this: RAID-5; several partial parity logs"),
    ],
)
def test_what_asks_for_a_newer_kernel_is_named(state: str, index: int, says: str) -> None:
    assert told(members(state)[index]) == says


def test_the_youngest_need_counts() -> None:
    both = rewritten(GOOD, feature_map=Feature.BITMAP | Feature.REPLACEMENT | Feature.CLUSTERED)
    assert told(both) == "kernel 4.1 or later can assemble this: its bitmap is clustered"


def test_a_lockless_bitmap() -> None:
    lockless = spoilt(GOOD, 16, 4, b"\6")
    assert told(lockless) == "kernel 6.18 or later can assemble this: lockless bitmap"


def test_a_broken_bitmap_starts_nothing() -> None:
    broken = spoilt(GOOD, 16, 0, b"x")
    assert told(broken) == (
        "no kernel can assemble this: the array does not start from a member whose bitmap is broken"
    )


def test_unknown_features() -> None:
    unknown = rewritten(GOOD, feature_map=Feature(0x8001))
    assert told(unknown) == "no kernel can assemble this: no known one has the feature bits 0x8000"


@pytest.mark.parametrize(
    ("at", "data", "says"),
    [
        (216, b"1234", "its checksum is wrong"),
        (144, b"\7", "its checksum is wrong; its field super_offset is wrong"),
        (255, b"\7", "its checksum is wrong; its field pad3 is wrong"),
    ],
)
def test_what_no_kernel_takes(at: int, data: bytes, says: str) -> None:
    assert told(spoilt(GOOD, 8, at, data)) == f"no kernel can assemble this: {says}"


def test_what_kernels_take_and_should_not() -> None:
    larger = rewritten(GOOD, size=1 << 30)
    assert told(larger).endswith("which kernels take and should not")


def test_there_is_nothing_to_assemble_without_a_superblock() -> None:
    assert examine(lambda offset, length: bytes(length), 16 * 2048 * SECTOR).interop is None
