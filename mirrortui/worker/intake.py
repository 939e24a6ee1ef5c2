"""`adopt --into`: the disk is claimed for as long as it is copied, and whoever waits hears how far that is."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from mirrortui.api.requests import AdoptRequest
from mirrortui.device.base import Device
from mirrortui.device.buffers import Pool
from mirrortui.mirror.birth.transplant import lay_out, transplant
from mirrortui.units import format_size
from mirrortui.worker.loop import Loop
from mirrortui.worker.members import Members

_EVERY = 1.0
"""Seconds between words."""


class Intake:
    """Holds the disk. Raises InUseError, MemberError."""

    def __init__(
        self, request: AdoptRequest, new: Device, members: Members, loop: Loop, tell: Callable[[str], None]
    ) -> None:
        self._request = request
        self._new = new
        self._loop = loop
        self._tell = tell
        self._told = 0.0
        self._old = members.open_source(request.disk)

    async def take_in(self, name: str, pool: Pool) -> bytes:
        """See mirror.transplant."""
        where = lay_out(self._new.size, self._old.size, self._request.bitmap_chunk, self._new.path)
        return await transplant(self._old, self._new, name, where, self._loop, pool, self._report)

    def _report(self, verb: str, done: int, total: int) -> None:
        now = self._loop.monotonic()
        if now - self._told >= _EVERY:
            self._told = now
            self._tell(
                f"{self._old.path} is being {verb}: {format_size(done)} of {format_size(total)}, "
                f"{done * 100 // total} %. It can be used when all is copied and compared."
            )

    def __enter__(self) -> Intake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._old.close()
