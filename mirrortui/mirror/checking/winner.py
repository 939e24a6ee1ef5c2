"""A repair with a winner: the operator says whose copy of some ranges is right, and the others are made like it.

Nothing of this is written under a bit of the bitmap while all members are there: after a power cut the bit would have
the chunk copied from whichever member the resync takes for its source, perhaps over the winner. A cut leaves what
differs differing, and listed. Who is not there must get what was written when it is back: once the ranges are equal on
the others, durably, their bits are set (I3 keeps them). And nobody may have gone or come while that was brought about:
else all of it is looked at once more.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.checking.compare import Comparer, Copy, drop
from mirrortui.mirror.checking.findings import Findings
from mirrortui.mirror.executor import Host, sleep
from mirrortui.mirror.metadata.scribe import Scribe
from mirrortui.mirror.syncing.copying import PAGE, Run, runs
from mirrortui.mirror.syncing.progress import Progress
from mirrortui.mirror.syncing.sync import Sync
from mirrortui.mirror.tickets import Tickets
from mirrortui.mirror.traffic.book import Book
from mirrortui.mirror.tuning import Tuning
from mirrortui.units import format_size

_AGAIN = 0.25
"""Seconds between looks at whether it may go on."""
_STUCK = 10.0
"""Seconds for which it waits for a member that is to be filled, and is not."""
_TOLD = 3
"""Ranges that an event names."""


@dataclass
class Outcome:
    """Of one range."""

    lo: int
    hi: int
    overwritten: Counter[str]
    """Bytes that differed, by the path of the member that has the winner's now; since the run began."""
    why: str = ""
    """It was left as it is; empty: all copies are equal."""


class WinnerRepair:
    """One run at a time, which the Checker begins."""

    def __init__(
        self,
        host: Host,
        array: Array,
        scribe: Scribe,
        book: Book,
        tickets: Tickets,
        tuning: Tuning,
        sync: Sync,
        comparer: Comparer,
    ) -> None:
        self._host = host
        self._array = array
        self._scribe = scribe
        self._book = book
        self._tickets = tickets
        self._tuning = tuning
        self._sync = sync
        self._comparer = comparer
        self._ending: Callable[[], bool] = lambda: False
        self._progress = Progress()
        self._winner = ""
        self._right: Member | None = None
        """Who was the winner when it began. One that went and came back was filled from the others meanwhile."""
        self._crew = (0, 0)
        self._overwritten: dict[Run, Counter[str]] = {}

    async def run(self, findings: Findings, progress: Progress, ending: Callable[[], bool]) -> bool:
        """True: it came to its end; what could not be settled is marked in the findings."""
        self._ending, self._progress, self._winner = ending, progress, findings.winner
        name, winner = self._array.label, findings.winner
        member = self._array.find(winner)
        self._right = member if member and member.state is State.IN_SYNC else None
        what = _ranges(len(findings.chosen), findings.size)
        text = f"{name}: repair of {what} begins: what {winner} has is right."
        self._array.observer("repair-started", "info", text, winner)
        self._overwritten = {(lo, hi): Counter() for lo, hi in findings.chosen}
        outcomes: list[Outcome] = []
        while await self._may_go_on():
            self._crew = self._standing()
            outcomes = await self._pass(findings)
            if self._same_crew() and await self._keep(outcomes):
                _account(findings, outcomes)
                break
            outcomes = []
        complete = len(outcomes) == len(findings.chosen)
        self._tell(findings, outcomes, complete)
        return complete

    # Who is there.

    def _standing(self) -> tuple[int, int]:
        """Changes whenever a member comes or goes, or must be copied to."""
        return self._book.epoch, self._scribe.failed_at

    def _same_crew(self) -> bool:
        return self._crew == self._standing()

    async def _may_go_on(self) -> bool:
        """Wait while it is paused, while something is copied, and while a timed-out write may still land."""
        since = self._host.monotonic()
        while not (self._ending() or self._array.broken or self._array.readonly or self._array.closing):
            under_way = self._sync.waits or self._sync.running or self._comparer.late()
            filling = any(m.state is State.RECOVERING for m in self._array.members)
            if not (under_way or filling):
                return True
            now = self._host.monotonic()
            since = now if under_way else since
            if now - since > _STUCK:
                break
            await sleep(_AGAIN)
        return False

    # Ranges.

    async def _pass(self, findings: Findings) -> list[Outcome]:
        """Each range, as long as nobody comes or goes."""
        outcomes: list[Outcome] = []
        findings.position = 0
        for lo, hi in findings.chosen:
            outcome = await self._settle(lo, hi)
            if outcome is None:
                break
            outcomes.append(outcome)
            findings.position += hi - lo
        return outcomes

    async def _settle(self, lo: int, hi: int) -> Outcome | None:
        """None: it was interrupted."""
        outcome = Outcome(lo, hi, self._overwritten[lo, hi])
        # Nothing is written to a range of which the winner cannot give all.
        why: str | None = await self._preview(lo, hi)
        for a, b in self._pieces(lo, hi):
            while not why and a < b:
                if not (await self._may_go_on() and self._same_crew()):
                    return None
                begun = await self._sync.courtesy.begin(self._ending)
                end = min(b, a + self._sync.courtesy.piece(b - a))
                why = await self._overwrite(a, end, outcome.overwritten)
                self._progress.window = a
                self._progress.copied(end - a, self._host.monotonic())
                await self._sync.courtesy.end(begun, end - a, self._ending)
                a = a if why is None else end
        outcome.why = why or ""
        return outcome if self._same_crew() else None

    def _pieces(self, lo: int, hi: int) -> Iterator[Run]:
        """Windows, cut where bad ranges begin and end: who has one lacks a part, not the whole."""
        unit = max(m.device.block_size for m in self._array.members)
        edges = {lo, hi, *range(lo, hi, self._tuning.window)}
        for member in self._array.in_sync():
            for start, end in member.bad.within(lo, hi):
                edges |= {max(lo, start // unit * unit), min(hi, -(-end // unit) * unit)}
        return itertools.pairwise(sorted(edges))

    def _unfit(self, lo: int, hi: int) -> str:
        """Why the winner's copy of the range cannot be the measure; empty: it can."""
        winner = self._right
        if winner is None or winner.state is not State.IN_SYNC:
            return f"{self._winner} did not stay in sync"
        if winner.bad.touches(lo, hi):
            return f"{self._winner} has bad blocks there"
        if winner not in self._comparer.comparable(lo, hi):
            return f"{self._winner} waits for a resync there"
        return ""

    async def _preview(self, lo: int, hi: int) -> str | None:
        """Why not all of a range can be read on the winner."""
        for a in range(lo, hi, self._tuning.window):
            b = min(a + self._tuning.window, hi)
            if not await self._may_go_on():
                break
            if why := self._unfit(a, b):
                return why
            copies = await self._comparer.read(a, b, self._right)
            drop(copies)
            if not copies:
                return f"{self._winner} cannot be read there"
        return None

    async def _overwrite(self, lo: int, hi: int, overwritten: Counter[str]) -> str | None:
        """Read a piece again, and give who differs what the winner has. Why that cannot be done; empty: it is; None:
        not now.
        """
        ticket = self._tickets.enter(lo, hi)
        copies: list[Copy] = []
        try:
            await ticket
            if self._comparer.late() or self._array.broken or not self._same_crew():
                return None
            if why := self._unfit(lo, hi):
                return why
            copies = await self._comparer.read(lo, hi)
            right = next((c for c in copies if c.member is self._right), None)
            if right is None or right.member.state is not State.IN_SYNC:
                return f"{self._winner} cannot be read there"
            for copy in copies:
                await self._make_like(copy, right, lo, hi - lo, overwritten)
            return self._unasked(copies, lo, hi)
        finally:
            drop(copies)
            self._tickets.leave(ticket)

    async def _make_like(
        self, copy: Copy, right: Copy, lo: int, length: int, overwritten: Counter[str]
    ) -> None:
        page = max(PAGE, *(m.device.block_size for m in self._array.members))
        for start, end in runs(right.buffer, copy.buffer, length, page):
            if await self._comparer.give([copy.member], lo, right.buffer, (start, end)):
                overwritten[copy.member.path] += end - start

    def _unasked(self, copies: Sequence[Copy], lo: int, hi: int) -> str:
        """Who holds data there and could not be read, so that it may differ still."""
        read = {c.member for c in copies}
        rest = [m.path for m in self._array.in_sync() if m not in read and not m.bad.touches(lo, hi)]
        return f"{' and '.join(rest)} cannot be read there" if rest else ""

    # What was done is to stay.

    async def _keep(self, outcomes: Sequence[Outcome]) -> bool:
        """Have it durable, and kept in mind for members that are away. False: somebody came or went, or failed."""
        if await self._book.flush() or not self._same_crew():
            return False
        if self._array.degraded():
            for outcome in outcomes:
                if not await self._book.mark(outcome.lo, outcome.hi - outcome.lo):
                    return False
        return self._same_crew()

    def _tell(self, findings: Findings, outcomes: Sequence[Outcome], complete: bool) -> None:
        name, winner = self._array.label, findings.winner
        overwritten = sum(self._overwritten.values(), Counter[str]())
        amounts = [f"{format_size(count)} on {path}" for path, count in sorted(overwritten.items())]
        written = f"overwritten: {', '.join(amounts)}" if amounts else "nothing was overwritten"
        left = [o for o in outcomes if o.why]
        equal = [o for o in outcomes if not o.why]
        settled = (
            f"{_ranges(len(equal), sum(o.hi - o.lo for o in equal))} {'is' if len(equal) == 1 else 'are'}"
        )
        if not complete:
            text = f"{name}: repair was ended early; {settled} as {winner} has it; {written}."
            self._array.observer("sync-cancelled", "info", text, winner)
            return
        text = f"{name}: repair is done; {settled} as {winner} has it; {written}."
        if left:
            text += f" Left as they are: {_reasons(left)}."
        self._array.observer("repair-finished", "warning" if left else "good", text, winner)


def _account(findings: Findings, outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.why:
            findings.leave(outcome.lo, outcome.hi, outcome.why)
        else:
            most = max(outcome.overwritten.values(), default=0)
            findings.settle(outcome.lo, outcome.hi, most)


def _ranges(count: int, size: int) -> str:
    return f"{count} range{'s' if count != 1 else ''} ({format_size(size)})"


def _reasons(left: Sequence[Outcome]) -> str:
    named = [f"{format_size(o.hi - o.lo)} at {format_size(o.lo)}, as {o.why}" for o in left[:_TOLD]]
    more = [f"{len(left) - _TOLD} more"] if len(left) > _TOLD else []
    return "; ".join([*named, *more])
