"""A device that does not answer is waited for once, and everything else goes on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirrortui.api.paths import resolve
from mirrortui.api.requests import AdoptRequest, AssembleRequest, CreateRequest
from mirrortui.device import claims, looks
from mirrortui.device.looks import look
from mirrortui.engine.adoption import draft_adopt
from mirrortui.engine.planning import draft_assemble, draft_create
from mirrortui.errors import MemberError
from mirrortui.units import MIB
from mirrortui.worker.candidates import examine_member


class Hang:
    """Paths that do not answer until they are let go."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.go_on = threading.Event()
        self.asked = 0

    def wait(self, path: str) -> None:
        """What a system call does."""
        if path in self.paths:
            self.asked += 1
            self.go_on.wait(20)


@pytest.fixture
def hang(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hang]:
    """Looks are short, and every stat may hang."""
    made = Hang()
    stat = os.stat

    def slow(path: str | Path, **options: bool) -> os.stat_result:
        made.wait(str(path))
        return stat(path, **options)

    monkeypatch.setattr(looks, "LOOK_WITHIN", 0.1)
    monkeypatch.setattr(os, "stat", slow)
    yield made
    made.go_on.set()


def image(place: Path, name: str) -> str:
    """An empty one."""
    path = place / name
    with path.open("wb") as file:
        file.truncate(16 * MIB)
    return str(path)


def test_what_answers_is_returned_or_raised() -> None:
    assert look("/dev/a", len) == 6
    with pytest.raises(ZeroDivisionError):
        look("/dev/a", lambda path: 1 // 0)


def test_who_does_not_answer_is_asked_once(hang: Hang) -> None:
    hang.paths.add("/dev/a")
    late: list[str] = []
    came = threading.Event()

    def ask(path: str) -> str:
        hang.wait(path)
        return path

    def take(path: str) -> None:
        late.append(path)
        came.set()

    for _ in range(100):
        with pytest.raises(MemberError, match="/dev/a does not answer"):
            look("/dev/a", ask, take)
    assert hang.asked == 1
    assert look("/dev/b", ask) == "/dev/b"
    hang.go_on.set()
    assert came.wait(10)
    assert late == ["/dev/a"]
    assert look("/dev/a", ask) == "/dev/a"


def test_plans_say_who_does_not_answer(hang: Hang, tmp_path: Path) -> None:
    good, bad = image(tmp_path, "good"), image(tmp_path, "bad")
    hang.paths.add(bad)
    begun = time.monotonic()
    for ask in (
        lambda: draft_create(CreateRequest(name="v", members=[good, bad]), []),
        lambda: draft_assemble(AssembleRequest(members=[good, bad]), [], [], resolve(environ={}, uid=0)),
        lambda: draft_adopt(AdoptRequest(name="v", disk=bad), []),
        lambda: draft_adopt(AdoptRequest(name="v", disk=good, new=bad), []),
        lambda: examine_member(bad),
        lambda: claims.check_distinct([good, bad]),
    ):
        with pytest.raises(MemberError, match=f"{bad} does not answer"):
            ask()
    assert hang.asked == 1
    assert time.monotonic() - begun < 5
    other = image(tmp_path, "other")
    assert draft_create(CreateRequest(name="w", members=[good, other]), []).name == "w"
