"""What the screen knows of the engine: asked for in one place, kept when the engine goes away.

The store has no thread and no widget: the app runs `take` and `listen` in thread workers and posts what they bring.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from mirrortui.api.answers import EngineInfo, Event
from mirrortui.api.interface import EngineApi, EventStream
from mirrortui.api.mirrors import Mirror
from mirrortui.clock import Clock
from mirrortui.errors import MirrortuiError
from mirrortui.tui.words import rank

EVENTS_KEPT = 500
SAMPLES_KEPT = 120
"""Of each rate; at most one a second is taken."""
SPAN = 30.0
"""Seconds that one sample of the last hour stands for."""
SPANS_KEPT = 120
_RETRY = 1.0
"""Seconds until an engine that went away is asked for events again."""

Source = tuple[str, str | None]
"""A mirror's name; with the path of one of its members, or None for the mirror itself."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Bytes a second, oldest sample first."""

    read: tuple[int, ...] = ()
    write: tuple[int, ...] = ()


@dataclass(slots=True)
class _Span:
    """Samples that are kept as one, their mean."""

    begun: float
    read: int = 0
    write: int = 0
    samples: int = 0

    def take(self, read: int, write: int) -> None:
        self.read, self.write, self.samples = self.read + read, self.write + write, self.samples + 1


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything the screen may show, at one moment."""

    now: float
    mirrors: tuple[Mirror, ...] = ()
    """Worst first."""
    events: tuple[Event, ...] = ()
    """Oldest first."""
    engine: EngineInfo | None = None
    rates: Mapping[Source, Rates] = field(default_factory=dict)
    hours: Mapping[str, Rates] = field(default_factory=dict)
    """Of each mirror, over the last hour: a sample for each `SPAN` seconds, as far as somebody looked."""
    taken: float | None = None
    """When the engine answered last; None: never."""
    lost: MirrortuiError | None = None
    """Why it does not answer now."""

    def mirror(self, name: str | None) -> Mirror | None:
        """The mirror of that name, if there is one."""
        return next((mirror for mirror in self.mirrors if mirror.name == name), None)


class Store:
    """The last good answers. `take` and `listen` belong to one thread each; the rest to any."""

    def __init__(self, client: EngineApi, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._rates: dict[Source, deque[tuple[int, int]]] = {}
        self._hours: dict[str, deque[_Span]] = {}
        self._sampled = float("-inf")
        self._stream: EventStream | None = None
        self._bell = threading.Event()
        self._calls = 0
        self._answered = 0
        self._closed = threading.Event()
        self.picture = Picture(now=clock.now())
        """The last one taken."""

    def take(self) -> Picture:
        """Ask for everything once. Blocks as long as the engine does; that it is lost shows in the picture."""
        calls = self._calls
        self.picture = self._look()
        self._answered = calls
        return self.picture

    @property
    def behind(self) -> bool:
        """Somebody called for a picture that is not taken yet."""
        return self._answered != self._calls

    def _look(self) -> Picture:
        now = self._clock.now()
        try:
            engine = self._client.engine()
            mirrors = [
                _never_back(mirror, self.picture.mirror(mirror.name)) for mirror in self._client.mirrors()
            ]
            self._catch_up(engine.last_seq)
        except MirrortuiError as error:
            return replace(self.picture, now=now, lost=error)
        self._sample(mirrors)
        return Picture(
            now=now,
            mirrors=tuple(sorted(mirrors, key=rank)),
            events=tuple(self._events),
            engine=engine,
            rates={source: _columns(samples) for source, samples in self._rates.items()},
            hours={name: _means(spans) for name, spans in self._hours.items()},
            taken=now,
        )

    def listen(self) -> None:
        """Wake the taker at every event, until closed. Blocks; an engine that is lost is tried again."""
        while not self._closed.is_set():
            try:
                self._stream = self._client.events(self._last_seq, follow=True)
                if self._closed.is_set():
                    self._stream.close()
                for _ in self._stream:
                    self.wake()
            except MirrortuiError:
                self.wake()  # the taker will see for itself, and say so
            self._closed.wait(_RETRY)

    def wait(self, seconds: float | None, at_least: float = 0.0) -> bool:
        """Sleep until woken, at most `seconds`, and then for `at_least` more, so that many calls at once are one.

        False: the store was closed.
        """
        self._bell.wait(seconds)
        self._closed.wait(at_least)
        self._bell.clear()
        return not self._closed.is_set()

    def wake(self) -> None:
        """Let the taker ask again now."""
        self._calls += 1
        self._bell.set()

    def close(self) -> None:
        """End `wait` and `listen`."""
        self._closed.set()
        if self._stream is not None:
            self._stream.close()
        self._bell.set()

    @property
    def _last_seq(self) -> int:
        return self._events[-1].seq if self._events else 0

    def _catch_up(self, newest: int) -> None:
        if newest < self._last_seq:
            self._events.clear()  # another engine, with a journal of its own
        if newest > self._last_seq:
            since = max(self._last_seq, newest - EVENTS_KEPT)
            self._events.extend(self._client.events(since))

    def _sample(self, mirrors: list[Mirror]) -> None:
        """Keep the rates, at most once a second, so that a burst of events does not stretch the graphs."""
        moment = self._clock.monotonic()
        if moment - self._sampled < 0.9:
            return
        self._sampled = moment
        current: dict[Source, tuple[int, int]] = {}
        for mirror in mirrors:
            current[mirror.name, None] = (mirror.read_rate, mirror.write_rate)
            for member in mirror.members:
                current[mirror.name, member.path] = (member.read_rate, member.write_rate)
        kept = {source: self._rates.get(source, deque(maxlen=SAMPLES_KEPT)) for source in current}
        for source, sample in current.items():
            kept[source].append(sample)
        self._rates = kept
        self._hours = {mirror.name: self._lengthen(mirror, moment) for mirror in mirrors}

    def _lengthen(self, mirror: Mirror, moment: float) -> deque[_Span]:
        spans = self._hours.get(mirror.name) or deque(maxlen=SPANS_KEPT)
        if not spans or moment - spans[-1].begun >= SPAN:
            spans.append(_Span(moment))
        spans[-1].take(mirror.read_rate, mirror.write_rate)
        return spans


def _columns(samples: deque[tuple[int, int]]) -> Rates:
    return Rates(tuple(read for read, _ in samples), tuple(write for _, write in samples))


def _means(spans: deque[_Span]) -> Rates:
    return Rates(
        tuple(span.read // span.samples for span in spans),
        tuple(span.write // span.samples for span in spans),
    )


def _never_back(new: Mirror, old: Mirror | None) -> Mirror:
    """Within one sync the progress shown only grows, also when a worker resumed at an older checkpoint."""
    if old is None or old.sync is None or new.sync is None:
        return new
    same = (new.sync_action, new.sync.reason, new.sync.total) == (
        old.sync_action,
        old.sync.reason,
        old.sync.total,
    )
    if not same or new.sync.completed >= old.sync.completed:
        return new
    return msgspec.structs.replace(new, sync=msgspec.structs.replace(new.sync, completed=old.sync.completed))
