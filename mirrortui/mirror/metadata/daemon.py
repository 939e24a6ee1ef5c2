"""The lazy side of the write-intent bitmap: clears bits whose copies are equal and durable, and says "clean" (I3)."""

from __future__ import annotations

from collections.abc import Callable

from mirrortui.mirror.array import Array
from mirrortui.mirror.executor import Executor, Host, Signal
from mirrortui.mirror.metadata.intent import AGING, HOT, Intent
from mirrortui.mirror.metadata.scribe import Scribe
from mirrortui.mirror.traffic.book import Book
from mirrortui.mirror.tuning import Tuning


class Daemon:
    """Passes over the bitmap every few seconds."""

    def __init__(
        self,
        executor: Executor,
        host: Host,
        array: Array,
        intent: Intent,
        scribe: Scribe,
        book: Book,
        tuning: Tuning,
        look_again: Callable[[], None],
    ) -> None:
        self._array = array
        self._intent = intent
        self._scribe = scribe
        self._book = book
        self._tuning = tuning
        self._look_again = look_again
        self._host = host
        self._wake = Signal(executor)
        self._early = False
        self.stopped = False
        self.passing = False
        """A pass is under way."""
        self.resting = False
        """No pass begins: what it would clear is being exchanged."""

    async def run(self) -> None:
        """The task."""
        self._tick()
        while not self.stopped:
            if not self._early:
                await self._wake
            self._early = False
            self.passing = True
            await self.one_pass()
            self.passing = False

    def hurry(self) -> None:
        """Make the next pass now, or when the one under way ends: two at once would clear what neither flushed."""
        self._early = True
        self._wake.fire()

    def _tick(self) -> None:
        self._wake.fire()
        if not self.stopped:
            self._host.call_later(self._tuning.daemon_delay, self._tick)

    async def one_pass(self) -> None:
        """Clear what has been idle since the last pass; say clean when nothing was written since."""
        if self.stopped or self.resting or self._array.readonly:
            return
        self._look_again()
        if self._array.broken:
            return
        array, intent = self._array, self._intent
        idle = [] if array.degraded() else [c for c in intent.idle() if not array.needed(c)]
        # Asked before the flush: a resync that ends while it runs is not covered by it.
        quiet = array.active and self._quiet()
        intent.age()
        if not idle and not quiet:
            return
        if await self._book.flush():
            return
        if idle:
            await self._clear(idle)
        if quiet and self._quiet():
            array.active = False
            self._scribe.want()

    async def _clear(self, idle: list[int]) -> None:
        """Bits of chunks that nobody touched from before the flush until now."""
        # Since the flush began somebody may have failed, and must not look older than what was cleared.
        if self._array.degraded():
            return
        self._scribe.mark_cleared()
        if not await self._scribe.durable(self._scribe.want()):
            return
        if self._array.degraded() or self._scribe.holding or self._scribe.cleared_due:
            return
        for chunk in idle:
            untouched = self._intent.heat[chunk] == AGING and chunk not in self._intent.pending
            if untouched and not self._array.needed(chunk):
                self._intent.clear(chunk)
        self._scribe.want()

    async def finish(self) -> None:
        """The last pass of a clean stop: flushed, cleared as far as may be, clean where the copies are equal (I13)."""
        if await self._book.flush():
            return
        self._intent.age()
        equal = (
            [] if self._array.degraded() else [c for c in self._intent.idle() if not self._array.needed(c)]
        )
        if equal:
            await self._clear(equal)
        while True:
            if self._quiet():
                self._array.active = False
            written = await self._scribe.durable(self._scribe.want())
            # Whoever goes out meanwhile may take with it what kept the copies from being equal.
            if not (written and self._array.active and self._quiet()):
                return

    def _quiet(self) -> bool:
        """No write came since the flush, none that timed out may still land, and the copies in sync are equal."""
        array, intent = self._array, self._intent
        if any(m.device.zombies for m in array.targets()):
            return False
        return HOT not in intent.heat and not intent.pending and not array.unsynced() and not array.broken
