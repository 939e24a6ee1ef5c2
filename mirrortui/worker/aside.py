"""Calls that may block (opening and probing devices), beside the loop and not in it."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from mirrortui.mirror.executor import Signal
from mirrortui.worker.loop import Loop

Result = TypeVar("Result")


class _Errand(Generic[Result]):
    """One call in its thread."""

    def __init__(self, ended: Signal) -> None:
        self.ended = ended
        self.over = False
        self._result: list[Result] = []
        self._error: BaseException | None = None

    def run(self, function: Callable[[], Result]) -> None:
        try:
            self._result.append(function())
        except BaseException as error:
            self._error = error

    def result(self) -> Result:
        if self._error:
            raise self._error
        return self._result[0]


class Aside:
    """Runs each call in a thread of its own; a task of the executor awaits what it returns or raises.

    A call that never returns costs its thread and whoever awaits it, and nobody else.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._ended: deque[_Errand[object]] = deque()
        self._woken = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        loop.add_reader(self._woken, self._deliver)

    async def run(self, function: Callable[[], Result]) -> Result:
        """What the function returns."""
        errand: _Errand[Result] = _Errand(Signal(self._loop.executor))

        def work() -> None:
            errand.run(function)
            self._ended.append(errand)  # type: ignore[arg-type]
            os.eventfd_write(self._woken, 1)

        threading.Thread(target=work, name="aside", daemon=True).start()
        while not errand.over:
            await errand.ended
        return errand.result()

    def _deliver(self) -> None:
        os.eventfd_read(self._woken)
        while self._ended:
            errand = self._ended.popleft()
            errand.over = True
            errand.ended.fire()
