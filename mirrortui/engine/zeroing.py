"""`zero-superblock` for those who ask an engine: the same as on the command line, and never of what runs here."""

from __future__ import annotations

from collections.abc import Sequence

from mirrortui.api.answers import Plan
from mirrortui.api.consent import command, refusal, require
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import ZeroRequest
from mirrortui.device.looks import real
from mirrortui.errors import ChangedError, InUseError, MemberError, RefusedError
from mirrortui.worker import unmark


def zero_superblock(request: ZeroRequest, mirrors: Sequence[Mirror]) -> Plan:
    """Plan it, and do it if that is asked for. Blocks on the device.

    Raises InUseError, RefusedError, MemberError; ChangedError if it is not what was planned; UnconfirmedError.
    """
    try:
        plan = _plan(request.member, mirrors)
    except (RefusedError, MemberError) as error:
        if not request.plan:
            raise
        line = command("zero-superblock", request.member)
        return refusal("zero-superblock", "", f"Erase the MD superblock of {request.member}", line, error)
    if request.plan:
        return plan
    if request.counts and request.counts != plan.counts:
        raise ChangedError(
            f"{request.member} has changed since this was planned; nothing was written.",
            hint="Look at it again, then decide.",
        )
    require(plan, request.yes)
    unmark.carry_out(plan, request.member)
    return plan


def _plan(path: str, mirrors: Sequence[Mirror]) -> Plan:
    resolved = real(path)
    for mirror in mirrors:
        running = mirror.worker_pid or mirror.driver == "kernel"
        if running and any(real(member.path) == resolved for member in mirror.members if member.size):
            raise InUseError(
                f"{path} is a member of {mirror.name}, which runs; nothing was written.",
                hint=f'Remove it first: "{command("remove", mirror.name, path)}".',
            )
    return unmark.plan(path)
