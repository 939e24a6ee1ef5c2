"""A split brain, from the command line: the plan, the file that keeps what is lost, a heal that copies that much."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirrortui.api.requests import AssembleRequest
from mirrortui.errors import ChangedError
from mirrortui.units import KIB, MIB
from tests.e2e.conftest import World

CHUNK = 64 * KIB
DATA = MIB
"""Where it begins on these small images."""
REFUSED = 1

pytestmark = pytest.mark.slow  # together they start some hundred processes


@pytest.fixture
def halves(world: World) -> tuple[Path, Path]:
    """Chunks 1 and 2 were written on the first alone, 2 and 3 on the second."""
    world.create()
    world.do("stop", "vault")
    paths = world.place / "a.img", world.place / "b.img"
    for path, chunks in zip(paths, ((1, 2), (2, 3)), strict=True):
        uri = world.do("assemble", path, "--run").out.strip()
        with world.connected(uri) as client:
            for chunk in chunks:
                client.write(chunk * CHUNK, path.name.encode().ljust(4096, b"\0"))
        world.do("stop", "vault")
    return paths


def data(path: Path) -> bytes:
    return path.read_bytes()[DATA:]


def ranges(path: Path) -> list[tuple[int, int]]:
    """What is no hole in a file."""
    found: list[tuple[int, int]] = []
    with path.open("rb") as file:
        end, at = file.seek(0, os.SEEK_END), 0
        while at < end:
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            found.append((start, at))
    return found


def test_the_plan_says_what_either_side_wrote(world: World, halves: tuple[Path, Path]) -> None:
    a, b = halves
    before = a.read_bytes(), b.read_bytes()
    refused = world.try_to("assemble", "vault", a, b, "--plan", "--json")
    assert refused.code == REFUSED
    assert refused.data["survivors"] == [str(a), str(b)]
    assert "has diverged" in refused.data["refused"]
    plan = world.do("assemble", "vault", a, b, "--survivor", a, "--plan", "--json").data
    assert plan["copies"] == f"the 3 chunks (192 KiB) that either side changed from {a} to {b}"
    assert plan["erases"] == [
        f"What was written to {b} while it was used apart from {a}: 2 chunks (128 KiB)."
    ]
    assert plan["confirm"] == "name"
    changed = f"Changed only on {a}: 1 chunk (64.0 KiB); only on {b}: 1 chunk (64.0 KiB); on both: 1 chunk (64.0 KiB)."
    assert changed in plan["notes"]
    assert any(note.startswith("That is exact: ") for note in plan["notes"])
    assert plan["command"] == f"mirrortui assemble vault {a} {b} --survivor {a} --yes"
    assert (a.read_bytes(), b.read_bytes()) == before


def test_it_heals_as_planned_and_keeps_what_is_lost(world: World, halves: tuple[Path, Path]) -> None:
    a, b = halves
    truth, lost = data(a), data(b)
    kept = world.place / "lost.img"
    world.do("assemble", "vault", a, b, "--survivor", a, "--save-loser", kept, "--yes")
    world.do("wait", "vault", "--for", "in-sync")
    assert world.events("recovery-finished")[-1] == "vault: recovery is done; copied 3 of 240 chunks."
    world.do("stop", "vault")
    assert data(b) == truth == data(a)
    restored = bytearray(truth)
    for start, end in ranges(kept):
        restored[start:end] = kept.read_bytes()[start:end]
    assert restored == lost, "the survivor's content with the file's over it is the loser's"
    assert sum(end - start for start, end in ranges(kept)) == 3 * 4096
    world.do("assemble", "vault")
    assert world.client.mirror("vault").state == "clean"


def test_what_cannot_be_kept_is_not_overwritten(world: World, halves: tuple[Path, Path]) -> None:
    a, b = halves
    before = a.read_bytes(), b.read_bytes()
    there = world.image("there.img", MIB)
    for file in (there, world.place / "no" / "such" / "place"):
        outcome = world.try_to("assemble", "vault", a, b, "--survivor", a, "--save-loser", file, "--yes")
        assert outcome.code == REFUSED
        assert str(file) in outcome.err
    assert not any(there.read_bytes())
    assert (a.read_bytes(), b.read_bytes()) == before


def test_the_options_want_a_survivor(world: World, halves: tuple[Path, Path]) -> None:
    outcome = world.try_to("assemble", "vault", *halves, "--save-loser", "x")
    assert outcome.code == 2
    assert "--survivor MEMBER" in outcome.err


def test_a_plan_is_not_carried_out_on_what_changed_since(world: World, halves: tuple[Path, Path]) -> None:
    a, b = halves
    plan = world.do("assemble", "vault", a, b, "--survivor", a, "--plan", "--json").data
    uri = world.do("assemble", b, "--run").out.strip()
    with world.connected(uri) as client:
        client.write(9 * CHUNK, bytes(4096))
    world.do("stop", "vault")
    before = a.read_bytes(), b.read_bytes()
    request = AssembleRequest(
        name="vault", members=[str(a), str(b)], survivor=str(a), counts=plan["counts"], yes=True
    )
    with pytest.raises(ChangedError, match=f"{b} has changed since this was planned"):
        world.client.assemble(request)
    assert (a.read_bytes(), b.read_bytes()) == before


def test_an_assembly_of_what_is_equal_says_so(world: World) -> None:
    world.create()
    world.do("stop", "vault")
    assert world.do("assemble", "vault", "--plan", "--json").data["copies"] == "nothing: the copies are equal"
