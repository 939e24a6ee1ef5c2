"""Which fields of a superblock can be true, each checked by itself: a decoder stops at the first that cannot (I15), and
who looks at a damaged member wants to know them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from mirrortui.format.ondisk import (
    HEAD_BYTES,
    MAGIC,
    MAX_DEV_LIMIT,
    PAD0,
    PAD3,
    checksum,
    occupied,
    place,
)

_LEAST_DATA = 10
_MOST_SHIFT = 20
"""Of a bad-block unit; everybody writes 0."""
_MOST_LOG = 8
"""Sectors of a bad-block log that the kernel reads (load_super_1)."""
_LEAST_BLOCK, _MOST_BLOCK = 512, 1 << 20
_BITMAP, _BAD_BLOCKS = 1, 8
"""Of `feature_map`."""


class Flaw(NamedTuple):
    """A field that cannot be what it says."""

    field: str
    value: object
    expected: str

    def __str__(self) -> str:
        return f"field {self.field} is {self.value}, expected {self.expected}"


def find_flaws(data: bytes, raw: dict[str, Any], minor: int, device_sectors: int | None) -> Iterator[Flaw]:
    """What is wrong with the superblock `data`, whose fields are `raw`, at the place of version 1.`minor`; the most
    basic first. With `device_sectors` also what the device does not hold.
    """
    if raw["magic"] != MAGIC:
        yield Flaw("magic", hex(raw["magic"]), hex(MAGIC))
    elif raw["major_version"] != 1:
        yield Flaw("major_version", raw["major_version"], "1")
    else:
        yield from _frame(data, raw)
        yield from _place(raw, minor, device_sectors)
        yield from _sizes(raw, minor, device_sectors)
        yield from _neighbours(raw)


def _frame(data: bytes, raw: dict[str, Any]) -> Iterator[Flaw]:
    slots = raw["max_dev"]
    used = HEAD_BYTES + 2 * slots
    # The checksum covers max_dev entries: believe no more of them than can be there.
    if not 1 <= slots <= MAX_DEV_LIMIT or used > len(data):
        most = min(MAX_DEV_LIMIT, max(1, (len(data) - HEAD_BYTES) // 2))
        yield Flaw("max_dev", slots, f"1 to {most}")
    elif (expected := checksum(data, used)) != raw["sb_csum"]:
        yield Flaw("sb_csum", hex(raw["sb_csum"]), hex(expected))
    if any(pad := data[PAD0]):
        yield Flaw("pad0", pad.hex(), "zeroes")
    block = raw["logical_block_size"]
    if block and (not _LEAST_BLOCK <= block <= _MOST_BLOCK or block & (block - 1)):
        yield Flaw("logical_block_size", block, f"0, or a power of two from {_LEAST_BLOCK} bytes on")
    if any(pad := data[PAD3]):
        yield Flaw("pad3", pad.hex(), "zeroes")


def _place(raw: dict[str, Any], minor: int, device_sectors: int | None) -> Iterator[Flaw]:
    if minor == 0 and device_sectors is None:
        return
    expected = place(minor, device_sectors or 0)
    if raw["super_offset"] != expected:
        yield Flaw("super_offset", raw["super_offset"], f"{expected}, where it lies")


def _sizes(raw: dict[str, Any], minor: int, device_sectors: int | None) -> Iterator[Flaw]:
    where, start, length = raw["super_offset"], raw["data_offset"], raw["data_size"]
    if length < _LEAST_DATA:
        yield Flaw("data_size", length, f"at least {_LEAST_DATA} sectors")
    if minor and start < where + occupied(_slots(raw)):
        least = where + occupied(_slots(raw))
        yield Flaw("data_offset", start, f"at least {least}, behind the superblock")
    end = device_sectors if minor else where
    if end is not None and start + length > end:
        yield Flaw("data_size", length, f"at most {max(0, end - start)} sectors: no more are there")
    if raw["size"] > length:
        yield Flaw("size", raw["size"], f"at most data_size, {length}")
    if raw["size"] == 0 and raw["level"] == 1:
        yield Flaw("size", "0", "at least 1 sector")
    if not 1 <= raw["raid_disks"] <= raw["max_dev"]:
        yield Flaw("raid_disks", raw["raid_disks"], f"1 to max_dev, {raw['max_dev']}")


def _neighbours(raw: dict[str, Any]) -> Iterator[Flaw]:
    """Bitmap and bad-block log lie on the device, clear of superblock and data."""
    if raw["feature_map"] & _BITMAP:
        yield from _clear(raw, "bitmap_offset", 1)
    if raw["bblog_shift"] > _MOST_SHIFT:
        yield Flaw("bblog_shift", raw["bblog_shift"], f"at most {_MOST_SHIFT}")
    if raw["bblog_offset"] and raw["bblog_size"]:
        yield from _clear(raw, "bblog_offset", raw["bblog_size"])
    elif raw["feature_map"] & _BAD_BLOCKS:
        yield Flaw("bblog_offset", raw["bblog_offset"], "the place of the log that feature_map announces")
    if raw["feature_map"] & _BAD_BLOCKS and raw["bblog_size"] > _MOST_LOG:
        yield Flaw("bblog_size", raw["bblog_size"], f"at most {_MOST_LOG} sectors")


def _clear(raw: dict[str, Any], field: str, sectors: int) -> Iterator[Flaw]:
    where = raw["super_offset"]
    first = where + raw[field]
    data = (raw["data_offset"], raw["data_size"], "data")
    for start, length, what in ((where, occupied(_slots(raw)), "superblock"), data):
        if first < start + length and start < first + sectors:
            taken = f"sectors {start} to {start + length - 1}"
            yield Flaw(field, raw[field], f"a place clear of the {what} ({taken})")
    if first < 0:
        yield Flaw(field, raw[field], "a place on the device")


def _slots(raw: dict[str, Any]) -> int:
    return min(int(raw["max_dev"]), MAX_DEV_LIMIT)
