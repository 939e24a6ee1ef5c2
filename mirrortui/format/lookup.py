"""Which superblock of a device counts: read at every place where one may lie, judged as mdadm does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mirrortui.errors import MemberError
from mirrortui.format import legacy, ondisk, superblock
from mirrortui.format.legacy import Legacy
from mirrortui.format.ondisk import SUPERBLOCK_BYTES
from mirrortui.format.soundness import Flaw
from mirrortui.format.superblock import Superblock, seconds
from mirrortui.units import SECTOR

Read = Callable[[int, int], bytes]
"""(offset, length) in bytes to that many bytes."""


class Place(NamedTuple):
    """Where a superblock may lie."""

    version: str
    """ "1.2", "1.1", "1.0" or "0.90"."""
    offset: int
    """Bytes from the start of the device."""


@dataclass(frozen=True, slots=True)
class Found:
    """A superblock, right or broken, at one of these places."""

    version: str
    offset: int
    """Bytes from the start of the device."""
    reading: Superblock | None
    """As it stands, believed or not; None: it is of a version that nobody knows."""
    flaws: tuple[Flaw, ...] = ()
    """All that is wrong with it."""
    legacy: Legacy | None = None
    """Of version 0.90, what version 1 has no words for."""
    path: str = ""

    @property
    def superblock(self) -> Superblock | None:
        """The superblock, if nothing is wrong with it."""
        return None if self.flaws else self.reading

    @property
    def problem(self) -> str:
        """What is wrong with it, the most basic thing, as a sentence; empty when nothing is."""
        what = "v0.90 superblock" if self.version == "0.90" else "superblock"
        return f"{self.path}: {what} {self.flaws[0]}.".removeprefix(": ") if self.flaws else ""

    @property
    def only_checksum(self) -> bool:
        """Every field of it can be true, and yet they are not what was written."""
        return [flaw.field for flaw in self.flaws] == ["sb_csum"]

    @property
    def age(self) -> tuple[float, float]:
        """When its array was created, then when it was last written itself. (-1, -1) for one that was not written for
        this device: left by a larger or a smaller one, or part of what lies inside an array's data.
        """
        sb = self.reading
        if sb is None or (sb.major_version and sb.super_offset * SECTOR != self.offset):
            return -1.0, -1.0
        return seconds(sb.ctime), seconds(sb.utime)

    @property
    def for_this_device(self) -> bool:
        """It was written for this device: whoever looks for one takes it for this device's."""
        return self.age >= (0.0, 0.0)


def places(sectors: int) -> tuple[Place, ...]:
    """Where superblocks may lie on a device of that many sectors."""
    found = []
    for minor in (2, 1, 0):
        try:
            found.append(Place(f"1.{minor}", ondisk.superblock_sector(minor, sectors) * SECTOR))
        except MemberError:
            continue
    last = legacy.superblock_sector(sectors)
    return (*found, Place("0.90", last * SECTOR)) if last is not None else tuple(found)


def find(read: Read, size: int, path: str = "") -> tuple[Found, ...]:
    """Every superblock of the device of `size` bytes; the one that counts is the first, sound or not.

    That is the one of the youngest array, as with mdadm: others are what earlier lives of the device left behind. To
    believe an older one because the youngest is damaged would be to run an array whose data was overwritten.
    """
    found = _look(read, size // SECTOR, path)
    return tuple(sorted(found, key=lambda each: (each.age, not each.flaws), reverse=True))


def _look(read: Read, sectors: int, path: str) -> Iterator[Found]:
    for place in places(sectors):
        data = read(place.offset, SUPERBLOCK_BYTES)
        if place.version == "0.90":
            if legacy.byte_order(data):
                yield judge_legacy(data, place.offset, path)
        elif ondisk.has_magic(data):
            yield judge(data, place, sectors, path)


def judge(data: bytes, place: Place, sectors: int | None, path: str = "") -> Found:
    """A v1.x superblock that was read at that place of a device of that many sectors (None: that is not known)."""
    minor = int(place.version[-1])
    flaws = tuple(superblock.examine_fields(data, minor=minor, device_sectors=sectors))
    known = not any(flaw.field in ("length", "major_version") for flaw in flaws)
    return Found(*place, superblock.take_as_read(data) if known else None, flaws, path=path)


def judge_legacy(data: bytes, offset: int, path: str = "") -> Found:
    """A superblock of version 0.90 that was read there."""
    place = offset // SECTOR
    flaws = tuple(legacy.find_flaws(data, place))
    old = legacy.take_as_read(data)
    return Found("0.90", offset, old.in_terms_of_v1(place), flaws, old, path)
