"""Where writes wait while what they are marked in is exchanged."""

from __future__ import annotations

from mirrortui.mirror.executor import Executor, Signal


class Gate:
    """Open, as a rule."""

    def __init__(self, executor: Executor) -> None:
        self.shut = False
        self._opened = Signal(executor)

    async def passed(self) -> None:
        """Return when it is open."""
        while self.shut:
            await self._opened

    def open(self) -> None:
        """Whoever waits goes on at the next drain."""
        self.shut = False
        self._opened.fire()
