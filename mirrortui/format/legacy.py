"""The superblock of version 0.90, which came before v1.x: read, so that old disks can be rescued, and never written.

4096 bytes of 32-bit words in the byte order of the host that wrote them, at the last 64 KiB boundary of the device that
leaves 64 KiB behind it. The data is in front of it, from byte 0. Sizes are in KiB; there is no name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

from mirrortui.format.ondisk import MAGIC, SUPERBLOCK_BYTES
from mirrortui.format.soundness import Flaw
from mirrortui.format.superblock import (
    FAILFAST,
    MAX,
    ROLE_FAULTY,
    ROLE_SPARE,
    WRITE_MOSTLY,
    Feature,
    Superblock,
)

DISKS = 27
"""Slots in its table."""

_RESERVED = 128
"""Sectors at the end, and the grain of its place."""
_RESHAPING = 91
"""`minor_version` while a reshape runs; 90 otherwise."""
_FAULTY, _ACTIVE, _SYNC = 1 << 0, 1 << 1, 1 << 2
_WRITE_MOSTLY, _FAILFAST = 1 << 9, 1 << 10
"""Bits of a disk's `state`."""
_CLEAN, _BITMAP = 1 << 0, 1 << 8
"""Bits of the array's `state`."""

_FIELDS = (
    *(
        "magic",
        "major_version",
        "minor_version",
        "patch_version",
        "gvalid_words",
        "set_uuid0",
        "ctime",
        "level",
    ),
    *("size", "nr_disks", "raid_disks", "md_minor", "not_persistent", "set_uuid1", "set_uuid2", "set_uuid3"),
)
"""The first words."""
_STATE_AT, _LAYOUT_AT, _DISKS_AT, _THIS_AT, _DISK = 32, 64, 128, 992, 32
"""In words."""
_STATE = ("utime", "state", "active_disks", "working_disks", "failed_disks", "spare_disks", "sb_csum")
_CHECKSUM = _STATE_AT + _STATE.index("sb_csum")
_EVENTS = _CHECKSUM + 1
"""Four words: the count of events, then the count at the last checkpoint, as two halves each."""
_RECOVERY_CP = _EVENTS + 4


class Disk(NamedTuple):
    """One slot of the table."""

    number: int
    major: int
    minor: int
    """Of the device that it was when this was written."""
    raid_disk: int
    state: int

    @property
    def role(self) -> int:
        """As in version 1."""
        if self.state & _FAULTY:
            return ROLE_FAULTY
        return self.raid_disk if self.state & _SYNC else ROLE_SPARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Legacy:
    """One member's superblock of version 0.90, as it was written."""

    order: Literal["little", "big"]
    """Of the bytes: only hosts of the same order can assemble it as it is."""
    minor_version: int
    set_uuid: bytes
    """In the order in which mdadm prints it."""
    ctime: int
    level: int
    size: int
    """KiB that the array uses of every member."""
    nr_disks: int
    raid_disks: int
    md_minor: int
    """Its device was called /dev/md with this number."""
    utime: int
    state: int
    events: int
    checkpoint: int
    """The events for which `recovery_cp` is good."""
    recovery_cp: int
    """Sectors up to which the members were equal, if it is not clean."""
    layout: int
    chunk_size: int
    """Bytes."""
    disks: tuple[Disk, ...]
    this_disk: Disk

    @property
    def has_bitmap(self) -> bool:
        """A write-intent bitmap may lie behind it; it is not read."""
        return bool(self.state & _BITMAP)

    @property
    def resync_offset(self) -> int:
        """As in version 1."""
        if self.state & _CLEAN:
            return MAX
        return self.recovery_cp if self.checkpoint == self.events else 0

    def in_terms_of_v1(self, place: int) -> Superblock:
        """The same as a v1.x superblock would say it, for one that lies at sector `place`. It cannot be encoded."""
        number = self.this_disk.number
        disk = self.disks[number] if number < DISKS else self.this_disk
        return Superblock(
            major_version=0,
            feature_map=Feature.RESHAPE if self.minor_version == _RESHAPING else Feature(0),
            set_uuid=self.set_uuid,
            set_name=f"md{self.md_minor}",
            ctime=self.ctime,
            level=self.level,
            layout=self.layout,
            size=self.size * 2,
            chunksize=self.chunk_size // 512,
            raid_disks=self.raid_disks,
            data_offset=0,
            data_size=place,
            super_offset=place,
            dev_number=number,
            device_uuid=number.to_bytes(16, "big"),
            devflags=(WRITE_MOSTLY if disk.state & _WRITE_MOSTLY else 0)
            | (FAILFAST if disk.state & _FAILFAST else 0),
            utime=self.utime,
            events=self.events,
            resync_offset=self.resync_offset,
            dev_roles=tuple(each.role for each in self.disks),
        )


def superblock_sector(device_sectors: int) -> int | None:
    """Where it would lie on a device of that size; None: the device is too small for any data in front of it."""
    place = (device_sectors // _RESERVED - 1) * _RESERVED
    return place if place > 0 else None


def byte_order(data: bytes) -> Literal["little", "big"] | None:
    """How these bytes are to be read, if they claim to be of version 0.90."""
    if data[:8] == MAGIC.to_bytes(4, "little") + bytes(4):
        return "little"
    return "big" if data[:8] == MAGIC.to_bytes(4, "big") + bytes(4) else None


def find_flaws(data: bytes, place: int) -> Iterator[Flaw]:
    """What is wrong with it, the most basic first."""
    order = byte_order(data)
    if order is None or len(data) < SUPERBLOCK_BYTES:
        yield Flaw("magic", data[:8].hex(), f"{MAGIC:#x} and major version 0")
        return
    words = _words(data, order)
    expected = _checksum(words)
    if words[_CHECKSUM] != expected:
        yield Flaw("sb_csum", hex(words[_CHECKSUM]), hex(expected))
    raw = _unpack(words, order)
    if raw["minor_version"] not in (90, _RESHAPING):
        yield Flaw("minor_version", raw["minor_version"], "90, or 91 while it is reshaped")
    if raw["not_persistent"]:
        yield Flaw("not_persistent", raw["not_persistent"], "0")
    if not 1 <= raw["raid_disks"] <= DISKS:
        yield Flaw("raid_disks", raw["raid_disks"], f"1 to {DISKS}")
    if raw["nr_disks"] > DISKS:
        yield Flaw("nr_disks", raw["nr_disks"], f"at most {DISKS}")
    if raw["level"] > 0 and not 0 < raw["size"] * 2 <= place:
        yield Flaw("size", raw["size"], f"1 to {place // 2} KiB: no more are in front of it")
    yield from _disk_flaws(raw)


def _disk_flaws(raw: dict[str, Any]) -> Iterator[Flaw]:
    number = raw["this_disk"].number
    if number >= DISKS:
        yield Flaw("this_disk.number", number, f"at most {DISKS - 1}")
    elif raw["disks"][number].number != number:
        yield Flaw(f"disks[{number}].number", raw["disks"][number].number, f"{number}")
    for slot, disk in enumerate(raw["disks"]):
        if disk.role < ROLE_FAULTY and disk.role >= raw["raid_disks"]:
            yield Flaw(
                f"disks[{slot}].raid_disk", disk.raid_disk, f"less than raid_disks, {raw['raid_disks']}"
            )


def take_as_read(data: bytes) -> Legacy:
    """The superblock as it stands, believed."""
    order = byte_order(data)
    assert order
    raw = _unpack(_words(data, order), order)
    return Legacy(order=order, **{field.name: raw[field.name] for field in fields(Legacy)[1:]})


def _words(data: bytes, order: Literal["little", "big"]) -> tuple[int, ...]:
    return struct.unpack_from(f"{'<' if order == 'little' else '>'}{SUPERBLOCK_BYTES // 4}I", data)


def _checksum(words: tuple[int, ...]) -> int:
    total = sum(words) - words[_CHECKSUM]
    return ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF


def _unpack(words: tuple[int, ...], order: Literal["little", "big"]) -> dict[str, Any]:
    """The fields, unchecked."""
    raw: dict[str, Any] = dict(zip(_FIELDS, words, strict=False))
    raw |= zip(_STATE, words[_STATE_AT:], strict=False)
    raw["set_uuid"] = struct.pack(">4I", *(raw[f"set_uuid{index}"] for index in range(4)))
    raw["level"] -= (raw["level"] >> 31) << 32
    raw["layout"], raw["chunk_size"] = words[_LAYOUT_AT : _LAYOUT_AT + 2]
    raw["recovery_cp"] = words[_RECOVERY_CP]
    raw["disks"] = tuple(_disk(words, _DISKS_AT + slot * _DISK) for slot in range(DISKS))
    raw["this_disk"] = _disk(words, _THIS_AT)
    halves = words[_EVENTS : _EVENTS + 4]
    low = 0 if order == "little" else 1  # the pairs are stored as one number of 64 bits would be
    raw["events"] = halves[low] | halves[1 - low] << 32
    raw["checkpoint"] = halves[2 + low] | halves[3 - low] << 32
    return raw


def _disk(words: tuple[int, ...], at: int) -> Disk:
    return Disk(*words[at : at + 5])
