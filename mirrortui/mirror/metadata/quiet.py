"""A running mirror held still for a moment, while what its superblocks and bitmap are about is changed."""

from __future__ import annotations

from types import TracebackType

from mirrortui.errors import RefusedError
from mirrortui.mirror.executor import sleep
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs.manage import check_settled, check_unbroken, drained

_SETTLE = 0.05
"""Seconds between looks at whether what is under way has ended."""


class Quiet:
    """While it is entered nothing is written and nothing is copied; clients' writes wait."""

    def __init__(self, mirror: Mirror, what: str) -> None:
        """`what` of it is being changed."""
        self._mirror = mirror
        self._what = what

    async def __aenter__(self) -> None:
        mirror = self._mirror
        if mirror.gate.shut:
            raise RefusedError(f"The {self._what} of {mirror.array.label} is being changed already.")
        mirror.shut_gate()
        try:
            mirror.corrector.stopped = True
            await mirror.sync.stop()
            await mirror.checker.stop()
            await drained(mirror)
            while mirror.daemon.passing:
                await sleep(_SETTLE)
            mirror.daemon.resting = True
            await all_written(mirror)
            check_settled(mirror.array)  # a member may have begun to arrive, or the last copy failed
        except Exception:
            self._go_on()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(
            kind, Exception
        ):  # after what ends a task in mid-way nothing may be begun
            self._go_on()

    def _go_on(self) -> None:
        mirror = self._mirror
        mirror.daemon.resting = mirror.corrector.stopped = mirror.sync.stopped = False
        mirror.open_gate()
        mirror.sync.kick(f"its {self._what} was changed meanwhile")
        mirror.fill_vacancy()
        mirror.checker.resume()


async def all_written(mirror: Mirror) -> None:
    """Wait until superblocks and bitmaps say what memory wants. Raises RefusedError if they never will."""
    while mirror.scribe.done != mirror.scribe.asked and not mirror.array.broken:
        await mirror.scribe.progress
    check_unbroken(mirror.array)


async def all_flushed(mirror: Mirror) -> None:
    """In quiet: flush every member, then wait until nobody writes superblocks, which a removal may have begun
    meanwhile: what the caller changes in them without a wait is not overtaken by an older one. Raises RefusedError.
    """
    if await mirror.book.flush():
        check_unbroken(mirror.array)
        raise RefusedError(f"{mirror.array.label} could not be flushed.", hint="Try again.")
    await all_written(mirror)
