"""Looks at devices that may not answer: each takes so long and no longer, and all together cost one thread a device.

What a disk, a file system or another machine owes an answer for is known in the whole process: who asks meanwhile hears
at once that it does not answer, so that a list of many devices waits for each once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from mirrortui.device.bounded import within
from mirrortui.errors import MemberError

Result = TypeVar("Result")

LOOK_WITHIN = 12.0
"""Seconds: a disk that sleeps takes ten to wake up."""

_late: set[str] = set()
"""Paths whose answer is due."""
_lock = threading.Lock()


def _nothing(result: object) -> None:
    pass


def look(path: str, function: Callable[[str], Result], late: Callable[[Result], None] = _nothing) -> Result:
    """What the function, which blocks on the device, returns for the path or raises. `late` gets what it returns after
    all. May be called by any thread, but for an event loop's.

    Raises MemberError for what does not answer in time, or owes an answer to somebody.
    """
    ended = False

    def answered() -> Result:
        nonlocal ended
        try:
            return function(path)
        finally:
            with _lock:
                ended = True
                if owes:
                    _late.discard(path)

    owes = False
    with _lock:
        due = path in _late
    if due:
        raise _silent(path)
    try:
        return within(LOOK_WITHIN, answered, late)
    except TimeoutError:
        with _lock:
            if not ended:
                owes = True
                _late.add(path)
        raise _silent(path) from None


def real(path: str) -> str:
    """The path without symbolic links; as it is, where a file system does not answer."""
    try:
        return look(path, os.path.realpath)
    except MemberError:
        return path


def _silent(path: str) -> MemberError:
    return MemberError(
        f"{path} does not answer: its disk or its file system hangs, or takes very long; nothing was written.",
        hint="See to it, or go on without it; then try again.",
    )
