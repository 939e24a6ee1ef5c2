"""One member served read-only in the foreground, without an engine: to get the data off what is left of a mirror."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass

from mirrortui.api.requests import ExportRequest
from mirrortui.api.vocabulary import TIMEOUT
from mirrortui.device.base import Device
from mirrortui.device.opening import open_engine, open_member
from mirrortui.format.superblock import Superblock
from mirrortui.mirror.copy import open_copy
from mirrortui.worker.loop import Loop
from mirrortui.worker.nbd_server import NbdServer

_PATIENCE = 0.5
"""Seconds for clients to take their last replies when it ends."""


@dataclass(frozen=True)
class Serving:
    """What is served, and where."""

    uri: str
    superblock: Superblock
    size: int
    """Bytes."""
    unreadable: int
    """Bytes of them that the member has no good copy of."""


def serve_copy(path: str, request: ExportRequest, ready: Callable[[Serving], None]) -> None:
    """Serve the data of the member until SIGINT, SIGTERM or SIGHUP; `ready` is told once that it is. Main thread only.

    Raises InUseError, MemberError, FormatError, RefusedError for the member, RequestError for the address.
    """
    engine = open_engine()
    loop = Loop(engine)
    try:
        device = open_member(path, engine, readonly=True, timeout=TIMEOUT)
        try:
            loop.executor.spawn(_begin(loop, device, request, ready))
            loop.run()
        finally:
            device.close()
    finally:
        loop.close()
        engine.close()


async def _begin(
    loop: Loop, device: Device, request: ExportRequest, ready: Callable[[Serving], None]
) -> None:
    copy = await open_copy(device, loop.executor)
    server = NbdServer(loop, copy, copy.superblock.label)
    address = server.listen(request)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.on_signal(number, lambda: server.drain(loop.stop, _PATIENCE))
    ready(Serving(address.uri, copy.superblock, copy.size, copy.unreadable.bytes))
