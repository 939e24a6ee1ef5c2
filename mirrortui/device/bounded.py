"""Calls into the kernel that may never return, each in a thread of its own: waited for so long, and no longer (I16)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from mirrortui.log import logger

Result = TypeVar("Result")

PROMPTLY = 0.2
"""Seconds that an event loop can stand still for the sake of one member, once."""


class _Call(Generic[Result]):
    """One call, and who cares for its result: whoever waits, or nobody any more."""

    def __init__(self, function: Callable[[], Result], late: Callable[[Result], None]) -> None:
        self._function = function
        self._late = late
        self._lock = threading.Lock()
        self._given_up = False
        self._ended = threading.Event()
        self._results: list[Result] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            result = self._function()
        except BaseException as error:
            self._error = error
        else:
            with self._lock:
                if not self._given_up:
                    self._results.append(result)
            if not self._results:
                self._late(result)
        self._ended.set()

    def result(self, seconds: float) -> Result:
        if not self._ended.wait(seconds):
            with self._lock:
                self._given_up = not self._results
        if self._error:
            raise self._error
        if not self._results:
            raise TimeoutError
        return self._results[0]

    @property
    def ended(self) -> bool:
        return self._ended.is_set()


def _start(function: Callable[[], Result], late: Callable[[Result], None]) -> _Call[Result]:
    call = _Call(function, late)
    threading.Thread(target=call.run, name="bounded", daemon=True).start()
    return call


def _nothing(result: object) -> None:
    pass


def within(
    seconds: float, function: Callable[[], Result], late: Callable[[Result], None] = _nothing
) -> Result:
    """What the function returns or raises. Raises TimeoutError when it takes longer: then it goes on in its thread, and
    `late` is called there with what it returns after all.
    """
    return _start(function, late).result(seconds)


class Inquirer:
    """Asks questions about one file, none while the answer to another is due: a hang stops the loop once."""

    def __init__(self) -> None:
        self._call: _Call[object] | None = None

    def ask(
        self, function: Callable[[], Result], otherwise: Result, late: Callable[[Result], None] = _nothing
    ) -> Result:
        """The answer, if it comes promptly; `otherwise`, if it does not: then `late` gets it. Raises what the function
        raises.
        """
        if self._call and not self._call.ended:
            return otherwise
        call = _start(function, late)
        self._call = call  # type: ignore[assignment]  # only whether it has ended counts
        try:
            return call.result(PROMPTLY)
        except TimeoutError:
            logger.warning("a file system does not answer a question within %s s", PROMPTLY)
            return otherwise


class Watch(Generic[Result]):
    """Asks one question again and again and waits for no answer: it gives the one of the time before."""

    def __init__(self) -> None:
        self._call: _Call[Result] | None = None

    @property
    def busy(self) -> bool:
        """An answer is due."""
        return self._call is not None and not self._call.ended

    def ask(self, function: Callable[[], Result], otherwise: Result) -> Result:
        """The last answer; `otherwise` while none is there, or where the function raised."""
        call = self._call
        if call and not call.ended:
            return otherwise
        self._call = _start(function, _nothing)
        try:
            return call.result(0.0) if call else otherwise
        except OSError:
            return otherwise


class Survey(Generic[Result]):
    """Asks about many things at once, and about none while the answer to an earlier question about it is due."""

    def __init__(self) -> None:
        self._open: dict[str, _Call[Result]] = {}

    def ask(self, questions: Mapping[str, Callable[[], Result]], seconds: float) -> dict[str, Result | None]:
        """The answers that come within so many seconds, by what they are about; None for those that do not. Raises what
        a question raises.
        """
        known = dict(self._open)
        late = {about for about, call in known.items() if not call.ended}
        calls = {about: _start(ask, _nothing) for about, ask in questions.items() if about not in late}
        end = time.monotonic() + seconds
        answers: dict[str, Result | None] = dict.fromkeys(questions)
        for about, call in calls.items():
            try:
                answers[about] = call.result(max(0.0, end - time.monotonic()))
            except TimeoutError:
                logger.warning("%s does not answer within %s s", about, seconds)
        self._open = {about: call for about, call in (known | calls).items() if not call.ended}
        return answers


def close(descriptor: int) -> None:
    """Close it, by and by where a file system waits for what it has to write first."""
    try:
        within(PROMPTLY, lambda: os.close(descriptor))
    except TimeoutError:
        logger.warning("a file system does not let go of a file within %s s", PROMPTLY)
