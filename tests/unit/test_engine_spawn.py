"""What a worker says before it runs is passed on, and its answer is the last of it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from mirrortui.api.answers import Problem
from mirrortui.engine.spawn import spawn
from mirrortui.errors import MirrortuiError
from mirrortui.worker.messages import Job, Started


def worker(place: Path, *answers: Started) -> list[str]:
    """A command that reads a job, and says that."""
    said = place / "said"
    said.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in answers))
    return ["sh", "-c", f"cat >{os.devnull}; cat {said}"]


def test_what_it_is_at_is_heard(tmp_path: Path) -> None:
    told: list[str] = []
    problem = Problem(code="bad-member", message="It is too small.", hint="")
    command = worker(tmp_path, *(Started(progress=f"{at} %") for at in range(50)), Started(problem=problem))
    job = Job(name="vault", control="", nbd="")
    with pytest.raises(MirrortuiError, match="It is too small"):
        spawn(job, tmp_path / "log", command, lambda process, word: told.append(word))
    assert told == [f"{at} %" for at in range(50)]


def test_one_that_ends_in_the_midst_of_it_did_not_start(tmp_path: Path) -> None:
    told: list[str] = []
    command = worker(tmp_path, Started(progress="1 %"))
    with pytest.raises(MirrortuiError, match="did not start"):
        spawn(
            Job(name="vault", control="", nbd=""),
            tmp_path / "log",
            command,
            lambda process, word: told.append(word),
        )
    assert told == ["1 %"]
