"""Which kernels can assemble a member, from what its superblock and bitmap use.

Where each number comes from: the bad-block log from Neil Brown's notes on 3.1, hot replacement from his tag md-3.3; a
recovery guided by the bitmap is known to 3.14.1 and not to 3.13.10 (their md_p.h); the write journal, partial parity
log and RAID-0 layout from mdadm's md(4); the lockless bitmap from the tag md-6.18-20250909; the logical block size from
commit 62ed1b582246 of 6.19, which older kernels refuse by the pads that they want zero (Debian #1130781). That a
changed offset of the data came with 3.5, clusters with 4.1 and several partial parity logs with 4.14 is general
knowledge. Nothing older than 3.0 was looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from mirrortui.format.foreign import level_name
from mirrortui.format.lookup import Found
from mirrortui.format.superblock import Feature, Superblock

_FLOOR = (3, 0)
_SINCE = {
    Feature.BAD_BLOCKS: ((3, 1), "its bad-block log is not empty"),
    Feature.REPLACEMENT: ((3, 3), "a replacement is under way"),
    Feature.RESHAPE_BACKWARDS: ((3, 5), "a reshape runs backwards"),
    Feature.NEW_OFFSET: ((3, 5), "its data is moving"),
    Feature.RECOVERY_BITMAP: ((3, 14), "a recovery by bitmap is under way"),
    Feature.CLUSTERED: ((4, 1), "its bitmap is clustered"),
    Feature.JOURNAL: ((4, 4), "write journal"),
    Feature.PPL: ((4, 12), "partial parity log"),
    Feature.MULTIPLE_PPLS: ((4, 14), "several partial parity logs"),
    Feature.RAID0_LAYOUT: ((5, 4), "RAID-0 layout"),
}
_IGNORED = frozenset({"size", "raid_disks", "bitmap_offset", "bblog_offset", "bblog_shift"})
"""Fields that the kernel does not check: it takes a member that has them wrong, and fails later or does harm."""


class Need(NamedTuple):
    """Something that a kernel must know."""

    since: tuple[int, int]
    why: str


@dataclass(frozen=True, slots=True)
class Interop:
    """Whether a kernel with md can assemble this member, with others or without."""

    since: tuple[int, int] | None
    """The first that can; None: none can, as it is."""
    why: tuple[str, ...]
    """What asks for that one, or stands in the way."""

    def __str__(self) -> str:
        why = "; ".join(self.why)
        if self.since is None:
            return f"no kernel can assemble this: {why}"
        if self.since == _FLOOR:
            return f"any kernel since 3.0 with md can assemble this{f': {why}' if why else ''}"
        return f"kernel {_version(self.since)} or later can assemble this: {why}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "kernel": _version(self.since) if self.since else None,
            "why": list(self.why),
            "text": str(self),
        }


def _version(number: tuple[int, int]) -> str:
    return ".".join(map(str, number))


def interop(found: Found, bitmap_problem: str = "", *, lockless: bool = False) -> Interop:
    """Of a superblock that was found. `bitmap_problem`: why its bitmap cannot be used, if it has one and that is so;
    `lockless`: it is one of those that came with Linux 6.18.
    """
    sb = found.reading
    if sb is None or found.flaws:
        return _of_damaged(found)
    if found.legacy and found.legacy.order == "big":
        why = "it was written by a big-endian host, and only such a host takes it as it is"
        return Interop(None, (f"{why} (mdadm --assemble --update=byteorder turns it round)",))
    if unknown := int(sb.feature_map) & ~sum(Feature):
        return Interop(None, (f"no known one has the feature bits {unknown:#x}",))
    if bitmap_problem and not lockless:
        return Interop(None, ("the array does not start from a member whose bitmap is broken",))
    needs = list(_needs(sb, lockless))
    since = max((need.since for need in needs), default=_FLOOR)
    why_then = [need.why for need in needs if need.since == since]
    if sb.level != 1:
        why_then.insert(0, level_name(sb.level))
    return Interop(since, tuple(why_then))


def _of_damaged(found: Found) -> Interop:
    fatal = [flaw for flaw in found.flaws if flaw.field not in _IGNORED]
    if fatal:
        return Interop(None, tuple(_told(flaw.field) for flaw in fatal))
    return Interop(None, tuple(f"{flaw}, which kernels take and should not" for flaw in found.flaws))


def _told(field: str) -> str:
    return "its checksum is wrong" if field == "sb_csum" else f"its field {field} is wrong"


def _needs(sb: Superblock, lockless: bool) -> Iterator[Need]:
    for feature, need in _SINCE.items():
        if feature in sb.feature_map:
            yield Need(*need)
    if lockless:
        yield Need((6, 18), "lockless bitmap")
    if sb.logical_block_size:
        yield Need((6, 19), f"it says a logical block size, {sb.logical_block_size} bytes")
