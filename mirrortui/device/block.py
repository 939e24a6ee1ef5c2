"""Block devices: what the kernel tells of them by ioctl and in sysfs, and how they differ from image files."""

from __future__ import annotations

import fcntl
import os
import struct

from mirrortui.device import usage
from mirrortui.device.base import Extent, Loss, Op
from mirrortui.device.file import FileDevice

_BLKSSZGET, _BLKGETSIZE64, _BLKROGET = 0x1268, 0x80081272, 0x125E


class BlockDevice(FileDevice):
    """A block device on an I/O engine; see device.base.Device."""

    def ways_to_zero(self, op: Op, offset: int, length: int) -> tuple[Op, ...]:
        """ZERO_KEEP ends in the kernel writing zeroes itself; neither call takes parts of a sector."""
        if (offset | length) % self.atom:
            return ()
        return (Op.ZERO, Op.ZERO_KEEP) if op is Op.ZERO else (Op.ZERO_KEEP,)

    def extents(self, offset: int, length: int) -> list[Extent]:
        """One data extent: a block device does not tell."""
        return [Extent(offset, length, hole=False)] if length else []

    def lost(self) -> Loss | None:
        """See Device: one that is gone answers with errors."""
        return None

    def _measure(self) -> int:
        return byte_size(self.fd)

    def _sector(self) -> int:
        return sector_size(self.fd)

    def _can_punch(self) -> bool:
        """Both, because some disks zero quickly and give nothing back."""
        device = os.fstat(self.fd).st_rdev
        queue = usage.device_directory(usage.parent(device) or device) / "queue"
        limits = (queue / "discard_max_bytes", queue / "write_zeroes_max_bytes")
        return all(limit.exists() and int(limit.read_text()) > 0 for limit in limits)


def byte_size(fd: int) -> int:
    """The block device's size in bytes. Raises OSError."""
    size: int = struct.unpack("Q", fcntl.ioctl(fd, _BLKGETSIZE64, bytes(8)))[0]
    return size


def sector_size(fd: int) -> int:
    """The block device's logical sector in bytes. Raises OSError."""
    size: int = struct.unpack("i", fcntl.ioctl(fd, _BLKSSZGET, bytes(4)))[0]
    return size


def is_readonly(fd: int) -> bool:
    """The kernel refuses writes to the block device. Raises OSError."""
    return fcntl.ioctl(fd, _BLKROGET, bytes(4)) != bytes(4)
