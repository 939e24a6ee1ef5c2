"""Both ends of a device, where what is on it says what it is. The bytes are hostile (I15)."""

from __future__ import annotations

import struct
from collections.abc import Callable

Read = Callable[[int, int], bytes]
"""(offset, length) -> the bytes there."""

_HEAD = 256 << 10
_TAIL = 128 << 10
"""Bytes from either end in which every signature lies."""


class Ends:
    """Read once. What lies outside reads as nothing. Raises what `read` raises."""

    def __init__(self, read: Read, size: int) -> None:
        self.size = size
        self._head = read(0, min(size, _HEAD))
        self._tail_at = max(0, size - _TAIL)
        self._tail = read(self._tail_at, size - self._tail_at)

    def bytes(self, offset: int, length: int) -> bytes:
        """The bytes there; fewer, or none, where the device ends or is not looked at."""
        if offset < 0:
            return b""
        if offset + length <= len(self._head) or offset < self._tail_at:
            return self._head[offset : offset + length]
        return self._tail[offset - self._tail_at :][:length]

    def number(self, form: str, offset: int) -> int:
        """One integer of struct format `form`; 0 where the device ends."""
        length = struct.calcsize(form)
        value: int = struct.unpack(form, self.bytes(offset, length).ljust(length, b"\0"))[0]
        return value

    def label(self, offset: int, length: int, coding: str = "utf-8", word: str = "label") -> str:
        """``"label photos"``, or nothing where there is none."""
        text = self.bytes(offset, length).decode(coding, "replace").split("\0")[0].strip()
        shown = "".join(letter if letter.isprintable() else "?" for letter in text)
        return f"{word} {shown}" if shown else ""
