"""The bad-block log: sectors of one member that hold no valid data.

Eight bytes an entry, all-ones behind the last. Sectors count from the start of the device, not of the data.
The log counts only with Feature.BAD_BLOCKS in the superblock; without it the area is garbage.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mirrortui.errors import FormatError

_ENTRY = 8
_LENGTH_BITS = 10
_MOST_UNITS = 512
_END = (1 << 64) - 1


class BadRange(NamedTuple):
    """Sectors of the device that are bad."""

    sector: int
    length: int


def merge(ranges: Iterable[BadRange]) -> tuple[BadRange, ...]:
    """The same sectors in order, in as few ranges as can be."""
    merged: list[BadRange] = []
    for sector, length in sorted(ranges):
        last = merged[-1] if merged else None
        if last and sector <= last.sector + last.length:
            end = max(last.sector + last.length, sector + length)
            merged[-1] = BadRange(last.sector, end - last.sector)
        elif length:
            merged.append(BadRange(sector, length))
    return tuple(merged)


def round_out(ranges: Iterable[BadRange], *, shift: int) -> tuple[BadRange, ...]:
    """As a log with units of 1 << `shift` sectors has them."""
    unit = 1 << shift
    return merge(
        BadRange(first, -(-(sector + length) // unit) * unit - first)
        for sector, length in merge(ranges)
        for first in [sector // unit * unit]
    )


def encode(ranges: Iterable[BadRange], *, size: int = 4096, shift: int = 0) -> bytes:
    """The log's `size` bytes, in units of 1 << `shift` sectors, rounded outwards.

    Raises ValueError when there are more entries than places.
    """
    return _pack(_entries(ranges, shift), size)


def fits(ranges: Iterable[BadRange], *, size: int, shift: int = 0) -> bool:
    """Whether a log of `size` bytes has room for them."""
    return len(_entries(ranges, shift)) * _ENTRY <= size


def rewrite(log: bytes, ranges: Iterable[BadRange], *, atom: int, shift: int = 0) -> list[tuple[int, bytes]]:
    """Writes (place in the log, bytes) that make a log that of `ranges`. Each must be durable before the next; then no
    cut between or in them loses a range that the old and the new log have. `atom`: bytes that the medium writes whole.

    The new entries are put behind the old ones first, from the back, and then over them, from the front. Where both
    together have no room, what is new is put behind the old ones. Where that has none either it is one write of the
    whole log, and a cut in that may lose ranges, as it does with md. Raises ValueError when they do not fit at all.
    """
    ranges = round_out(ranges, shift=shift)
    before = [
        entry for (entry,) in itertools.takewhile(lambda e: e[0] != _END, struct.iter_unpack("<Q", log))
    ]
    after = _entries(ranges, shift)
    last = _pack(after, len(log))
    if len(after) < atom // _ENTRY and len(before) < atom // _ENTRY:
        return [(0, last[:atom])]
    if (len(before) + len(after)) * _ENTRY <= len(log):
        both = _pack(before + after, len(log))
        return [*reversed(_changed(log, both, atom)), *_changed(both, last, atom)]
    old = decode(log, shift=shift)
    more = before + _entries(_without(ranges, old), shift)
    if merge((*old, *ranges)) == ranges and len(more) * _ENTRY <= len(log):
        return [*reversed(_changed(log, _pack(more, len(log)), atom))]
    return [(0, last)]


def _without(ranges: Iterable[BadRange], others: Iterable[BadRange]) -> Iterator[BadRange]:
    """The parts that none of the others, in order, has."""
    others = list(others)
    for sector, length in merge(ranges):
        at = sector
        for start, count in others:
            if at < start + count and start < sector + length:
                if at < start:
                    yield BadRange(at, start - at)
                at = start + count
        if at < sector + length:
            yield BadRange(at, sector + length - at)


def _changed(old: bytes, new: bytes, atom: int) -> list[tuple[int, bytes]]:
    places = range(0, len(new), atom)
    return [(at, new[at : at + atom]) for at in places if old[at : at + atom] != new[at : at + atom]]


def _entries(ranges: Iterable[BadRange], shift: int) -> list[int]:
    units = [(sector >> shift, length >> shift) for sector, length in round_out(ranges, shift=shift)]
    return [
        start << _LENGTH_BITS | min(_MOST_UNITS, first + length - start)
        for first, length in units
        for start in range(first, first + length, _MOST_UNITS)
    ]


def _pack(entries: list[int], size: int) -> bytes:
    if len(entries) * _ENTRY > size or any(entry >> 64 for entry in entries):
        raise ValueError(f"{len(entries)} bad-block entries do not fit a log of {size} bytes")
    return struct.pack(f"<{len(entries)}Q", *entries).ljust(size, b"\xff")


def decode(data: bytes, *, shift: int = 0, path: str = "") -> tuple[BadRange, ...]:
    """The bad ranges in order, adjacent ones merged. Raises FormatError for an entry that cannot be."""
    ranges = []
    for index, (entry,) in enumerate(struct.iter_unpack("<Q", data[: len(data) // _ENTRY * _ENTRY])):
        if entry == _END:
            break
        unit, length = entry >> _LENGTH_BITS, entry & (1 << _LENGTH_BITS) - 1
        if not 1 <= length <= _MOST_UNITS:
            where = f"{path}: bad-block log" if path else "bad-block log"
            raise FormatError(
                f"{where} entry {index} has length {length}, expected 1 to {_MOST_UNITS}.",
                hint="Nothing was written to it.",
            )
        ranges.append(BadRange(unit << shift, length << shift))
    return merge(ranges)
