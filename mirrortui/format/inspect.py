"""What `examine` says about a member: what stands at every metadata place, and what is wrong with it.

Reads through a function that it is given, and never writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mirrortui.errors import FormatError, RefusedError
from mirrortui.format import badblocks, bitmap, foreign, superblock
from mirrortui.format.badblocks import BadRange
from mirrortui.format.bitmap import BitmapHeader
from mirrortui.format.interop import Interop, interop
from mirrortui.format.lookup import Found, Read, find
from mirrortui.format.superblock import Feature, Superblock
from mirrortui.units import SECTOR, format_size

ROLES = {
    superblock.ROLE_SPARE: "spare",
    superblock.ROLE_FAULTY: "faulty",
    superblock.ROLE_JOURNAL: "journal",
}


@dataclass(frozen=True, slots=True)
class BitmapSummary:
    """What a member's copy of the bitmap says."""

    header: BitmapHeader
    chunks: int
    dirty: int
    """Chunks whose bit is set."""


@dataclass(frozen=True, slots=True)
class Examination:
    """One member, as it lies on disk."""

    path: str
    size: int
    """Bytes."""
    found: tuple[Found, ...]
    """All superblocks, the one that counts first; empty: not a member of any array."""
    bitmap: BitmapSummary | None = None
    bad_blocks: tuple[BadRange, ...] = ()
    warnings: tuple[str, ...] = ()
    """Sentences, the worst first."""
    interop: Interop | None = None
    """Which kernels can assemble it; None: there is nothing to assemble."""

    @property
    def superblock(self) -> Superblock | None:
        """The one that counts, if it is in order."""
        return self.found[0].superblock if self.found else None

    @property
    def reading(self) -> Superblock | None:
        """The one that counts as it stands, in order or not."""
        return self.found[0].reading if self.found else None


def examine(read: Read, size: int, path: str = "") -> Examination:
    """Describe the member of `size` bytes. Bytes that make no sense are described; only OSError is raised."""
    found = find(read, size, path)
    others = [_other(each) for each in found[1:]]
    if not found:
        return Examination(path, size, found)
    first = found[0]
    sb = first.reading
    if sb is None or (first.flaws and not first.only_checksum):
        return Examination(path, size, found, warnings=(*_damage(first), *others), interop=interop(first))
    summary, bitmap_problem, lockless = _bitmap(read, sb, path)
    bad_blocks, log_problem = _bad_blocks(read, sb, path)
    warnings = filter(None, [*_damage(first), _unusable(sb, path), bitmap_problem, log_problem])
    return Examination(
        path,
        size,
        found,
        summary,
        bad_blocks,
        (*warnings, *_legacy_warnings(first), *_warnings(sb, summary, bad_blocks), *others),
        interop(first, bitmap_problem, lockless=lockless),
    )


def _other(found: Found) -> str:
    broken = f"broken v{found.version}" if found.flaws else f"v{found.version}"
    whose = "of an earlier life of this device" if found.age > (0.0, 0.0) else "not written for this device"
    return f"There is also a {broken} superblock at byte {found.offset}, {whose}."


def _damage(found: Found) -> Iterator[str]:
    """What is wrong with a superblock, and what that means."""
    if not found.flaws:
        return
    yield found.problem
    if found.only_checksum:
        yield "Every other field makes sense: it may be a single bit that is wrong, anywhere in it."
        return
    for flaw in found.flaws[1:]:
        yield f"Its {flaw}."


def _bitmap(read: Read, sb: Superblock, path: str) -> tuple[BitmapSummary | None, str, bool]:
    """The bitmap, or what is wrong with it, and whether it is a lockless one."""
    if not sb.has_bitmap:
        return None, "", False
    start = sb.bitmap_sector * SECTOR
    data = read(start, bitmap.HEADER)
    try:
        header = bitmap.decode(data, path=path)
        bitmap.check_belongs(header, sb, path=path)
    except FormatError as error:
        return None, error.what, bitmap.is_lockless(data)
    chunks = bitmap.count_bits(sb.size, header.chunksize)
    raw = read(start, bitmap.image_bytes(chunks))
    return BitmapSummary(header, chunks, bitmap.count_set(raw, chunks)), "", False


def _bad_blocks(read: Read, sb: Superblock, path: str) -> tuple[tuple[BadRange, ...], str]:
    if Feature.BAD_BLOCKS not in sb.feature_map:
        return (), ""
    data = read(sb.bblog_sector * SECTOR, sb.bblog_size * SECTOR)
    try:
        return badblocks.decode(data, shift=sb.bblog_shift, path=path), ""
    except FormatError as error:
        return (), error.what


def _unusable(sb: Superblock, path: str) -> str:
    try:
        foreign.check_usable(sb, path)
    except RefusedError as error:
        return error.what
    return ""


def _legacy_warnings(found: Found) -> Iterator[str]:
    """What only a superblock of version 0.90 has to say."""
    if old := found.legacy:
        if old.order == "big":
            yield "It was written by a big-endian host."
        if old.has_bitmap:
            yield "It has a write-intent bitmap, which is not read here."


def _warnings(
    sb: Superblock, summary: BitmapSummary | None, bad_blocks: tuple[BadRange, ...]
) -> Iterator[str]:
    """What its owner should know of a member that could be read."""
    if sb.role in ROLES:
        yield f"This member is {ROLES[sb.role]}: by its own superblock it holds no copy of the data."
        return
    if missing := [role for role in range(min(sb.raid_disks, sb.max_dev)) if role not in sb.dev_roles]:
        lost = ", ".join(map(str, missing))
        yield f"The array was degraded when this was written: no member has role {lost}."
    if sb.recovering:
        done = format_size(min(sb.recovery_offset, sb.size) * SECTOR)
        yield f"This member was being filled: {done} of {format_size(sb.size * SECTOR)} is good."
    stale = summary is not None and summary.header.out_of_date(sb.events)
    if stale:
        yield "The bitmap is out of date: every chunk counts as dirty."
    if not sb.clean:
        yield _unclean(sb, None if stale else summary)
        if summary and _filled_beside_several(sb):
            yield _FORGOTTEN
    if bad_blocks:
        bad = sum(length for _, length in bad_blocks)
        yield f"{format_size(bad * SECTOR)} of this member is in the bad-block log and holds no valid data."


_FORGOTTEN = (
    "Linux 6.1 would fill the member first and then forget where the others differ; 6.12 and mirrortui do not. "
    "After such a kernel took it, run a repair."
)


def _unclean(sb: Superblock, summary: BitmapSummary | None) -> str:
    if sb.resync_offset:
        done = format_size(sb.resync_offset * SECTOR)
        return f"The members are equal up to {done}; the rest was not synced yet."
    if summary is None:
        return "The array was not stopped cleanly: all of it must be resynced."
    suspect = format_size(min(summary.dirty * summary.header.chunksize, sb.size * SECTOR))
    part = f"{summary.dirty} of {summary.chunks} chunks ({suspect})"
    return f"The array was not stopped cleanly: {part} must be resynced."


def _filled_beside_several(sb: Superblock) -> bool:
    """A member was being filled, and two or more others have copies."""
    roles = array_state(sb).replace(".", "")
    return len(roles) > 1 if "R" in roles else sb.recovering and len(roles) > 2


def array_state(sb: Superblock) -> str:
    """One letter for each role, as mdadm prints it: A has a member, R is being replaced, "." is missing."""
    roles = range(min(sb.raid_disks, sb.max_dev))
    return "".join(".AR"[min(2, sb.dev_roles.count(role))] for role in roles)
