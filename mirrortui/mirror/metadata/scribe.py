"""The one writer of metadata: superblocks and bitmap pages follow what memory wants.

Others change the wanted state, call `want()`, and wait for `done`. Because there is one writer, group commit, the order
of superblock before bit, never two writes of a page in flight, and the second try after a failure need no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mirrortui.device.base import Op
from mirrortui.device.buffers import Buffer, Pool
from mirrortui.format import badblocks, bitmap
from mirrortui.format.bitmap import PAGE
from mirrortui.format.superblock import Feature, Superblock
from mirrortui.mirror import lastcopy
from mirrortui.mirror.array import Array, Member, Signature, State
from mirrortui.mirror.executor import Executor, Host, Operation, Signal, wait
from mirrortui.mirror.metadata.intent import Intent
from mirrortui.mirror.reasons import reason
from mirrortui.units import SECTOR


class Scribe:
    """Writes the metadata of one mirror."""

    def __init__(
        self,
        executor: Executor,
        host: Host,
        array: Array,
        intent: Intent,
        pool: Pool,
        written: Signature | None,
    ) -> None:
        self._host = host
        self._array = array
        self._intent = intent
        self._pool = pool
        self._wake = Signal(executor)
        self.progress = Signal(executor)
        """Fires after every attempt; waiters look again."""
        self.asked = 0
        self.done = 0
        """Everything that was wanted when `asked` had this value is on every member."""
        self.written = written
        """What every active member's superblock says; None while they may differ."""
        self.failed_at = 0
        """`done` must reach this before anything is acknowledged: a failure is not on disk yet (I4)."""
        self.faulted: Callable[[Member | None], None] = lambda unreplaced: None
        """Called after a member went out, with the one that it was to replace: a spare may take its place."""
        self.stopped = False
        self._header_due = False
        self._newest = array.events
        """The highest count that any superblock may have been given."""
        self._least = 0
        """The count that superblocks must have come to before anything is written."""

    @property
    def settled(self) -> bool:
        """Superblocks say what memory says, and are far enough ahead of those who are out for something to be
        written.
        """
        ahead = self._array.events >= self._least or not self._array.active
        return ahead and self.written is not None and self.written == self._array.signature()

    def leave_behind(self, newest: int) -> None:
        """Who is out, and has that count at most, is to be two behind before anything is acknowledged: md forgives one,
        and kernels before 6.8 would take such an older copy for in sync (super_1_validate in drivers/md/md.c).
        """
        self._least = max(self._least, newest + 2)

    def want(self) -> int:
        """Something changed that belongs on disk. Returns the value `done` will have when it is there."""
        self.asked += 1
        self._wake.fire()
        return self.asked

    @property
    def holding(self) -> bool:
        """No write or flush may be acknowledged now."""
        return self.failed_at > self.done

    def fault(self, member: Member, why: str) -> bool:
        """The one door out of the mirror. False: it is the last copy, which is never failed (I5)."""
        was_out = member.state is State.FAULTY
        unreplaced = self._array.twin(member) if member.replacement else None
        if not self._array.fault(member, why, self._host.now()):
            self._array.changed()  # what timed out may still land: the shortcuts must know before the next write
            return False
        if not was_out:
            self.leave_behind(self._newest)
            if not self._array.readonly:  # nothing will be written there, and so nothing waits for it
                self.failed_at = self.want()
            self._array.changed()
            left = len(self._array.in_sync())
            self._array.observer(
                "member-failed",
                "error",
                f"{member.path} is out of {self._array.label}: {why}. "
                f"Nothing is lost: {left} of {self._array.raid_disks} in sync.",
                member.path,
            )
            self.faulted(unreplaced)
        return True

    def retire(self, member: Member, why: str) -> None:
        """Take a member out that nothing is wrong with, as another has its place. As after a failure nothing is
        acknowledged before that is on disk.
        """
        self._array.fault(member, why, self._host.now())
        self.leave_behind(self._newest)
        self.failed_at = self.want()
        self._array.changed()

    async def durable(self, goal: int) -> bool:
        """Wait until that is on disk. False: it cannot be, the mirror is broken."""
        while self.done < goal and not self._array.broken:
            await self.progress
        return not self._array.broken

    def stop(self) -> None:
        """End the task once it has nothing to do."""
        self.stopped = True
        self._wake.fire()

    async def level(self, behind: list[Member], signature: Signature) -> bool:
        """Bring members one update behind to the freshest's, under the same number, before a new number begins: a cut
        in the next round must not leave them two apart. Bits first, alike on all; then the whole members first, as the
        number may be far ahead, and one that is being filled must not be alone with it. One that fails is out, and the
        next round says so. False: the last copy failed.
        """
        await self._write_pages()
        await self._write_fresh([m for m in behind if m.fresh])
        now = self._host.now()
        for member in sorted(behind, key=lambda m: m.state is State.RECOVERING):
            if member.state is State.FAULTY:
                continue
            await self._put_superblock(
                member, self._array.superblock(member, signature, self._array.events, now)
            )
        return not self._array.broken

    async def run(self) -> None:
        """The task."""
        while True:
            if self._array.broken:
                self.progress.fire()
            if self.done == self.asked or self._array.broken or self._array.readonly:
                if self.stopped:
                    return
                await self._wake
                continue
            goal = self.asked
            if await self._round():
                self.done = goal
            self._array.changed()
            self.progress.fire()

    def mark_cleared(self) -> None:
        """Let the header say that all members were there at the present events count, before any bit goes (I3), and
        which they were: two halves of a split brain may come to the same count.
        """
        if not self._array.has_bitmap:
            return
        company = bitmap.digest(m.superblock.device_uuid for m in self._array.in_sync())
        marked = replace(self._intent.header, events_cleared=self._array.events, cleared_by=company)
        if marked != self._intent.header:
            self._intent.stamp(marked)
            self._header_due = True

    async def set_write_behind(self, writes: int) -> bool:
        """How many writes write-mostly members may lag, in the bitmap's header on every member. False: it is broken."""
        self._intent.stamp(replace(self._intent.header, write_behind=writes))
        self._header_due = True
        return await self.durable(self.want())

    @property
    def cleared_due(self) -> bool:
        """The header with the newest events_cleared is not on disk yet."""
        return self._header_due

    async def _round(self) -> bool:
        """One attempt to bring everything to disk. False: something failed or changed, try again."""
        if self._array.has_bitmap and not await self._write_fresh(self._array.members):
            return False
        if not await self._write_logs():
            return False
        if not self.settled and not await self._write_superblocks():
            return False
        if self._header_due and not await self._write_header():
            return False
        if self._array.has_bitmap:
            if not await self._write_pages():
                return False
        else:
            self._intent.granted(set(self._intent.wanted))
            self._intent.pages.clear()
        return self.settled

    async def _write_superblocks(self) -> bool:
        """One round under one number: bitmap headers first, then superblocks, members in turn (I11)."""
        array = self._array
        events = array.events + 1
        signature = array.signature()
        members = sorted(
            (m for m in array.members if m.state is not State.FAULTY), key=lambda m: (m.told, _TURN[m.state])
        )
        now = self._host.now()
        # From here on nobody may take the old superblocks for valid: what this round says is on its way.
        self.written = None
        if array.has_bitmap:
            self._intent.stamp(replace(self._intent.header, events=events))
            if not await self._write_header():
                return False  # no superblock carries the number yet: the next attempt may use it
        elif not await self._all_answer():
            return False
        self._newest = events
        filling = {slot for slot, _, _ in signature.filling}
        for member in members:
            told = await self._tell(member, signature, events, now)
            # Nobody may call it a member in whose own superblock it does not say that it is only being filled.
            if array.broken or (member.slot in filling and not told):
                return False
        array.events = events
        self.written = signature
        return True

    async def _tell(self, member: Member, signature: Signature, events: int, now: float) -> bool:
        """Write one superblock of a round. False: it failed, or is not there any more."""
        # It may have failed or, a spare, gone while another's was written: ask each time.
        if member.state is State.FAULTY or member not in self._array.members:
            return False
        if not await self._put_superblock(member, self._array.superblock(member, signature, events, now)):
            return False
        # It may have become something else meanwhile, which this does not say.
        member.told = member.told or signature == self._array.signature()
        return True

    async def _put_superblock(self, member: Member, superblock: Superblock) -> bool:
        member.telling = superblock
        if not await self._put(member, member.place, superblock.encode()):
            return False
        member.superblock, member.telling = superblock, None
        return True

    async def _write_logs(self) -> bool:
        """Bad-block logs that do not list what they should. There is no wait between the last look and what follows:
        no superblock may call a log valid that is not written. One that is empty is forgotten by the superblock.
        """
        while member := next((m for m in self._array.targets() if m.bad and self._outdated(m)), None):
            if not await self._write_log(member):
                return False
        return True

    def _outdated(self, member: Member) -> bool:
        shift = member.superblock.bblog_shift
        listed = badblocks.round_out(member.bad.log(member.superblock), shift=shift)
        return badblocks.decode(member.log, shift=shift) != listed

    async def _write_log(self, member: Member) -> bool:
        """One log, so that no cut loses what both the old and the new one have."""
        sb, ranges = member.superblock, member.bad.log(member.superblock)
        if member.log and Feature.BAD_BLOCKS in sb.feature_map:
            writes = badblocks.rewrite(member.log, ranges, atom=_unit(member), shift=sb.bblog_shift)
        else:  # what is there does not count yet
            whole = badblocks.encode(ranges, size=sb.bblog_size * SECTOR, shift=sb.bblog_shift)
            member.log, writes = b"", [(0, whole)]
        for at, data in writes:
            if not member.active:
                return False  # it failed while another's log was written, or this one's
            if not await self._put(member, sb.bblog_sector * SECTOR + at, data):
                if self._array.unanswered is member:
                    # What is to be written next depends on whether this was.
                    self._array.break_down(_HALF.format(member.path))
                return False
            member.log = member.log[:at] + data + member.log[at + len(data) :]
        return True

    async def _write_header(self) -> bool:
        """The bitmap's own superblock, to all at once."""
        self._header_due = False
        first = bytes(self._intent.raw[: max(_unit(m) for m in self._array.members)])
        fine = await self._put_all([(m, m.bitmap_place, first) for m in self._array.targets()])
        self._header_due |= bool(self._array.broken)
        return fine

    async def _all_answer(self) -> bool:
        """A flush of all at once, where there is no header to write: superblocks go to one after the other, and several
        that hang would cost a client the sum of their time.
        """
        members = self._array.targets()
        results = await wait(Operation(m.device, Op.FLUSH) for m in members)
        for member, result in zip(members, results, strict=True):
            if result:
                self._failed(member, "flush", result)
        return not any(results)

    async def _write_fresh(self, members: Sequence[Member]) -> bool:
        """Whole bitmaps for those of these that have none of ours yet."""
        fresh = [m for m in members if m.fresh and m.state is not State.FAULTY]
        if not fresh:
            return True
        raw = bytes(self._intent.raw)
        if not await self._put_all([(m, m.bitmap_place, raw) for m in fresh]):
            return False
        for member in fresh:
            member.fresh = False
        return True

    async def _write_pages(self) -> bool:
        """Bits that changed, to all at once."""
        intent = self._intent
        if not intent.pages:
            return True
        pages, intent.pages = sorted(intent.pages), set()
        wanted = set(intent.wanted)
        images = [(page * PAGE, bytes(intent.raw[page * PAGE : (page + 1) * PAGE])) for page in pages]
        holders = [m for m in self._array.targets() if not m.fresh]  # who is fresh gets the whole
        puts = [(m, m.bitmap_place + at, image) for m in holders for at, image in images]
        fine = await self._put_all(puts)
        if self._array.broken:
            intent.pages.update(pages)
            return False
        intent.granted(wanted)
        return fine

    async def _put(self, member: Member, place: int, data: bytes) -> bool:
        return await self._put_all([(member, place, data)])

    async def _put_all(self, puts: list[tuple[Member, int, bytes]]) -> bool:
        """Durable writes, side by side. A member that fails one is faulty; the last copy breaks the mirror."""
        buffers = [self._buffer(member, data) for member, _, data in puts]
        results = await wait(
            Operation(member.device, Op.WRITE, place, buffer, length, fua=True)
            for (member, place, _), (buffer, length) in zip(puts, buffers, strict=True)
        )
        fine = True
        for (member, _, _), (buffer, length), result in zip(puts, buffers, results, strict=True):
            buffer.drop()
            if result != length:
                fine = False
                self._failed(member, "metadata write", result)
        return fine

    def _buffer(self, member: Member, data: bytes) -> tuple[Buffer, int]:
        """The data in whole units of the member's medium."""
        length = -(-len(data) // _unit(member)) * _unit(member)
        buffer = self._pool.empty(length)
        buffer.view[: len(data)] = data
        buffer.view[len(data) : length] = bytes(length - len(data))
        return buffer, length

    def _failed(self, member: Member, what: str, result: int) -> None:
        member.write_errors += 1
        why = f"{what} error: {reason(result)}"
        if not self.fault(member, why):
            lastcopy.distrust(self._array, member, why, result)


def _unit(member: Member) -> int:
    """Bytes of the least write that the member's medium takes."""
    return max(member.device.atom, member.device.block_size)


_HALF = "{}, the last copy: it was late with a part of its bad-block log, which may be there or not"
_TURN = {State.RECOVERING: 0, State.IN_SYNC: 1, State.SPARE: 2}
"""A member that begins to recover learns it before the others call it a member again, those being filled included."""
