"""A dialogue written top to bottom, fed with bytes as they come: the driver of both sides' handshakes."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Generic, TypeVar

T = TypeVar("T")

Script = Generator[int, bytes, T]
"""Yields the number of bytes it wants next, is sent exactly those, and returns what was agreed."""


class Conversation(Generic[T]):
    """Runs a script over bytes in whatever pieces they arrive: `feed` what came, send what `take` gives."""

    def __init__(self, script: Callable[[bytearray], Script[T]]) -> None:
        self._out = bytearray()
        self._in = bytearray()
        self._script = script(self._out)
        self._wanted = next(self._script)
        self.ended = False
        self.result: T | None = None
        """What the script returned, once `ended`."""

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """More bytes from the peer. Raises ProtocolError when they are wrong."""
        self._in += data
        while not self.ended and len(self._in) >= self._wanted:
            piece = bytes(memoryview(self._in)[: self._wanted])
            del self._in[: self._wanted]
            try:
                self._wanted = self._script.send(piece)
            except StopIteration as end:
                self.ended = True
                self.result = end.value

    def take(self) -> bytes:
        """What is to be sent now."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def rest(self) -> bytes:
        """Bytes that came after the end of the script: the next phase's."""
        left = bytes(self._in)
        self._in.clear()
        return left
