"""How tasks of the executor wait for each other."""

from __future__ import annotations

from mirrortui.mirror.executor import Executor, Signal


class Flag:
    """Goes up once; tasks wait for that."""

    def __init__(self, executor: Executor) -> None:
        self.up = False
        self._raised = Signal(executor)

    def set(self) -> None:
        """Up it goes."""
        self.up = True
        self._raised.fire()

    async def wait(self) -> None:
        """Return when it is up."""
        while not self.up:
            await self._raised


class Turns:
    """One at a time: `async with` it, and others wait until the block is left."""

    def __init__(self, executor: Executor) -> None:
        self._taken = False
        self._free = Signal(executor)

    async def __aenter__(self) -> None:
        while self._taken:
            await self._free
        self._taken = True

    async def __aexit__(self, *exception: object) -> None:
        self._taken = False
        self._free.fire()
