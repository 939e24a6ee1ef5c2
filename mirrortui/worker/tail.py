"""A disk that is to be adopted, looked at: whether its tail may be written to, by what is on it. Never writes."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mirrortui.api.requests import AdoptRequest
from mirrortui.device.base import Device
from mirrortui.device.claims import refused
from mirrortui.device.ends import Read
from mirrortui.device.looks import look
from mirrortui.device.probe import Peek
from mirrortui.device.reach import Reach, furthest, reaches
from mirrortui.errors import InUseError, MemberError, RefusedError
from mirrortui.format import bitmap
from mirrortui.format.layout import Layout
from mirrortui.mirror.birth import adopt
from mirrortui.units import SECTOR, format_size


@dataclass(frozen=True, kw_only=True)
class Tail:
    """What adopting comes to."""

    where: Layout
    longer: int
    """Bytes to make an image; 0: it stays as long as it is."""
    holds: list[str]
    """What is on it, and stays."""
    erases: list[str]
    """What is lost by the operator's word, a sentence each."""

    @property
    def size(self) -> int:
        """Bytes of the mirror."""
        return self.where.data_size * SECTOR

    @property
    def first(self) -> int:
        """The first byte that is written."""
        return adopt.written(self.where).bitmap[0]


def survey(request: AdoptRequest, *, ours: bool = False) -> Tail:
    """Look at the disk. Blocks on it. `ours`: it is used by nobody but the caller.

    Raises MemberError for what cannot be a member or does not answer, InUseError for what somebody uses, RefusedError
    where its tail is not free, RequestError for an impossible chunk.
    """
    return look(request.disk, lambda path: _survey(path, request, ours))


def _survey(path: str, request: AdoptRequest, ours: bool) -> Tail:
    with Peek(path, fresh=True) as peek:
        if not ours and (use := peek.use()):
            raise refused(path, use.reason, use.hint, InUseError)
        if peek.is_readonly():
            raise refused(path, "is read-only", "Get write permission, or be root; unlock the device.")
        if not peek.size:
            raise refused(path, "is empty", "adopt is for a disk with data on it; create makes a new mirror.")
        found = reaches(peek.read, peek.size, peek.sector)
        _check_no_member(path, found)
        length = peek.size if peek.is_block else peek.stat.st_size
        where = adopt.lay_out(peek.size, request.bitmap_chunk)
        holds = [str(one.what) for one in found if not one.spare]
        try:
            erases = _losses(peek, found, where, length, request.tail_is_free)
        except RefusedError:
            if not request.extend or peek.is_block:
                raise
            longer = adopt.extended(length)
            where = adopt.lay_out(longer, request.bitmap_chunk, most=length)
            return Tail(where=where, longer=longer, holds=holds, erases=[])
        return Tail(where=where, longer=0, holds=holds, erases=erases)


def lengthen(device: Device, size: int) -> None:
    """Make an image so many bytes long; what is new is zeroes. Raises MemberError."""
    try:
        os.truncate(device.path, size)
    except OSError as error:
        raise MemberError(
            f"{device.path} could not be made longer: {error.strerror}. Nothing was written to it."
        ) from error
    device.remeasure()


def _check_no_member(path: str, found: list[Reach]) -> None:
    member = next((one.what for one in found if one.what.kind.startswith("MD ")), None)
    if member:
        raise RefusedError(
            f"{path} is a member of an array already: {member}; nothing was written.",
            hint="Assemble that one; or erase its superblock first, mirrortui zero-superblock, if it is left over.",
        )


def _losses(peek: Peek, found: list[Reach], where: Layout, length: int, word: bool) -> list[str]:
    """What is lost by using the tail. Raises RefusedError where that would be data, or may be and the word is not given
    that it is not.
    """
    start = where.data_size * SECTOR
    tail = f"the last {format_size(length - start)} of it, from byte {start} on"
    instead = "" if peek.is_block else " An image file can be made longer instead: --extend."
    instead += " Or all of it is copied into a slightly larger disk, and this one left as it is: --into NEW."
    last = furthest(found)
    if last and last.end and last.end > start:
        raise RefusedError(
            f"{peek.path} holds {last.what}, which reaches to byte {last.end - 1}, and the mirror's metadata take "
            f"{tail}. Nothing was written.",
            hint=f"Make what is on it smaller first{_tool(last)}.{instead}",
        )
    doubts = [_copy(one) for one in found if one.spare]
    doubts += [
        f"{one.what} is on it, and how far it reaches is not known here" for one in found if one.end is None
    ]
    if not doubts and (left := used(peek.read, where, length)):
        doubts = [f"bytes {left[0]} to {left[1]} are not zero"]
    if not doubts or word:
        return [f"{peek.path}: {doubt}." for doubt in doubts]
    raise RefusedError(
        f"{peek.path} is not free at its end: {'; '.join(doubts)}; and the mirror's metadata take {tail}. "
        "Nothing was written.",
        hint=f"If you know that it holds nothing that is needed, say so: --tail-is-free.{instead}",
    )


def _tool(last: Reach) -> str:
    match last.what.kind:
        case "ext2" | "ext3" | "ext4":
            return ", with resize2fs"
        case "NTFS":
            return ", with ntfsresize"
        case "Btrfs":
            return ", with btrfs filesystem resize"
        case "LVM2 physical volume":
            return ", with pvresize"
        case "GPT partition table" | "MBR partition table":
            return ", or adopt its partitions one by one"
        case _:
            return ""


def _copy(one: Reach) -> str:
    return f"a {one.what.kind} keeps its second copy in the last sectors"


def used(read: Read, where: Layout, length: int) -> tuple[int, int] | None:
    """The first and the last byte of the tail that are not zero. What an interrupted adoption left counts as zero."""
    start = where.data_size * SECTOR
    data = bytearray(read(start, length - start))
    lo, hi = (at - start for at in adopt.written(where).bitmap)
    if data[lo : lo + len(bitmap.MAGIC)] == bitmap.MAGIC and not any(data[hi:]):
        data[lo:hi] = bytes(hi - lo)
    if not any(data):
        return None
    return start + len(data) - len(data.lstrip(b"\0")), start + len(data.rstrip(b"\0")) - 1
