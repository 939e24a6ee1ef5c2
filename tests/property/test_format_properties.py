"""Round trips of everything that is written, and hostile bytes in everything that is read."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from mirrortui.errors import FormatError, MemberError, RefusedError, RequestError
from mirrortui.format import badblocks, bitmap, foreign, ondisk, superblock
from mirrortui.format.badblocks import BadRange
from mirrortui.format.bitmap import HEADER, BitmapHeader
from mirrortui.format.foreign import check_usable
from mirrortui.format.inspect import examine
from mirrortui.format.layout import Layout, plan
from mirrortui.format.ondisk import superblock_sector
from mirrortui.format.report import to_dict
from mirrortui.format.superblock import MAX, Feature, Superblock
from mirrortui.units import SECTOR
from tests.golden import GoldenMember, all_members

U8, U16, U32, U64 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32, 64))
MINOR = st.integers(0, 2)
DEVICE_SECTORS = st.integers(2304, 1 << 40)
UUID = st.binary(min_size=16, max_size=16)
NAME = st.binary(max_size=32).map(lambda name: name.rstrip(b"\0").decode("utf-8", "surrogateescape"))
GOLDEN = all_members()


@st.composite
def superblocks(draw: st.DrawFn) -> tuple[Superblock, int]:
    """Any superblock that a mirror may have, and the sectors of its device."""
    sectors = draw(DEVICE_SECTORS)
    ours: Layout = plan(sectors, minor=draw(MINOR), bitmap=draw(st.booleans()))
    roles = tuple(draw(st.lists(U16, min_size=1, max_size=128)))
    features = Feature(draw(U32)) if draw(st.booleans()) else Feature(0)
    sb = Superblock(
        feature_map=features | Feature.BITMAP if ours.chunk else features & ~Feature.BITMAP,
        set_uuid=draw(UUID),
        set_name=draw(NAME),
        ctime=draw(U64),
        size=draw(st.integers(1, ours.data_size)),
        raid_disks=draw(st.integers(1, len(roles))),
        bitmap_offset=ours.bitmap_offset,
        data_offset=ours.data_offset,
        data_size=ours.data_size,
        super_offset=ours.super_offset,
        recovery_offset=draw(U64),
        dev_number=draw(U32),
        cnt_corrected_read=draw(U32),
        device_uuid=draw(UUID),
        devflags=draw(U8),
        bblog_size=ours.bblog_size,
        bblog_offset=ours.bblog_offset,
        utime=draw(U64),
        events=draw(U64),
        resync_offset=draw(st.sampled_from([0, 1, MAX]) | U64),
        dev_roles=roles,
    )
    return sb, sectors


@given(superblocks())
def test_a_superblock_comes_back_as_it_was(made: tuple[Superblock, int]) -> None:
    sb, sectors = made
    data = sb.encode()
    assert len(data) % SECTOR == 0
    assert superblock.decode(data, minor=sb.minor, device_sectors=sectors) == sb


@given(superblocks(), st.data())
def test_no_flipped_bit_goes_unseen(made: tuple[Superblock, int], data: st.DataObject) -> None:
    sb, sectors = made
    block = bytearray(sb.encode())
    bit = data.draw(st.integers(0, (256 + 2 * sb.max_dev) * 8 - 1), label="bit")
    block[bit // 8] ^= 1 << bit % 8
    try:
        superblock.decode(bytes(block), minor=sb.minor, device_sectors=sectors)
    except FormatError:
        return
    raise AssertionError("a broken superblock was believed")


@st.composite
def bitmaps(draw: st.DrawFn) -> BitmapHeader:
    """Any header that a mirror may write."""
    return BitmapHeader(
        uuid=draw(UUID),
        events=draw(U64),
        events_cleared=draw(U64),
        sync_size=draw(U64),
        state=draw(U32),
        chunksize=1 << draw(st.integers(9, 31)),
        daemon_sleep=draw(st.integers(1, (1 << 32) - 1)),
        write_behind=draw(st.integers(0, 16383)),
        sectors_reserved=draw(U32),
        nodes=draw(U32),
        cluster_name=draw(st.binary(min_size=64, max_size=64)),
        cleared_by=draw(U64),
    )


@given(bitmaps())
def test_a_bitmap_header_comes_back_as_it_was(header: BitmapHeader) -> None:
    assert bitmap.decode(header.encode()) == header


@given(st.sets(st.integers(0, 70_000)), st.integers(1, 70_000))
def test_the_bits_that_were_set_are_found(chosen: set[int], chunks: int) -> None:
    raw = bytearray(bitmap.image_bytes(70_001))
    for chunk in chosen:
        bitmap.set_bit(raw, chunk)
    inside = sorted(chunk for chunk in chosen if chunk < chunks)
    assert list(bitmap.set_chunks(raw, chunks)) == inside
    assert bitmap.count_set(raw, chunks) == len(inside)
    for chunk in chosen:
        bitmap.clear_bit(raw, chunk)
    assert not any(raw)


RANGES = st.lists(st.builds(BadRange, st.integers(0, 1 << 40), st.integers(1, 2000)), max_size=60)


@given(RANGES, st.integers(0, 4))
def test_a_bad_block_log_keeps_every_bad_sector(ranges: list[BadRange], shift: int) -> None:
    merged = badblocks.merge(ranges)
    found = badblocks.decode(badblocks.encode(ranges, shift=shift), shift=shift)
    assert found == badblocks.merge(found), "in order, apart, none twice"
    for sector, length in merged:
        assert any(start <= sector and sector + length <= start + more for start, more in found)
    if shift == 0:
        assert found == merged


@given(
    DEVICE_SECTORS,
    MINOR,
    st.booleans(),
    st.none() | st.integers(0, 1 << 30) | st.sampled_from([1 << n for n in range(31)]),
)
def test_every_layout_holds_together(sectors: int, minor: int, bitmap_too: bool, chunk: int | None) -> None:
    try:
        ours = plan(sectors, minor=minor, bitmap=bitmap_too, chunk=chunk)
    except RequestError:
        assert chunk is not None
        return
    places = [
        (ours.super_offset, 8),
        (ours.super_offset + ours.bitmap_offset, ours.bitmap_space),
        (ours.super_offset + ours.bblog_offset, ours.bblog_size),
        (ours.data_offset, ours.data_size),
    ]
    end = 0
    for start, length in sorted(place for place in places if place[1]):
        assert start >= end
        end = start + length
    assert end <= sectors
    if ours.chunk:
        assert bitmap.image_bytes(bitmap.count_bits(ours.data_size, ours.chunk)) == ours.bitmap_space * SECTOR


@given(st.integers(0, 3000), MINOR)
def test_a_device_is_too_small_or_has_a_layout(sectors: int, minor: int) -> None:
    try:
        assert plan(sectors, minor=minor).data_size >= 128
    except MemberError as error:
        assert "too small" in error.what


def _value_or_format_error(decode: Callable[[], object]) -> None:
    try:
        decode()
    except FormatError as error:
        assert error.what.endswith(".")


def _sealed(data: bytes) -> bytes:
    """With the magic, version and checksum that let the other fields be looked at."""
    block = bytearray(data.ljust(4096, b"\0"))
    struct.pack_into("<II", block, 0, ondisk.MAGIC, 1)
    (slots,) = struct.unpack_from("<I", block, 220)
    struct.pack_into("<I", block, 216, ondisk.checksum(block, 256 + 2 * (slots % 1921)))
    return bytes(block)


@given(st.binary(max_size=4096), MINOR, st.none() | U64, st.booleans())
def test_hostile_superblocks(data: bytes, minor: int, sectors: int | None, sealed: bool) -> None:
    block = _sealed(data) if sealed else data
    _value_or_format_error(lambda: superblock.decode(block, minor=minor, device_sectors=sectors))


@given(st.sampled_from(GOLDEN), st.data())
def test_hostile_fields_in_a_good_superblock(member: GoldenMember, data: st.DataObject) -> None:
    sectors = member.size // SECTOR
    place = superblock_sector(member.minor, sectors) * SECTOR
    block = bytearray(member.read(place, 4096))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(8, 252))
        block[at : at + 4] = data.draw(
            st.binary(min_size=4, max_size=4) | st.sampled_from([b"\xff" * 4, bytes(4)])
        )
    hostile = _sealed(bytes(block))
    _value_or_format_error(lambda: superblock.decode(hostile, minor=member.minor, device_sectors=sectors))


@given(st.binary(max_size=300))
@example(b"bitm" + struct.pack("<I", 6) + bytes(300))
def test_hostile_bitmaps(data: bytes) -> None:
    _value_or_format_error(lambda: bitmap.decode(data))
    _value_or_format_error(lambda: bitmap.decode(b"bitm\4\0\0\0" + data.ljust(HEADER, b"\1")))


@given(st.binary(max_size=4096), st.integers(0, 20))
def test_hostile_bad_block_logs(data: bytes, shift: int) -> None:
    _value_or_format_error(lambda: badblocks.decode(data, shift=shift))


@given(st.sampled_from(GOLDEN), st.data())
def test_examine_describes_whatever_it_finds(member: GoldenMember, data: st.DataObject) -> None:
    sectors = dict(member.sectors)
    for sector in data.draw(st.lists(st.sampled_from(sorted(sectors)), max_size=3)):
        content = bytearray(sectors[sector])
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, 508))
            content[at : at + 4] = data.draw(st.binary(min_size=4, max_size=4))
        sealed = ondisk.has_magic(bytes(content)) and data.draw(st.booleans())
        sectors[sector] = _sealed(bytes(content))[:512] if sealed else bytes(content)
    size = data.draw(st.sampled_from([member.size, member.size - SECTOR, 8192, 0]))
    found = examine(replace(member, sectors=sectors).read, size, "a.img")
    assert json.loads(json.dumps(to_dict(found)))["path"] == "a.img"


@given(superblocks(), st.integers(-8, 8))
def test_check_usable_refuses_or_agrees(made: tuple[Superblock, int], level: int) -> None:
    sb = replace(made[0], level=level)
    usable = level == 1 and not int(sb.feature_map) & ~int(foreign.USABLE_FEATURES)
    try:
        check_usable(sb)
    except RefusedError:
        assert not usable or sb.role == superblock.ROLE_JOURNAL
    else:
        assert usable
