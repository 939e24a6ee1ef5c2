"""Repairs with a winner in a world: under load they find nothing, and what went bad in silence is made like the copy of
any member that is named, be it the bad one; whoever leaves or comes back meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from mirrortui.errors import MirrortuiError
from mirrortui.mirror.array import State
from mirrortui.mirror.checking.findings import Findings, with_winner
from mirrortui.mirror.executor import Task
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import SECTOR
from tests.simulation.model import WrongAnswerError
from tests.simulation.scene import Scene

Begin = Callable[[Mirror, Findings], None]


class Umpire:
    """Draws from the inspector's source. `begin` starts a run, and raises what refuses it."""

    def __init__(self, scene: Scene, begin: Begin) -> None:
        self._scene = scene
        self._rng = scene.inspector
        self._begin = begin

    def choose(self, mirror: Mirror) -> Findings:
        """Some ranges, or all of it, and any member as the winner."""
        unit, size = max(SECTOR, mirror.block_size), mirror.size
        chosen = [(0, size)]
        if self._rng.random() < 0.7:
            edges = sorted({self._rng.randrange(size // unit + 1) * unit for _ in range(4)})
            chosen = list(zip(edges[::2], edges[1::2], strict=False)) or chosen
        winner = self._rng.choice(mirror.array.members).path
        return with_winner(mirror.checker.findings, winner, chosen, self._scene.scheduler.now())

    def settle(self, mirror: Mirror, hung: Callable[[], bool]) -> None:
        """Nobody reads or writes, and copies differ."""
        scene, findings = self._scene, self.choose(mirror)
        winner = scene.disk(findings.winner)
        before = {disk.path: bytes(disk.current) for disk in scene.disks}
        meddling = self._rng.random() < 0.4
        self._begin(mirror, findings)

        def over() -> bool:
            if meddling and self._rng.random() < 0.1:
                self._meddle(mirror)
            return hung() or not (mirror.checker.running or scene.scheduler.ready)

        scene.until(over)
        if mirror.checker.running:
            mirror.checker.cancel()
            scene.until(lambda: not mirror.checker.running)
        if hung() or not findings.complete or findings.unread:
            return
        wanted = before[winner.path]
        self._check(mirror, findings.chosen, wanted)
        if not any(m.state is State.FAULTY for m in mirror.array.members) and not meddling:
            self._check_rest(mirror, findings.chosen, before)
        if self._bring_back(mirror, hung):
            self._check(mirror, findings.chosen, wanted)
            scene.reached["settled, and kept for who was away"] += 1

    def _meddle(self, mirror: Mirror) -> None:
        """A member goes, or comes back."""
        scene = self._scene
        member = self._rng.choice(mirror.array.members)
        if member.state is State.FAULTY:
            scene.executor.spawn(self._tolerant(partial(manage.re_add, mirror, scene.disk(member.path))))
        elif member.state is State.IN_SYNC:
            scene.history.may_be_out.add(member.path)
            scene.executor.spawn(self._tolerant(partial(manage.fail, mirror, member.path)))

    def _bring_back(self, mirror: Mirror, hung: Callable[[], bool]) -> bool:
        """Those that went. False: nobody had, or not all came."""
        scene = self._scene
        away = [m.path for m in mirror.array.members if m.state is State.FAULTY]
        for path in away:
            scene.executor.spawn(self._tolerant(partial(manage.re_add, mirror, scene.disk(path))))
        scene.until(lambda: hung() or not (mirror.sync.running or scene.scheduler.ready))
        states = {m.path: m.state for m in mirror.array.members}
        return bool(away) and not hung() and all(states[path] is State.IN_SYNC for path in away)

    def _check(self, mirror: Mirror, chosen: Sequence[tuple[int, int]], wanted: bytes) -> None:
        """All copies have what the winner had, and keep it when the power goes."""
        geometry = self._scene.habits.geometry
        for lo, hi in chosen:
            for at in range(lo, hi, SECTOR):
                place = geometry.start * SECTOR + at
                for member in mirror.array.in_sync():
                    if member.bad.touches(at, at + SECTOR) or member.need.count:
                        continue
                    disk = self._scene.disk(member.path)
                    if disk.current[place : place + SECTOR] != wanted[place : place + SECTOR]:
                        raise WrongAnswerError(f"{disk.path} has not what won in sector {at // SECTOR}")
                    if not disk.medium.is_durable(place, SECTOR):
                        raise WrongAnswerError(
                            f"sector {at // SECTOR} of {disk.path} was settled, and may be lost"
                        )
        self._scene.reached["settled by a winner"] += 1

    def _check_rest(
        self, mirror: Mirror, chosen: Sequence[tuple[int, int]], before: dict[str, bytes]
    ) -> None:
        """What nobody asked for is as it was."""
        start = self._scene.habits.geometry.start * SECTOR
        for disk in self._disks(mirror):
            for at in range(0, mirror.size, SECTOR):
                here = slice(start + at, start + at + SECTOR)
                if any(lo <= at < hi for lo, hi in chosen):
                    continue
                if disk.current[here] != before[disk.path][here]:
                    raise WrongAnswerError(f"sector {at // SECTOR} of {disk.path} was not to be repaired")

    def _disks(self, mirror: Mirror) -> list[SimDisk]:
        return [self._scene.disk(m.path) for m in mirror.array.in_sync()]

    async def _tolerant(self, verb: Callable[[], Task]) -> None:
        try:
            await verb()
        except MirrortuiError as problem:
            self._scene.scheduler.note(f"refused: {problem}")
