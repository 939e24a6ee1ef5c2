"""A repair with a winner, on the worker's side: what it would do, and how it is begun."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mirrortui.api import winner
from mirrortui.api.answers import Plan
from mirrortui.api.mirrors import Difference
from mirrortui.api.requests import ByteRange, SyncRequest
from mirrortui.errors import NotFoundError, RefusedError, RequestError
from mirrortui.mirror.array import Array, State
from mirrortui.mirror.checking.findings import Findings, unsettled
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.syncing.copying import Run
from mirrortui.units import SECTOR
from mirrortui.worker.checks import Checks, shown


def wanted(request: SyncRequest) -> bool:
    """The request is one for this."""
    return bool(request.winner or request.ranges)


def line(name: str, request: SyncRequest) -> str:
    """The command line that does the same."""
    return winner.winner_command(name, request.winner, request.ranges)


def prepare(mirror: Mirror, checks: Checks, request: SyncRequest) -> tuple[Plan, Callable[[], None]]:
    """Raises RequestError for ranges that are none, NotFoundError, RefusedError if it cannot be done now."""
    array, last = mirror.array, checks.last
    if request.action != "repair":
        raise RequestError(f"Only a repair has a winner, not a {request.action}.")
    asked = _joined(_range(mirror, part) for part in request.ranges)
    listed = [shown(found) for found in unsettled(last)]
    copies = [m.path for m in array.in_sync()]
    ranges = _within(listed, asked) if asked else listed
    if not request.winner:
        raise _nobody_named(array, winner.suggestion(copies, ranges))
    path = _right(array, request.winner)
    mirror.checker.check_startable()
    if not ranges:
        raise RefusedError(
            f"Nothing is known to differ on {array.label}.",
            hint=f'"mirrortui check {array.label}" finds out; --range names a place that was not checked.',
        )
    chosen = asked or _joined((found.offset, found.offset + found.length) for found in ranges)
    plan = winner.winner_plan(
        array.label,
        path,
        copies,
        ranges,
        winner.winner_command(array.label, path, request.ranges),
        array.events,
        unlisted=0 if asked else _unlisted(last),
    )
    return plan, lambda: checks.settle(path, chosen)


def _range(mirror: Mirror, part: ByteRange) -> Run:
    unit, size = max(SECTOR, mirror.block_size), mirror.size
    lo, hi = part.offset, part.offset + part.length
    if not 0 <= lo < hi <= size:
        raise RequestError(
            f"{part.length} bytes at {lo} cannot be repaired: {mirror.array.label} has {size} bytes."
        )
    if lo % unit or (hi % unit and hi != size):
        raise RequestError(
            f"{part.length} bytes at {lo} cannot be repaired by themselves.",
            hint=f"Name whole blocks of {unit} bytes.",
        )
    return lo, hi


def _joined(parts: Iterable[Run]) -> list[Run]:
    """In order, those that overlap or touch as one."""
    joined: list[Run] = []
    for lo, hi in sorted(parts):
        if joined and lo <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(hi, joined[-1][1])
        else:
            joined.append((lo, hi))
    return joined


def _within(listed: Sequence[Difference], asked: Sequence[Run]) -> list[Difference]:
    """What is known to differ in these ranges; a whole one of which nothing is known."""
    found = []
    for lo, hi in asked:
        known = [
            Difference(
                offset=max(lo, d.offset), length=min(hi, d.offset + d.length) - max(lo, d.offset), odd=d.odd
            )
            for d in listed
            if d.offset < hi and lo < d.offset + d.length
        ]
        found += known or [Difference(offset=lo, length=hi - lo, odd=[])]
    return found


def _right(array: Array, path: str) -> str:
    """The winner's path as the mirror knows it."""
    member = array.find(path)
    if member is None:
        raise NotFoundError(f"{array.label} has no member {path}.")
    if member.state is not State.IN_SYNC:
        raise RefusedError(
            f"{path} cannot be the winner: it is {member.state.value.replace('_', ' ')} in {array.label}.",
            hint="Only a member in sync holds what can be right.",
        )
    return member.path


def _nobody_named(array: Array, suggested: str | None) -> RequestError:
    said = (
        f"Most have the same as {suggested}: --winner {suggested}."
        if suggested
        else "No majority tells: look at the content, and name it with --winner."
    )
    return RequestError(f"Which member of {array.label} is right there must be said.", hint=said)


def _unlisted(last: Findings | None) -> int:
    return max(0, last.left - sum(d.hi - d.lo for d in unsettled(last))) if last else 0
