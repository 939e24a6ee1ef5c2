"""One seed, one world: a mirror on simulated disks, clients, an administrator, faults and power cuts.

The core that runs here is the one that workers run, entered by the same doors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from mirrortui.device.filters.crash import PowerCut
from mirrortui.format import bitmap
from mirrortui.format.layout import Layout
from mirrortui.format.superblock import WRITE_MOSTLY, Feature
from mirrortui.mirror.birth.create import CreateSpec, create
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import Rates, SimDisk
from mirrortui.units import SECTOR
from tests.simulation.administrator import Administrator
from tests.simulation.adoption import Adoption
from tests.simulation.boots import Boots
from tests.simulation.checks import Checks
from tests.simulation.clients import Clients
from tests.simulation.daily import Daily
from tests.simulation.inspector import Inspector
from tests.simulation.model import content
from tests.simulation.scene import GARBAGE, LOST, Scene


class World:
    """Runs a seed. `reached` counts what it came to."""

    def __init__(
        self,
        seed: int,
        trace: Callable[[str], None] | None = None,
        *,
        adopted: bool = False,
        remembered: bool = False,
    ) -> None:
        """`adopted`: the mirror is not created, but born of a disk with data on it; `remembered`: assemblies are given
        what an engine would give them, nothing is started apart, and no split brain may be seen.
        """
        self._scene = Scene(seed, trace, adopted=adopted, remembered=remembered)
        self._adoption = Adoption(self._scene) if adopted else None
        self._checks = Checks(self._scene)
        self._clients = Clients(self._scene, self._checks)
        self._inspector = Inspector(self._scene)
        daily = Daily(self._scene, self._checks)
        self._administrator = Administrator(self._scene, daily)
        self._boots = Boots(self._scene, self._checks, daily)
        for disk in self._scene.disks:
            disk.check_write = self._checks.writable
        self._resting = 0

    @property
    def reached(self) -> Counter[str]:
        """What the world came to, and how often."""
        return self._scene.reached

    def run(self) -> None:
        """From creation to the last check."""
        self._be_born()
        for _ in range(self._scene.habits.cuts):
            self._boot_until_cut()
        self._settle_and_check()
        self.reached["landed late"] = self._scene.scheduler.landed
        self.reached["device operations"] = self._scene.scheduler.total

    def _be_born(self) -> None:
        self._start_process()
        if self._adoption:
            self._adoption.run()
        else:
            self._create()

    def _create(self) -> None:
        scene, habits = self._scene, self._scene.habits
        born = scene.disks if habits.born_spare else scene.disks[: habits.members]
        layouts = [self._layout() for _ in born]
        spec = CreateSpec(
            name="sim",
            assume_clean=habits.assume_clean,
            layouts=layouts,
            size=habits.born * SECTOR,
            spares=len(born) - habits.members,
        )
        scene.wait_for(create(born, spec, scene.scheduler, scene.pool))
        scene.history.may_be_out = {d.path for d in scene.disks[habits.members :]}
        equal = 0 if habits.geometry.bitmap else self._forget_bitmap(born)
        if habits.lagging and habits.geometry.bitmap:
            self._let_lag(born)
        for disk in born:
            disk.lose_power([])
            if not habits.assume_clean and disk is not born[0]:
                self._scribble(disk, equal)
            if disk is not born[0]:
                self._scribble_behind(disk)
            if scene.rng.random() < habits.bad and habits.geometry.has_log(disk):
                self._wear(disk)

    def _layout(self) -> Layout:
        """Of a member; not all have a bad-block log."""
        made = replace(self._scene.habits.geometry, bitmap=True).layout
        if self._scene.habits.narrow:
            made = replace(made, data_size=self._scene.habits.born)
        without = self._scene.rng.random() < self._scene.habits.logless
        return replace(made, bblog_offset=0, bblog_size=0) if without else made

    def _forget_bitmap(self, born: Sequence[SimDisk]) -> int:
        """As the kernel makes an array without one, perhaps stopped in its first resync. Returns the sectors that are
        equal by then.
        """
        scene, geometry = self._scene, self._scene.habits.geometry
        equal = min(scene.rng.choice([0, 8, 24, geometry.data - 8]), scene.habits.born - 8)
        for disk in born:
            sb = geometry.superblock(disk)
            assert sb is not None
            resynced = sb.resync_offset if sb.clean else equal
            sb = replace(sb, feature_map=Feature(0), bitmap_offset=0, resync_offset=resynced)
            disk.medium.preset(sb.super_offset * SECTOR, sb.encode())
        return equal

    def _let_lag(self, born: Sequence[SimDisk]) -> None:
        """One of them is write-mostly, and may lag behind the others."""
        geometry, rng = self._scene.habits.geometry, self._scene.rng
        behind, count = rng.choice(born), rng.choice([1, 3, 8])
        for disk in born:
            sb = geometry.superblock(disk)
            assert sb is not None
            place = sb.bitmap_sector * SECTOR
            header = bitmap.decode(bytes(disk.current[place : place + bitmap.PAGE]))
            disk.medium.preset(place, replace(header, write_behind=count).encode())
            if disk is behind:
                disk.slow = 0.8
                disk.medium.preset(sb.super_offset * SECTOR, replace(sb, devflags=WRITE_MOSTLY).encode())

    def _scribble(self, disk: SimDisk, equal: int) -> None:
        """Members that are not equal at birth: only for sectors that nobody can have read."""
        geometry = self._scene.habits.geometry
        for sector in self._scene.rng.sample(range(equal, self._scene.habits.born), 8):
            disk.medium.preset((geometry.start + sector) * SECTOR, content(GARBAGE))

    def _scribble_behind(self, disk: SimDisk) -> None:
        """What the mirror does not use yet is not equal."""
        geometry = self._scene.habits.geometry
        for sector in range(self._scene.habits.born, geometry.data, 2):
            disk.medium.preset((geometry.start + sector) * SECTOR, content(GARBAGE))

    def _wear(self, disk: SimDisk) -> None:
        """Some of a member's sectors were lost before: something else is there."""
        rng, geometry = self._scene.rng, self._scene.habits.geometry
        lost: set[int] = set()
        for _ in range(rng.randint(1, 3)):
            first = rng.randrange(self._scene.habits.born)
            lost.update(range(first, min(self._scene.habits.born, first + rng.choice([1, 2, 5, 12]))))
        for sector in lost:
            disk.medium.preset((geometry.start + sector) * SECTOR, content(LOST))
        geometry.make_bad(disk, lost)
        self.reached["born with bad blocks"] += 1

    def _start_process(self) -> None:
        self._scene.start_process()
        self._clients.forget()

    def _boot_until_cut(self) -> None:
        """Assemble and run; the power goes somewhere, in the assembly too."""
        scene, rng = self._scene, self._scene.rng
        self._start_process()
        scheduler = scene.scheduler
        scheduler.operations = 0
        scheduler.cut_at = scheduler.cut_on_metadata = -1
        if rng.random() < 0.5:
            scheduler.cut_on_metadata = int(rng.expovariate(1 / 12)) + 1
        else:
            scheduler.cut_at = int(rng.expovariate(1 / 250)) + 1
        try:
            self._boots.plug_in()
            self._boots.start()
            if self._adoption:
                self._administrator.fill_up()
            self._heal_quietly()
            self._inspector.repair_quietly()
            self._resting = rng.choice([0, 0, 60])
            self._live(rng.randint(200, 900))
            self._note_power_cut("cut while idle")
        except PowerCut:
            self._note_power_cut("cut in assembly" if scene.mirror is None else "cut")
        scene.lose_power()

    def _note_power_cut(self, what: str) -> None:
        mirror = self._scene.mirror
        self.reached["cuts"] += 1
        self.reached[what] += 1
        if mirror and mirror.scribe.written is None:
            self.reached["cut between superblocks"] += 1
        if mirror and mirror.sync.running:
            self.reached["cut in a sync"] += 1
        if mirror:
            self.reached["reads hedged"] += mirror.hedges.asked
            self.reached["hedges won"] += mirror.hedges.won
            self.reached["answered before all had it"] += mirror.lag.early
            self.reached["cut while a member lagged"] += bool(mirror.lag.writes)
        if mirror and (heirs := [m for m in mirror.array.members if m.replacement]):
            self.reached["cut in a replacement"] += 1
            self.reached["cut when it was filled"] += any(not m.need.count for m in heirs)

    def _heal_quietly(self) -> None:
        """While a split brain is healed perhaps nobody writes, so that what is written is what is copied."""
        scene = self._scene
        if scene.not_to_copy:
            scene.until(lambda: not scene.running.sync.running)
            scene.not_to_copy = {}
            self.reached["healed quietly"] += 1

    def _live(self, steps: int) -> None:
        """Clients, completions, time and an administrator, as they come."""
        scene, rng, habits = self._scene, self._scene.rng, self._scene.habits
        scheduler = scene.scheduler
        for _ in range(steps):
            scheduler.step += 1
            if scene.running.array.broken and rng.random() < 0.02:
                self.reached["broke down"] += 1
                return
            scene.turn()
            if rng.random() < habits.operator:
                self._administrator.act()
            self._inspector.act()
            if habits.decay and rng.random() < habits.decay:
                scene.decay()
            if self._resting:
                self._resting -= 1
            elif rng.random() < habits.quiet:
                self._resting = rng.randint(10, 80)
            idle = [] if self._resting else self._clients.idle()
            if idle and (not scheduler.ready or rng.random() < 0.4):
                self._clients.request(rng.choice(idle))
            elif scheduler.ready:
                scheduler.complete_one()
            elif not idle:
                scheduler.jump()
            if habits.time:
                scheduler.pass_time(rng.expovariate(1 / habits.time))

    def _settle_and_check(self) -> None:
        """No more faults: everything ends, the copies are equal, and a clean stop is clean."""
        scene, scheduler = self._scene, self._scene.scheduler
        self._start_process()
        scheduler.cut_at = scheduler.cut_on_metadata = -1
        scheduler.rates = Rates()
        self._boots.plug_in(all_there=True)
        self._boots.start()
        self._heal_quietly()
        mirror = scene.running
        self._clients.read_everything()
        scene.habits.decay = 0.0
        self._live(100)
        self._inspector.finish()
        scene.until(self._at_rest)
        for disk in scene.disks:
            disk.damage.mend()
        self._administrator.bring_back()
        self._clients.write_what_is_lost()
        scene.until(self._at_rest)
        self._administrator.bring_back()  # one that was replaced meanwhile
        scene.until(self._at_rest)
        self._administrator.retest_all()
        scene.until(self._at_rest)
        self._checks.whole(mirror)
        for disk in scene.disks:
            disk.unread.clear()
        self._clients.read_everything()
        scene.until(self._at_rest)
        self._checks.put_right(mirror)
        scene.wait_for(manage.stop(mirror))
        self._reassemble()

    def _at_rest(self) -> bool:
        mirror = self._scene.running
        busy = self._clients.busy or mirror.sync.running or mirror.corrector.busy
        return not busy and not self._scene.scheduler.ready

    def _reassemble(self) -> None:
        """After a clean stop."""
        before = [bytes(d.current) for d in self._scene.disks]
        self._scene.scheduler.forget()
        self._start_process()
        self._boots.plug_in(all_there=True)
        self._boots.start()
        self._checks.untouched(self._scene.running, before)
