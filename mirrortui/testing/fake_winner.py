"""A FakeEngine's repair with a winner: done at once."""

from __future__ import annotations

from msgspec.structs import replace

from mirrortui.api.answers import Plan
from mirrortui.api.consent import refusal
from mirrortui.api.mirrors import CheckRun, Difference, Mirror
from mirrortui.api.requests import SyncRequest
from mirrortui.api.winner import winner_command, winner_plan
from mirrortui.errors import RefusedError


def plan(mirror: Mirror, request: SyncRequest) -> Plan:
    """The plan of a `repair` with a winner."""
    copies = [member.path for member in mirror.members if member.state == "in_sync"]
    line = winner_command(mirror.name, request.winner, request.ranges)
    if request.winner not in copies:
        error = RefusedError(f"{request.winner} cannot be the winner: it is not in sync in {mirror.name}.")
        return refusal("repair", mirror.name, f"Repair {mirror.name}", line, error)
    return winner_plan(mirror.name, request.winner, copies, _asked(mirror, request), line, mirror.events)


def settled(mirror: Mirror, request: SyncRequest, now: float) -> Mirror:
    """The mirror afterwards: what was asked for is listed no more."""
    asked = _asked(mirror, request)
    last = mirror.checks[0]
    left = [found for found in last.ranges if found not in asked]
    amount = sum(found.length for found in asked)
    run = CheckRun(
        action="repair",
        begun=now,
        ended=now,
        complete=True,
        size=amount,
        position=amount,
        differing=last.differing,
        repaired=amount,
        unread=0,
        ranges=left,
        winner=request.winner,
    )
    return replace(mirror, checks=[run, *mirror.checks], mismatches=sum(found.length for found in left))


def _asked(mirror: Mirror, request: SyncRequest) -> list[Difference]:
    listed = mirror.checks[0].ranges if mirror.checks else []
    places = {(part.offset, part.length) for part in request.ranges}
    return [found for found in listed if not places or (found.offset, found.length) in places]
