"""Random histories of two or three sides of a mirror, run by the real core: what parted is noticed, the bitmaps are
believed only where they tell the whole truth, and the survivor's bytes are on every copy in the end (I10).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from mirrortui.errors import DivergedError, RefusedError
from mirrortui.format import parting
from mirrortui.format.layout import Layout
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.assemble import AssembleSpec, assemble
from mirrortui.mirror.assembly.decide import decide
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.assembly.verdict import Verdict
from mirrortui.mirror.birth.create import CreateSpec, create
from mirrortui.mirror.executor import Executor
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.tuning import Tuning
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import SECTOR
from tests.stage import METADATA, Stage, image

DATA = 128
CHUNK = 4096
LAYOUT = Layout(
    minor=2,
    super_offset=8,
    data_offset=METADATA,
    data_size=DATA,
    bitmap_offset=8,
    bitmap_space=8,
    chunk=CHUNK,
    bblog_offset=16,
    bblog_size=8,
)
TUNING = Tuning(daemon_delay=1.0, window=2 * CHUNK, stripe_shift=13, bucket_shift=12)


@dataclass
class Side:
    """Those that go on together."""

    disks: list[SimDisk]
    strangers: list[SimDisk] = field(default_factory=list)
    """What it took in, and perhaps lost again."""


class History(Stage):
    """What happens to one mirror, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = random.Random(seed)
        self.scheduler.rng = random.Random(seed + 1)
        self._names = iter("abcdefghijklmnop")

    def new_disk(self) -> SimDisk:
        return self.disk(next(self._names), (METADATA + DATA) * SECTOR, inline=self.rng.random() < 0.5)

    def born(self) -> list[SimDisk]:
        """Two or three members that lived together for a while."""
        disks = [self.new_disk() for _ in range(self.rng.choice([2, 2, 3]))]
        spec = CreateSpec(
            name="vault",
            assume_clean=True,
            chunk=CHUNK if self.rng.random() < 0.9 else None,
            layouts=[LAYOUT] * len(disks),
        )
        self.run(create(disks, spec, self.scheduler, self.pool))
        self.live(Side(disks), adopt=False)
        return disks

    def split(self, disks: list[SimDisk]) -> list[Side]:
        """Each on its own, or two of them together."""
        self.rng.shuffle(disks)
        sides = [Side([disk]) for disk in disks]
        if len(sides) == 3 and self.rng.random() < 0.6:
            sides[0].disks += sides.pop().disks
        for side in sides:
            for _ in range(self.rng.randint(1, 3)):
                self.live(side, adopt=self.rng.random() < 0.3)
            while not self.alone(side, disks):
                self.live(side, adopt=False)
        return sides

    def alone(self, side: Side, disks: Sequence[SimDisk]) -> bool:
        """It said on disk that it goes on without the others; until then it wrote nothing. What it holds is settled."""
        for disk in side.disks:
            disk.lose_power([])
        found = self.look(disks)
        own = [f for f in found if any(f.path == disk.path for disk in side.disks)]
        return not any(
            parting.accepts(one, other, found) for one in own for other in found if other not in own
        )

    def live(self, side: Side, *, adopt: bool) -> None:
        """One run of a side: writes, quiet, a stranger that takes a place, and an end, clean or not."""
        mirror = self.start(side.disks, run=True)
        for _ in range(self.rng.randint(0, 6)):
            drawn = self.rng.random()
            if drawn < 0.6:
                self.scribble(mirror)
            elif drawn < 0.8:
                self.wait(self.rng.choice([0.5, 3.0]))
            elif adopt and mirror.array.vacant_role() is not None:
                self.adopt(mirror, side)
            elif adopt and side.strangers:
                self.lose(mirror, side)
        self.end(mirror, side.disks)

    def adopt(self, mirror: Mirror, side: Side) -> None:
        stranger = self.new_disk()
        self.run(manage.add(mirror, stranger, LAYOUT))
        side.disks.append(stranger)
        side.strangers.append(stranger)
        if self.rng.random() < 0.8:
            self.until(lambda: not mirror.sync.running)
        if self.rng.random() < 0.5:
            self.wait(3.0)

    def lose(self, mirror: Mirror, side: Side) -> None:
        stranger = side.strangers[-1]
        if stranger not in side.disks or not mirror.array.find(stranger.path):
            return
        try:
            self.run(manage.fail(mirror, stranger.path))
        except RefusedError:
            return
        self.run(manage.remove(mirror, stranger.path))
        side.disks.remove(stranger)

    def scribble(self, mirror: Mirror) -> None:
        first = self.rng.randrange(DATA)
        count = min(DATA - first, self.rng.choice([1, 1, 3, 9]))
        assert self.write(mirror, first * SECTOR, self.rng.randbytes(count * SECTOR)) == 0

    def start(self, disks: Sequence[SimDisk], **options: Any) -> Mirror:
        order = list(disks)
        self.rng.shuffle(order)
        spec = AssembleSpec(tuning=TUNING, **options)
        mirror = self.run(assemble(self.executor, self.scheduler, order, spec, self.observe, self.pool))
        assert isinstance(mirror, Mirror)
        return mirror

    def end(self, mirror: Mirror, disks: Sequence[SimDisk]) -> None:
        """Stopped, killed, or without power."""
        drawn = self.rng.random()
        if drawn < 0.6:
            self.run(manage.stop(mirror))
        in_flight = list(self.scheduler.ready)
        self.scheduler.ready.clear()
        self.scheduler._timers.clear()
        self.executor.abandon()
        self.executor = Executor(self.scheduler)
        for disk in disks:
            if drawn > 0.8:
                disk.lose_power(in_flight)

    def look(self, disks: Sequence[SimDisk]) -> list[Found]:
        return [self.run(read_member(disk, self.pool)) for disk in disks]


def data(disk: SimDisk) -> bytes:
    return image(disk)[METADATA * SECTOR : (METADATA + DATA) * SECTOR]


def chunks(content: bytes) -> list[bytes]:
    return [content[at : at + CHUNK] for at in range(0, len(content), CHUNK)]


def heads(sides: Sequence[Side]) -> Iterator[SimDisk]:
    """One of each side that was there from the beginning."""
    return (next(disk for disk in side.disks if disk not in side.strangers) for side in sides)


def play(seed: int) -> Counter[str]:
    """One history, all that must hold of it, and what it came to."""
    history = History(seed)
    sides = history.split(history.born())
    there = [disk for side in sides for disk in side.disks]
    found = history.look(there)
    before = {disk.path: image(disk) for disk in there}
    with pytest.raises(DivergedError):
        history.start(there, run=True)
    assert {disk.path: image(disk) for disk in there} == before, "a refusal writes nothing"

    kept = history.rng.choice(list(heads(sides)))
    compare = history.rng.random() < 0.1
    verdict = decide(found, run=True, survivor=kept.path, compare=compare)
    assert verdict.freshest.path in {disk.path for side in sides if kept in side.disks for disk in side.disks}
    reached = check_verdict(verdict, {disk.path: data(disk) for disk in there})
    # The lowest role of the survivor's side, if that was not stopped cleanly; else its copies are equal.
    copies = [place for place in verdict.places if place.role is not None and not place.recovering]
    source = min(copies, key=lambda place: place.role or 0).found.path
    truth = next(data(disk) for disk in there if disk.path == source)
    mirror = history.start(there, run=True, survivor=kept.path, compare=compare)
    interrupted = history.rng.random() < 0.3
    if interrupted:
        for _ in range(history.rng.randint(0, 12)):
            history.executor.drain()
            if history.scheduler.ready:
                history.scheduler.complete_one()
        history.end(mirror, there)
        reached["interrupted"] += 1
        try:
            mirror = history.start(there, run=True)
        except DivergedError:
            reached["interrupted before it began"] += 1
            mirror = history.start(there, run=True, survivor=kept.path, compare=compare)
    history.until(lambda: not mirror.sync.running)
    check_healed(mirror, verdict, there, truth, before, exact=not interrupted)
    return reached


def check_verdict(verdict: Verdict, was: dict[str, bytes]) -> Counter[str]:
    """Whatever differs is to be copied."""
    reached: Counter[str] = Counter()
    for rejoin in verdict.rejoins:
        reached[rejoin.how] += 1
        pairs = zip(chunks(was[rejoin.kept]), chunks(was[rejoin.lost]), strict=True)
        differing = {number for number, (a, b) in enumerate(pairs) if a != b}
        assert differing <= rejoin.need, f"{rejoin.how}: {differing - rejoin.need} would be forgotten"
    return reached


def check_healed(
    mirror: Mirror,
    verdict: Verdict,
    there: Sequence[SimDisk],
    truth: bytes,
    before: dict[str, bytes],
    *,
    exact: bool,
) -> None:
    copies = {member.path for member in mirror.array.in_sync()}
    if exact:
        assert copies >= {rejoin.lost for rejoin in verdict.rejoins}
    by_path = {disk.path: disk for disk in there}
    for path in copies:
        assert data(by_path[path]) == truth, f"{path} is not the survivor's copy"
    for member in mirror.array.members:
        assert member.state is not State.RECOVERING
    if not exact:
        return
    for rejoin in verdict.rejoins:
        was = chunks(before[rejoin.lost][METADATA * SECTOR :])
        now = chunks(image(by_path[rejoin.lost])[METADATA * SECTOR :])
        changed = {number for number, (a, b) in enumerate(zip(was, now, strict=True)) if a != b}
        assert changed <= rejoin.need


def test_random_histories() -> None:
    reached: Counter[str] = Counter()
    for seed in range(150):
        try:
            reached += play(seed)
        except BaseException:
            print("seed", seed)
            raise
    assert reached["union"] > 30, reached
    assert reached["compare"] > 10, reached
    assert reached["interrupted"] > 10, reached


def test_both_sides_cleared_bits_at_the_same_count() -> None:
    """Each took in a stranger, cleared what it had written alone, and lost the stranger again."""
    assert play(1220)["compare"] == 1


@pytest.mark.nightly
def test_many_random_histories() -> None:
    for seed in range(1000, 1700):
        try:
            play(seed)
        except BaseException:
            print("seed", seed)
            raise
