"""Arrays travel between the kernel and us, and are written, degraded, healed and cut on both sides.

After each turn the content is what a model of it says. A seed's story is in the message of its failure.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import World
from tests.interop.guest import Guest
from tests.interop.kernel.content import Content, Ink
from tests.interop.kernel.scenes import SIZE, Scene, blank, play
from tests.interop.kernel.stage import engine_says, wanted
from tests.interop.kernel.trips import TheKernel, Trip, We
from tests.interop.kernel.turns import cut

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(400)]

TRIPS = 20
NIGHTLY_TRIPS = 100
TURNS = 4
_AT_A_TIME = 4


class Fate:
    """A trip, and why it ended before its time, if it did."""

    def __init__(self, seed: int, trip: Trip) -> None:
        self.seed = seed
        self.trip = trip
        self.problem = ""

    def attempt(self, act: Callable[[We, Trip], None], world: World) -> We:
        """Do our part of it, unless a part before has failed."""
        hands = We(world, self.trip)
        try:
            if not self.problem:
                act(hands, self.trip)
        except Exception as problem:
            self.fail(f"{problem!r}\n{engine_says(world)}")
        return hands

    def fail(self, why: str) -> None:
        """It ends here."""
        self.problem = f"seed {self.seed}: {why}\n" + "\n".join(self.trip.story)


@pytest.fixture(scope="module")
def fates(request: pytest.FixtureRequest, guests: list[Guest], ink: Ink) -> Iterator[dict[int, Fate]]:
    """Every second trip begins in the kernel; then they change places."""
    place = Path(tempfile.mkdtemp(prefix="mk-"))
    told = {seed: Fate(seed, _trip(seed, place, ink)) for seed in map(int, wanted(request, "seed"))}
    try:
        for number in range(TURNS):
            guest = guests[-(number // 2 % 2)]
            there = [fate for fate in told.values() if (fate.seed + number) % 2 and not fate.problem]
            here = [fate for fate in told.values() if (fate.seed + number) % 2 == 0 and not fate.problem]
            with ThreadPoolExecutor(1) as beside:
                kernel = beside.submit(_kernel_turn, guest, there, ink)
                _our_turn(here)
                kernel.result()
        _come_home(list(told.values()))
        yield told
    finally:
        shutil.rmtree(place)


def _trip(seed: int, place: Path, ink: Ink) -> Trip:
    letters = "ab" if seed % 3 else "abc"
    return Trip(seed, blank(place, [(f"trip-{seed}-{letter}.img", SIZE) for letter in letters]), Content(ink))


def _kernel_turn(guest: Guest, fates: list[Fate], ink: Ink) -> None:
    scenes = []
    for fate in fates:
        kernel = TheKernel()
        fate.trip.take_turn(kernel)
        scenes.append(Scene(fate.trip.name, kernel.script, fate.trip.images))
    outcomes = play(guest, scenes, ink)
    for fate in fates:
        outcome = outcomes[fate.trip.name]
        fate.trip.content.hear(outcome.told)
        if outcome.failure:
            fate.fail(outcome.failure)
        elif any(words != ["0"] for words in outcome.all("mismatches")):
            fate.fail(f"the kernel found mismatches in {outcome.all('mismatches')} sectors")


def _our_turn(fates: list[Fate]) -> None:
    with _engine() as world, ThreadPoolExecutor(_AT_A_TIME) as pool:
        hands = list(pool.map(lambda fate: fate.attempt(_turn, world), fates))
        cut(world, [we.turn for we in hands if we.turn.writer], random.Random(len(fates)))


def _turn(hands: We, trip: Trip) -> None:
    trip.take_turn(hands)


def _come_home(fates: list[Fate]) -> None:
    """In the end all are taken over here once more."""
    with _engine() as world, ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(lambda fate: fate.attempt(_home, world), fates))


@contextmanager
def _engine() -> Iterator[World]:
    """A new one each time: none may remember, and bring back, what the kernel has now."""
    place = Path(tempfile.mkdtemp(prefix="mk-"))
    world = World(place)
    try:
        world.do("devices")
        yield world
    finally:
        world.kill_all()
        shutil.rmtree(place)


def _home(hands: We, trip: Trip) -> None:
    hands.begin(trip)
    hands.stop()
    for letter in set(trip.letters) - set(trip.out):
        trip.content.check(*hands.turn.image(letter).data())


@pytest.mark.parametrize(
    "seed",
    [*range(TRIPS), *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(TRIPS, NIGHTLY_TRIPS))],
)
def test_content_survives_the_way_to_and_fro(seed: int, fates: dict[int, Fate]) -> None:
    assert not fates[seed].problem, fates[seed].problem
