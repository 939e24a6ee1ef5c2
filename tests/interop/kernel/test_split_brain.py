"""Two halves that the kernel ran and wrote apart: joined by mdadm they stay different, joined here they do not (I10).

One boot parts them, we heal copies of them in each direction; others join them by mdadm and check what we healed.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from mirrortui.api.answers import Plan
from mirrortui.api.requests import AssembleRequest
from mirrortui.errors import DivergedError
from tests.e2e.conftest import World
from tests.interop.guest import Guest
from tests.interop.kernel import ours
from tests.interop.kernel.content import Ink
from tests.interop.kernel.ours import Image
from tests.interop.kernel.scenes import SIZE, Outcome, Scene, blank, play

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(400)]

# The second half is written to more often, so that it has counted further: mdadm believes it.
_PART = """
pair $bitmap; settle
put 1 0 16; put 1 64 1
idle_bits $a
stop
assemble --run $a; put 2 0 1; put 2 160 1; stop
assemble --run $b; put 3 0 1; put 3 320 1; stop
assemble --run $b; put 3 480 1; stop
"""
_JOIN = """
assemble --run $a $b
manage --re-add $a || manage --re-add $b
whole
check
digest
stop
"""
_CHECK = """
assemble $a $b
whole
show
check
digest
stop
"""


@dataclass
class Joined:
    """What became of the halves."""

    plans: dict[str, Plan]
    """By the letter of the survivor."""
    finished: dict[str, str]
    before: dict[str, list[str]]
    after: dict[str, list[str]]
    seen: dict[str, Outcome]
    """By the kernel: joined by mdadm, and healed by us with either survivor."""


@pytest.fixture(scope="module")
def joined(guests: list[Guest], engine: World, ink: Ink) -> Iterator[Joined]:
    """The whole story."""
    halves = blank(engine.place, {"split-a.img": SIZE, "split-b.img": SIZE})
    outcome = play(guests[-1], [Scene("split", _PART, halves)], ink)["split"]
    assert not outcome.failure, outcome.failure
    found = Joined({}, {}, {}, {}, {})
    scenes = [Scene("mdadm", _JOIN, [_copy(half, "mdadm") for half in halves])]
    for survivor in "ab":
        copies = [_copy(half, f"keep-{survivor}") for half in halves]
        found.before[survivor] = [_digest(copy) for copy in copies]
        _heal(engine, found, survivor, copies)
        found.after[survivor] = [_digest(copy) for copy in copies]
        scenes.append(Scene(f"keep-{survivor}", _CHECK, copies))
    with ThreadPoolExecutor(2) as pool:  # a boot each: no kernel runs two arrays of one UUID
        for seen in pool.map(lambda scene: play(guests[-1], [scene], ink), scenes):
            found.seen |= seen
    yield found
    for image in engine.place.glob("*.img"):
        image.unlink()


def _copy(half: Path, name: str) -> Path:
    return Path(shutil.copy(half, half.with_name(f"{name}-{half.name}")))


def _digest(image: Path) -> str:
    read, size = Image(image).data()
    return hashlib.md5(read(0, size)).hexdigest()


def _heal(world: World, found: Joined, survivor: str, images: list[Path]) -> None:
    members = [str(image) for image in images]
    with pytest.raises(DivergedError, match="both were written since"):
        world.client.assemble(AssembleRequest(members=members))
    request = AssembleRequest(members=members, survivor=members["ab".index(survivor)], yes=True)
    found.plans[survivor] = world.client.plan_assemble(request)
    since = world.client.engine().last_seq
    name = world.client.assemble(request).name
    ours.settled(world, name)
    ours.stop(world, name)
    (found.finished[survivor],) = (
        event.text for event in world.client.events(since) if event.kind == "recovery-finished"
    )


def test_mdadm_joins_them_and_leaves_them_different(joined: Joined) -> None:
    """It believes the one that counted further, and copies only what that one wrote."""
    (mismatches,) = joined.seen["mdadm"].one("mismatches")
    assert int(mismatches) > 0


@pytest.mark.parametrize(("survivor", "only_kept", "only_lost"), [("a", 1, 2), ("b", 2, 1)])
def test_we_copy_exactly_what_either_wrote(
    joined: Joined, survivor: str, only_kept: int, only_lost: int
) -> None:
    plan = joined.plans[survivor]
    assert plan.copies.startswith("the 4 chunks (256 KiB) that either side changed from ")
    assert joined.finished[survivor].endswith("recovery is done; copied 4 of 112 chunks.")
    told = " ".join(plan.notes)
    assert f": {only_kept} chunk" in told
    assert f": {only_lost} chunk" in told
    assert "on both: 1 chunk (64.0 KiB)" in told
    assert "That is exact" in told


@pytest.mark.parametrize("survivor", ["a", "b"])
def test_the_kernel_finds_what_we_healed_whole(joined: Joined, survivor: str) -> None:
    seen = joined.seen[f"keep-{survivor}"]
    assert seen.one("mismatches") == ["0"]
    kept = joined.before[survivor]["ab".index(survivor)]
    assert joined.after[survivor] == [kept, kept]
    assert seen.one("digest") == [kept]
    assert [state for _, _, state, _ in seen.all("member")] == ["in_sync", "in_sync"]
