"""The write-intent bitmap: its header, and its bits."""

from __future__ import annotations

import random
import struct
from dataclasses import replace

import pytest

from mirrortui.errors import FormatError
from mirrortui.format import bitmap
from mirrortui.format.bitmap import HEADER, PAGE, STALE, BitmapHeader, check_belongs, decode
from mirrortui.format.superblock import ROLE_SPARE, Feature, Superblock

UUID = bytes(range(16))
GOOD = BitmapHeader(
    uuid=UUID,
    events=17,
    events_cleared=15,
    sync_size=96256,
    chunksize=65536,
    write_behind=256,
    sectors_reserved=8,
)
SUPERBLOCK = Superblock(
    feature_map=Feature.BITMAP,
    set_uuid=UUID,
    set_name="vault",
    ctime=1,
    size=96256,
    raid_disks=2,
    bitmap_offset=8,
    data_offset=2048,
    data_size=96256,
    super_offset=8,
    dev_number=0,
    device_uuid=bytes(16),
    bblog_size=8,
    bblog_offset=16,
    utime=1,
    dev_roles=(0, 1, ROLE_SPARE),
)


def test_the_header_lies_as_the_kernel_expects_it() -> None:
    data = GOOD.encode()
    assert len(data) == HEADER
    assert data[:8] == b"bitm\4\0\0\0"
    assert data[8:24] == UUID
    assert struct.unpack_from("<3Q6I", data, 24) == (17, 15, 96256, 0, 65536, 5, 256, 8, 0)
    assert not any(data[72:])
    assert replace(GOOD, cleared_by=0x0123456789ABCDEF).encode()[248:] == bytes.fromhex("efcdab8967452301")
    assert decode(data) == replace(GOOD, cluster_name=bytes(64))


@pytest.mark.parametrize("version", [3, 4, 5])
def test_versions_that_can_be_read(version: int) -> None:
    assert decode(replace(GOOD, version=version).encode()).version == version


@pytest.mark.parametrize(
    ("offset", "value", "says"),
    [
        (0, 0x6D746963, "bitmap field magic is 6369746d, expected 6269746d"),
        (4, 2, "version is 2, expected 3, 4 or 5"),
        (4, 6, "version is 6 (lockless, from Linux 6.18 on), expected 4"),
        (4, 7, "version is 7, expected 3, 4 or 5"),
        (52, 0, "chunksize is 0, expected a power of two from 512 bytes on"),
        (52, 256, "chunksize is 256, expected a power of two from 512 bytes on"),
        (52, 65537, "chunksize is 65537, expected a power of two"),
        (56, 0, "daemon_sleep is 0, expected at least 1 second"),
        (60, 16384, "write_behind is 16384, expected at most 16383"),
    ],
)
def test_a_field_that_cannot_be_is_named(offset: int, value: int, says: str) -> None:
    data = bytearray(GOOD.encode())
    struct.pack_into("<I", data, offset, value)
    with pytest.raises(FormatError) as caught:
        decode(bytes(data), path="a.img")
    assert caught.value.what.startswith("a.img: bitmap field ")
    assert says in caught.value.what


def test_a_short_read_is_refused() -> None:
    with pytest.raises(FormatError, match="length is 255"):
        decode(GOOD.encode()[:255])


@pytest.mark.parametrize("change", [{"uuid": bytes(15)}, {"chunksize": 1 << 32}, {"cluster_name": bytes(65)}])
def test_what_does_not_fit_is_not_written(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        replace(GOOD, **change).encode()  # type: ignore[arg-type]


def test_out_of_date() -> None:
    assert not GOOD.out_of_date(17)
    assert not GOOD.out_of_date(16), "it is written before the superblock: newer is as it should be"
    assert GOOD.out_of_date(18)
    assert replace(GOOD, state=STALE).out_of_date(17)
    assert replace(GOOD, version=3).out_of_date(17), "its bits are in an order that nobody knows"


def test_it_belongs_to_its_array_and_has_room() -> None:
    check_belongs(GOOD, SUPERBLOCK)
    check_belongs(replace(GOOD, sync_size=1), SUPERBLOCK)


@pytest.mark.parametrize(
    ("header", "sb", "says"),
    [
        (
            replace(GOOD, uuid=bytes(16)),
            SUPERBLOCK,
            "uuid is 00000000000000000000000000000000, expected the array's",
        ),
        (
            replace(GOOD, chunksize=512),
            replace(SUPERBLOCK, data_offset=24, bblog_offset=0),
            "its bits reach into the data",
        ),
        (
            replace(GOOD, chunksize=512),
            replace(SUPERBLOCK, feature_map=Feature.BITMAP | Feature.BAD_BLOCKS),
            "its bits reach into the bad-block log",
        ),
        (
            replace(GOOD, chunksize=512),
            replace(SUPERBLOCK, super_offset=98288, data_offset=0, bitmap_offset=-16),
            "its bits reach into the superblock",
        ),
        (
            replace(GOOD, chunksize=512),
            replace(SUPERBLOCK, size=1 << 40, data_size=1 << 40),
            f"the bits must fit {bitmap.MOST_IMAGE} bytes",
        ),
    ],
)
def test_it_does_not_belong(header: BitmapHeader, sb: Superblock, says: str) -> None:
    with pytest.raises(FormatError) as caught:
        check_belongs(header, sb, path="a.img")
    assert says in caught.value.what


@pytest.mark.parametrize(
    ("sectors", "chunk", "bits"),
    [
        (96256, 65536, 752),
        (1, 65536, 1),
        (128, 65536, 1),
        (129, 65536, 2),
        (0, 4096, 0),
        (1 << 35, 1 << 26, 1 << 18),
    ],
)
def test_count_bits(sectors: int, chunk: int, bits: int) -> None:
    assert bitmap.count_bits(sectors, chunk) == bits


def test_the_first_page_holds_30720_bits() -> None:
    assert bitmap.image_bytes(1) == bitmap.image_bytes(30720) == PAGE
    assert bitmap.image_bytes(30721) == 2 * PAGE
    assert bitmap.page_of(0) == bitmap.page_of(30719) == 0
    assert bitmap.page_of(30720) == bitmap.page_of(30720 + 32767) == 1
    assert bitmap.page_of(30720 + 32768) == 2


@pytest.mark.parametrize("chunks", [1, 7, 8, 9, 752, 30720, 30721])
def test_a_new_image_is_clean_or_dirty(chunks: int) -> None:
    header = replace(GOOD, sync_size=chunks * 128)
    clean, dirty = bitmap.image(header, dirty=False), bitmap.image(header, dirty=True)
    assert clean[:HEADER] == dirty[:HEADER] == header.encode()
    assert len(clean) == len(dirty) == bitmap.image_bytes(chunks)
    assert not any(clean[HEADER:])
    assert list(bitmap.set_chunks(dirty, chunks)) == list(range(chunks))
    assert bitmap.count_set(dirty, len(dirty) * 8) == chunks, "none past the last"


def test_bits_are_set_and_cleared_where_the_kernel_has_them() -> None:
    raw = bitmap.image(GOOD, dirty=False)
    for chunk in (6, 7, 751):
        bitmap.set_bit(raw, chunk)
    assert (raw[HEADER], raw[HEADER + 93]) == (0b1100_0000, 0b1000_0000)
    bitmap.clear_bit(raw, 7)
    assert list(bitmap.set_chunks(raw, 752)) == [6, 751]


def test_bits_past_the_last_chunk_are_ignored() -> None:
    raw = bitmap.image(GOOD, dirty=False)
    raw[HEADER:] = b"\xff" * (len(raw) - HEADER)
    assert list(bitmap.set_chunks(raw, 11)) == list(range(11))
    assert bitmap.count_set(raw, 11) == 11
    assert list(bitmap.set_chunks(raw, 0)) == []


def test_set_chunks_and_count_agree_with_a_set() -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chosen = set(random.Random(seed).sample(range(200_000), 5000)) | set(range(50_000, 60_000))
    raw = bitmap.image(replace(GOOD, sync_size=200_000 * 128), dirty=False)
    for chunk in chosen:
        bitmap.set_bit(raw, chunk)
    assert list(bitmap.set_chunks(raw, 200_000)) == sorted(chosen)
    assert bitmap.count_set(raw, 200_000) == len(chosen)
