"""Watches who goes out of a mirror, and keeps it in mind beyond the worker's end."""

from __future__ import annotations

import contextlib
from pathlib import Path

from mirrortui.mirror.array import Array
from mirrortui.mirror.assembly.departed import keep_in_mind
from mirrortui.mirror.notes import Departed
from mirrortui.worker import departures
from mirrortui.worker.aside import Aside
from mirrortui.worker.loop import Loop
from mirrortui.worker.turns import Turns

_AGAIN = 60.0
"""Seconds after which what could not be written is tried again."""


class Witness:
    """`path`: where it is kept; None: nowhere."""

    def __init__(self, loop: Loop, array: Array, aside: Aside, path: Path | None) -> None:
        self._loop = loop
        self._array = array
        self._aside = aside
        self._path = path
        self._turns = Turns(loop.executor)
        self._kept: tuple[Departed, ...] | None = None
        """What is in the file; None while that is not known."""
        self._busy = False

    def look(self) -> None:
        """Called every so often: write down what is new, beside the loop."""
        if self._news() and not self._busy:
            self._busy = True
            self._loop.executor.spawn(self._write_aside())

    async def remember(self) -> bool:
        """Write down what is new. False: it could not be."""
        async with self._turns:
            if not self._path or not self._news():
                return True
            path, departed = self._path, self._array.departed
            if not await self._aside.run(lambda: departures.write(path, departed)):
                return False
            if path == self._path:
                self._kept = departed
            return True

    def move(self, path: Path) -> None:
        """Keep it there from now on."""
        if not self._path:
            return
        old, self._path, self._kept = self._path, path, None
        with contextlib.suppress(OSError):
            old.rename(path)

    def _news(self) -> bool:
        if not self._path:
            return False
        keep_in_mind(self._array)
        return self._kept != self._array.departed

    async def _write_aside(self) -> None:
        if await self.remember():
            self._busy = False
        else:
            self._loop.call_later(_AGAIN, self._rested)

    def _rested(self) -> None:
        self._busy = False
