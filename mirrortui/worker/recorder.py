"""A worker's own record of what happened, kept so that the next engine can catch up; floods are told as a number."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import cast

from mirrortui.api.vocabulary import Severity
from mirrortui.mirror.executor import Host
from mirrortui.worker.messages import WorkerEvent

KEEP = 500
"""Events."""
BURST = 10
"""Events of one kind about one member that are told one by one within `SPAN` seconds; the rest is counted."""
SPAN = 10.0


class _Burst:
    """Events of one kind about one member, of late."""

    def __init__(self) -> None:
        self.told = 0
        self.swallowed = 0
        self.last = ("", "")
        """Severity and text of the last one swallowed."""


class Recorder:
    """Numbers events and passes them on to whoever set itself as the listener."""

    def __init__(self, host: Host) -> None:
        self.listener: Callable[[WorkerEvent], None] = lambda event: None
        self._host = host
        self._worker = f"{os.getpid()}-{host.now():.6f}"
        self._events: deque[WorkerEvent] = deque(maxlen=KEEP)
        self._bursts: dict[tuple[str, str | None], _Burst] = {}

    @property
    def events(self) -> list[WorkerEvent]:
        """What is kept, oldest first."""
        return list(self._events)

    def observe(self, kind: str, severity: str, text: str, member: str | None = None) -> None:
        """Something happened (mirror.array.Observer)."""
        key = kind, member
        if key not in self._bursts:
            self._bursts[key] = _Burst()
            self._host.call_later(SPAN, lambda: self._end_burst(kind, member))
        burst = self._bursts[key]
        if burst.told < BURST:
            burst.told += 1
            self._tell(kind, severity, text, member)
        else:
            burst.swallowed += 1
            burst.last = severity, text

    def _end_burst(self, kind: str, member: str | None) -> None:
        burst = self._bursts.pop((kind, member))
        if burst.swallowed:
            severity, text = burst.last
            more = f" ({burst.swallowed} like it in {SPAN:.0f} s)" if burst.swallowed > 1 else ""
            self._tell(kind, severity, text + more, member)

    def _tell(self, kind: str, severity: str, text: str, member: str | None) -> None:
        number = self._events[-1].number + 1 if self._events else 1
        event = WorkerEvent(
            worker=self._worker,
            number=number,
            time=self._host.now(),
            kind=kind,
            severity=cast(Severity, severity),
            text=text,
            member=member,
        )
        self._events.append(event)
        self.listener(event)
