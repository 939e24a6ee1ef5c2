"""Mirrors that the kernel made and left in every state are opened here, and handed back.

One boot makes them all, the real workers open each, one more boot looks at what they left.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mirrortui.api.answers import Event
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import AssembleRequest, MemberRequest
from mirrortui.units import MIB
from tests.e2e.conftest import World, digest
from tests.interop.guest import Guest
from tests.interop.kernel import ours
from tests.interop.kernel.content import BLOCK, Content, Ink
from tests.interop.kernel.ours import Image
from tests.interop.kernel.scenes import SIZE, Outcome, Scene, blank, play
from tests.interop.kernel.stage import wanted
from tests.interop.kernel.states import STATES, State

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(400)]

_METADATA = MIB
"""Bytes of a huge member that are compared: in front of its data."""


@dataclass
class Story:
    """A state from its making to the kernel's last look."""

    name: str
    state: State
    images: list[Path]
    made: Outcome
    content: Content
    problem: BaseException | None = None
    """Why it could not be opened, or was not what it should be."""
    opened: Mirror | None = None
    ended: Mirror | None = None
    events: list[Event] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    seen: Outcome = field(default_factory=Outcome)
    """By the kernel, in the end."""

    def open(self, world: World) -> None:
        """The part that is ours. Raises whatever goes wrong."""
        for letter, block in self.state.spoiled:
            image = Image(self.images["abcd".index(letter)])
            image.spoil(block * BLOCK, self.content.ink.block(15, 7))
        self.before = self._digests()
        since = world.client.engine().last_seq
        paths = [str(image) for image in self.images]
        random.Random(self.name).shuffle(paths)
        self.opened = world.client.assemble(AssembleRequest(members=paths))
        self._read(self.opened)
        for verb, letter in self.state.verbs:
            path = str(self.images["abcd".index(letter)])
            world.client.change(self.name, verb, MemberRequest(member=path, force=verb == "add", yes=True))
        self.ended = ours.settled(world, self.name)
        self._read(self.ended)
        ours.stop(world, self.name)
        self.events = [event for event in world.client.events(since) if event.mirror == self.name]
        self.after = self._digests()

    def _digests(self) -> list[str]:
        if not self.state.huge:
            return digest(*self.images)
        return [hashlib.sha256(Image(image).read(0, _METADATA)).hexdigest() for image in self.images]

    def _read(self, mirror: Mirror) -> None:
        with ours.client(mirror) as client:
            assert client.size == mirror.size
            if self.state.huge:
                self.content.check_written(client.read)
            else:
                self.content.check(client.read, client.size)

    def letters(self, state: str) -> str:
        """Of the members that should be in that state."""
        return "".join(letter for letter, found in self.state.found.items() if found == state)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((0, -1), id="old-to-new"),
        pytest.param((-1, 0), id="new-to-old", marks=pytest.mark.nightly),
    ],
)
def stories(
    request: pytest.FixtureRequest, guests: list[Guest], engine: World, ink: Ink
) -> Iterator[dict[str, Story]]:
    """All of them, told to the end: made by the oldest kernel, and handed back to the newest."""
    maker, taker = (guests[index] for index in request.param)
    scenes = []
    for name in wanted(request, "story"):
        state = STATES[name]
        sizes = state.sizes or (SIZE,) * state.members
        letters = (f"{name}-{letter}.img" for letter in "abcd")
        scenes.append(Scene(name, state.script, blank(engine.place, zip(letters, sizes, strict=False))))
    made = play(maker, scenes, ink)
    found = {
        scene.name: Story(
            scene.name,
            STATES[scene.name],
            list(scene.images),
            made[scene.name],
            Content(ink).hear(made[scene.name].told),
        )
        for scene in scenes
    }
    for story in found.values():
        try:
            story.open(engine)
        except Exception as problem:
            story.problem = problem
    back = [_back(story) for story in found.values() if story.problem is None]
    for name, outcome in play(taker, back, ink).items():
        found[name].seen = outcome
    yield found
    for image in engine.place.glob("*.img"):
        image.unlink()


def _back(story: Story) -> Scene:
    """The kernel takes over what we left."""
    disks = " ".join(f"${letter}" for letter in story.state.found if letter not in story.state.foreign)
    look = "" if story.state.huge else "check; digest;"
    return Scene(story.name, f"assemble {disks} || true; show; settle; {look} stop", story.images)


@pytest.fixture(params=STATES)
def story(request: pytest.FixtureRequest, stories: dict[str, Story]) -> Story:
    """One of them."""
    found = stories[request.param]
    assert not found.made.failure, found.made.failure
    return found


def test_it_opens_here(story: Story) -> None:
    state = story.state
    if story.problem:
        raise story.problem
    assert story.opened
    assert story.ended
    assert story.opened.name == story.name
    assert story.opened.metadata == f"1.{state.minor}"
    assert state.size in (None, story.opened.size)
    assert story.opened.raid_disks == (state.disks or state.members)
    assert (story.opened.bitmap.chunk if story.opened.bitmap else None) == state.chunk
    assert ours.states(story.ended, story.images) == state.found
    heavy = {member.path for member in story.ended.members if member.write_mostly}
    assert heavy == {str(story.images["abcd".index(letter)]) for letter in state.write_mostly}


def test_exactly_what_must_be_is_copied(story: Story) -> None:
    begun = [event.text for event in story.events if event.kind in ("resync-started", "recovery-started")]
    if not story.state.copies:
        assert begun == []
        return
    (text,) = begun
    assert re.match(rf"{re.escape(story.name)}: {story.state.copies}", text), text


def test_its_members_are_equal_or_untouched(story: Story) -> None:
    if story.state.as_it_was:
        assert story.after == story.before
    if not story.state.huge:
        for letter in story.letters("in_sync"):
            read, size = Image(story.images["abcd".index(letter)]).data()
            story.content.check(read, size)
    for letter in story.letters("faulty"):
        index = "abcd".index(letter)
        assert story.after[index] == story.before[index], f"{letter} is out, and was written to"


def test_the_kernel_takes_it_back(story: Story) -> None:
    seen, in_sync = story.seen, story.letters("in_sync")
    _, degraded, raid_disks, *_ = seen.one("array")
    assert int(degraded) == int(raid_disks) - len(in_sync)
    flags = [flag for _, _, words, *_ in seen.all("member") for flag in words.split(",")]
    assert flags.count("in_sync") == len(in_sync)
    assert flags.count("spare") == len(story.letters("spare"))
    assert flags.count("write_mostly") == len(story.state.write_mostly)
    if not story.state.huge:
        assert seen.one("mismatches") == ["0"]
        assert seen.one("digest")[0] == _data_digest(Image(story.images["abcd".index(in_sync[0])]))


def _data_digest(image: Image) -> str:
    read, size = image.data()
    return hashlib.md5(read(0, size)).hexdigest()
