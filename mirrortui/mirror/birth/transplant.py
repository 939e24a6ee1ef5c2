"""A disk that is full to its end becomes a mirror all the same: all of it is copied into a slightly larger new member.

Nothing is written to the disk, which could not take a byte: it is only read, and remains what it was, a copy of what
the mirror began as. Nobody uses the mirror before the copy is whole, read again and found equal: with writers, the
disk would have to take their writes too, or be no copy of anything. The new member's superblock is the last that is
written: wherever the power goes it is no member yet, or has everything; whoever begins anew finds what was copied
already, and writes only what differs.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from mirrortui.device.base import Device, Op
from mirrortui.device.buffers import Buffer, Pool, same
from mirrortui.errors import MemberError
from mirrortui.format.layout import Layout
from mirrortui.mirror.birth import adopt
from mirrortui.mirror.birth.create import PAGE_SECTORS
from mirrortui.mirror.birth.erase import erase_superblocks
from mirrortui.mirror.executor import Host, Operation, wait
from mirrortui.units import KIB, MIB, SECTOR, format_size

PIECE = MIB
"""Bytes to one read or write."""
_AT_ONCE = 4
_PAGE = PAGE_SECTORS * SECTOR

Told = Callable[[str, int, int], None]
"""What is done ("copied", "compared"), bytes so far, bytes in all."""


def lay_out(size: int, old: int, chunk: int | None, path: str) -> Layout:
    """Where things go on a device of `size` bytes that all `old` bytes of a disk are to fit in.

    Raises MemberError when it is too small, RequestError for a chunk that is impossible.
    """
    where = adopt.lay_out(size, chunk, most=old)
    missing = old - where.data_size * SECTOR
    if missing <= 0:
        return where
    raise MemberError(
        f"{path} is too small by {-(-missing // KIB)} KiB for all that is on the disk and the mirror's metadata. "
        "Nothing was written.",
        hint=f"A device of {adopt.extended(old)} bytes or more fits: {format_size(adopt.extended(old) - old)} more.",
    )


async def transplant(
    old: Device,
    new: Device,
    name: str,
    where: Layout,
    host: Host,
    pool: Pool,
    told: Told,
    piece: int = PIECE,
) -> bytes:
    """Copy all of `old` into `new`, compare the two, and make `new` the only member of a new mirror that has room for
    another. Returns the array's UUID. `piece`: bytes to one read or write, whole pages.

    Raises MemberError when one of the two fails, or they are not equal; then `new` is no member of anything.
    """
    work = _Work(old, new, pool, piece)
    await erase_superblocks(new, pool)
    async for done, different in work.go_through():
        await work.copy(different)
        told("copied", done, old.size)
    await work.flush()
    async for done, different in work.go_through(medium=True):
        work.check_equal(different)
        told("compared", done, old.size)
    return await adopt.adopt(new, name, where, host, pool)


@dataclass(slots=True)
class _Piece:
    """A part of the disk, and what the new member has there; whole pages, with zeroes behind the disk's end."""

    at: int
    length: int
    old: Buffer
    new: Buffer


class _Work:
    """The two devices, gone through from the first byte to the last."""

    def __init__(self, old: Device, new: Device, pool: Pool, piece: int) -> None:
        self._old = old
        self._new = new
        self._pool = pool
        self._piece_bytes = piece

    async def go_through(self, *, medium: bool = False) -> AsyncIterator[tuple[int, list[_Piece]]]:
        """How far that is, and what differs since the last time. `medium`: what the disks say, not the page cache.
        Raises MemberError for what cannot be read.
        """
        length = self._piece_bytes
        step = length * _AT_ONCE
        for at in range(0, self._old.size, step):
            end = min(at + step, self._old.size)
            padded = -(-end // _PAGE) * _PAGE
            if not medium and self._is_hole(self._old, at, end) and self._is_hole(self._new, at, padded):
                yield end, []
                continue
            pieces = [self._piece(start, min(start + length, end)) for start in range(at, end, length)]
            try:
                await self._read(pieces, medium)
                yield end, [one for one in pieces if not same(one.old, one.new, 0, one.length)]
            finally:
                for piece in pieces:
                    piece.old.drop()
                    piece.new.drop()

    async def copy(self, pieces: list[_Piece]) -> None:
        """Write them. Raises MemberError."""
        writes = [Operation(self._new, Op.WRITE, one.at, one.old, one.length) for one in pieces]
        for piece, result in zip(pieces, await wait(writes), strict=True):
            if result != piece.length:
                raise _failed(self._new, "did not take", piece.at, result)

    async def flush(self) -> None:
        """What was written is on the medium. Raises MemberError."""
        (result,) = await wait([Operation(self._new, Op.FLUSH)])
        if result:
            raise _failed(self._new, "did not keep", 0, result)

    def check_equal(self, different: list[_Piece]) -> None:
        """Raises MemberError if there is anything."""
        for piece in different:
            raise MemberError(
                f"{self._new.path} does not hold at byte {piece.at} what {self._old.path} does, after all was copied: "
                "it does not keep what is written to it, or somebody has written to the disk meanwhile. It is no "
                f"member of a mirror, and {self._old.path} is as it was.",
                hint="See that nobody uses the disk, then try again; or take another new member.",
            )

    @staticmethod
    def _is_hole(device: Device, at: int, end: int) -> bool:
        return all(extent.hole for extent in device.extents(at, end - at))

    def _piece(self, at: int, end: int) -> _Piece:
        length = -(-(end - at) // _PAGE) * _PAGE
        old = self._pool.empty(length)
        old.view[end - at : length] = bytes(length - (end - at))
        return _Piece(at, length, old, self._pool.empty(length))

    async def _read(self, pieces: list[_Piece], medium: bool) -> None:
        wanted: list[tuple[Device, int, Buffer, int]] = []
        for piece in pieces:
            wanted.append((self._old, piece.at, piece.old, min(piece.length, self._old.size - piece.at)))
            wanted.append((self._new, piece.at, piece.new, piece.length))
        reads = [
            Operation(device.past_cache(at, length) if medium else device, Op.READ, at, buffer, length)
            for device, at, buffer, length in wanted
        ]
        for (device, at, _, length), result in zip(wanted, await wait(reads), strict=True):
            if result != length:
                raise _failed(device, "cannot be read", at, result)


def _failed(device: Device, how: str, at: int, result: int) -> MemberError:
    why = os.strerror(-result) if result < 0 else "only a part of it"
    return MemberError(
        f"{device.path} {how} at byte {at}: {why}. The new member is no member of a mirror, and nothing was written to "
        "the disk.",
        hint="Look at the kernel's log; what was copied so far need not be copied again.",
    )
