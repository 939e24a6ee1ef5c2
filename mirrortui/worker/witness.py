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


class Witness:
    """`path`: where it is kept; None: nowhere."""

    def __init__(self, loop: Loop, array: Array, aside: Aside, path: Path | None) -> None:
        self._loop = loop
        self._array = array
        self._aside = aside
        self._path = path
        self._kept: tuple[Departed, ...] | None = None
        """What is in the file; None while that is not known."""
        self._writing = False

    def look(self) -> None:
        """Called every so often: write down what is new, beside the loop."""
        if self._news() and not self._writing:
            self._writing = True
            self._loop.executor.spawn(self._write_aside())

    def remember_now(self) -> None:
        """The mirror has stopped."""
        if self._news() and self._path:
            departures.write(self._path, self._array.departed)

    def move(self, path: Path) -> None:
        """Keep it there from now on."""
        old, self._path = self._path, path
        with contextlib.suppress(OSError):
            if old:
                old.rename(path)

    def _news(self) -> bool:
        if self._path is None:
            return False
        keep_in_mind(self._array)
        return self._kept != self._array.departed and bool(self._kept or self._array.departed)

    async def _write_aside(self) -> None:
        path, departed = self._path, self._array.departed
        assert path
        if await self._aside.run(lambda: departures.write(path, departed)) and path == self._path:
            self._kept = departed
        self._writing = False
