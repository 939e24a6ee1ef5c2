"""Which disks are there when the mirror is assembled, and what comes of it: parted halves, strangers, split brains."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mirrortui.errors import DegradedStartError, DivergedError, MirrortuiError
from mirrortui.mirror.assembly.assemble import AssembleSpec, assemble
from mirrortui.mirror.mirror import Mirror
from mirrortui.testing.simulated import SimDisk
from tests.simulation.checks import Checks
from tests.simulation.daily import Daily
from tests.simulation.history import History
from tests.simulation.memory import Memory
from tests.simulation.model import WrongAnswerError
from tests.simulation.scene import Scene


class Boots:
    """Starts the mirror of a scene."""

    def __init__(self, scene: Scene, checks: Checks, daily: Daily) -> None:
        self._scene = scene
        self._checks = checks
        self._daily = daily
        self._insist = False
        """Somebody is away on purpose: start all the same."""

    def plug_in(self, *, all_there: bool = False) -> None:
        """Choose the disks that are there for a while; one that is believed always is."""
        scene, rng = self._scene, self._scene.rng
        scene.there, self._insist = list(scene.disks), False
        scene.histories.forget_all_but({d.path for d in scene.disks if scene.habits.geometry.is_whole(d)})
        if scene.memory:
            self._give_what_is_remembered(scene.memory)
            return
        if all_there:
            return
        if rng.random() < scene.habits.apart and (ways := self._ways_apart()):
            rng.choice(ways)()
            self._insist = True
        elif rng.random() < scene.habits.absent:
            self._leave_one_out()
        rng.shuffle(scene.there)

    def _give_what_is_remembered(self, memory: Memory) -> None:
        """Nobody else, though everybody is there."""
        scene = self._scene
        scene.there = [d for d in scene.disks if memory.remembers(d)]
        forgotten = {d.path for d in scene.disks} - {d.path for d in scene.there}
        scene.reached["boot without the forgotten"] += bool(forgotten)
        for history in scene.histories.all:
            history.may_be_out |= forgotten
        scene.rng.shuffle(scene.there)

    def _leave_one_out(self) -> None:
        scene = self._scene
        gone = scene.rng.choice(scene.disks)
        # Which copy is whole the disks know best: it is in sync by its own word and nobody calls it out.
        if any(d is not gone for d in self._sources(scene.history)):
            scene.reached["boot without a member"] += 1
            scene.there.remove(gone)
            for history in scene.histories.all:  # whichever turns out to go on
                history.may_be_out.add(gone.path)
            # Whom nobody counts on is not missed.
            self._insist = not scene.habits.geometry.is_replacement(gone)
            scene.reached["boot without a replacement"] += not self._insist

    def _sources(self, history: History) -> list[SimDisk]:
        """Disks that are sure to be enough to start a history from."""
        is_whole = self._scene.habits.geometry.is_whole
        return [d for d in self._scene.disks if history.believed(d.path) and is_whole(d)]

    def _ways_apart(self) -> list[Callable[[], None]]:
        """What can be started without the others."""
        histories = self._scene.histories
        ways: list[Callable[[], None]] = []
        if len(histories.all) > 1:
            ways += [partial(self._take, h) for h in histories.all if self._sources(h)]
        if len(self._sources(histories.current)) > 1:
            ways += [self._part] * len(histories.all)
        return ways

    def _part(self) -> None:
        """Some of those that are in sync from now on go without the others."""
        scene, rng = self._scene, self._scene.rng
        sources = self._sources(scene.history)
        leaving = rng.sample(sources, rng.randrange(1, len(sources)))
        parted = scene.histories.part({d.path for d in leaving})
        parted.may_be_out |= scene.history.may_be_out
        scene.reached["parted"] += 1
        self._take(rng.choice([scene.history, parted]))

    def _take(self, history: History) -> None:
        """Only the disks with this history are there, and perhaps some that hold none."""
        scene, rng = self._scene, self._scene.rng
        scene.histories.current = history
        scene.reached["started apart"] += 1

        def taken(disk: SimDisk) -> bool:
            held = scene.held(disk)
            return held is history if held else rng.random() < 0.3

        scene.there = [d for d in scene.disks if taken(d)]
        history.may_be_out |= scene.paths - history.holders

    def start(self) -> None:
        """Assemble what is there. The mirror runs when this returns."""
        scene, habits = self._scene, self._scene.habits
        whole = {d for d in scene.there if habits.geometry.is_whole(d)}
        mirror = self._assemble()
        copies = {m.path for m in mirror.array.in_sync()}
        scene.histories.go_on(copies, {d.path for d in whole if not d.failed}, scene.paths)
        scene.history.may_be_out |= {d.path for d in scene.there if d.failed}
        scene.mirror = mirror
        if scene.memory:
            scene.memory.assembled(mirror.array, scene.there)
        scene.reached["assembled"] += 1
        self._checks.assembled(mirror)
        self._daily.assembled(mirror)
        scene.history.may_be_out |= scene.paths - {m.path for m in mirror.array.members}
        for disk in scene.there:
            may_fail = habits.faults_everywhere or scene.rng.random() < 0.5
            disk.faults = may_fail and not scene.not_to_copy

    def _assemble(self) -> Mirror:
        scene = self._scene
        try:
            if scene.habits.faults_at_boot and not self._insist and scene.rng.random() < 0.5:
                return self._assemble_with_faults()
            return self._attempt(run=self._insist)
        except DivergedError as problem:
            if scene.memory:
                raise WrongAnswerError(f"nobody used it apart: {problem}") from problem
            return self._heal()
        except DegradedStartError:
            if self._insist or not self._cut_in_a_second_try():
                raise
            scene.reached["insisted after a cut in a second try"] += 1
            return self._attempt(run=True)
        except MirrortuiError:
            ours = [d for d in scene.there if scene.held(d) is scene.history]
            # Nobody, if the last copy failed to hear that it is the last: then whoever has any history.
            ours = ours or [d for d in scene.there if scene.held(d)]
            strangers = [d for d in scene.there if d not in ours]
            if not strangers or not (self._insist or self._source_is_lost()):
                raise
            # One that another half has been filling knows that this half was left behind.
            scene.reached["refused beside a stranger"] += 1
            scene.there = ours
            return self._attempt(run=True)

    def _source_is_lost(self) -> bool:
        """The freshest was being filled by one that another side has now, and knows that this side is old."""
        found = [sb for d in self._scene.there if (sb := self._scene.habits.geometry.superblock(d))]
        freshest = max(found, key=lambda sb: sb.events)
        whole = {sb.dev_number for sb in found if not sb.recovering}
        fill = {slot for slot, role in enumerate(freshest.dev_roles) if role == freshest.role}
        return freshest.recovering and not whole & fill

    def _cut_in_a_second_try(self) -> bool:
        """A round of superblocks failed half-way, and the next under the same number was cut: who is freshest does not
        know yet who joined between.
        """
        found = [sb for d in self._scene.there if (sb := self._scene.habits.geometry.superblock(d))]
        newest = max(sb.events for sb in found)
        return len({sb.dev_roles for sb in found if sb.events == newest}) > 1

    def _assemble_with_faults(self) -> Mirror:
        """Disks fail already while they are read and brought level. Who is refused tries again after a while."""
        scene = self._scene
        for disk in scene.there:
            disk.faults = True
        try:
            mirror = self._attempt(run=False)
            scene.reached["assembled with faults"] += any(d.failed for d in scene.there)
            return mirror
        except MirrortuiError as problem:
            scene.reached["start refused for faults"] += 1
            scene.scheduler.note(f"refused: {problem}")
            scene.lose_power()
            scene.start_process()
            return self._attempt(run=False)

    def _attempt(self, *, run: bool, survivor: str | None = None) -> Mirror:
        scene, habits = self._scene, self._scene.habits
        tuning = habits.geometry.tuning(habits.daemon_delay, hedging=habits.hedging)
        spec = AssembleSpec(run=run, survivor=survivor, departed=scene.departed, tuning=tuning)
        mirror = scene.wait_for(
            assemble(scene.executor, scene.scheduler, scene.there, spec, scene.observe, scene.pool)
        )
        assert isinstance(mirror, Mirror)
        scene.reached["known to be older"] += any(
            "was out when" in note.why for note in mirror.array.left_out
        )
        return mirror

    def _heal(self) -> Mirror:
        """The halves have diverged: name a survivor. What is copied is where either wrote, and no more."""
        scene, geometry = self._scene, self._scene.habits.geometry
        for disk in scene.there:
            disk.faults = False
        whole = [d for d in scene.there if geometry.is_whole(d)]
        kept = scene.rng.choice([d for d in whole if not any(self._went_on(o, d) for o in whole)])
        others = [d for d in whole if d is not kept]
        losers = [d for d in others if not self._means(d, kept) and not self._means(kept, d)]
        survivor = scene.held(kept)
        assert survivor is not None
        # The power may have gone when the other side was about to survive.
        survivor.out -= {kept.path} | {d.path for d in others if d not in losers}
        survivor.may_be_out |= scene.paths - {d.path for d in scene.there}
        # One that missed the round in which its side parted looks as if the other had gone on without it.
        survivor.may_be_out |= {d.path for d in whole if any(self._went_on(o, d) for o in whole)}
        if not all(geometry.has_bitmap(d) for d in whole):
            # The count jumps over the losers', and only bitmaps tell who was about to hear of it.
            survivor.may_be_out |= {d.path for d in whole}
        scene.histories.choose(survivor)
        for loser in losers:
            held = scene.held(loser)
            assert held is not None
            scene.reached["diverged from itself" if held is survivor else "split brain refused"] += 1
            scene.histories.give_up(held)
            survivor.out.add(loser.path)
            survivor.may_be_out.add(loser.path)
        keep = [d for d in whole if geometry.accepts(kept, d)]
        most = {d.path: self._most(keep, d) | geometry.bad_chunks(d) for d in losers}
        mirror = self._attempt(run=True, survivor=kept.path)
        self._checks.healing(mirror, most)
        if scene.rng.random() < 0.5:
            everything = set(range(geometry.chunks))
            scene.not_to_copy = {path: everything - chunks for path, chunks in most.items()}
        return mirror

    def _went_on(self, disk: SimDisk, other: SimDisk) -> bool:
        """Without the other, which still counts on it."""
        geometry = self._scene.habits.geometry
        return geometry.accepts(other, disk) and not geometry.accepts(disk, other)

    def _means(self, disk: SimDisk, other: SimDisk) -> bool:
        """It accepts the other, as what that is, and nobody else who is there can be meant by that slot."""
        geometry = self._scene.habits.geometry
        slots = [sb.dev_number for d in self._scene.there if (sb := geometry.superblock(d))]
        table, own = geometry.superblock(disk), geometry.superblock(other)
        assert table is not None and own is not None
        if not geometry.accepts(disk, other) or slots.count(own.dev_number) > 1:
            return False
        return table.raid_disks != own.raid_disks or table.dev_roles[own.dev_number] == own.role

    def _most(self, keep: list[SimDisk], loser: SimDisk) -> set[int]:
        """Chunks in which a loser may differ from those that are kept, by what the bitmaps say."""
        geometry = self._scene.habits.geometry
        cleared = {geometry.last_cleared(d) for d in (*keep, loser)}
        may_have_forgotten = any(geometry.fills_all_roles(d) for d in (*keep, loser))
        # Who has a place for the other nevertheless gave it to somebody else.
        may_have_forgotten |= any(geometry.accepts(d, loser) or geometry.accepts(loser, d) for d in keep)
        shapes = {(sb.raid_disks, sb.size) for d in (*keep, loser) if (sb := geometry.superblock(d))}
        may_have_forgotten |= len(shapes) > 1
        if None in cleared or len(cleared) > 1 or may_have_forgotten:
            return set(range(geometry.chunks))
        return geometry.dirty(loser).union(*map(geometry.dirty, keep))
