"""The administrator of the mirror: fails members, takes them back, puts others in their place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from mirrortui.errors import DivergedError, MirrortuiError
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.executor import Task
from mirrortui.mirror.syncing.retest import retest
from mirrortui.mirror.verbs import manage, replacing
from mirrortui.testing.simulated import SimDisk
from tests.simulation.daily import Daily
from tests.simulation.model import WrongAnswerError
from tests.simulation.scene import Scene


class Administrator:
    """Uses the verbs of mirror.manage, and takes no for an answer."""

    def __init__(self, scene: Scene, daily: Daily) -> None:
        self._scene = scene
        self._daily = daily

    def act(self) -> None:
        """Something now and then."""
        scene, rng = self._scene, self._scene.rng
        if rng.random() < scene.habits.daily or (scene.habits.lagging and rng.random() < 0.5):
            self._daily.act()
            return
        mirror = scene.running
        array = mirror.array
        faulty = [m.path for m in array.members if m.state is State.FAULTY]
        if scene.habits.replacing and rng.random() < scene.habits.replacing:
            scene.executor.spawn(
                self._tolerant(self._cancel if rng.random() < 0.1 else self._replace_serving)
            )
            return
        near = scene.disks if rng.random() < 0.2 else scene.there
        away = [d for d in near if array.find(d.path) is None]
        if (faulty or away) and rng.random() < 0.8:
            disk = scene.disk(rng.choice([*faulty, *(d.path for d in away)]))
            verb = partial(self._re_add, disk)
            if rng.random() < 0.2:
                verb = partial(self._replace, disk)
            if mirror.sync.running:
                scene.reached["re-add during sync"] += 1
            scene.executor.spawn(self._tolerant(verb))
        elif rng.random() < 0.3:
            member = rng.choice(array.members)
            scene.reached["retested"] += 1
            scene.executor.spawn(self._tolerant(partial(retest, mirror, member.path)))
        elif rng.random() < 0.5:
            member = rng.choice(array.members)
            scene.history.may_be_out.add(member.path)
            scene.executor.spawn(self._tolerant(partial(manage.fail, mirror, member.path)))

    def bring_back(self) -> None:
        """Every disk is to be a member again, and is when this returns, or being filled."""
        scene = self._scene
        self._daily.resume()
        array = scene.running.array
        for disk in scene.disks:
            member = array.find(disk.path)
            if member is None or member.state is State.FAULTY:
                known = self._is_known(disk)
                scene.wait_for(self._re_add(disk) if known else self._replace(disk))

    def fill_up(self) -> None:
        """Every disk that was never a member becomes one, if there is room for it."""
        scene = self._scene
        for disk in scene.there:
            if scene.running.array.find(disk.path) is None and scene.running.array.degraded():
                scene.executor.spawn(self._tolerant(partial(self._replace, disk)))

    def retest_all(self) -> None:
        """Every bad-block log, where another copy has what it lists."""
        scene = self._scene
        for member in scene.running.array.targets():
            scene.wait_for(retest(scene.running, member.path))

    def _is_known(self, disk: SimDisk) -> bool:
        """What the disk lacks is known: it can be re-added."""
        mirror = self._scene.running
        try:
            found = self._scene.wait_for(read_member(disk, self._scene.pool))
            manage.plan_re_add(mirror.array, mirror.intent.raw, found)
        except MirrortuiError:
            return False
        return True

    async def _re_add(self, disk: SimDisk) -> None:
        """Take back what copies little. I10: not what was used apart since."""
        scene = self._scene
        held = scene.held(disk)
        try:
            await manage.re_add(scene.running, disk)
        except DivergedError:  # whom it knew was replaced in this moment
            await self._replace(disk)
            return
        if held and (lost := scene.histories.lost(held)):
            raise WrongAnswerError(f"{disk.path} was re-added, and {lost} acknowledged writes only it had")

    async def _replace(self, disk: SimDisk) -> None:
        """Remove, and add as if it were new: a recovery in full."""
        mirror = self._scene.running
        if mirror.array.find(disk.path):
            await manage.remove(mirror, disk.path)
        if not disk.zombies:
            self._scene.reached["added"] += 1
            self._hand_over(disk)
            geometry = self._scene.habits.geometry
            layout = replace(geometry, bitmap=mirror.array.has_bitmap).layout
            await manage.add(mirror, disk, layout)

    def _hand_over(self, disk: SimDisk) -> None:
        """As if it were new: whatever it holds may go."""
        if held := self._scene.held(disk):
            self._scene.histories.give_up(held)
        self._daily.forget(disk.path)

    async def _replace_serving(self) -> None:
        """A member that serves, by whatever disk is free."""
        scene, mirror = self._scene, self._scene.running
        array, rng = mirror.array, self._scene.rng
        old = rng.choice(array.in_sync())
        new = rng.choice(scene.disks)
        member = array.find(new.path)
        if member is not None and member.state is State.FAULTY and rng.random() < 0.5:
            await manage.remove(mirror, new.path)
            member = None
        if member is not None:
            await replacing.replace_by_spare(mirror, old.path, new.path)
        elif not new.zombies:
            self._hand_over(new)
            await replacing.replace(mirror, old.path, new, scene.habits.geometry.layout)

    async def _cancel(self) -> None:
        """Give up what is being replaced."""
        self._scene.reached["replacements given up"] += len(await replacing.cancel(self._scene.running))

    async def _tolerant(self, verb: Callable[[], Task]) -> None:
        try:
            await verb()
        except MirrortuiError as problem:
            self._scene.reached["verbs refused"] += 1
            self._scene.scheduler.note(f"refused: {problem}")
