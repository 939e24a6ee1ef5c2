"""How far on a device that reaches which is on it: file systems and partition tables say so, as far as they are known.

The numbers are hostile (I15): nothing they point to is followed, but for the entries of a GPT, a bounded number.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from mirrortui.device.ends import Read
from mirrortui.device.signatures import Signature, identify
from mirrortui.units import SECTOR

_MOST_ENTRIES = 1024
"""Partitions of a GPT that are looked at; everybody makes room for 128."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Something that was recognised, and where it ends."""

    what: Signature
    end: int | None
    """The first byte behind it; None: that is not known here."""
    spare: bool = False
    """A copy of something that does without it at need."""


def reaches(read: Read, size: int, sector: int) -> list[Reach]:
    """What is on a device of `size` bytes, with logical sectors of `sector` bytes, and how far each reaches. Raises
    what `read` raises.
    """
    return [_reach(_Numbers(read, sector), size, found) for found in identify(read, size)]


def _reach(number: _Numbers, size: int, found: Signature) -> Reach:
    if found.kind == "GPT partition table" and found.detail:
        return Reach(found, size, spare=True)
    measure = _MEASURES.get(found.kind)
    end = measure(number, found) if measure else None
    return Reach(found, end if end is not None and end > 0 else None)


class _Numbers:
    """Integers on the device."""

    def __init__(self, read: Read, sector: int) -> None:
        self.read = read
        self.sector = sector

    def __call__(self, form: str, offset: int) -> int:
        value: int = struct.unpack(form, self.read(offset, struct.calcsize(form)))[0]
        return value


def _ext(number: _Numbers, found: Signature) -> int | None:
    scale = number("<I", 0x418)
    high = number("<I", 0x550) if number("<I", 0x460) & 0x80 else 0
    return (high << 32 | number("<I", 0x404)) << 10 + scale if scale <= 6 else None


def _swap(number: _Numbers, found: Signature) -> int:
    return (number("<I", 1028) + 1) * (found.offset + 10)


def _fat(number: _Numbers, found: Signature) -> int:
    return (number("<H", 0x13) or number("<I", 0x20)) * number("<H", 0x0B)


def _ntfs(number: _Numbers, found: Signature) -> int:
    """Its last sector is a copy of the first one, and is not counted."""
    return (number("<Q", 0x28) + 1) * number("<H", 0x0B)


def _exfat(number: _Numbers, found: Signature) -> int | None:
    shift = number("B", 108)
    return number("<Q", 72) << shift if shift <= 12 else None


def _f2fs(number: _Numbers, found: Signature) -> int | None:
    shift = number("<I", 1024 + 16)
    return number("<Q", 1024 + 36) << shift if shift <= 16 else None


def _lvm(number: _Numbers, found: Signature) -> int:
    return number("<Q", found.offset + 64)


def _mbr(number: _Numbers, found: Signature) -> int | None:
    """Counted in the disk's sectors. One that protects a GPT covers the disk, and says nothing."""
    if found.detail.startswith("protects"):
        return SECTOR
    used = [at for at in range(446, 510, 16) if number("B", at + 4)]
    return max(number("<I", at + 8) + number("<I", at + 12) for at in used) * number.sector


def _gpt(number: _Numbers, found: Signature) -> int | None:
    sector = found.offset
    first, count, width = (number(form, sector + at) for form, at in (("<Q", 72), ("<I", 80), ("<I", 84)))
    if not (128 <= width <= 4096 and count <= _MOST_ENTRIES and first < 1 << 20):
        return None
    table = number.read(first * sector, count * width)
    entries = [table[at : at + 48] for at in range(0, count * width, width)]
    ends: list[int] = [struct.unpack_from("<Q", entry, 40)[0] + 1 for entry in entries if any(entry[:16])]
    return max([first + -(-count * width // sector), *ends]) * sector


_MEASURES: dict[str, Callable[[_Numbers, Signature], int | None]] = {
    "ext2": _ext,
    "ext3": _ext,
    "ext4": _ext,
    "XFS": lambda number, found: number(">I", 4) * number(">Q", 8),
    "Btrfs": lambda number, found: number("<Q", 0x10000 + 0xC9 + 8),
    "NTFS": _ntfs,
    "exFAT": _exfat,
    "FAT32": _fat,
    "FAT16": _fat,
    "FAT12": _fat,
    "F2FS": _f2fs,
    "HFS+": lambda number, found: number(">I", 1024 + 40) * number(">I", 1024 + 44),
    "SquashFS": lambda number, found: number("<Q", 40),
    "ISO 9660": lambda number, found: number("<I", 0x8050) * number("<H", 0x8080),
    "LVM2 physical volume": _lvm,
    "swap": _swap,
    "MBR partition table": _mbr,
    "GPT partition table": _gpt,
}


def furthest(found: list[Reach]) -> Reach | None:
    """Of those whose end is known and that cannot do without."""
    known = [one for one in found if one.end is not None and not one.spare]
    return max(known, key=attrgetter("end"), default=None)
