"""Copying: resync (copies in sync that may differ after a crash) and recovery (a member being filled) are one thing.

Each member has a set of chunks that its copy needs; a window of them is read from a good copy and written to all that
need it, under a ticket, so that no write is undone (I8).
"""

from __future__ import annotations

from collections.abc import Callable, Container

from mirrortui.device.base import Op
from mirrortui.device.buffers import Buffer, Pool
from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.chunks import ChunkSet
from mirrortui.mirror.executor import Executor, Host, Operation, Signal, sleep, wait
from mirrortui.mirror.metadata.scribe import Scribe
from mirrortui.mirror.reasons import reason
from mirrortui.mirror.syncing.checkpoints import Checkpoints
from mirrortui.mirror.syncing.copying import Run, differing, is_hole, operations
from mirrortui.mirror.syncing.correct import Corrector
from mirrortui.mirror.syncing.courtesy import Courtesy
from mirrortui.mirror.syncing.heal import Healer
from mirrortui.mirror.syncing.patch import Patcher
from mirrortui.mirror.syncing.progress import Progress
from mirrortui.mirror.syncing.succession import Succession
from mirrortui.mirror.syncing.windows import Window, Windows
from mirrortui.mirror.tickets import Tickets
from mirrortui.mirror.traffic.book import Book
from mirrortui.mirror.tuning import Tuning
from mirrortui.units import format_size

_LATE = 0.25
"""Seconds to wait before looking again whether a timed-out operation has landed, or whether it is time."""


class Sync:
    """The copying side of one mirror."""

    def __init__(
        self,
        executor: Executor,
        host: Host,
        array: Array,
        scribe: Scribe,
        book: Book,
        corrector: Corrector,
        tickets: Tickets,
        pending: Container[int],
        pool: Pool,
        tuning: Tuning,
    ) -> None:
        self._executor = executor
        self._host = host
        self._array = array
        self._scribe = scribe
        self._book = book
        self._tickets = tickets
        self._pending = pending
        self._pool = pool
        self._tuning = tuning
        self._healer = Healer(array, scribe, book, tickets, pool, tuning)
        self._patcher = Patcher(array, scribe, book.reader, book.edges, corrector, pool, tuning, self._wrote)
        self.succession = Succession(array, scribe)
        self._changed = Signal(executor)
        self._copiers = 0
        self._windows = Windows(array, book, tuning.window)
        self._ahead = 0
        """Bytes that were copied of chunks that still count as needed."""
        self.ended: Callable[[], None] = lambda: None
        """Called when nothing is copied any more: bits of what was copied may go."""
        self._written = ChunkSet(array.chunks)
        """Chunks that this run wrote to."""
        self.running = False
        self.stopped = False
        self.progress = Progress()
        self._checkpoints = Checkpoints(host, array, scribe, self.progress, tuning.checkpoint)
        self.courtesy = Courtesy(host, tuning.depth)
        self.paused = False
        """By the operator: nothing is copied, and nothing checked, until this is false again."""

    @property
    def action(self) -> str:
        """As sysfs says it: idle, resync or recover."""
        if not self.running:
            return "idle"
        filling = any(m.state is State.RECOVERING for m in self._array.members)
        return "recover" if filling else "resync"

    @property
    def waits(self) -> bool:
        """Nothing may be copied or checked now, by the operator's word or another mirror's turn."""
        return self.paused or bool(self.courtesy.queued)

    def kick(self, reason: str = "") -> None:
        """There may be something to copy."""
        self._windows.unreadable.clear()
        self._windows.alone.clear()
        self._healer.forget()
        self._begin(reason)

    def retry(self, first: int, last: int) -> None:
        """Bad blocks in these chunks are good again: if they could not be read, perhaps they can be now."""
        chunks = range(first, last + 1)
        if not self._windows.unreadable.isdisjoint(chunks):
            self._windows.unreadable.difference_update(chunks)
            self._begin("what could not be read was written over")

    async def heal(self, member: Member) -> None:
        """Try what a member's bad-block log lists, whatever was given up before."""
        self._healer.forget()
        while not self.stopped and not self._array.broken and (wound := self._healer.next(member)):
            if self._late():
                await sleep(_LATE)
            elif await self._healer.heal(wound):
                self.retry(*self._book.span(wound.lo, wound.hi - wound.lo))

    def _begin(self, reason: str) -> None:
        if self.running:
            self._changed.fire()
        elif not self.stopped and not self._array.readonly and self._due():
            self.running = True
            self._executor.spawn(self._run(reason))

    async def stop(self) -> None:
        """Finish the windows in flight and start no more."""
        self.stopped = True
        while self.running:
            await self._changed

    def rechunk(self) -> None:
        """The array has other chunks now; nothing runs."""
        self._written = ChunkSet(self._array.chunks)
        self._windows.restart()

    def _due(self) -> bool:
        targets = self._array.targets()
        return any(m.need.count or m.state is State.RECOVERING for m in targets) or self._wounded()

    def _wounded(self) -> bool:
        return self._healer.next() is not None

    def _needed_bytes(self) -> int:
        counts = [m.need.count for m in self._array.targets()]
        chunks = min(self._array.size, max(counts, default=0) << self._array.chunk_shift)
        return chunks + self._healer.bytes

    async def _run(self, reason: str) -> None:
        array = self._array
        action = self.action
        what = "recovery" if action == "recover" else "resync"
        filling = [m for m in array.members if m.state is State.RECOVERING]
        why = reason or ("it was not stopped cleanly" if what == "resync" else "a member is being filled")
        self.progress.begin(self._needed_bytes(), self._host.monotonic(), why)
        todo = format_size(self.progress.total)
        array.observer(f"{what}-started", "info", f"{array.label}: {what} of {todo} begins: {why}.", None)
        self._checkpoints.begin()
        self._written.clear()
        while not self.stopped and not array.broken:
            await self._copy_all()
            await self._heal_all()
            if not await self._promote_all():
                break
        self.running = False
        self._changed.fire()
        array.changed()
        self.ended()
        if not self._due():
            lost = [m.path for m in filling if m.state is State.FAULTY]
            how = f"ended, as {' and '.join(lost)} is out" if lost else "is done"
            text = f"{array.label}: {what} {how}; copied {self._written.count} of {array.chunks} chunks."
            array.observer(f"{what}-finished", "info" if lost else "good", text, None)
        elif (unread := len(self._windows.unreadable)) and not self.stopped:
            text = f"{array.label}: {what} cannot go on: {unread} chunks cannot be read on any copy."
            array.observer("sync-stuck", "error", text, None)

    async def _copy_all(self) -> None:
        """Run the copiers until nothing copyable is left."""
        await self._resumed()
        self._windows.restart()
        self._ahead = 0
        for _ in range(self._tuning.depth):
            self._copiers += 1
            self._executor.spawn(self._copier())
        while self._copiers:
            await self._changed

    async def _heal_all(self) -> None:
        """After the copying: by then more copies may be read."""
        while not self.stopped and not self._array.broken and (wound := self._healer.next()):
            if self._late():
                await sleep(_LATE)
            elif await self._healer.heal(wound):
                self.progress.copied(wound.hi - wound.lo, self._host.monotonic())
                self.retry(*self._book.span(wound.lo, wound.hi - wound.lo))

    async def _copier(self) -> None:
        while window := self._next():
            if self._empty(window):
                self._skip(window)
                await sleep(0)  # a sparse giant is millions of these: let the clients in
                continue
            self.progress.window = window.lo
            while self._late() and not self.stopped:
                await sleep(_LATE)
            while self._untold() and not self.stopped and not self._array.broken:
                await self._scribe.progress
            if await self._copy(window):
                self._finish(window)
            await self._checkpoints.keep()
            await self._resumed()
        self._copiers -= 1
        self._changed.fire()

    async def _resumed(self) -> None:
        """Wait while it is paused or queued; a member that fails meanwhile leaves nothing to wait for."""
        while self.waits and not self.stopped and not self._array.broken and self._due():
            await sleep(_LATE)

    def _empty(self, window: Window) -> bool:
        """The chunks that begin here are holes on every copy, and no write is under way that could fill one only."""
        shift, chunks = self._array.chunk_shift, window.chunks
        lo, hi = chunks[0] << shift, min(chunks[-1] + 1 << shift, self._array.size)
        if window.lo != lo or self._late() or any(chunk in self._pending for chunk in chunks):
            return False
        source = self._book.reader(lo, hi - lo)
        return source is not None and all(is_hole(m, lo, hi - lo) for m in (source, *self._needing(window)))

    def _skip(self, window: Window) -> None:
        """Equal as they are: nothing to copy."""
        before = self._needed_bytes()
        self._windows.skip(window)
        self.progress.skipped(before - self._needed_bytes())

    def _late(self) -> bool:
        """A timed-out operation may still land on a chunk after it was copied: neither copy nor promote meanwhile."""
        return any(m.device.zombies for m in self._array.targets())

    def _untold(self) -> bool:
        """A member that is being filled may still call itself whole on disk, or another side's: were that one started
        after a power cut, it would serve a mixture.
        """
        return not all(m.told for m in self._array.targets())

    def _next(self) -> Window | None:
        return None if self.stopped or self._array.broken else self._windows.next()

    def _needing(self, window: Window) -> list[Member]:
        return [m for m in self._array.targets() if m.need.flags[window.chunks[0]]]

    async def _copy(self, window: Window) -> bool:
        """Copy one window, beside busy clients in pieces. False: not done, it stays needed."""
        at = window.lo
        while at < window.hi:
            begun = await self.courtesy.begin(self._hurried)
            end = min(window.hi, at + self.courtesy.piece(window.hi - at))
            done = await self._copy_piece(Window(at, end, window.chunks, window.epoch))
            self._ahead += end - at if done else window.lo - at
            await self.courtesy.end(begun, end - at, self._hurried)
            if not done:
                return False
            at = end
        return True

    def _hurried(self) -> bool:
        return self.stopped

    async def _copy_piece(self, window: Window) -> bool:
        length = window.hi - window.lo
        ticket = self._book.enter(window.lo, length)
        buffer = self._pool.empty(length)
        try:
            await ticket
            if self._late() or self._untold() or self._array.broken:
                return False
            source = await self._read_source(window, buffer)
            if source is None:
                return await self._patch(window)
            runs = await self._compare(window, buffer)
            if source.state is State.FAULTY:
                return False  # who failed is no longer the measure of what is right
            if self._untold():
                return False  # who was taken in meanwhile is not to be written to yet
            # Who is written to is decided after the last wait: a member may have failed meanwhile.
            writes = [
                (m, op)
                for m in self._needing(window)
                for op in operations(
                    source, m, window.lo, buffer, runs.get(m, [(0, length)]), self._pool, self._tuning.page
                )
            ]
            results = await wait(op for _, op in writes)
            for (member, op), result in zip(writes, results, strict=True):
                self._wrote(member, op, result)
            self.progress.copied(length, self._host.monotonic())
            return True
        finally:
            buffer.drop()
            self._tickets.leave(ticket)

    async def _compare(self, window: Window, buffer: Buffer) -> dict[Member, list[Run]]:
        """Where the copies of those who are compared differ from the source."""
        length = window.hi - window.lo
        found = {}
        for member in [m for m in self._needing(window) if m.compare]:
            if member.active:  # it may have gone while another was read
                found[member] = await differing(member, window.lo, buffer, length, self._pool)
        return found

    def _wrote(self, member: Member, op: Operation, result: int) -> None:
        """Count what a copy took; who did not take it is out."""
        expected = op.length if op.op is Op.WRITE else 0
        member.written_bytes += expected
        at = op.offset - member.data
        shift = self._array.chunk_shift
        self._written.update(range(at >> shift, (at + op.length - 1 >> shift) + 1))
        if op.buffer:
            op.buffer.drop()
        if result != expected:
            why = reason(result)
            member.write_errors += 1
            self._scribe.fault(member, f"write error at {format_size(at)} while it was filled: {why}")

    async def _read_source(self, window: Window, buffer: Buffer) -> Member | None:
        """Read the window from a good copy. None when there is none."""
        length = window.hi - window.lo
        tried: list[Member] = []
        favoured = self.succession.source(self._needing(window))
        while source := self._book.reader(window.lo, length, tried, favoured):
            if is_hole(source, window.lo, length):
                # Whoever asks again may get another answer: what is there is in the buffer either way.
                buffer.view[:length] = bytes(length)
                return source
            read = Operation(source.device, Op.READ, source.data + window.lo, buffer, length)
            (result,) = await wait([read])
            if result == length:
                source.read_bytes += length
                return source
            tried.append(source)
            self._book.read_failed(source, window.lo, length, result)
        return None

    async def _patch(self, window: Window) -> bool:
        """No copy has all of it. One chunk after the other then, and page by page; False: its chunks are left."""
        if len(window.chunks) > 1:
            self._windows.alone.update(window.chunks)
        elif await self._patcher.copy(window.lo, window.hi):
            self.progress.copied(window.hi - window.lo, self._host.monotonic())
            self._healer.forget()  # what waited for a resync may be read from soon
            return True
        else:
            self._windows.unreadable.update(window.chunks)
        return False

    def _finish(self, window: Window) -> None:
        before = self._needed_bytes()
        if not self._windows.finish(window):
            return
        needed = self._needed_bytes()
        self._ahead = max(0, self._ahead - max(0, before - needed))
        self.progress.left(needed - self._ahead)

    async def _promote_all(self) -> bool:
        """Make recovered members count. True: there is more to copy."""
        for member in [m for m in self._array.members if m.state is State.RECOVERING]:
            if not member.need.count:
                await self._promote(member)
        return (self._windows.lowest() >= 0 or self._wounded()) and not self.stopped

    async def _promote(self, member: Member) -> None:
        """What was copied must be durable before the member may be believed."""
        while self._late() and not self.stopped:
            await sleep(_LATE)
        if not member.active:
            return  # it may be gone, and closed
        (result,) = await wait([Operation(member.device, Op.FLUSH)])
        if member.state is not State.RECOVERING:
            return
        if result:
            self._scribe.fault(member, f"flush error while it was filled: {reason(result)}")
            return
        if not self._promotable(member):
            return
        if member.replacement and not (await self.succession.prepare(member) and self._promotable(member)):
            return
        member.state = State.IN_SYNC
        replaced = self.succession.take_over(member)
        self._windows.unreadable.clear()
        self._healer.forget()
        member.guided = member.compare = False
        member.recovered = 0
        member.since = self._host.now()
        member.why = ""
        self._array.changed()
        done = await self._scribe.durable(self._scribe.want())
        text = f"{member.path} is in sync: {len(self._array.in_sync())} of {self._array.raid_disks}."
        self._array.observer("member-in-sync", "good", text, member.path)
        if replaced and done:
            self.succession.conclude(member, replaced)

    def _promotable(self, member: Member) -> bool:
        filled = member.state is State.RECOVERING and not member.need.count
        return filled and not (member.device.zombies or self.stopped)
