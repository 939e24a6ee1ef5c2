"""A stage for tests of the mirror core: simulated disks, nothing left to chance, any verb run to its end."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from mirrortui.device.buffers import Buffer, Pool
from mirrortui.device.filters.crash import PowerCut
from mirrortui.errors import MirrortuiError
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.assemble import AssembleSpec, assemble
from mirrortui.mirror.birth.create import CreateSpec, create
from mirrortui.mirror.executor import Executor, Task
from mirrortui.mirror.mirror import Mirror
from mirrortui.testing.simulated import Rates, Scheduler, SimDisk
from mirrortui.units import MIB, SECTOR
from tests.golden import GoldenMember

METADATA = 2048
"""Sectors in front of the data on a small member."""


class Stage:
    """Disks and the executor that a mirror on them runs in."""

    def __init__(self) -> None:
        self.scheduler = Scheduler(random.Random(0), Rates())
        self.executor = Executor(self.scheduler)
        self.pool = Pool()
        self.events: list[tuple[str, str]] = []

    def disk(self, name: str, size: int = 4 * MIB, *, inline: bool = False) -> SimDisk:
        """An empty one."""
        sectors = size // SECTOR
        return SimDisk(name, sectors, range(METADATA, sectors), self.scheduler, inline=inline)

    def golden(self, member: GoldenMember) -> SimDisk:
        """One with the metadata that the kernel wrote."""
        disk = self.disk(str(member), member.size)
        for sector, data in member.sectors.items():
            disk.current[sector * SECTOR : (sector + 1) * SECTOR] = data
        return disk

    def observe(self, kind: str, severity: str, text: str, member: str | None) -> None:
        """Keep what the mirror reports."""
        self.events.append((kind, text))

    def run(self, task: Task) -> Any:
        """Run a coroutine of the mirror's to its end; what it raises is raised here."""
        ended: list[Any] = []
        problems: list[MirrortuiError] = []

        async def guarded() -> None:
            try:
                ended.append(await task)
            except MirrortuiError as problem:
                problems.append(problem)

        self.executor.spawn(guarded())
        self.until(lambda: bool(ended or problems))
        if problems:
            raise problems[0]
        return ended[0]

    def cut_at(self, step: int, task: Task, disks: Sequence[SimDisk]) -> bool:
        """Run a task, and cut the power at that operation from now; True: the task was over by then."""
        self.scheduler.operations, self.scheduler.cut_at = 0, step
        over = False
        try:
            self.run(task)
            over = True
            self.wait(1)
        except PowerCut:
            pass
        self.scheduler.cut_at = -1
        self.executor.abandon()
        in_flight = self.scheduler.ready
        for disk in disks:
            disk.lose_power(in_flight)
        self.scheduler.forget()
        return over

    def until(self, happened: Any) -> None:
        """Complete operations, and let time pass when there are none."""
        for _ in range(100_000):
            self.executor.drain()
            if happened():
                return
            if self.scheduler.ready:
                self.scheduler.complete_one()
            elif not self.scheduler.jump():
                break
        raise AssertionError("it waits for nothing")

    def wait(self, seconds: float) -> None:
        """Let that much time pass, and all that happens meanwhile."""
        passed: list[bool] = []
        self.scheduler.call_later(seconds, lambda: passed.append(True))
        self.until(lambda: bool(passed))

    def create(self, disks: Sequence[SimDisk], *, clean: bool = True, chunk: int | None = None) -> Mirror:
        """A new mirror that runs."""
        spec = CreateSpec(name="vault", assume_clean=clean, chunk=chunk)
        self.run(create(disks, spec, self.scheduler, self.pool))
        return self.assemble(disks)

    def assemble(self, disks: Sequence[SimDisk], **options: Any) -> Mirror:
        """A mirror that was there."""
        spec = AssembleSpec(**options)
        mirror = self.run(assemble(self.executor, self.scheduler, disks, spec, self.observe, self.pool))
        assert isinstance(mirror, Mirror)
        return mirror

    def write(self, mirror: Mirror, offset: int, data: bytes) -> int:
        """By the front door; the errno."""
        buffer = self.pool.take(data)
        if mirror.try_write(offset, buffer.view[: len(data)]):
            buffer.drop()
            return 0
        answers: list[int] = []
        mirror.start_write(offset, buffer, len(data), False, answers.append)
        self.until(lambda: bool(answers))
        buffer.drop()
        return answers[0]

    def read(self, mirror: Mirror, offset: int, length: int) -> bytes:
        """By the front door."""
        buffer = self.pool.empty(length)
        answers: list[tuple[int, Buffer]] = []
        mirror.start_read(offset, buffer, length, lambda *answer: answers.append(answer))
        self.until(lambda: bool(answers))
        ((error, buffer),) = answers
        assert not error
        data = bytes(buffer.view[:length])
        buffer.drop()
        return data

    def in_sync(self, mirror: Mirror) -> None:
        """Wait until nothing is left to copy."""
        self.until(lambda: not mirror.sync.running and not mirror.array.degraded())


def states(mirror: Mirror) -> dict[str, State]:
    """Members by path."""
    return {m.path: m.state for m in mirror.array.members}


def image(disk: SimDisk) -> bytes:
    """All of its bytes."""
    return bytes(disk.current)
