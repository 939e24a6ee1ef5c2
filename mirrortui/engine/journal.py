"""What happened, numbered: an append-only file of JSON lines, bounded, and those who follow it."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from mirrortui.api.answers import Event
from mirrortui.api.vocabulary import Severity
from mirrortui.clock import Clock
from mirrortui.log import logger
from mirrortui.worker.messages import WorkerEvent

KEEP = 5000
"""Events that are kept; the file is cut down to them when it has twice as many."""


class _Record(Event, frozen=True, kw_only=True):
    """An event as it is filed: with the worker it came from, so that none is taken in twice."""

    worker: str = ""
    number: int = 0


class Journal:
    """One writer, the engine's event loop; a torn last line (power cut) is dropped when it is opened again."""

    def __init__(self, path: Path, clock: Clock, keep: int = KEEP) -> None:
        self._path = path
        self._clock = clock
        self._keep = keep
        self._records: deque[_Record] = deque(_read(path), maxlen=keep)
        self._heard: dict[str, int] = {
            record.worker: record.number for record in self._records if record.worker
        }
        self._more = asyncio.Event()
        self._ending = False
        self._file_no = -1
        self._lines = 0
        self._rewrite()

    @property
    def last_seq(self) -> int:
        """Number of the newest event; 0 before the first."""
        return self._records[-1].seq if self._records else 0

    def add(self, mirror: str, kind: str, severity: Severity, text: str, member: str | None = None) -> None:
        """File something that the engine itself noticed."""
        self._file(
            _Record(
                seq=self.last_seq + 1,
                time=self._clock.now(),
                mirror=mirror,
                kind=kind,
                severity=severity,
                text=text,
                member=member,
            )
        )

    def take(self, mirror: str, event: WorkerEvent) -> None:
        """File what a worker reported, once: to a new engine it reports again all that it still has."""
        if event.number <= self._heard.get(event.worker, 0):
            return
        self._heard[event.worker] = event.number
        self._file(
            _Record(
                seq=self.last_seq + 1,
                time=event.time,
                mirror=mirror,
                kind=event.kind,
                severity=event.severity,
                text=event.text,
                member=event.member,
                worker=event.worker,
                number=event.number,
            )
        )

    def since(self, seq: int) -> list[Event]:
        """Events with a higher number, oldest first."""
        newer = [record for record in self._records if record.seq > seq]
        return [_public(record) for record in newer]

    async def follow(self, seq: int, quiet: float) -> AsyncIterator[list[Event]]:
        """Events above `seq` as they come; an empty list after every `quiet` seconds without any."""
        while True:
            if events := self.since(seq):
                seq = events[-1].seq
                yield events
            elif self._ending:
                return
            else:
                try:
                    await asyncio.wait_for(self._more.wait(), quiet)
                except TimeoutError:
                    yield []

    def end_followers(self) -> None:
        """The engine is about to end: who follows gets what there is, and no more."""
        self._ending = True
        self._more.set()

    def close(self) -> None:
        """End the file too."""
        self.end_followers()
        os.close(self._file_no)

    def _file(self, record: _Record) -> None:
        self._records.append(record)
        self._more.set()
        self._more = asyncio.Event()
        try:
            os.write(self._file_no, msgspec.json.encode(record) + b"\n")
            self._lines += 1
            if self._lines > 2 * self._keep:
                self._rewrite()
        except OSError as error:  # a full disk must not stop the engine: the event is still told
            logger.warning("the journal %s could not be written: %s", self._path, error.strerror)

    def _rewrite(self) -> None:
        fresh = self._path.with_name(f"{self._path.name}.new")
        fresh.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in self._records))
        fresh.replace(self._path)
        before, self._file_no = self._file_no, os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        if before >= 0:
            os.close(before)
        self._lines = len(self._records)


def _read(path: Path) -> list[_Record]:
    decoder = msgspec.json.Decoder(_Record)
    records: list[_Record] = []
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    for line in lines:
        try:
            record = decoder.decode(line)
        except msgspec.MsgspecError:
            continue  # torn by a crash: an event is lost, its numbers stay in order
        if not records or record.seq > records[-1].seq:
            records.append(record)
    return records


def _public(record: _Record) -> Event:
    return Event(
        seq=record.seq,
        time=record.time,
        mirror=record.mirror,
        kind=record.kind,
        severity=record.severity,
        text=record.text,
        member=record.member,
    )
