"""Small matters that the administrator sees to: members' flags, the mirror's name, read-only for a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from mirrortui.errors import MirrortuiError
from mirrortui.format.superblock import FAILFAST, WRITE_MOSTLY
from mirrortui.mirror.array import Member, State
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import access, bitmaps, manage, settings, size, width
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import SECTOR
from tests.simulation.checks import Checks
from tests.simulation.model import WrongAnswerError
from tests.simulation.scene import Scene

_FORGETTING = frozenset(
    (
        "member-failed",
        "member-added",
        "member-re-added",
        "member-removed",
        "member-left-out",
        "spare-activated",
    )
)
"""After such an event of a member it may have other flags than were set: its own old ones, or none."""


class Daily:
    """One such verb at a time; what it promised must be there after the next power cut."""

    def __init__(self, scene: Scene, checks: Checks) -> None:
        self._scene = scene
        self._checks = checks
        self._flags: dict[str, set[int]] = {}
        """By path, what its superblock may have; nothing is known of others."""
        self._busy = False
        scene.listeners.append(self._note)

    def _note(self, kind: str, member: str | None) -> None:
        if kind == "member-replacing":
            self._flags.clear()  # the new one has none, and is not named
        if kind in _FORGETTING and member:
            self._flags.pop(member, None)

    def forget(self, path: str) -> None:
        """That disk is about to be added as if it were new."""
        self._flags.pop(path, None)

    def act(self) -> None:
        """Something."""
        scene, rng = self._scene, self._scene.rng
        if self._busy:
            return
        mirror = scene.running
        if mirror.array.readonly:
            verb = partial(self._writable, mirror)
        else:
            verbs = [
                partial(self._set, mirror),
                partial(self._rename, mirror),
                partial(self._readonly, mirror),
            ]
            if not scene.habits.apart:  # halves whose bitmaps differ are not joined
                verbs += [partial(self._bitmap, mirror), partial(self._width, mirror)]
            if mirror.size < scene.habits.geometry.data * SECTOR:
                verbs += [partial(self._size, mirror)] * 3
            verb = rng.choice(verbs)
            if scene.habits.lagging and rng.random() < 0.6:
                verb = partial(self._lag, mirror)
        scene.executor.spawn(self._alone(verb))

    def resume(self) -> None:
        """Whatever is under way ends, and the mirror is writable when this returns."""
        scene = self._scene
        scene.until(lambda: not self._busy)
        if scene.running.array.readonly:
            scene.wait_for(self._writable(scene.running))
        self.restore_width()

    def assembled(self, mirror: Mirror) -> None:
        """What was set, or was being set when the power went, is what superblocks say."""
        self._busy = False
        array, history = mirror.array, self._scene.history
        if array.set_name not in history.names:
            raise WrongAnswerError(f"it is called {array.set_name}, not {' or '.join(history.names)}")
        history.names = {array.set_name}
        sizes = history.sizes or {self._scene.habits.born * SECTOR}
        if array.size not in sizes:
            raise WrongAnswerError(f"it has {array.size} bytes, not {' or '.join(map(str, sorted(sizes)))}")
        history.sizes = {array.size}
        there = {m.path: m.devflags for m in array.members}
        for path, allowed in list(self._flags.items()):
            if path not in there:
                del self._flags[path]
            elif there[path] not in allowed:
                raise WrongAnswerError(f"{path} has flags {there[path]}, where {sorted(allowed)} were set")
            else:
                self._flags[path] = {there[path]}

    async def _alone(self, verb: Callable[[], Awaitable[None]]) -> None:
        scene = self._scene
        self._busy = True
        try:
            await verb()
        except MirrortuiError as problem:
            scene.reached["daily verbs refused"] += 1
            scene.scheduler.note(f"refused: {problem}")
        # Not in a `finally`: one that a power cut left in mid-way is closed whenever it is collected.
        self._busy = False

    async def _lag(self, mirror: Mirror) -> None:
        """Write-mostly members may lag from now on, or may not any more."""
        rng = self._scene.rng
        await settings.set_write_behind(mirror, rng.choice([0, 1, 2, 8, 8]))
        self._scene.reached["write-behind set"] += 1
        for member in mirror.array.members:
            self._scene.disk(member.path).slow = 0.8 if member.devflags & WRITE_MOSTLY else 0.0
        if not any(m.devflags & WRITE_MOSTLY for m in mirror.array.in_sync()) or rng.random() < 0.2:
            await self._set_flag(mirror, rng.choice(mirror.array.members), WRITE_MOSTLY, rng.random() < 0.8)

    async def _set(self, mirror: Mirror) -> None:
        rng = self._scene.rng
        member = rng.choice(mirror.array.members)
        await self._set_flag(mirror, member, rng.choice([WRITE_MOSTLY, FAILFAST]), rng.random() < 0.5)

    async def _set_flag(self, mirror: Mirror, member: Member, flag: int, on: bool) -> None:
        now = member.devflags | flag if on else member.devflags & ~flag
        self._flags[member.path] = {member.devflags, now} | self._flags.get(member.path, set())
        try:
            await settings.set_flag(mirror, member.path, flag, on)
        except MirrortuiError:  # what is wanted in memory may never come to be on disk
            self._flags.pop(member.path, None)
            raise
        self._scene.reached["flags set"] += 1
        if member.path in self._flags:
            self._flags[member.path] = {now}
            if self._flags_on(self._scene.disk(member.path)) != now:
                raise WrongAnswerError(f"{member.path}: flags {now} were set, and are not in its superblock")

    def _flags_on(self, disk: SimDisk) -> int:
        sb = self._scene.habits.geometry.superblock(disk)
        assert sb is not None
        return sb.devflags

    async def _rename(self, mirror: Mirror) -> None:
        scene, history = self._scene, self._scene.history
        name = f"sim{scene.rng.randrange(1000)}"
        history.names.add(name)
        await settings.rename(mirror, name)
        scene.reached["renamed"] += 1
        history.names = {name}
        for member in mirror.array.targets():
            sb = scene.habits.geometry.superblock(scene.disk(member.path))
            if sb is None or sb.set_name != name:
                raise WrongAnswerError(f"renamed to {name}, and {member.path} does not know it")

    async def _bitmap(self, mirror: Mirror) -> None:
        """Take the bitmap away, or give it one, perhaps with another chunk."""
        scene = self._scene
        geometry = scene.habits.geometry
        scene.reached["bitmap exchanges begun"] += 1
        if mirror.array.has_bitmap and scene.rng.random() < 0.5:
            await bitmaps.remove_bitmap(mirror)
            scene.reached["bitmap removed"] += 1
        else:
            await bitmaps.add_bitmap(mirror, geometry.chunk * SECTOR * scene.rng.choice([1, 1, 2, 4]))
            scene.reached["bitmap added"] += 1
        for member in mirror.array.targets():
            sb = geometry.superblock(scene.disk(member.path))
            if sb is None or sb.has_bitmap is not mirror.array.has_bitmap:
                raise WrongAnswerError(f"{member.path} does not say what became of the bitmap")
            told = member.guided or member.state is State.IN_SYNC
            if (
                sb.has_bitmap
                and told
                and (missing := set(member.need) - geometry.dirty(scene.disk(member.path)))
            ):
                raise WrongAnswerError(
                    f"{member.path} needs {sorted(missing)}, and its new bitmap forgets that"
                )

    async def _size(self, mirror: Mirror) -> None:
        """All that there is room for, or a part of it."""
        scene, geometry, history = self._scene, self._scene.habits.geometry, self._scene.history
        wanted = scene.rng.choice([None, *range(mirror.size, geometry.data * SECTOR + 1, 8 * SECTOR)])
        history.sizes |= {mirror.size, wanted or geometry.data * SECTOR}
        history.model.uncover(mirror.size // SECTOR)
        scene.reached["growths begun"] += 1
        await size.set_size(mirror, wanted)
        scene.reached["grown in size"] += 1
        history.sizes = {mirror.size}
        if mirror.size != (wanted or geometry.data * SECTOR):
            raise WrongAnswerError(f"it was to have {wanted} bytes, and has {mirror.size}")
        for member in mirror.array.targets():
            disk = scene.disk(member.path)
            sb = geometry.superblock(disk)
            if sb is None or sb.size * SECTOR != mirror.size or sb.data_size < sb.size:
                raise WrongAnswerError(f"{member.path} does not know that there are {mirror.size} bytes")
            told = member.guided or member.state is State.IN_SYNC
            if sb.has_bitmap and told and (missing := set(member.need) - geometry.dirty(disk)):
                raise WrongAnswerError(
                    f"{member.path} needs {sorted(missing)}, and its longer bitmap forgets that"
                )

    async def _width(self, mirror: Mirror) -> None:
        """One member more or less."""
        scene = self._scene
        count = mirror.array.raid_disks + scene.rng.choice([1, -1])
        if not 2 <= count <= len(scene.disks):
            return
        await width.set_width(mirror, count)
        scene.reached["number of members changed"] += 1
        for member in mirror.array.targets():
            sb = scene.habits.geometry.superblock(scene.disk(member.path))
            if sb is None or sb.raid_disks != count or sb.role != member.role:
                raise WrongAnswerError(f"{member.path} does not know that there are {count} members")

    def restore_width(self) -> None:
        """As many members as at its birth; one too many goes."""
        scene = self._scene
        array, wanted = scene.running.array, scene.habits.members
        while array.raid_disks != wanted:
            if new := next((m for m in array.targets() if m.replacement), None):
                scene.wait_for(manage.fail(scene.running, new.path))
            if len(array.targets()) > wanted:
                extra = max(array.targets(), key=lambda m: (m.state is State.IN_SYNC, m.role))
                if extra.state is State.IN_SYNC and len(array.in_sync()) == 1:
                    scene.until(lambda: not scene.running.sync.running)
                    continue
                scene.history.may_be_out.add(extra.path)
                scene.wait_for(manage.fail(scene.running, extra.path))
            else:
                scene.wait_for(width.set_width(scene.running, wanted))

    async def _readonly(self, mirror: Mirror) -> None:
        await access.make_readonly(mirror)
        self._scene.reached["made read-only"] += 1
        self._checks.at_rest(mirror)

    async def _writable(self, mirror: Mirror) -> None:
        await access.make_writable(mirror)
        self._scene.reached["made writable"] += 1
