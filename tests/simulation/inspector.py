"""Checks and repairs in a world, and members that seem slow: under load a check finds nothing, and what went bad in
silence is repaired.
"""

from __future__ import annotations

from functools import partial

from mirrortui.errors import MirrortuiError
from mirrortui.mirror.checking.check import outcome
from mirrortui.mirror.checking.findings import Findings
from mirrortui.mirror.mirror import Mirror
from tests.simulation.model import WrongAnswerError
from tests.simulation.scene import Scene
from tests.simulation.umpire import Umpire


class Inspector:
    """Draws from a source of its own."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._rng = scene.inspector
        self._umpire = Umpire(scene, self._start)

    def act(self) -> None:
        """Something now and then."""
        if self._rng.random() >= self._scene.habits.checks:
            return
        mirror = self._scene.running
        try:
            match self._rng.randrange(7):
                case 0 | 1 | 2:
                    if self._rng.random() < 0.2:
                        self._start(mirror, self._umpire.choose(mirror))
                    else:
                        self._begin(mirror, repair=self._rng.random() < 0.3)
                case 3 if self._rng.random() < 0.3:
                    mirror.sync.courtesy.take_turn("queued behind another", 0, 0)
                    self._scene.reached["queued"] += 1
                case 3:
                    mirror.sync.paused = not mirror.sync.paused
                    self._scene.reached["paused or resumed"] += 1
                case 4:
                    mirror.sync.paused = False
                case 5:
                    member = self._rng.choice(mirror.array.members)
                    member.lags = not member.lags
                    mirror.array.changed()
                case _:
                    mirror.checker.cancel()
        except MirrortuiError:
            self._scene.reached["checks refused"] += 1

    def finish(self) -> None:
        """Nothing is paused any more, and a check that runs comes to its end."""
        mirror = self._scene.running
        mirror.sync.paused = False
        self._scene.until(lambda: not mirror.checker.running)

    def repair_quietly(self) -> None:
        """While nobody reads or writes a copy goes bad in places, and is repaired."""
        scene, mirror = self._scene, self._scene.running
        if not scene.habits.rot or mirror.array.readonly:
            return
        if self._hung(mirror):
            return
        scene.until(lambda: self._hung(mirror) or not (mirror.sync.running or scene.scheduler.ready))
        copies = mirror.array.in_sync()
        if len(copies) < 2 or mirror.array.unsynced() or mirror.array.broken or mirror.sync.running:
            return
        named = self._rng.random() < 0.5
        # Of two the first one wins if nobody names another, so that only the other may go bad.
        victim = self._rng.choice(copies if named or len(copies) > 2 else copies[1:])
        for _ in range(self._rng.randint(1, 4)):
            sector = self._rng.randrange(scene.sectors)
            if not (victim.bad.touches(sector * 512, sector * 512 + 1) or scene.decayed[sector]):
                scene.rot(scene.disk(victim.path), sector)
        try:
            if named:
                self._umpire.settle(mirror, lambda: self._hung(mirror))
                scene.cure()
                return
            findings = self._begin(mirror, repair=True)
        except MirrortuiError:
            scene.cure()
            return
        scene.until(lambda: self._hung(mirror) or not (mirror.checker.running or scene.scheduler.ready))
        if self._hung(mirror) and mirror.checker.running:
            mirror.checker.cancel()
        scene.until(lambda: not mirror.checker.running)
        if (
            findings.complete
            and not findings.left
            and not findings.unread
            and len(mirror.array.in_sync()) > 1
        ):
            self._check_repaired(mirror)
        scene.cure()

    def _hung(self, mirror: Mirror) -> bool:
        """An operation may never end: nothing is waited for."""
        return any(m.device.zombies for m in mirror.array.members)

    def _check_repaired(self, mirror: Mirror) -> None:
        geometry = self._scene.habits.geometry
        for sector in range(self._scene.sectors):
            held = {geometry.sector_of(self._scene.disk(m.path), sector) for m in mirror.array.in_sync()}
            if len(held) > 1 and not any(
                m.bad.touches(sector * 512, sector * 512 + 1) or m.need.count for m in mirror.array.in_sync()
            ):
                raise WrongAnswerError(f"sector {sector} was repaired, and still differs")
        self._scene.reached["repaired in silence"] += 1

    def _begin(self, mirror: Mirror, *, repair: bool) -> Findings:
        findings = Findings("repair" if repair else "check", self._scene.scheduler.now(), mirror.size)
        self._start(mirror, findings)
        return findings

    def _start(self, mirror: Mirror, findings: Findings) -> None:
        rotten, differing = bool(self._scene.rotten), findings.differing
        mirror.checker.ended = partial(self._ended, findings, rotten or bool(differing))
        mirror.checker.start(findings)

    def _ended(self, findings: Findings, rotten: bool) -> None:
        if findings.differing and not rotten:
            raise WrongAnswerError(f"a {findings.action} found what nobody spoiled: {outcome(findings)}")
        self._scene.reached["checks complete" if findings.complete else "checks interrupted"] += 1
