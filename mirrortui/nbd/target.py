"""What an NBD session reads from and writes to: the mirror, as the wire sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mirrortui.device.base import Extent
from mirrortui.device.buffers import Buffer, Pool

Done = Callable[[int], None]
"""Called once when a request ended: 0, or a positive errno. Never from inside the call that started it."""

ReadDone = Callable[[int, Buffer], None]
"""The same of a read, with the buffer that the data is in."""


class Target(Protocol):
    """Offsets and lengths are bytes, inside `size`, and multiples of `block_size`: the session has checked.

    `try_*` act at once or promise nothing (False); `start_*` always take the request. Buffers belong to the
    session, which drops them after `done`; that of a read is given away, and another may come back filled in its place.
    """

    pool: Pool

    @property
    def size(self) -> int: ...

    @property
    def block_size(self) -> int: ...

    @property
    def readonly(self) -> bool: ...

    @property
    def can_punch(self) -> bool:
        """Zeroing a range is cheaper than writing zeroes to it."""
        ...

    def try_write(self, offset: int, data: memoryview) -> bool: ...

    def try_read(self, offset: int, into: memoryview) -> bool: ...

    def start_write(self, offset: int, buffer: Buffer, length: int, fua: bool, done: Done) -> None: ...

    def start_read(self, offset: int, buffer: Buffer, length: int, done: ReadDone) -> None: ...

    def start_zero(self, offset: int, length: int, fua: bool, keep: bool, done: Done) -> None: ...

    def start_trim(self, offset: int, length: int, fua: bool, done: Done) -> None: ...

    def start_flush(self, done: Done) -> None: ...

    def extents(self, offset: int, length: int) -> list[Extent]: ...
