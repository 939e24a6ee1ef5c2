"""Kernel calls that Python does not offer, and the numbers that go with them."""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from typing import Any

from mirrortui.device.base import Op

NR_IO_URING_SETUP, NR_IO_URING_ENTER, NR_IO_URING_REGISTER = 425, 426, 427
"""The same on every architecture."""

_KEEP_SIZE, _PUNCH_HOLE, _ZERO_RANGE = 1, 2, 16
FALLOCATE_MODE = {Op.ZERO: _PUNCH_HOLE | _KEEP_SIZE, Op.ZERO_KEEP: _ZERO_RANGE | _KEEP_SIZE}

_AT_EMPTY_PATH = 0x1000
_STATX_DIOALIGN = 0x2000
_STATX_SIZE = 256
_STATX_DIO_MEM_ALIGN = 0x98
"""Two 32-bit words: alignment of the buffer, and of offset and length."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def syscall(number: int, *arguments: Any) -> int:
    """The call's result, or its negative errno. Numbers are passed as C ints: pass ctypes objects for more."""
    result: int = _libc.syscall(number, *arguments)
    return result if result >= 0 else -ctypes.get_errno()


def fallocate(fd: int, mode: int, offset: int, length: int) -> int:
    """0 or a negative errno."""
    return -ctypes.get_errno() if _libc.fallocate(fd, mode, offset, length) else 0


def direct_alignment(fd: int) -> int | None:
    """Bytes that offsets, lengths and buffers of O_DIRECT must be multiples of; 0: the file system has no O_DIRECT;
    None: the kernel does not say (before 6.1, and some file systems).
    """
    if not hasattr(_libc, "statx"):
        return None
    found = ctypes.create_string_buffer(_STATX_SIZE)
    if _libc.statx(fd, b"", _AT_EMPTY_PATH, _STATX_DIOALIGN, found):
        return None
    mask = int.from_bytes(found.raw[:4], "little")
    if not mask & _STATX_DIOALIGN:
        return None
    memory = int.from_bytes(found.raw[_STATX_DIO_MEM_ALIGN : _STATX_DIO_MEM_ALIGN + 4], "little")
    offset = int.from_bytes(found.raw[_STATX_DIO_MEM_ALIGN + 4 : _STATX_DIO_MEM_ALIGN + 8], "little")
    return max(memory, offset)


def strerror(result: int) -> str:
    """Words for a negative errno: ``"No space left on device"``."""
    return os.strerror(-result)


_MEMORY = frozenset((0x01021994, 0x858458F6))
"""tmpfs, ramfs."""
_REMOTE = frozenset(
    (
        0x65735546,  # FUSE
        0x6969,  # NFS
        0xFF534D42,  # CIFS
        0xFE534D42,  # SMB2
        0x517B,  # SMB
        0x01021997,  # 9P
        0x00C36400,  # Ceph
        0x5346414F,  # AFS
        0x73757245,  # Coda
        0x6B414653,  # kAFS
        0x61756673,  # aufs, which may stand on any of these
    )
)


def _file_system(fd: int) -> int:
    """The magic number of the file system that the file is on."""
    found = ctypes.create_string_buffer(_STATX_SIZE)
    if _libc.fstatfs(fd, found):
        raise OSError(ctypes.get_errno(), "fstatfs")
    return int.from_bytes(found.raw[: ctypes.sizeof(ctypes.c_long)], sys.byteorder) & 0xFFFFFFFF


def is_memory(fd: int) -> bool:
    """An image that lives in memory: no call on it waits for a disk. (Device nodes live in a tmpfs too.)"""
    return stat.S_ISREG(os.fstat(fd).st_mode) and _file_system(fd) in _MEMORY


def is_local(fd: int) -> bool:
    """No other process or machine stands behind the page cache: a buffered write does not wait for one."""
    return _file_system(fd) not in _REMOTE
