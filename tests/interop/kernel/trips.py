"""Random journeys of an array between the kernel and us: a turn is drawn from a seed, whoever takes it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Protocol

from mirrortui.units import KIB
from tests.e2e.conftest import World
from tests.interop.kernel import ours
from tests.interop.kernel.content import BLOCK, GENERATION_BLOCKS, GENERATIONS, Content
from tests.interop.kernel.scenes import SIZE
from tests.interop.kernel.turns import Turn

_BLOCKS = SIZE // BLOCK - 256
"""Blocks that every one of these arrays has."""
_SLOW = 32 * KIB


class Hands(Protocol):
    """Who has the turn."""

    def begin(self, trip: Trip) -> None:
        """Make the array, or take it over."""
        ...

    def put(self, generation: int, first: int, count: int) -> None:
        """Write ink."""
        ...

    def fail(self, letter: str) -> None:
        """Take a member out."""
        ...

    def back(self, letter: str, guided: bool) -> None:
        """Take it in again, slowly; `guided` by the bitmap, else in full."""
        ...

    def settle(self) -> None:
        """Wait until nothing is copied."""
        ...

    def stop(self) -> None:
        """Cleanly."""
        ...

    def cut(self) -> None:
        """Leave it in the middle of writing."""
        ...


class Trip:
    """An array, where it has been, and what it must be."""

    def __init__(self, seed: int, images: list[Path], content: Content) -> None:
        self.name = f"trip-{seed}"
        self.rng = random.Random(self.name)
        self.letters = "abc"[: len(images)]
        self.images = images
        self.content = content
        self.minor = self.rng.choice([0, 1, 2])
        self.chunk = self.rng.choice([None, 4, 64, 64])
        """KiB of the bitmap's, None: no bitmap."""
        self.made = False
        self.out = ""
        """The member that was taken out."""
        self.copying = False
        self.story: list[str] = []
        """What was done, for whoever must find out why it failed."""

    def take_turn(self, hands: Hands) -> None:
        """A few random things, and an end."""
        self._say(f"{type(hands).__name__}: " + ("taken over" if self.made else "made"))
        hands.begin(self)
        self.made, self.copying = True, False
        for _ in range(self.rng.randint(2, 4)):
            self.rng.choice([self._put, self._put, self._change])(hands)
        if self.rng.random() < 0.5:
            self._say("stopped")
            hands.stop()
        else:
            self._say("cut")
            hands.cut()

    def _put(self, hands: Hands) -> None:
        first = self.rng.randrange(_BLOCKS)
        count = min(self.rng.randint(1, 40), GENERATION_BLOCKS - first % GENERATION_BLOCKS, _BLOCKS - first)
        generation = self.rng.randrange(1, GENERATIONS)
        self._say(f"put {generation} at {first} for {count}")
        hands.put(generation, first, count)

    def _change(self, hands: Hands) -> None:
        if self.copying:
            hands.settle()
            self.copying = False
        if self.out:
            self._say(f"{self.out} comes back")
            hands.back(self.out, self.chunk is not None)
            self.out, self.copying = "", True
            return
        self.out = self.rng.choice(self.letters)
        self._say(f"{self.out} fails")
        hands.fail(self.out)
        self._put(hands)

    def _say(self, text: str) -> None:
        self.story.append(text)


class TheKernel:
    """Writes down the script of its turn."""

    def __init__(self) -> None:
        self.script = ""

    def begin(self, trip: Trip) -> None:
        """Where it is taken over, a check follows as soon as nothing is copied."""
        disks = " ".join(f"${letter}" for letter in trip.letters)
        if trip.made:
            self._do(f"assemble {disks}; mend; check")
            return
        bitmap = (
            f"--bitmap=internal --bitmap-chunk={trip.chunk}K --delay=1" if trip.chunk else "--bitmap=none"
        )
        self._do(
            f"create --raid-devices={len(trip.letters)} --metadata=1.{trip.minor} {bitmap} {disks}; settle"
        )

    def put(self, generation: int, first: int, count: int) -> None:
        self._do(f"put {generation} {first} {count}")

    def fail(self, letter: str) -> None:
        self._do(f"manage --fail ${letter}")

    def back(self, letter: str, guided: bool) -> None:
        self._do(
            f"manage --remove ${letter} || true; copy_to 4096; manage --{'re-' if guided else ''}add ${letter}"
        )

    def settle(self) -> None:
        self._do("settle")

    def stop(self) -> None:
        self._do("mdadm --stop $dev")

    def cut(self) -> None:
        self._do("scribble")

    def _do(self, words: str) -> None:
        self.script += f"{words}\n"


class We:
    """Act at once."""

    def __init__(self, world: World, trip: Trip) -> None:
        self.turn = Turn(world, trip.name, trip.images, trip.content)
        self._trip = trip

    def begin(self, trip: Trip) -> None:
        """Where it is taken over, everything is read before and after the copying, and must not flip."""
        if not trip.made:
            trip.minor = 2
            trip.chunk = trip.chunk or 64
            self.turn.create(trip.letters, chunk=trip.chunk * KIB)
            self.turn.settle()
            return
        self.turn.assemble()
        self.turn.check()
        self.turn.settle()
        self.turn.check()
        states = ours.states(self.turn.world.client.mirror(trip.name), trip.images)
        whole = {letter for letter, state in states.items() if state == "in_sync"}
        assert whole == set(trip.letters) - set(trip.out), states

    def put(self, generation: int, first: int, count: int) -> None:
        self.turn.put(generation, first, count)

    def fail(self, letter: str) -> None:
        self.turn.do("fail", letter)

    def back(self, letter: str, guided: bool) -> None:
        self.turn.speed(_SLOW)
        self.turn.do("remove", letter)
        self.turn.do("re-add" if guided else "add", letter)

    def settle(self) -> None:
        self.turn.speed(0)
        self.turn.settle()

    def stop(self) -> None:
        self.turn.stop()

    def cut(self) -> None:
        self.turn.write_on()
