"""Opening what a mirror stands on: an I/O engine, and members on it."""

from __future__ import annotations

import os
import stat
from errno import EINVAL
from typing import Literal

from mirrortui.device import claims
from mirrortui.device.block import BlockDevice
from mirrortui.device.file import FileDevice
from mirrortui.device.ioengine import IoEngine
from mirrortui.device.threads import ThreadEngine
from mirrortui.device.uring import UringEngine
from mirrortui.log import logger


def open_engine(prefer: Literal["auto", "uring", "threads"] = "auto") -> IoEngine:
    """The fastest engine this machine has, or the one named. Raises OSError for "uring" where there is none."""
    if prefer == "threads":
        return ThreadEngine()
    try:
        return UringEngine()
    except OSError as error:
        if prefer == "uring":
            raise
        logger.info("no io_uring (%s): members are served by threads", error)
        return ThreadEngine()


def open_member(
    path: str, engine: IoEngine, *, direct: bool = False, readonly: bool = False, timeout: float = 30.0
) -> FileDevice | BlockDevice:
    """Claim an image or block device (I12) and open it on the engine; `timeout` in seconds bounds each operation.

    Raises InUseError and MemberError. Any thread may call it.
    """
    fd = claims.claim(path, readonly=readonly, direct=direct)
    try:
        kind = BlockDevice if stat.S_ISBLK(os.fstat(fd).st_mode) else FileDevice
        return kind(path, fd, engine, direct=direct, readonly=readonly, timeout=timeout)
    except OSError as error:
        os.close(fd)
        no_direct = direct and error.errno == EINVAL
        raise (claims.no_direct(path) if no_direct else claims.explain(path, error)) from error
