"""A mirror that is born of a disk with data on it: adopted where it is (mirror.adopt), or copied into a new member, and
itself never written to (mirror.transplant); tried again, as an administrator would, until there is a mirror.

Whatever goes wrong, at any operation: what the plan does not name is as it was, and either there is a mirror, and it
has everything, or there is none, and the next attempt may begin.
"""

from __future__ import annotations

from dataclasses import replace

from mirrortui.device.filters.crash import PowerCut
from mirrortui.errors import MirrortuiError
from mirrortui.format.layout import Layout
from mirrortui.format.ondisk import SUPERBLOCK_BYTES
from mirrortui.mirror.birth.adopt import adopt, written
from mirrortui.mirror.birth.erase import erase_superblocks
from mirrortui.mirror.birth.transplant import transplant
from mirrortui.mirror.executor import Task
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import SECTOR
from mirrortui.worker.tail import used
from tests.simulation.model import WrongAnswerError, content
from tests.simulation.scene import GARBAGE, Scene

NAME, _BEFORE = "sim", "before"
_FULL = 0xF0000
"""What a disk holds at its beginning: this and the number of the sector."""
_ATTEMPTS = 8
"""After so many that went wrong nothing does any more."""
_PAGE = SUPERBLOCK_BYTES
_PATIENCE = 60.0
"""Virtual seconds for what timed out to land: what does not land by then never does."""


class Adoption:
    """Of the first disk of a scene. Draws from the scene's source."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._rng = scene.rng
        self._first = scene.disks[0]
        geometry = scene.habits.geometry
        without = self._rng.random() < scene.habits.logless
        self._where: Layout = (
            replace(geometry.layout, bblog_offset=0, bblog_size=0) if without else geometry.layout
        )
        self._old = self._spread() if self._rng.random() < 0.5 else None
        """What is copied; None: the first disk becomes a member as it is."""
        self._tail_was_free = not self._old and self._rng.random() < 0.6
        self._expected = self._fill(self._old or self._first)
        self._scribble()
        self._before = bytes(self._first.current)
        self._certain = False
        """The last attempt: nothing goes wrong."""

    def _spread(self) -> SimDisk:
        """A disk that is full to its end."""
        geometry = self._scene.habits.geometry
        short = self._rng.randrange(8) if geometry.block_size == 1 else 0
        sectors = geometry.data - short
        old = SimDisk(
            "old",
            sectors,
            range(sectors),
            self._scene.scheduler,
            inline=self._scene.habits.inline,
            atom=geometry.atom if not short else SECTOR,
            block_size=geometry.block_size,
        )
        old.check_write = self._never
        return old

    @staticmethod
    def _never(disk: SimDisk, offset: int, length: int) -> None:
        raise WrongAnswerError(f"{disk.path} is written to at {offset}, and it was to be copied only")

    def _fill(self, disk: SimDisk) -> bytes:
        """Some of it, or all. Returns what the mirror is to begin with."""
        scene, rng, geometry = self._scene, self._rng, self._scene.habits.geometry
        empty = rng.choice([0.0, 0.0, 0.3, 0.9])
        step = rng.choice([1, 8, 32])
        holes = {piece for piece in range(0, geometry.data, step) if rng.random() < empty}
        sectors = min(geometry.data, disk.size // SECTOR)
        numbers = [0 if n // step * step in holes else _FULL + n for n in range(sectors)]
        numbers += [0] * (geometry.data - sectors)
        held = b"".join(map(content, numbers))
        disk.medium.preset(0, held[: sectors * SECTOR])
        scene.history.model.hold(numbers)
        scene.history.holders = {self._first.path}
        scene.history.may_be_out = scene.paths - {self._first.path}
        return held

    def _scribble(self) -> None:
        """What is there that nobody needs: in the tail of the disk, or all over the new member; and on the others."""
        scene, rng, data = self._scene, self._rng, self._scene.habits.geometry.data
        if self._old:
            self._live_before(self._first)
        elif not self._tail_was_free:
            tail = range(data, self._first.size // SECTOR)
            for sector in tail:
                if rng.random() < 0.5:
                    self._first.medium.preset(sector * SECTOR, content(GARBAGE))
        for disk in scene.disks[1:]:
            if rng.random() < 0.5:
                self._live_before(disk)

    def _live_before(self, disk: SimDisk) -> None:
        """Something else is on it, or a part of what is to come, or it is a member of an array that is no more."""
        rng, sectors = self._rng, disk.size // SECTOR
        keep = rng.choice([0.0, 0.5, 0.95, 1.0])
        end = (self._old or disk).size // SECTOR
        for sector in range(sectors):
            if sector >= end or rng.random() >= keep:
                disk.medium.preset(sector * SECTOR, content(GARBAGE))
            elif disk is self._first:
                held = self._expected[sector * SECTOR : (sector + 1) * SECTOR]
                disk.medium.preset(sector * SECTOR, held)
        if disk is self._first and rng.random() < 0.4:
            scene = self._scene
            where = scene.habits.geometry.layout
            scene.wait_for(adopt(disk, _BEFORE, where, scene.scheduler, scene.pool))

    def run(self) -> None:
        """There is a mirror when this returns."""
        for left in reversed(range(_ATTEMPTS)):
            self._certain = not left
            self._set_traps()
            born = self._attempt()
            self._check_unwritten()
            if born:
                self._scene.reached["copied into a member" if self._old else "adopted"] += 1
                return
        raise WrongAnswerError("nothing went wrong, and there is no mirror")

    @property
    def _disks(self) -> list[SimDisk]:
        return [self._first, *([self._old] if self._old else [])]

    def _set_traps(self) -> None:
        """Where the power goes, and which disks fail."""
        scene, rng = self._scene, self._rng
        scene.start_process()
        scheduler = scene.scheduler
        scheduler.operations, scheduler.cut_on_metadata = 0, -1
        scheduler.cut_at = rng.randint(1, rng.choice([10, 40, 160])) if rng.random() < 0.7 else -1
        for disk in self._disks:
            disk.faults = rng.random() < 0.7
            disk.slow = rng.choice([0.0, 0.0, 0.8])
            self._wear(disk)
            if self._certain:
                disk.faults, scheduler.cut_at = False, -1
                disk.damage.unreadable.clear()

    def _wear(self, disk: SimDisk) -> None:
        """Something on it cannot be read until it is written: perhaps the superblock of an array that is no more."""
        rng, damage = self._rng, disk.damage
        if rng.random() < self._scene.habits.decay * 20:
            damage.strike(rng.randrange(disk.size) // damage.block * damage.block)
        if disk is self._first and self._old and rng.random() < 0.1:
            damage.strike(self._where.super_offset * SECTOR)

    def _attempt(self) -> bool:
        """True: there is a mirror now."""
        scene = self._scene
        try:
            scene.wait_for(self._task())
        except PowerCut:
            scene.reached["cut in an adoption"] += 1
            self._lose_power()
        except MirrortuiError as problem:
            scene.reached["adoptions that failed"] += 1
            scene.scheduler.note(f"failed: {problem}")
            self._come_to_rest()
            if "no member" in str(problem) and self._is_born():
                raise WrongAnswerError(f"it is a member, and somebody was told: {problem}") from problem
        else:
            self._lose_power()
            if not self._is_born():
                raise WrongAnswerError("it was adopted, and is no member")
            self._check_whole()
            return True
        return self._is_born() and self._goes_on()

    def _task(self) -> Task:
        scene, where = self._scene, self._where
        if not self._old:
            self._check_tail()
            return adopt(self._first, NAME, where, scene.scheduler, scene.pool)
        piece = self._rng.choice([1, 2, 3]) * _PAGE
        return transplant(self._old, self._first, NAME, where, scene.scheduler, scene.pool, self._told, piece)

    def _told(self, what: str, done: int, total: int) -> None:
        """The new member may forget what it was given, in a moment when nobody looks."""
        assert self._old
        if self._certain or what != "copied" or done < total:
            return
        if self._rng.random() < 0.1:
            sector = self._rng.randrange(self._old.size // SECTOR)
            self._first.medium.preset(sector * SECTOR, content(GARBAGE))
            self._scene.reached["copies that were not kept"] += 1

    def _check_tail(self) -> None:
        """Who began and was cut off needs no other word than before."""
        first = self._first

        def read(offset: int, length: int) -> bytes:
            return bytes(first.current[offset : offset + length])

        if self._tail_was_free and (left := used(read, self._where, first.size)):
            raise WrongAnswerError(f"the tail was free, and an adoption that failed left something at {left}")

    def _lose_power(self) -> None:
        scene = self._scene
        if self._old:
            self._old.lose_power([])
            self._old.faults = False
        for disk in self._disks:
            disk.slow = 0.0
        scene.lose_power()
        scene.history.may_be_out.discard(self._first.path)

    def _come_to_rest(self) -> None:
        """What timed out lands, or never will; the device is taken for as long. Or the machine is started again."""
        scene = self._scene
        scene.scheduler.cut_at = -1
        waited = scene.scheduler.time + _PATIENCE
        while (
            any(d.zombies for d in self._disks) and scene.scheduler.time < waited and scene.scheduler.jump()
        ):
            pass
        if any(d.zombies for d in self._disks) or self._rng.random() < 0.3:
            self._lose_power()

    def _name(self) -> str | None:
        """What the first disk's superblock calls its array."""
        sb = self._scene.habits.geometry.superblock(self._first)
        return sb.set_name if sb else None

    def _is_born(self) -> bool:
        return self._name() == NAME

    def _goes_on(self) -> bool:
        """It is a member although somebody was told that it failed, or was told nothing: it is assembled as it is, or
        its superblock is erased, and all begins anew.
        """
        scene = self._scene
        scene.reached["members all the same"] += 1
        self._check_whole()
        if self._rng.random() < 0.5:
            self._lose_power()  # what failed need not last
            return self._is_born()
        for disk in self._disks:
            disk.faults = False
        scene.wait_for(erase_superblocks(self._first, scene.pool))
        if self._name():
            raise WrongAnswerError("its superblock was erased, and is still there")
        return False

    def _check_unwritten(self) -> None:
        """What the plan does not name is as it was."""
        if self._old:
            size = self._old.size
            if self._old.current != self._expected[:size] or not self._old.medium.is_durable(0, size):
                raise WrongAnswerError("the old disk is not as it was")
            # Of two places that cannot be read nobody knows which is to go first.
            known = not self._first.damage.hides(0, 2 * _PAGE)
            if known and self._name() == _BEFORE and self._first.current != self._before:
                raise WrongAnswerError("an old superblock is there, and what belonged to it is not")
            return
        now = bytearray(self._first.current)
        places = written(self._where)
        for lo, hi in (places.bitmap, places.superblock):
            now[lo:hi] = self._before[lo:hi]
        if now != self._before:
            at = next(n for n, (a, b) in enumerate(zip(now, self._before, strict=True)) if a != b)
            raise WrongAnswerError(f"byte {at} of the disk was changed, and the plan does not name it")

    def _check_whole(self) -> None:
        """The member has every byte, and its bitmap says that nothing is to be copied."""
        geometry, first = self._scene.habits.geometry, self._first
        if first.current[: len(self._expected)] != self._expected:
            raise WrongAnswerError("it is a member, and has not all that was on the disk")
        if not first.medium.is_durable(0, written(self._where).bitmap[1]):
            raise WrongAnswerError("it is a member, and a power cut may still change it")
        sb = geometry.superblock(first)
        assert sb is not None
        if not sb.clean or geometry.dirty(first):
            raise WrongAnswerError("it is the only member, and not clean")
