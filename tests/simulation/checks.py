"""What must hold, looked at from outside: at every write to a disk, every answer, every assembly and every end."""

from __future__ import annotations

from mirrortui.mirror.array import State
from mirrortui.mirror.mirror import Mirror
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import SECTOR
from tests.simulation.model import WrongAnswerError
from tests.simulation.scene import Scene


def chunk_of(mirror: Mirror) -> int:
    """Sectors of a chunk of the mirror's."""
    return (1 << mirror.array.chunk_shift) // SECTOR


class Checks:
    """Each raises WrongAnswerError."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def acknowledged(self) -> None:
        """I4: nothing is acknowledged while a failure is not durable."""
        mirror = self._scene.running
        if mirror.array.readonly:
            return  # who failed since has missed nothing
        faulty = [m for m in mirror.array.members if m.state is State.FAULTY]
        if faulty and mirror.scribe.holding:
            raise WrongAnswerError("acknowledged while a failure is not on disk")
        for member in faulty:
            self._scene.history.out.add(member.path)

    def left_behind(self) -> None:
        """I9: a write is acknowledged, and of those who are out and count on a copy none is as near as kernels before
        6.8 forgive: one event.
        """
        mirror, geometry = self._scene.running, self._scene.habits.geometry
        copies = mirror.array.in_sync()
        active = {m.path for m in mirror.array.members if m.active}
        for disk in (d for d in self._scene.disks if d.path not in active):
            sb = geometry.superblock(disk)
            if sb is None or not geometry.is_whole(disk) or sb.role >= sb.raid_disks:
                continue
            for copy in copies:
                ahead = copy.superblock.events - sb.events
                if (
                    0 <= ahead <= 1
                    and copy.slot != sb.dev_number
                    and geometry.accepts(disk, self._scene.disk(copy.path))
                ):
                    raise WrongAnswerError(
                        f"{disk.path} is out, and {copy.path} is {ahead} events ahead of it"
                    )

    def writable(self, disk: SimDisk, offset: int, length: int) -> None:
        """I4: a faulty member is never written again. I10: a split brain is healed with what was written apart."""
        if self._scene.mirror is None:
            return
        if (spared := self._scene.not_to_copy.get(disk.path)) and offset in disk.data:
            size = self._scene.habits.geometry.chunk * SECTOR
            at = offset - disk.data.start
            if spared & set(range(at // size, (at + length - 1) // size + 1)):
                raise WrongAnswerError(f"{disk.path} is copied to at {at}, where nobody wrote")
        array = self._scene.mirror.array
        if array.readonly:
            raise WrongAnswerError(f"{disk.path} is written to, and the mirror is read-only")
        states = [member.state for member in array.members if member.device is disk]
        if State.FAULTY in states or not (states or disk.path in array.arriving):
            raise WrongAnswerError(f"{disk.path} is {'faulty' if states else 'no member'} and is written to")

    def assembled(self, mirror: Mirror) -> None:
        """I9: who failed is not believed, and nobody else is left out."""
        history = self._scene.history
        for member in mirror.array.in_sync():
            if member.path in history.out:
                raise WrongAnswerError(f"{member.path} is believed although its failure was acknowledged")
        for disk in self._scene.disks:
            there = mirror.array.find(disk.path)
            if (there is None or not there.active) and disk.path not in history.may_be_out:
                why = next((n.why for n in mirror.array.left_out if n.path == disk.path), "it is not used")
                raise WrongAnswerError(f"{disk.path} was kicked and had not failed: {why}")
            if history.believed(disk.path) and there not in mirror.array.in_sync():
                raise WrongAnswerError(f"{disk.path} held everything and is to be filled again")
        copies = {m.path for m in mirror.array.in_sync()}
        here = {d.path for d in self._scene.there}
        for old, new in history.heirs.items():
            if {old, new} <= here and not copies & {old, new} and new not in history.may_be_out:
                raise WrongAnswerError(f"{new} took the place of {old}, and neither is a copy now")
        history.heirs.clear()
        self.equal(mirror)

    def at_rest(self, mirror: Mirror) -> None:
        """It has become read-only: what is on disk is as a clean stop leaves it."""
        array, geometry = mirror.array, self._scene.habits.geometry
        if mirror.sync.running or mirror.tickets.buckets or mirror.intent.pending:
            raise WrongAnswerError("it is read-only, and something is still under way")
        if array.unsynced() or any(m.device.zombies for m in array.targets()):
            return
        for member in array.in_sync():
            sb = geometry.superblock(self._scene.disk(member.path))
            if sb is None or not sb.clean:
                raise WrongAnswerError(
                    f"it is read-only, its copies are equal, and {member.path} is not clean"
                )

    def healing(self, mirror: Mirror, most: dict[str, set[int]]) -> None:
        """I10: the losers of a split brain get the union of both bitmaps, and no more."""
        for path, chunks in most.items():
            loser = mirror.array.find(path)
            if loser is None or loser.state is State.SPARE:
                continue
            if loser.state is not State.RECOVERING:
                raise WrongAnswerError(f"{path} lost a split brain and is {loser.state.value}")
            if more := set(loser.need) - chunks:
                raise WrongAnswerError(f"{path} is to get {sorted(more)}, which neither side wrote")
            if len(chunks) < mirror.array.chunks:
                self._scene.reached["healed by both bitmaps"] += 1

    def equal(self, mirror: Mirror) -> None:
        """Every difference between copies is covered by what is still to be copied."""
        geometry = self._scene.habits.geometry
        chunk_size = chunk_of(mirror)
        changed = self._scene.reached["bitmap exchanges begun"]
        expected = -(-mirror.array.size // (geometry.chunk * SECTOR))
        if not changed and mirror.array.chunks != expected:
            raise WrongAnswerError(f"{mirror.array.chunks} chunks, where there should be {expected}")
        for chunk in range(mirror.array.chunks):
            copies = [self._scene.disk(m.path) for m in mirror.array.targets() if chunk not in m.need]
            if not copies:
                raise WrongAnswerError(f"no copy of chunk {chunk} may be read")
            end = mirror.array.size // SECTOR
            if len({geometry.chunk_of(disk, chunk, chunk_size, end) for disk in copies}) > 1:
                self._alike_but_for_bad(chunk, chunk_size, copies)

    def _alike_but_for_bad(self, chunk: int, size: int, copies: list[SimDisk]) -> None:
        geometry = self._scene.habits.geometry
        bad = {disk.path: geometry.unreadable(disk) for disk in copies}
        for sector in range(chunk * size, min(self._scene.running.array.size // SECTOR, (chunk + 1) * size)):
            good = [disk for disk in copies if sector not in bad[disk.path]]
            if len({geometry.sector_of(disk, sector) for disk in good}) > 1:
                paths = " and ".join(disk.path for disk in good)
                raise WrongAnswerError(
                    f"{paths} differ in chunk {chunk}, sector {sector}, and nothing says so"
                )

    def lost(self) -> set[int]:
        """Sectors that cannot be read: every copy that may be read there has lost them."""
        geometry = self._scene.habits.geometry
        lost = set(range(self._scene.sectors))
        size = chunk_of(self._scene.running)
        for member in self._scene.running.array.in_sync():
            needed = {n for chunk in member.need for n in range(chunk * size, (chunk + 1) * size)}
            disk = self._scene.disk(member.path)
            lost &= needed | geometry.unreadable(disk) | geometry.decayed(disk)
        return lost

    def whole(self, mirror: Mirror) -> None:
        """All members are in sync, and equal."""
        states = {m.path: m.state for m in mirror.array.members}
        if mirror.array.degraded() or any(
            not m.active and m.state is not State.SPARE for m in mirror.array.members
        ):
            raise WrongAnswerError(f"not all came back in sync: {states}")
        if any(m.need.count for m in mirror.array.members):
            raise WrongAnswerError("the sync ended and something is still needed")
        self.equal(mirror)
        self._healed(mirror)

    def _healed(self, mirror: Mirror) -> None:
        """What is bad on one copy only does not stay so."""
        geometry = self._scene.habits.geometry
        bad = {n for m in mirror.array.in_sync() for n in geometry.unreadable(self._scene.disk(m.path))}
        if left := bad - self.lost():
            raise WrongAnswerError(f"sectors {sorted(left)} are good on some copy and bad on another")

    def put_right(self, mirror: Mirror) -> None:
        """What a member could not read, and another can, it can read now."""
        geometry, lost = self._scene.habits.geometry, self.lost()
        for member in mirror.array.in_sync():
            disk = self._scene.disk(member.path)
            missed = {n for n in geometry.decayed(disk) if geometry.place(n) in disk.unread}
            if left := missed - lost - geometry.bad(disk):
                raise WrongAnswerError(
                    f"sectors {sorted(left)} could not be read on {disk.path}, and still cannot"
                )
            if lasting := {m.path for m in mirror.array.in_sync() if m.corrected > 0}:
                self._scene.reached["members corrected"] += len(lasting)

    def untouched(self, mirror: Mirror, before: list[bytes]) -> None:
        """I13: after a clean stop reassembly copies nothing and changes nothing."""
        if mirror.array.active or mirror.sync.running or mirror.intent.dirty:
            raise WrongAnswerError("a clean stop left something to do")
        if before != [bytes(d.current) for d in self._scene.disks]:
            raise WrongAnswerError("assembling a clean mirror wrote to a member")
