"""A disk that stops answering must not get hold of the loop: its member's page cache is not written to inline then.

An inline write waits for nobody as a rule. On a local file system it may, for the disk: when the cache is full, or the
journal is being written. Whoever is written to is therefore asked for one block past the page cache, again and again,
and as long as an answer is due writes to the mirror are submitted, each with its bound (I16), and people are told.
"""

from __future__ import annotations

from collections.abc import Callable
from errno import ETIMEDOUT

from mirrortui.device.base import Op
from mirrortui.device.buffers import Pool
from mirrortui.mirror.array import Array, Member
from mirrortui.mirror.executor import Executor, Host, Operation, wait

EVERY = 0.25
"""Seconds between looks. A journal that is written every five seconds has this long, twice, to catch a write."""
_BLOCK = 4096


class Silence:
    """Whoever runs the mirror calls `look` about every quarter of a second."""

    def __init__(
        self, executor: Executor, host: Host, array: Array, pool: Pool, settle: Callable[[], None]
    ) -> None:
        """`settle` brings the members' `written_bytes` up to date."""
        self._executor = executor
        self._host = host
        self._array = array
        self._pool = pool
        self._settle = settle
        self._asked: dict[Member, float] = {}
        """Their answers are due since then."""
        self.stopped = False
        """Nobody is asked any more."""
        self._written: dict[Member, int] = {}
        """Bytes, as of the last look."""

    def look(self) -> None:
        """Whose answer to the last question is due is silent; ask those who were written to since, and the silent."""
        self._settle()
        members = self._array.targets()
        before, self._written = self._written, {m: m.written_bytes for m in members}
        for member in members:
            if member in self._asked:
                self._set(member, True)
            elif member.silent or member.reading or member.written_bytes != before.get(member, 0):
                self._asked[member] = self._host.monotonic()
                self._executor.spawn(self._ask(member))

    def waited(self, member: Member) -> float:
        """Seconds that its answer has been due; 0: it answers."""
        since = self._asked.get(member)
        return self._host.monotonic() - since if since is not None and member.silent else 0.0

    async def _ask(self, member: Member) -> None:
        """An error is an answer: clients' requests find it out."""
        let_go = self.stopped or member not in self._array.targets()  # it may be closed by now
        result = 0 if let_go else await self._read(member)
        self._asked.pop(member, None)
        if result != -ETIMEDOUT:
            self._set(member, False)

    async def _read(self, member: Member) -> int:
        """Its superblock: no hole, for which no disk is asked; and clients' bytes do not wait to be written there."""
        length = max(_BLOCK, member.device.block_size)
        offset = member.place // length * length
        device = member.device.past_cache(offset, length)
        buffer = self._pool.empty(length)
        (result,) = await wait([Operation(device, Op.READ, offset, buffer, length)])
        buffer.drop()
        return result

    def _set(self, member: Member, silent: bool) -> None:
        if member.silent != silent:
            member.silent = silent
            self._array.changed()
