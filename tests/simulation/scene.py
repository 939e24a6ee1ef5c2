"""What the parts of a world share: disks, the mirror that runs on them, and its history."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from mirrortui.device.buffers import Pool
from mirrortui.errors import MirrortuiError
from mirrortui.mirror.assembly.departed import keep_in_mind
from mirrortui.mirror.executor import Executor, Task
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.notes import Departed
from mirrortui.testing.simulated import Rates, Scheduler, SimDisk
from mirrortui.units import SECTOR
from tests.simulation.habits import Habits
from tests.simulation.history import Histories, History
from tests.simulation.memory import Memory
from tests.simulation.model import Model, WrongAnswerError, content

GARBAGE = 0xDEAD
"""What members hold at birth where they are not equal."""
ROT = 0x0DD
"""What a copy holds that went bad in silence."""
LOST = 0xBAD
"""What is where a member lost its data: nobody may ever read it."""
_PATIENCE = 20_000
"""Turns after which whatever is waited for will not come."""


class Scene:
    """Nothing happens here by itself: `turn()` lets the mirror run until it waits for a disk or the time."""

    def __init__(
        self,
        seed: int,
        trace: Callable[[str], None] | None = None,
        *,
        adopted: bool = False,
        remembered: bool = False,
    ) -> None:
        self.rng = random.Random(seed)
        self.habits = habits = Habits.draw(self.rng, random.Random(f"later {seed}"))
        self.inspector = random.Random(seed)
        """For checks alone, which the administrator of most worlds never makes: those stay as they were."""
        if self.inspector.random() < 0.3:
            habits.checks, habits.rot = 0.02, self.inspector.random() < 0.5
        self.witness = random.Random(f"witness {seed}")
        self.watching = self.witness.random() < 0.5
        """Somebody keeps in mind, beyond the power cuts, who went out."""
        self.departed: tuple[Departed, ...] = ()
        """What is kept in mind."""
        self.memory = Memory() if remembered else None
        """Of the engine; None: whatever is there is given to every assembly."""
        if self.memory:
            habits.keep_together()
            self.watching = True
        if adopted:
            habits.adopt()
        rates = Rates(habits.fault_rate, habits.read_error_rate, habits.hang_rate, habits.slow_metadata)
        self.scheduler = Scheduler(self.rng, rates)
        self.scheduler.trace = trace
        geometry = habits.geometry
        data = range(geometry.start, geometry.start + geometry.data)
        self.disks = [
            SimDisk(
                f"disk{n}",
                geometry.sectors,
                data,
                self.scheduler,
                inline=habits.inline,
                atom=geometry.atom,
                block_size=geometry.block_size,
            )
            for n in range(habits.members + habits.spare)
        ]
        model = Model(geometry.data, None if habits.assume_clean else GARBAGE, habits.born, GARBAGE)
        self.histories = Histories(History(model, {d.path for d in self.disks[: habits.members]}))
        self.there = list(self.disks)
        """The disks in reach."""
        self.not_to_copy: dict[str, set[int]] = {}
        """While a split brain is healed and no client writes: chunks of the losers that nobody wrote."""
        self.rotten: dict[int, bytes] = {}
        """What went bad in silence: byte on the disk, and what was there."""
        self.decayed: Counter[int] = Counter()
        """How often a sector could not be read any more on some disk."""
        self.reached: Counter[str] = Counter()
        """How often the world came to what is worth coming to."""
        self.executor = Executor(self.scheduler)
        self.pool = Pool()
        self.mirror: Mirror | None = None
        self.listeners: list[Callable[[str, str | None], None]] = []
        """Told the kind of every event, and its member."""

    @property
    def history(self) -> History:
        """What goes on now."""
        return self.histories.current

    @property
    def model(self) -> Model:
        """What reads may return now."""
        return self.history.model

    @property
    def sectors(self) -> int:
        """Of the running mirror, for clients."""
        return self.running.size // SECTOR

    @property
    def running(self) -> Mirror:
        """The mirror, which runs."""
        assert self.mirror is not None
        return self.mirror

    @property
    def paths(self) -> set[str]:
        """Of all disks, there or not."""
        return {d.path for d in self.disks}

    def disk(self, path: str) -> SimDisk:
        """By its path."""
        return next(d for d in self.disks if d.path == path)

    def start_process(self) -> None:
        """A new process: memory is empty, the disks are as they were."""
        self.executor.abandon()
        self.executor = Executor(self.scheduler)
        self.pool = Pool()
        self.pool.poison = self.rng.random() < 0.3
        self.mirror = None

    def held(self, disk: SimDisk) -> History | None:
        """The history that a disk holds; None when by its own word it is not whole."""
        return self.histories.held_by(disk.path) if self.habits.geometry.is_whole(disk) else None

    def decay(self) -> None:
        """One disk can no longer read some of its data."""
        rng, geometry = self.rng, self.habits.geometry
        disk = rng.choice(self.disks)
        first = min(rng.randrange(self.habits.hot_spot), geometry.data - 1)
        for sector in range(first, min(geometry.data, first + rng.choice([1, 1, 2, 5]))):
            disk.damage.strike(geometry.place(sector), dead=rng.random() < self.habits.dead)
            self.decayed[sector] += 1
            self.unpin_resynced(sector)
        self.reached["sectors decayed"] += 1
        self.scheduler.note(f"{disk.path} decays from {first} on")

    def unpin_resynced(self, sector: int) -> None:
        """The copy whose version counts cannot be read, and another that waits for a resync may have another."""
        if self.mirror is None or sector * SECTOR >= self.mirror.array.size:
            return
        if any(
            sector * SECTOR >> self.mirror.array.chunk_shift in m.need for m in self.mirror.array.in_sync()
        ):
            self.model.pinned.pop(sector, None)

    def lose_power(self) -> None:
        """All disks lose what was in flight or not flushed, as the seed has it, and fail no more."""
        self.follow()
        if self.memory and self.mirror:
            self.memory.see(self.mirror.array)
        in_flight = self.scheduler.ready + self.scheduler.hung
        for disk in self.disks:
            # A member in which an operation failed may or may not have been recorded as faulty.
            if disk.failed:
                self.history.may_be_out.add(disk.path)
            disk.lose_power(in_flight)
            disk.faults = False
        self.cure()  # what was in flight may have carried it further
        self.scheduler.forget()
        self.model.crash()
        self.mirror = None
        self.not_to_copy = {}

    def rot(self, disk: SimDisk, sector: int) -> None:
        """A unit of a copy goes bad, and nobody is told."""
        unit, start = disk.medium.unit, self.habits.geometry.start * SECTOR
        place = (start + sector * SECTOR) // unit * unit
        self.rotten.setdefault(place, bytes(disk.current[place : place + unit]))
        disk.medium.preset(place, content(ROT) * (unit // SECTOR))

    def cure(self) -> None:
        """What went bad and was not repaired is as it was, wherever it was copied to."""
        for place, good in self.rotten.items():
            for disk in self.disks:
                disk.medium.cure(place, content(ROT), good)
        self.rotten = {}

    def observe(self, kind: str, severity: str, text: str, member: str | None) -> None:
        """What the mirror reports."""
        self.scheduler.note(f"event: {text}")
        self.reached[kind] += 1
        if kind == "member-failed" and member and not self._may_fail(self.disk(member), text):
            raise WrongAnswerError(f"a member is lost for a bad sector: {text}")
        if self.memory and self.mirror:
            self.memory.see(self.mirror.array)
            self.memory.hear(kind, member)
        syncing = self.mirror is not None and self.mirror.sync.running
        self.histories.note(kind, member, syncing=syncing)
        for listener in self.listeners:
            listener(kind, member)

    def _may_fail(self, disk: SimDisk, text: str) -> bool:
        """Bad sectors alone are no reason, unless clients wrote there, there are many, or they cannot be listed."""
        geometry = self.habits.geometry
        listed = {geometry.place(sector) for sector in geometry.bad(disk)}
        reasons = ["by the operator", "too many read errors", "it has no bad-block log"]
        reasons += ["write error at"] if disk.refused - listed else []
        return disk.failed or any(reason in text for reason in reasons)

    def turn(self) -> None:
        """Let everything run that can."""
        self.executor.drain()
        self.follow()

    def follow(self) -> None:
        """Let the history know what the mirror has become."""
        if self.mirror is None:
            return
        self.histories.follow(self.mirror, self.paths)
        if self.watching and (self.memory or self.witness.random() < 0.05):
            keep_in_mind(self.mirror.array)
            self.departed = self.mirror.array.departed

    def wait_for(self, task: Task) -> Any:
        """Run a coroutine to its end, in any order of completions; what it raises is raised here."""
        results: list[Any] = []
        problems: list[MirrortuiError] = []
        self.executor.spawn(_catching(task, problems), results.append)
        self.until(lambda: bool(results))
        if problems:
            raise problems[0]
        return results[0]

    def until(self, happened: Callable[[], bool]) -> None:
        """Complete operations, and let time pass when there are none, until it happened."""
        for _ in range(_PATIENCE):
            self.turn()
            if happened():
                return
            if self.scheduler.ready:
                self.scheduler.complete_one()
            elif not self.scheduler.jump():
                break
        raise WrongAnswerError("the world does not come to rest")


async def _catching(task: Task, problems: list[MirrortuiError]) -> Any:
    """What is raised inside the executor belongs to whoever waits outside."""
    try:
        return await task
    except MirrortuiError as problem:
        problems.append(problem)
