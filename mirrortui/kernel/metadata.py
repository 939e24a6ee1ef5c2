"""What sysfs does not tell of a kernel's array, and its members do: the name, the events count, the bitmap's bits."""

from __future__ import annotations

from dataclasses import dataclass

from mirrortui.device.looks import look
from mirrortui.device.probe import Peek
from mirrortui.errors import FormatError, MemberError, MirrortuiError
from mirrortui.format import badblocks, bitmap, superblock
from mirrortui.format.lookup import find
from mirrortui.format.ondisk import SUPERBLOCK_BYTES, superblock_sector
from mirrortui.format.superblock import Feature, Superblock
from mirrortui.kernel.sysfs import KernelArray
from mirrortui.mirror.assembly.found import Found
from mirrortui.units import SECTOR

_MINORS = {"1.0": 0, "1.1": 1, "1.2": 2}


@dataclass(frozen=True, slots=True)
class Metadata:
    """Of one array, read from its members at one moment."""

    found: tuple[Found, ...] = ()
    """Members that are no worse than being filled, those that are in sync first."""
    problem: MirrortuiError | None = None
    """Why one of them could not be read."""

    @property
    def freshest(self) -> Found | None:
        """Whose word counts."""
        return max(self.found, key=lambda f: f.superblock.events, default=None)

    @property
    def superblock(self) -> Superblock | None:
        """The freshest."""
        return self.freshest.superblock if self.freshest else None


def read_metadata(array: KernelArray) -> Metadata:
    """Read the members from the disks, past the page cache. Blocks on them."""
    minor = _MINORS.get(array.metadata)
    if minor is None:
        return Metadata()
    found: list[Found] = []
    problem: MirrortuiError | None = None
    for member in array.members:
        if member.faulty:
            continue
        try:
            known, strange = look(member.path, lambda path: _read(path, minor))
            found.append(known)
            problem = problem or strange
        except MirrortuiError as error:
            problem = problem or error
    return Metadata(tuple(found), problem)


def _read(path: str, minor: int) -> tuple[Found, FormatError | None]:
    """A member, and what is wrong with a bitmap of a kind that only the kernel knows."""
    with Peek(path, fresh=True) as peek:
        sb = _superblock(peek, minor)
        try:
            return _found(peek, sb), None
        except FormatError as error:
            return Found(path, sb, None, b""), error


def read_member(path: str) -> Found:
    """A device's newest superblock and its bitmap, read from the disk.

    Raises MemberError for what cannot be read or does not answer, FormatError for what makes no sense.
    """
    return look(path, _read_newest)


def _read_newest(path: str) -> Found:
    with Peek(path, fresh=True) as peek:
        return _found(peek, _newest(peek))


def _superblock(peek: Peek, minor: int) -> Superblock:
    sectors = peek.size // SECTOR
    data = peek.read(superblock_sector(minor, sectors) * SECTOR, SUPERBLOCK_BYTES)
    return superblock.decode(data, minor=minor, device_sectors=sectors, path=peek.path)


def _found(peek: Peek, sb: Superblock) -> Found:
    log = _log(peek, sb)
    if not sb.has_bitmap:
        return Found(peek.path, sb, None, b"", log)
    start = sb.bitmap_sector * SECTOR
    header = bitmap.decode(peek.read(start, bitmap.HEADER), path=peek.path)
    bitmap.check_belongs(header, sb, path=peek.path)
    raw = peek.read(start, bitmap.image_bytes(bitmap.count_bits(sb.size, header.chunksize)))
    return Found(peek.path, sb, header, raw, log)


def _log(peek: Peek, sb: Superblock) -> bytes:
    """The bad-block log, if it counts and lists something."""
    if Feature.BAD_BLOCKS not in sb.feature_map:
        return b""
    log = peek.read(sb.bblog_sector * SECTOR, sb.bblog_size * SECTOR)
    return log if badblocks.decode(log, shift=sb.bblog_shift, path=peek.path) else b""


def _newest(peek: Peek) -> Superblock:
    found = find(peek.read, peek.size, peek.path)
    if not found:
        raise MemberError(f"{peek.path} bears no MD superblock, so it is no member of an array.")
    if not (sb := found[0].superblock):
        raise MemberError(found[0].problem, hint="Nothing was written; mirrortui examine says more.")
    return sb
