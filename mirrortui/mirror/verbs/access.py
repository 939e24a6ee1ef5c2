"""A running mirror made read-only, and writable again."""

from __future__ import annotations

from mirrortui.errors import RefusedError
from mirrortui.mirror.array import Array
from mirrortui.mirror.executor import sleep
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs.manage import check_settled, check_unbroken, drained

_SETTLE = 0.05
"""Seconds between looks at whether what is under way has ended."""


async def make_readonly(mirror: Mirror) -> None:
    """Refuse writes from now on, bring to its end what was begun, and leave the members as a clean stop does: flushed,
    and clean where the copies are equal. After that nothing is written to them.

    Raises RefusedError if it is read-only already or broke down; then clients' writes are as before.
    """
    array = mirror.array
    check_settled(array)
    array.closing = True
    array.changed()
    try:
        await _come_to_rest(mirror)
        array.readonly = True  # no wait since the scribe was seen idle
        array.closing = False
    except Exception:  # not what ends a task in mid-way, after which nothing may be begun
        array.closing = False
        _go_on(mirror)
        raise
    array.changed()


async def _come_to_rest(mirror: Mirror) -> None:
    """As in a clean stop. Raises RefusedError if the mirror broke down."""
    array = mirror.array
    mirror.corrector.stopped = True
    await mirror.sync.stop()
    await mirror.checker.stop()
    await drained(mirror)
    while mirror.daemon.passing:
        await sleep(_SETTLE)
    if not array.broken:
        await mirror.daemon.finish()
    while mirror.scribe.done != mirror.scribe.asked and not array.broken:
        await mirror.scribe.progress
    check_unbroken(array)


def check_resumable(array: Array) -> None:
    """Raise RefusedError unless it was made read-only while it ran."""
    if not array.readonly:
        raise RefusedError(f"{array.label} is not read-only.")
    if array.opened_readonly:
        raise RefusedError(
            f"{array.label} was assembled read-only: its members were opened for reading only, and some may not be "
            "understood well enough to be written to.",
            hint=f"Stop it, and assemble it without --readonly: that says what is in the way. Name: {array.label}.",
        )


async def make_writable(mirror: Mirror) -> None:
    """Take writes again, and go on with what was to be copied. Raises RefusedError."""
    array = mirror.array
    check_resumable(array)
    array.readonly = False
    if not mirror.scribe.settled:
        # A member failed meanwhile: nothing is acknowledged before the others' superblocks say so (I4).
        mirror.scribe.failed_at = mirror.scribe.want()
    _go_on(mirror)
    await mirror.scribe.durable(mirror.scribe.want())
    check_unbroken(array)


def _go_on(mirror: Mirror) -> None:
    mirror.array.changed()
    mirror.corrector.stopped = mirror.sync.stopped = False
    mirror.sync.kick(f"{mirror.array.label} takes writes again")
    mirror.fill_vacancy()
    mirror.checker.resume()
