"""Events keep their numbers over restarts, are bounded, and reach those who follow."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mirrortui.api.answers import Event
from mirrortui.engine.journal import Journal
from mirrortui.testing.manual_clock import ManualClock
from mirrortui.worker.messages import WorkerEvent


def opened(path: Path, keep: int = 100) -> Journal:
    return Journal(path / "events.ndjson", ManualClock(), keep)


def reported(number: int, worker: str = "7-1.0") -> WorkerEvent:
    return WorkerEvent(
        worker=worker,
        number=number,
        time=5.0,
        kind="member-failed",
        severity="error",
        text=f"Event {number}.",
    )


def add(journal: Journal, text: str) -> None:
    journal.add("vault", "mirror-assembled", "good", text)


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    add(journal, "one")
    add(journal, "two")
    journal.close()
    journal = opened(tmp_path)
    add(journal, "three")
    assert [(event.seq, event.text) for event in journal.since(1)] == [(2, "two"), (3, "three")]
    assert all(type(event) is Event for event in journal.since(0))
    journal.close()


def test_a_torn_line_costs_one_event(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    add(journal, "one")
    add(journal, "two")
    journal.close()
    path = tmp_path / "events.ndjson"
    path.write_bytes(path.read_bytes()[:-20])
    journal = opened(tmp_path)
    add(journal, "three")
    journal.close()
    journal = opened(tmp_path)
    assert [event.text for event in journal.since(0)] == ["one", "three"]
    journal.close()


def test_it_is_bounded_in_memory_and_on_disk(tmp_path: Path) -> None:
    journal = opened(tmp_path, keep=10)
    for number in range(95):
        add(journal, str(number))
    assert [event.seq for event in journal.since(0)] == list(range(86, 96))
    journal.close()
    assert len((tmp_path / "events.ndjson").read_bytes().splitlines()) <= 20


def test_a_worker_that_reports_again_is_taken_in_once(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for number in (1, 2):
        journal.take("vault", reported(number))
    journal.close()
    journal = opened(tmp_path)
    for number in (1, 2, 3):
        journal.take("vault", reported(number))
    journal.take("vault", reported(1, worker="8-2.0"))
    assert [event.text for event in journal.since(0)] == ["Event 1.", "Event 2.", "Event 3.", "Event 1."]
    assert [event.seq for event in journal.since(0)] == [1, 2, 3, 4]
    journal.close()


async def test_followers_get_what_was_and_what_comes(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    add(journal, "before")
    heard: list[str] = []
    caught_up = asyncio.Event()

    async def follow() -> None:
        async for events in journal.follow(0, quiet=60):
            heard.extend(event.text for event in events)
            caught_up.set()

    task = asyncio.create_task(follow())
    await asyncio.wait_for(caught_up.wait(), 5)
    add(journal, "after")
    add(journal, "at once after that")
    journal.close()
    await asyncio.wait_for(task, 5)
    assert heard == ["before", "after", "at once after that"]


async def test_a_quiet_journal_beats(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    stream = journal.follow(0, quiet=0.001)
    assert await asyncio.wait_for(anext(stream), 5) == []
    add(journal, "news")
    assert [event.text for event in await asyncio.wait_for(anext(stream), 5)] == ["news"]
    journal.close()
