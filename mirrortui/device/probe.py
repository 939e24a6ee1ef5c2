"""Looking at a path before it becomes a member: what it is, what is on it, who uses it. Never writes."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from errno import EBUSY
from types import TracebackType
from typing import Literal

from mirrortui.device import block, bounded, claims, file, usage
from mirrortui.device.looks import look
from mirrortui.device.signatures import Signature, identify
from mirrortui.errors import InUseError, MemberError, MirrortuiError, RefusedError
from mirrortui.units import MIB, SECTOR

_LOOKS, _PAGE = 15, 4096
"""How often, and how many bytes at once, a device is looked at between its ends."""


class Peek:
    """An image or block device opened for reading without a claim; also while a mirror runs on it."""

    def __init__(self, path: str, *, fresh: bool = False) -> None:
        """`fresh`: of a block device, what lies on it now: the kernel's arrays write past the page cache, which goes on
        to show what it read first. Raises MemberError for what is neither, not there, or not readable.
        """
        self.path = path
        self.stat = claims.look(path)
        self.is_block = stat.S_ISBLK(self.stat.st_mode)
        self._direct = fresh and self.is_block
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (os.O_DIRECT if self._direct else 0))
        except OSError as error:
            raise claims.explain(path, error) from error
        try:
            self.sector = block.sector_size(self._fd) if self.is_block else SECTOR
            self.size = block.byte_size(self._fd) if self.is_block else self.stat.st_size // SECTOR * SECTOR
        except OSError as error:
            self.close()
            raise claims.explain(path, error) from error

    def read(self, offset: int, length: int) -> bytes:
        """The bytes there; behind the end are zeroes. Raises MemberError where the device fails."""
        try:
            found = self._read_direct(offset, length) if self._direct else os.pread(self._fd, length, offset)
            return found.ljust(length, b"\0")
        except OSError as error:
            why = f"cannot be read at byte {offset}: {error.strerror}"
            raise claims.refused(
                self.path, why, "Look at the kernel's log; this device may be failing."
            ) from error

    def _read_direct(self, offset: int, length: int) -> bytes:
        """Whole pages, which are aligned for every sector size, around what is wanted."""
        first = offset % mmap.PAGESIZE
        with mmap.mmap(-1, -(-(first + length) // mmap.PAGESIZE) * mmap.PAGESIZE) as pages:
            count = os.preadv(self._fd, [pages], offset - first)
            return pages[first : min(first + length, count)]

    def data_ranges(self) -> Iterator[tuple[int, int]]:
        """First byte and end of what may hold anything but zeroes, in order; of a block device all of it."""
        if self.is_block:
            yield 0, self.size
            return
        at = 0
        while at < self.size and (first := file.seek(self._fd, at, os.SEEK_DATA, self.size)) < self.size:
            at = file.seek(self._fd, first, os.SEEK_HOLE, self.size)
            yield first, min(at, self.size)

    def is_blank(self) -> bool:
        """No data at all, or nothing but zeroes in the first and the last MiB and wherever else it is looked at."""
        if not self.is_block and not self.stat.st_blocks:
            return True
        looks = [(0, MIB), (max(0, self.size - MIB), MIB)]
        looks += [(self.size * number // (_LOOKS + 1) & -_PAGE, _PAGE) for number in range(1, _LOOKS + 1)]
        return not any(self.read(at, min(length, self.size - at)).strip(b"\0") for at, length in looks)

    def is_readonly(self) -> bool:
        """Writes would be refused, by the device or for lack of permission."""
        if self.is_block and block.is_readonly(self._fd):
            return True
        return not os.access(self.path, os.W_OK, effective_ids=True)

    def use(self) -> usage.Use | None:
        """Who uses it, where that can be seen from here."""
        return usage.use_of(self.stat) or self._claimed()

    def _claimed(self) -> usage.Use | None:
        """Somebody has the claim that a member needs."""
        if not self.is_block:
            return claims.claimed_by(self.stat) if claims.is_locked(self._fd) else None
        try:
            os.close(os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_EXCL))
        except OSError as error:
            return claims.claimed_by(self.stat) if error.errno == EBUSY else None
        return None

    def close(self) -> None:
        bounded.close(self._fd)

    def __enter__(self) -> Peek:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Probe:
    """What is known of a path that may become a member."""

    path: str
    real: str
    """Without symbolic links."""
    kind: Literal["image", "block device"]
    size: int
    """Bytes, whole sectors; 0 where it could not be opened."""
    sector: int
    """Bytes of a logical sector."""
    signatures: tuple[Signature, ...]
    """What is on it, as far as it is known here."""
    blank: bool
    """Nothing is on it, as far as was looked."""
    in_use: usage.Use | None
    readonly: bool
    """Writes would be refused."""
    problem: MirrortuiError | None
    """Why it could not be read; nothing is known of its content then."""
    allocated: int = 0
    """Bytes of an image that are no holes; of a block device its size."""


def probe(path: str) -> Probe:
    """Look at an image or block device. Raises MemberError for what is neither, not there, or does not answer."""
    return look(path, _probe)


def _probe(path: str) -> Probe:
    found = claims.look(path)
    kind: Literal["image", "block device"] = "block device" if stat.S_ISBLK(found.st_mode) else "image"
    real = os.path.realpath(path)
    try:
        with Peek(path) as peek:
            return Probe(
                path,
                real,
                kind,
                peek.size,
                peek.sector,
                tuple(identify(peek.read, peek.size)),
                peek.is_blank(),
                peek.use(),
                peek.is_readonly(),
                None,
                peek.size if peek.is_block else peek.stat.st_blocks * SECTOR,
            )
    except MemberError as error:
        return Probe(path, real, kind, 0, SECTOR, (), False, usage.use_of(found), True, error)


def check_candidate(path: str, *, force: bool = False) -> Probe:
    """What a path holds that may be overwritten and made a member.

    Raises MemberError for what cannot be a member, InUseError for what somebody uses, and without `force` RefusedError
    for what bears something. `force` frees nothing that is in use.
    """
    found = probe(path)
    if found.in_use:
        raise claims.refused(path, found.in_use.reason, found.in_use.hint, InUseError)
    if found.problem:
        raise found.problem
    if not found.size:
        raise claims.refused(path, "is empty", f"Give it a size first, such as: truncate -s 10G {path}")
    if found.readonly:
        raise claims.refused(path, "is read-only", "Get write permission, or be root; unlock the device.")
    if found.signatures and not force:
        holds = " and ".join(str(signature) for signature in found.signatures)
        raise claims.refused(path, f"holds {holds}", "If that may be lost, use --force.", RefusedError)
    return found
