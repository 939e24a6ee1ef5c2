"""Check and repair: every copy is read and compared with the others, while clients go on.

A window is read without a ticket first, so that nobody waits for it. What seems to differ may be a write in flight: it
is read again under a ticket, and only what differs then does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from mirrortui.device.buffers import Pool, same
from mirrortui.errors import RefusedError
from mirrortui.mirror import lastcopy
from mirrortui.mirror.array import Array, State
from mirrortui.mirror.checking.compare import Comparer, Copy, differing, drop
from mirrortui.mirror.checking.findings import Difference, Findings
from mirrortui.mirror.checking.winner import WinnerRepair
from mirrortui.mirror.executor import Executor, Host, Signal, sleep
from mirrortui.mirror.metadata.scribe import Scribe
from mirrortui.mirror.syncing.copying import PAGE, Run, is_hole
from mirrortui.mirror.syncing.progress import Progress
from mirrortui.mirror.syncing.sync import Sync
from mirrortui.mirror.tickets import Tickets
from mirrortui.mirror.traffic.book import Book
from mirrortui.mirror.tuning import Tuning
from mirrortui.units import format_size

_AGAIN = 0.25
"""Seconds between looks at whether it may go on."""
_HOLE = 1 << 30
"""Bytes of a hole that are passed over in one step."""


class Checker:
    """One run at a time. A resync or recovery goes first: the run waits until that is done."""

    def __init__(
        self,
        executor: Executor,
        host: Host,
        array: Array,
        scribe: Scribe,
        book: Book,
        tickets: Tickets,
        pool: Pool,
        tuning: Tuning,
        sync: Sync,
    ) -> None:
        self._executor = executor
        self._host = host
        self._array = array
        self._scribe = scribe
        self._book = book
        self._tickets = tickets
        self._tuning = tuning
        self._sync = sync
        self._comparer = Comparer(array, scribe, book, pool)
        self._winner = WinnerRepair(host, array, scribe, book, tickets, tuning, sync, self._comparer)
        self._changed = Signal(executor)
        self._at = 0
        self._under_way: set[int] = set()
        self._workers = 0
        self._ending = False
        self.running = False
        self.findings: Findings | None = None
        """Of the run under way, else of the last one."""
        self.ended: Callable[[], None] = lambda: None
        """Called when a run is over, or interrupted."""
        self.progress = Progress()

    def check_startable(self) -> None:
        """Raise RefusedError, with the reason, if a run cannot begin now."""
        array, name = self._array, self._array.label
        if array.readonly or array.closing:
            raise RefusedError(f"{name} is read-only: nothing is checked, because nothing could be noted.")
        if array.broken:
            raise RefusedError(f"{name} cannot be checked: {array.broken}.", hint=lastcopy.remedy(array))
        if self.running and self.findings:
            raise RefusedError(
                f"A {self.findings.action} of {name} runs already.",
                hint=f'"mirrortui status {name}" shows it; "mirrortui sync {name} cancel" ends it.',
            )
        if len(array.in_sync()) < 2:
            raise RefusedError(
                f"{name} has one copy only: there is nothing to compare it with.",
                hint="Add or re-add a member first.",
            )

    def start(self, findings: Findings) -> None:
        """Begin a run, or go on with one that a restart interrupted. Raises RefusedError."""
        self.check_startable()
        self.findings = findings
        self.running = True
        self._ending = False
        self._at = findings.position
        self._under_way.clear()
        why = "it goes on from where it was" if self._at else ""
        self.progress.begin(findings.size, self._host.monotonic(), why)
        self.progress.skipped(self._at)
        self._executor.spawn(self._overrule(findings) if findings.winner else self._run(findings))

    def resume(self) -> None:
        """Go on with a run that was interrupted, if there is one."""
        found = self.findings
        if found and found.ended is None and not self.running:
            with contextlib.suppress(RefusedError):
                self.start(found)

    def cancel(self) -> None:
        """End the run where it is, for good. Raises RefusedError if there is none."""
        if not self.running:
            raise RefusedError(f"No check or repair runs on {self._array.label}.")
        self._ending = True
        if self.findings:
            self.findings.ended = self._host.now()

    async def stop(self) -> None:
        """The mirror stops: finish the windows in flight. The run may go on after the next assembly."""
        self._ending = True
        while self.running:
            await self._changed

    async def _run(self, findings: Findings) -> None:
        array, action = self._array, findings.action
        text = f"{array.label}: {action} of {format_size(findings.size - findings.position)} begins."
        array.observer(f"{action}-started", "info", text, None)
        for _ in range(self._tuning.depth):
            self._workers += 1
            self._executor.spawn(self._work(findings))
        while self._workers:
            await self._changed
        problem = await self._book.flush() if findings.repaired else 0
        findings.position = self._position()
        if self._at >= findings.size and not problem:
            findings.complete = True
            findings.ended = self._host.now()
            severity = "warning" if findings.left or findings.unread else "good"
            text = f"{array.label}: {action} is done; {outcome(findings)}."
            array.observer(f"{action}-finished", severity, text, None)
        elif findings.ended:
            why = " because one copy is left" if len(array.in_sync()) < 2 else ""
            where = f"at {format_size(findings.position)}{why}; up to there {outcome(findings)}"
            array.observer("sync-cancelled", "info", f"{array.label}: {action} was ended {where}.", None)
        self.running = False
        self._changed.fire()
        self.ended()

    async def _overrule(self, findings: Findings) -> None:
        """What the operator said is right. It is not gone on with after a restart: what is left is listed still."""
        findings.complete = await self._winner.run(findings, self.progress, lambda: self._ending)
        findings.ended = findings.ended or self._host.now()
        self.running = False
        self._changed.fire()
        self.ended()

    def _position(self) -> int:
        return min(self._under_way, default=self._at)

    async def _work(self, findings: Findings) -> None:
        while await self._may_go_on() and (window := self._next(findings.size)):
            lo, hi = window
            self.progress.window = lo
            if skipped := self._hole(lo, findings.size):
                self._at = max(self._at, lo + skipped)
                self.progress.skipped(skipped)
                await sleep(0)  # a sparse giant is many of these: let the clients in
            elif not await self._look_in_pieces(findings, lo, hi):
                break  # it counts as not looked at
            self._under_way.discard(lo)
            findings.position = max(findings.position, self._position())
        self._workers -= 1
        self._changed.fire()

    async def _may_go_on(self) -> bool:
        """Wait while it is paused, while something is copied, and while a timed-out write may still land."""
        while not self._ending and not self._array.broken:
            if not (self._sync.waits or self._sync.running or self._comparer.late()):
                if len(self._array.in_sync()) > 1:
                    return True
                self.cancel()
                break
            await sleep(_AGAIN)
        return False

    def _next(self, size: int) -> Run | None:
        lo = self._at
        if lo >= size:
            return None
        self._at = min(lo + self._tuning.window, size)
        self._under_way.add(lo)
        return lo, self._at

    def _hole(self, lo: int, size: int) -> int:
        """Bytes from `lo` on that are a hole on every copy: whole windows, or up to the end; 0: the first is none."""
        copies, found, length = self._array.in_sync(), 0, self._tuning.window
        while found < size - lo and length <= _HOLE:
            step = min(length, size - lo)
            if not all(is_hole(m, lo, step) for m in copies) or len(
                self._comparer.comparable(lo, lo + step)
            ) < len(copies):
                break
            found, length = step, 2 * length
        return found

    async def _look_in_pieces(self, findings: Findings, lo: int, hi: int) -> bool:
        """All at once, or less beside busy clients. False: it was interrupted."""
        courtesy = self._sync.courtesy
        while lo < hi:
            begun = await courtesy.begin(self._hurried)
            end = min(hi, lo + courtesy.piece(hi - lo))
            crew = self._standing()
            differed = await self._look(findings, lo, end)
            await courtesy.end(begun, end - lo, self._hurried)
            if findings.action == "repair" and differed and not await self._keep(lo, end, crew):
                if not await self._may_go_on():
                    return False
                continue
            self.progress.copied(end - lo, self._host.monotonic())
            lo = end
        return True

    def _standing(self) -> tuple[int, int]:
        """Changes whenever a member comes or goes, or must be copied to."""
        return self._book.epoch, self._scribe.failed_at

    async def _keep(self, lo: int, hi: int, crew: tuple[int, int]) -> bool:
        """Have what was repaired kept in mind for members that are away. First it is made durable: where bits are set a
        power cut brings a resync, and its measure must be right by then. False: one that came meanwhile may lack it.
        """
        if self._array.degraded() and not await self._book.flush():
            await self._book.mark(lo, hi - lo)
        return crew == self._standing()

    def _hurried(self) -> bool:
        return self._ending

    async def _look(self, findings: Findings, lo: int, hi: int) -> bool:
        """Compare a window, and look more closely at what seems to differ. False: nothing does."""
        copies = await self._comparer.read(lo, hi)
        suspects = differing(copies, hi - lo)
        unread = len(copies) < len(self._array.in_sync())
        drop(copies)
        for start, end in suspects:
            if not await self._look_closely(findings, lo + start, lo + end) and not unread:
                findings.unread += end - start
        if unread:
            findings.unread += hi - lo
        return bool(suspects)

    async def _look_closely(self, findings: Findings, lo: int, hi: int) -> bool:
        """Nobody writes there now: what differs, differs. False: not all copies could be compared."""
        ticket = self._tickets.enter(lo, hi)
        copies: list[Copy] = []
        try:
            await ticket
            if self._comparer.late() or self._array.broken:
                return False
            copies = await self._comparer.read(lo, hi)
            voters = len(self._array.in_sync())
            for start, end in differing(copies, hi - lo):
                for found in _differences(copies, start, end, voters):
                    await self._found(findings, copies, lo, found)
            return len(copies) == voters
        finally:
            drop(copies)
            self._tickets.leave(ticket)

    async def _found(self, findings: Findings, copies: Sequence[Copy], lo: int, found: _Found) -> None:
        difference = Difference(lo + found.lo, lo + found.hi, tuple(c.member.path for c in found.odd))
        right = found.right
        if findings.action == "repair" and found.certain and right.member.state is State.IN_SYNC:
            wrong = [c.member for c in copies if c not in found.like]
            took = await self._comparer.give(wrong, lo, right.buffer, (found.lo, found.hi))
            if len(took) == len(wrong):
                difference = difference._replace(kept=found.right.member.path)
        findings.add(difference)


class _Found(NamedTuple):
    """Where copies differ, from byte `lo` to byte `hi` of their buffers, and how."""

    lo: int
    hi: int
    right: Copy
    """Of the majority, or of the lowest role where there is none."""
    like: tuple[Copy, ...]
    """Those who have the same."""
    odd: tuple[Copy, ...]
    """The others, where there is a majority."""
    certain: bool
    """A majority of all, or all were asked: who could not be read might know better."""


def _differences(copies: Sequence[Copy], lo: int, hi: int, voters: int) -> Iterator[_Found]:
    """Page by page, who is like whom; neighbours of the same kind as one. `voters`: how many copies there are, those
    included that could not be read.
    """
    page = max(PAGE, *(c.member.device.block_size for c in copies))
    last: _Found | None = None
    for at in range(lo, hi, page):
        found = _judge(copies, at, min(at + page, hi), voters)
        if last and last[2:] == found[2:]:
            last = last._replace(hi=found.hi)
        else:
            if last:
                yield last
            last = found
    if last:
        yield last


def _judge(copies: Sequence[Copy], lo: int, hi: int, voters: int) -> _Found:
    """Copies come in the order of their roles."""
    groups: list[list[Copy]] = []
    for copy in copies:
        group = next((g for g in groups if same(g[0].buffer, copy.buffer, lo, hi - lo)), None)
        if group:
            group.append(copy)
        else:
            groups.append([copy])
    most = max(groups, key=len)
    majority = 2 * len(most) > voters
    like = most if majority else groups[0]
    odd = tuple(c for c in copies if c not in like) if majority else ()
    return _Found(lo, hi, like[0], tuple(like), odd, majority or len(copies) == voters)


def outcome(findings: Findings) -> str:
    """What a run has found, in words."""
    if not findings.differing:
        said = "the copies are equal"
    elif findings.action == "check":
        said = f"{format_size(findings.differing)} differ"
    elif findings.left:
        said = f"{format_size(findings.differing)} differed, {format_size(findings.left)} still do"
    else:
        said = f"{format_size(findings.differing)} differed and are equal now"
    return f"{said}; {format_size(findings.unread)} could not be compared" if findings.unread else said
