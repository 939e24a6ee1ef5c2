"""The engine's end of a worker's control socket."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from mirrortui.api.mirrors import Mirror
from mirrortui.api.problems import from_problem
from mirrortui.errors import MirrortuiError
from mirrortui.log import logger
from mirrortui.worker.messages import LONGEST_LINE, Call, Line, WorkerEvent

Answer = TypeVar("Answer")

ANSWER_WITHIN = 5.0
"""Seconds for a question; a worker's loop is never stopped for longer than a few milliseconds."""
ACT_WITHIN = 150.0
"""Seconds for a verb, which may have to wait for members that hang."""


class GoneError(MirrortuiError):
    """The worker is not there, or left in the middle of a call."""

    code = "worker-gone"


class Link:
    """Calls to one worker and events from it. Made by `connect`; dead once `on_lost` was called."""

    def __init__(
        self,
        name: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_lost: Callable[[], None],
    ) -> None:
        self.name = name
        self.pid = _peer_pid(writer)
        self._reader = reader
        self._writer = writer
        self._on_lost = on_lost
        self._on_event: Callable[[WorkerEvent], None] | None = None
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Line]] = {}
        self._task = asyncio.create_task(self._listen(), name=f"link to {name}")

    @classmethod
    async def connect(cls, name: str, path: Path, on_lost: Callable[[], None]) -> Link:
        """Join the worker that listens at `path`. Raises GoneError if none does."""
        try:
            reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_LINE)
        except OSError as error:
            raise GoneError(f"No worker answers for {name}: {error.strerror}.") from error
        return cls(name, reader, writer, on_lost)

    async def follow(self, on_event: Callable[[WorkerEvent], None]) -> None:
        """Have the worker's events delivered: all that it still has, then each as it happens."""
        self._on_event = on_event
        await self.call("follow", None, type(None))

    async def status(self) -> Mirror:
        """The mirror as it is now."""
        return await self.call("status", None, Mirror)

    async def call(
        self, verb: str, args: msgspec.Struct | None, kind: type[Answer], timeout: float = ANSWER_WITHIN
    ) -> Answer:
        """The worker's answer. Raises what the worker raised; GoneError if it left or stayed silent."""
        call = Call(id=next(self._ids), verb=verb, args=msgspec.Raw(msgspec.json.encode(args)))
        answer = asyncio.get_running_loop().create_future()
        if self._task.done():
            raise GoneError(f"The worker of {self.name} has gone.")
        self._waiting[call.id] = answer
        try:
            self._writer.write(msgspec.json.encode(call) + b"\n")
            line = await asyncio.wait_for(answer, timeout)
        except TimeoutError:
            raise GoneError(f"The worker of {self.name} did not answer within {timeout:.0f} s.") from None
        finally:
            self._waiting.pop(call.id, None)
        if line.error:
            raise from_problem(line.error)
        return msgspec.json.decode(line.ok, type=kind)

    async def close(self) -> None:
        """Leave the worker to itself; `on_lost` is not called."""
        self._on_lost = lambda: None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _listen(self) -> None:
        try:
            while line := await self._reader.readline():
                self._take(msgspec.json.decode(line, type=Line))
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            logger.warning("the control socket of %s broke: %s", self.name, error)
        finally:
            self._writer.close()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(
                        GoneError(f"The worker of {self.name} left in the middle of a call.")
                    )
        self._on_lost()

    def _take(self, line: Line) -> None:
        if line.event:
            if self._on_event:
                self._on_event(line.event)
        elif (future := self._waiting.get(line.id)) and not future.done():
            future.set_result(line)


def _peer_pid(writer: asyncio.StreamWriter) -> int:
    peer: socket.socket = writer.get_extra_info("socket")
    pid, _, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(pid)
