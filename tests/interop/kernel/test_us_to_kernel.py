"""Mirrors that we left in every state, at rest and killed at random moments, are taken over by the kernel.

Half of them by the oldest kernel, half by the newest.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from mirrortui.units import MIB
from tests.e2e.bad_disk import PROGRAMS
from tests.e2e.conftest import World
from tests.interop.guest import Guest
from tests.interop.kernel.content import BLOCK, Content, Ink
from tests.interop.kernel.leavings import BAD_BLOCK, LEAVINGS, Left
from tests.interop.kernel.scenes import Outcome, Scene, blank, play
from tests.interop.kernel.stage import engine_says, wanted
from tests.interop.kernel.turns import Turn, cut
from tests.support import needs

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(400)]

_AT_A_TIME = 4
"""Mirrors that are prepared side by side."""

_TAKE_OVER = """
assemble --readonly ALL
show
mdadm --readwrite $dev
sleep 1
settle
actions
show
LOOKS
mend
check
put 14 7 3
digest
stop
"""


@dataclass
class Story:
    """A state from its making to the kernel's last word."""

    left: Left
    turn: Turn
    problem: BaseException | None = None
    """Why it did not come to be."""
    recovered: dict[str, int] = field(default_factory=dict)
    """Sectors that a member holds already, by its own superblock's word, when the kernel finds it."""
    seen: Outcome = field(default_factory=Outcome)

    def attempt(self, act: Callable[[], None]) -> None:
        """Do a part of it, unless a part before has failed."""
        if self.problem:
            return
        try:
            act()
        except Exception as problem:
            problem.add_note(engine_says(self.turn.world))
            self.problem = problem

    def states(self, moment: int) -> dict[str, str]:
        """State by member, as the kernel shows it at the first or second look."""
        looks: list[dict[str, str]] = []
        for word, *rest in self.seen.told:
            if word == "array":
                looks.append({})
            if word == "member":
                letter, slot, flags, _ = rest
                if "faulty" not in flags:  # attached or not: it is out
                    looks[-1][letter] = _state(slot, flags.split(","))
        return looks[moment]


def _state(slot: str, flags: list[str]) -> str:
    if "in_sync" in flags:
        return "in_sync"
    return "spare" if slot == "none" else "recovering"


@pytest.fixture(scope="module")
def stories(
    request: pytest.FixtureRequest, guests: list[Guest], engine: World, ink: Ink
) -> Iterator[dict[str, Story]]:
    """All of them, told to the end."""
    told: dict[str, Story] = {}
    for name in wanted(request, "story"):
        left = LEAVINGS[name]
        letters = (f"{name}-{letter}.img" for letter in "abcd")
        images = blank(engine.place, zip(letters, left.sizes, strict=False))
        told[name] = Story(left, Turn(engine, name, images, Content(ink)))
    _make(guests[0], told, ink)
    _leave(engine, list(told.values()))
    _hand_over(guests, told, ink)
    yield told
    for image in engine.place.glob("*.img"):
        image.unlink()


def _make(guest: Guest, told: dict[str, Story], ink: Ink) -> None:
    scenes = [
        Scene(name, story.left.made, story.turn.images) for name, story in told.items() if story.left.made
    ]
    for name, outcome in play(guest, scenes, ink).items():
        assert not outcome.failure, outcome.failure
        told[name].turn.content.hear(outcome.told)


def _leave(world: World, stories: list[Story]) -> None:
    killed = [story for story in stories if story.left.killed]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(_prepare, stories))
    for story in killed:
        story.attempt(story.turn.write_on)
    for story in killed:
        _meanwhile(story)
    cut(world, [story.turn for story in killed if not story.problem], random.Random(1))


def _prepare(story: Story) -> None:
    story.attempt(lambda: story.left.steps(story.turn))
    if not (story.left.killed or story.left.stopped):
        story.attempt(story.turn.stop)


def _meanwhile(story: Story) -> None:
    killed = story.left.killed
    assert killed
    story.attempt(lambda: killed(story.turn))


def _hand_over(guests: list[Guest], told: dict[str, Story], ink: Ink) -> None:
    scenes = []
    for name, story in told.items():
        if story.problem:
            continue
        for letter in story.left.found:
            superblock = story.turn.image(letter).examine().superblock
            assert superblock
            story.recovered[letter] = superblock.recovery_offset
        disks = " ".join(f"${letter}" for letter in "abcd"[: len(story.turn.images)])
        script = _TAKE_OVER.replace("ALL", disks).replace("LOOKS", story.left.looks)
        scenes.append(Scene(name, script, story.turn.images))
    with ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(
            lambda part: play(part[0], part[1], ink), [(guests[0], scenes[::2]), (guests[-1], scenes[1::2])]
        )
        for part in outcomes:
            for name, outcome in part.items():
                told[name].seen = outcome
                told[name].turn.content.hear(outcome.told)


@pytest.fixture(params=LEAVINGS)
def story(request: pytest.FixtureRequest, stories: dict[str, Story]) -> Story:
    """One of them."""
    found = stories[request.param]
    if request.param == "bad-blocks":
        needs(*PROGRAMS)
    if found.problem:
        raise found.problem
    assert not found.seen.failure, found.seen.failure
    if found.turn.writer:
        assert found.turn.writer.written
        assert not found.turn.writer.errors
    return found


def test_the_kernel_sees_what_we_meant(story: Story) -> None:
    left, seen = story.left, story.seen
    array = seen.all("array")[0]
    assert array[:1] + array[4:] == ["readonly", str(left.size)]
    assert story.states(0) == left.found
    for letter, _, flags, start in seen.all("member")[: len(left.found)]:
        assert left.flags.get(letter, "in_sync") in flags.split(",") or left.found[letter] != "in_sync"
        if left.found[letter] == "recovering":
            assert start == str(story.recovered[letter])


def test_the_kernel_does_what_was_left_to_do(story: Story) -> None:
    # "recovery" of the old kernel is "recover" to the new one.
    actions = [action.removesuffix("y") for action in story.seen.one("actions")]
    assert sorted(actions) == sorted(story.left.actions)
    assert story.states(1) == (story.left.ends or {**story.left.found, **_in_sync(story.left)})


@pytest.mark.parametrize("story", ["bad-blocks"], indirect=True)
def test_the_kernel_keeps_away_from_what_we_listed(story: Story, ink: Ink) -> None:
    place = (MIB // BLOCK + BAD_BLOCK) * 8
    assert story.seen.one("log") == [str(place), "8"]
    assert {words[0] for words in story.seen.all("block")} == {
        hashlib.md5(ink.block(4, BAD_BLOCK)).hexdigest()
    }
    assert story.seen.one("healed") == []


def _in_sync(left: Left) -> dict[str, str]:
    return {letter: "in_sync" for letter, state in left.found.items() if state == "recovering"}


def test_the_copies_are_equal_and_right(story: Story) -> None:
    assert story.seen.one("mismatches") == ["0"]
    digests = set()
    for letter, state in story.states(1).items():
        if state == "in_sync":
            read, size = story.turn.image(letter).data()
            assert size == story.left.size
            story.turn.content.check(read, size)
            digests.add(hashlib.md5(read(0, size)).hexdigest())
    assert digests == {story.seen.one("digest")[0]}
