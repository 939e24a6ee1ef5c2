"""Plays: an action, the state that it begins with, what is done with hands, and what must come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mirrortui.testing.fake_engine import FakeEngine
from tests.e2e.cockpit.ground import Ground
from tests.e2e.cockpit.hands import Hands

Move = Callable[[Hands], Awaitable[None]]


@dataclass(frozen=True)
class Play:
    """Played by keys and by mouse, on a real engine."""

    action: str
    """Its id in the registry."""
    given: Callable[[Ground], None]
    """Brings about the state that it begins with."""
    moves: Sequence[Move]
    effect: Callable[[Ground], object]
    """Comes true in the engine's status, or on the members."""
    about: str = ""
    """Tells plays of one action apart."""
    shown: Callable[[Hands], object] = lambda hands: hands.at_home
    """What is on the screen at the end."""
    on: str = ""
    """A member that gets the cursor first."""
    first: Move | None = None
    """Instead of putting the cursor anywhere."""

    @property
    def id(self) -> str:
        return f"{self.action}-{self.about}" if self.about else self.action


@dataclass(frozen=True)
class Rehearsal:
    """Played on the fake engine, for a reason."""

    action: str
    state: str
    """One of the fake's."""
    moves: Sequence[Move]
    effect: Callable[[FakeEngine, Hands], object]
    why: str
    """No real engine could show it, or none is needed."""
    place: str = ""
    """The screen that it is for."""
    on: str = ""
    """A mirror that gets the cursor first."""

    @property
    def id(self) -> str:
        return self.action


# Moves, by either hand.


def choose(words: str, listed: str = "#choice") -> Move:
    return lambda hands: hands.choose(words, listed)


def mark(words: str) -> Move:
    return lambda hands: hands.mark(words)


def write(field: str, text: str) -> Move:
    """`{}` in the text is the directory of the images."""
    return lambda hands: hands.write(field, text.format(Path.cwd()))


def tick(box: str) -> Move:
    return lambda hands: hands.tick(box)


def follow(words: str, key: str) -> Move:
    return lambda hands: hands.follow(words, key)


async def onward(hands: Hands) -> None:
    """To a wizard's next step."""
    await hands.onward()


async def agree(hands: Hands) -> None:
    """Read the plan and say yes."""
    await hands.agree()
