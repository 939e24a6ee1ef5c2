"""The file that keeps in mind who went out: when it is written, and when it goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mirrortui.mirror.array import Array
from mirrortui.mirror.notes import Departed
from mirrortui.worker import departures, witness
from mirrortui.worker.aside import Aside
from mirrortui.worker.loop import Loop
from mirrortui.worker.witness import Witness
from tests.unit.test_worker_loop import Engine

GONE = (Departed("0b", ((7, 1000),), ("0a",)),)


class Setup:
    """A mirror without members, which knows of one that went out."""

    def __init__(self, place: Path) -> None:
        self.path = place / "vault.departed.json"
        self.engine = Engine([])
        self.loop = Loop(self.engine)
        self.array = Array(bytes(16), "vault", "vault", 0, 2, 0, 16, 1, [], [], lambda *_: None, False)
        self.array.departed = GONE
        self.writes: list[tuple[Path, bool]] = []
        self.witness = Witness(self.loop, self.array, Aside(self.loop), self.path)

    def settle(self) -> None:
        """Look, and let whatever that begins come to its end."""
        self.witness.look()

        async def last() -> None:
            await self.witness.remember()
            self.loop.stop()

        self.loop.executor.spawn(last())
        self.loop.run()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    made = Setup(tmp_path)

    def write(path: Path, departed: tuple[Departed, ...]) -> bool:
        fine = departures_write(path, departed)
        made.writes.append((path, fine))
        return fine

    departures_write = departures.write
    monkeypatch.setattr(departures, "write", write)
    yield made
    made.loop.close()
    made.engine.close()


def test_what_is_new_is_written_once(world: Setup) -> None:
    world.settle()
    world.settle()
    assert departures.read(world.path) == list(GONE)
    assert world.writes == [(world.path, True)]


def test_what_counts_no_more_is_not_left_in_the_file(world: Setup) -> None:
    """Where a survivor was chosen; or of a mirror that had the name before."""
    departures.write(world.path, GONE)
    world.array.departed = ()
    world.settle()
    assert not world.path.exists()
    assert departures.read(world.path) == []


def test_it_goes_with_the_mirror_to_its_new_name(world: Setup) -> None:
    world.settle()
    new = world.path.with_name("attic.departed.json")
    world.witness.move(new)
    assert list(new.parent.iterdir()) == [new]
    world.settle()
    assert departures.read(new) == list(GONE)


def test_it_is_written_under_the_new_name_where_it_could_not_be_moved(world: Setup) -> None:
    world.settle()
    world.path.unlink()
    new = world.path.with_name("attic.departed.json")
    world.witness.move(new)
    world.settle()
    assert departures.read(new) == list(GONE)


@pytest.mark.parametrize(("again", "tries"), [(60.0, 0), (0.0, 1)])
def test_what_cannot_be_written_is_not_tried_all_the_time(
    world: Setup, monkeypatch: pytest.MonkeyPatch, again: float, tries: int
) -> None:
    monkeypatch.setattr(witness, "_AGAIN", again)
    world.path.mkdir()
    world.settle()
    world.writes.clear()
    world.loop.call_later(0.02, world.witness.look)
    world.loop.call_later(0.1, world.loop.stop)
    world.loop.run()
    assert world.writes == [(world.path, False)] * tries
