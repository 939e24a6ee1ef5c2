"""One member's copy of the data by itself: what is left of a mirror whose other members are gone. It is read, and
nothing here can write.

Nobody is asked which member is the freshest: the copy is as old as its member. What its own superblock, bitmap and
bad-block log call not good is an error to read, never a guess.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator

from mirrortui.device.base import Device, Extent, Op
from mirrortui.device.buffers import Buffer, Pool
from mirrortui.errors import RefusedError
from mirrortui.format import badblocks, foreign
from mirrortui.format.inspect import ROLES
from mirrortui.format.superblock import Superblock
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.badranges import BadRanges
from mirrortui.mirror.executor import Executor, Operation, wait
from mirrortui.units import SECTOR

Done = Callable[[int], None]
ReadDone = Callable[[int, Buffer], None]
"""Called with 0 or an errno, never inside the call that was given it."""


class Copy:
    """What clients read. Made by open_copy()."""

    readonly = True
    can_punch = False

    def __init__(
        self, executor: Executor, device: Device, superblock: Superblock, unreadable: BadRanges
    ) -> None:
        self.superblock = superblock
        self.unreadable = unreadable
        """Bytes of the array that this member has no good copy of."""
        self.pool = Pool()
        self.size = superblock.size * SECTOR
        self.block_size = device.block_size
        self._executor = executor
        self._device = device
        self._data = superblock.data_offset * SECTOR

    def try_read(self, offset: int, into: memoryview) -> bool:
        """Read from the page cache, if it is there. False: use start_read."""
        pread = self._device.pread
        if pread is None or self.unreadable.touches(offset, offset + len(into)):
            return False
        try:
            return pread(into, self._data + offset) == len(into)
        except OSError:
            return False

    def start_read(self, offset: int, buffer: Buffer, length: int, done: ReadDone) -> None:
        """Fill the buffer's first `length` bytes; EIO where there is no good copy of all of them."""
        self._executor.spawn(self._read(offset, buffer, length), lambda problem: done(problem, buffer))

    async def _read(self, offset: int, buffer: Buffer, length: int) -> int:
        if self.unreadable.touches(offset, offset + length):
            return errno.EIO
        (result,) = await wait([Operation(self._device, Op.READ, self._data + offset, buffer, length)])
        return 0 if result == length else max(-result, 0) or errno.EIO

    def extents(self, offset: int, length: int) -> list[Extent]:
        """Data and holes. What cannot be read is no hole: a client would take it for zeroes."""
        if self.unreadable.touches(offset, offset + length):
            return [Extent(offset, length, hole=False)]
        found = self._device.extents(self._data + offset, length)
        return [Extent(extent.offset - self._data, extent.length, extent.hole) for extent in found]

    def start_flush(self, done: Done) -> None:
        """There is nothing to flush."""
        self._executor.spawn(_answer(0), done)

    def try_write(self, offset: int, data: memoryview) -> bool:
        """Never."""
        return False

    def start_write(self, offset: int, buffer: Buffer, length: int, fua: bool, done: Done) -> None:
        """EPERM."""
        self._executor.spawn(_answer(errno.EPERM), done)

    def start_zero(self, offset: int, length: int, fua: bool, keep: bool, done: Done) -> None:
        """EPERM."""
        self._executor.spawn(_answer(errno.EPERM), done)

    def start_trim(self, offset: int, length: int, fua: bool, done: Done) -> None:
        """EPERM."""
        self._executor.spawn(_answer(errno.EPERM), done)


async def _answer(problem: int) -> int:
    return problem


async def open_copy(device: Device, executor: Executor) -> Copy:
    """The copy on a device that was opened for reading. A task of the executor.

    Raises FormatError for a superblock or a log that cannot be understood, RefusedError for a member that holds no
    copy, or whose data may lie elsewhere than a RAID-1 has it.
    """
    found = await read_member(device, Pool(), readonly=True)
    sb = found.superblock
    foreign.check_readable(sb, device.path)
    if sb.role >= sb.raid_disks:
        raise RefusedError(
            f"{device.path} holds no copy of the data: by its own superblock it is {ROLES.get(sb.role, 'a spare')} "
            f"in {sb.label}.",
            hint="Try the other members; mirrortui examine tells which role each has.",
        )
    return Copy(executor, device, sb, BadRanges(_unreadable(found)))


def _unreadable(found: Found) -> Iterator[tuple[int, int]]:
    """Byte ranges of the array that the member has no good copy of."""
    sb = found.superblock
    yield from BadRanges.of_log(badblocks.decode(found.log, shift=sb.bblog_shift), sb, SECTOR)
    if not sb.recovering:
        return
    start, size = sb.recovery_offset * SECTOR, sb.size * SECTOR
    if found.header is None or not sb.guided:
        if start < size:
            yield start, size
        return
    # It was re-added: behind the checkpoint only what the bitmap lists was still to be copied.
    chunk = found.header.chunksize
    for number in found.dirty:
        lo, hi = max(start, number * chunk), min(size, (number + 1) * chunk)
        if lo < hi:
            yield lo, hi
