"""Exclusive use (I12): block devices are opened O_EXCL, images under a lock of the open file description.

The lock and the exclusive open live as long as the descriptor and what the kernel still does with it: a process that
dies gives its members back, one that hangs does not.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Sequence
from pathlib import Path

from mirrortui.device import block, looks, usage
from mirrortui.errors import InUseError, MemberError, MirrortuiError, RequestError

_F_OFD_GETLK, _F_OFD_SETLK = 36, 37
_FLOCK = struct.Struct("@hhqqi4x")
"""l_type, l_whence, l_start, l_len, l_pid: from 0 to 0 is the whole file."""

_KINDS = (
    (stat.S_ISDIR, "is a directory", "Name an image file in it, or a block device."),
    (stat.S_ISFIFO, "is a FIFO", ""),
    (stat.S_ISSOCK, "is a socket", ""),
    (stat.S_ISCHR, "is a character device", ""),
)
_NAME_ANOTHER = "Name an image file or a block device."


def refused(path: str, why: str, hint: str = "", kind: type[MirrortuiError] = MemberError) -> MirrortuiError:
    """The error that says so: which member, why, that nothing was written, what to do."""
    return kind(f"{path} {why}; nothing was written.", hint=hint)


def look(path: str) -> os.stat_result:
    """Stat of an image or a block device. Raises MemberError for what is neither, or not there."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError) as error:
        raise explain(path, error) from error
    for test, why, hint in _KINDS:
        if test(found.st_mode):
            raise refused(path, why, hint or _NAME_ANOTHER)
    return found


def explain(path: str, error: OSError | ValueError) -> MirrortuiError:
    """Words for an error of stat or open."""
    number = error.errno if isinstance(error, OSError) else errno.EINVAL
    match number:
        case errno.ENOENT | errno.ENOTDIR:
            return refused(
                path, "does not exist", f"Check the name, or make an image first: truncate -s SIZE {path}"
            )
        case errno.EACCES | errno.EPERM:
            return refused(
                path, "may not be opened: permission denied", "Get read and write permission, or be root."
            )
        case errno.EROFS:
            return _read_only(path)
        case errno.ENXIO | errno.ENOMEDIUM | errno.ENODEV:
            return refused(
                path, "has no medium or no device behind it", "Check the cable, the drive and the name."
            )
        case errno.ETXTBSY:
            return refused(path, "is being executed or swapped on", "Stop what uses it first.", InUseError)
        case _:
            return refused(path, f"cannot be opened: {os.strerror(number or errno.EIO)}", _NAME_ANOTHER)


def _read_only(path: str) -> MirrortuiError:
    return refused(path, "is read-only", "Make it writable, or open it read-only.")


def claim(path: str, *, readonly: bool = False, direct: bool = False) -> int:
    """An open descriptor on an image or block device that nobody else may claim while it is open; several readers may
    share an image. Raises InUseError, which says by whom where that can be known, and MemberError.
    """
    found = look(path)
    flags = (os.O_RDONLY if readonly else os.O_RDWR) | os.O_CLOEXEC
    flags |= (os.O_DIRECT if direct else 0) | (os.O_EXCL if stat.S_ISBLK(found.st_mode) else 0)
    try:
        fd = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise _in_use(path, found) from error
        if error.errno == errno.EINVAL and direct:
            raise no_direct(path) from error
        raise explain(path, error) from error
    try:
        _settle(path, fd, found, readonly)
    except BaseException:
        os.close(fd)
        raise
    return fd


def no_direct(path: str) -> MirrortuiError:
    """The error for a file system without O_DIRECT."""
    return refused(path, "is on a file system that does not offer O_DIRECT", "Leave --direct out.")


def _settle(path: str, fd: int, expected: os.stat_result, readonly: bool) -> None:
    """The checks that need the descriptor: what was looked at is what was opened, and it is ours."""
    found = os.fstat(fd)
    if not os.path.samestat(found, expected):
        raise refused(path, "was replaced while it was being opened", "Try again.")
    if not stat.S_ISBLK(found.st_mode):
        _lock(path, fd, found, readonly)
        use = usage.use_of(found)
        if use:
            raise refused(path, use.reason, use.hint, InUseError)
        return
    if not readonly and block.is_readonly(fd):  # the kernel opens it for writing all the same
        raise _read_only(path)
    backing = usage.backing_file(usage.parent(found.st_rdev) or found.st_rdev)
    if backing and _backing_is_locked(backing):
        raise refused(path, f"has its bytes in {backing}, which is in use", "Use one of the two.", InUseError)


def _lock(path: str, fd: int, found: os.stat_result, readonly: bool) -> None:
    wanted = fcntl.F_RDLCK if readonly else fcntl.F_WRLCK
    try:
        fcntl.fcntl(fd, _F_OFD_SETLK, _FLOCK.pack(wanted, os.SEEK_SET, 0, 0, 0))
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            raise _in_use(path, found) from error
        why = f"cannot be locked: {os.strerror(error.errno or errno.EIO)}"
        raise refused(path, why, "Put the image on a file system that has locks.") from error


def is_locked(fd: int) -> bool:
    """Somebody else has a lock on the image, of whichever kind."""
    answer = fcntl.fcntl(fd, _F_OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)


def claimed_by(found: os.stat_result) -> usage.Use:
    """In words, who has the claim on what is known to be claimed."""
    users = usage.openers(found, locked=not stat.S_ISBLK(found.st_mode))
    by = f" by {', '.join(users)}" if users else ", by whom cannot be seen from here"
    return usage.Use(f"is in use{by}", "Stop what uses it first; a running mirror: mirrortui stop NAME")


def _backing_is_locked(path: str) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return is_locked(fd)
    finally:
        os.close(fd)


def _in_use(path: str, found: os.stat_result) -> MirrortuiError:
    use = usage.use_of(found) or claimed_by(found)
    return refused(path, use.reason, use.hint, InUseError)


def check_distinct(paths: Sequence[str]) -> None:
    """No two of these are the same storage: not by links, not a loop device and its image, not a disk and its
    partition. Raises RequestError, MemberError for what does not answer. What does not exist is not looked at.
    """
    seen: list[tuple[str, list[tuple[str, int, int]]]] = []
    for path in paths:
        chain = looks.look(path, _stands_on)
        for other, others in seen:
            if not chain or not others:
                continue
            if chain[0] == others[0]:
                raise _twice(f"{other} and {path} are the same {chain[0][0]}")
            if chain[0] in others:
                raise _twice(f"{other} has its bytes in {path}")
            if others[0] in chain:
                raise _twice(f"{path} has its bytes in {other}")
        seen.append((path, chain))


def _twice(what: str) -> RequestError:
    return RequestError(f"{what}; nothing was written.", hint="Name each member once.")


def _stands_on(path: str) -> list[tuple[str, int, int]]:
    """The storage itself, then what its bytes live in: partition, disk, loop device, image."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return []
    if not stat.S_ISBLK(found.st_mode):
        return [("file", found.st_dev, found.st_ino)]
    chain = []
    device: int | None = found.st_rdev
    while device is not None:
        chain.append(("block device", device, 0))
        backing = usage.backing_file(device)
        if backing:
            return chain + _stands_on(backing)
        device = usage.parent(device)
    return chain
