"""What `create` and `assemble` would do: looked at, checked and put in words before a worker is started (I14)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from mirrortui.api import names
from mirrortui.api.answers import Plan
from mirrortui.api.consent import command, refusal
from mirrortui.api.mirrors import Mirror
from mirrortui.api.paths import Paths
from mirrortui.api.requests import AdoptRequest, AssembleRequest, CreateRequest, ExportRequest
from mirrortui.api.vocabulary import TIMEOUT
from mirrortui.device.claims import check_distinct
from mirrortui.device.looks import real
from mirrortui.device.probe import Probe, check_candidate
from mirrortui.engine import estimate, rehearsal
from mirrortui.engine.state import Remembered
from mirrortui.errors import (
    DivergedError,
    InUseError,
    MemberError,
    MirrortuiError,
    NotFoundError,
    RefusedError,
    RequestError,
)
from mirrortui.mirror.assembly.diverged import Side
from mirrortui.mirror.birth.create import CreateSpec
from mirrortui.mirror.birth.create import plan as lay_out
from mirrortui.units import format_size
from mirrortui.worker import departures
from mirrortui.worker.candidates import deliberation, examine_member, losses

_WORTH_TELLING = 1 << 20
"""Bytes of a larger member that go unused without a word."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A plan, and what a worker must be told to carry it out: exactly one of `create` and `assemble`."""

    plan: Plan
    name: str
    create: CreateRequest | None = None
    assemble: AssembleRequest | None = None
    adopt: AdoptRequest | None = None
    """What is to be assembled is written first."""
    uuid: str | None = None
    exports: list[ExportRequest] = field(default_factory=list)
    remembered: bool = False
    """The members come from memory."""


def draft_create(request: CreateRequest, mirrors: Sequence[Mirror]) -> Draft:
    """Check a request and look at its members. Blocks on devices.

    Raises RequestError, RefusedError, InUseError, MemberError; nothing was written.
    """
    names.checked(request.name)
    check_name_is_free(request.name, request.force, mirrors)
    paths = [*request.members, *request.spares]
    check_distinct(paths)
    check_not_running(paths, mirrors)
    everybody = [check_candidate(path, force=request.force) for path in paths]
    found, spares = everybody[: len(request.members)], len(request.spares)
    spec = CreateSpec(
        name=request.name,
        size=request.size,
        chunk=request.bitmap_chunk,
        assume_clean=request.assume_clean,
        spares=spares,
        missing=request.missing,
    )
    _, size = lay_out([one.size for one in everybody], spec)
    confirm = deliberation(*everybody)
    plan = Plan(
        verb="create",
        mirror=request.name,
        title=f"Create {request.name}, {format_size(size)}, on {', '.join(request.members)}"
        + (f", spare: {', '.join(request.spares)}" if spares else ""),
        copies=_first_copy(request, found, size),
        erases=[loss for one in everybody for loss in losses(one)],
        meanwhile="it can be used at once"
        + (f"; until the copy is done what counts is on {found[0].path}" if len(found) > 1 else ""),
        afterwards=f"{len(found)} of {len(found) + request.missing} copies"
        + (f", {spares} spare{'s' * (spares != 1)}" if spares else ""),
        command=_create_command(request, yes=confirm != "none"),
        confirm=confirm,
        refused=None,
        notes=_vacant(request) + _waste(everybody),
    )
    return Draft(plan=plan, name=request.name, create=request)


def draft_assemble(
    request: AssembleRequest, mirrors: Sequence[Mirror], memories: Sequence[Remembered], paths: Paths
) -> Draft:
    """Find out which mirror is meant and what it takes to start it. Blocks on devices.

    Raises what `draft_create` raises, and NotFoundError for a name that nobody remembers.
    """
    asked = members = request.members
    check_distinct(members)
    check_not_running(members, mirrors)
    name = request.name or _name_on(members)
    memory = next((one for one in memories if one.name == name), None)
    if any(mirror.name == name and mirror.worker_pid for mirror in mirrors):
        raise RefusedError(f"{name} runs already.", hint=f'"mirrortui status {name}" shows it.')
    if not members:
        if memory is None:
            raise NotFoundError(f"No mirror {name!r} is remembered.", hint="Name its members too.")
        members = memory.members
    names.checked(name)
    _check_survivor(request)
    request = replace(request, members=members, survivor=_survivor(request, members))
    remembered = memory is not None and not asked
    uuid = memory.uuid if memory and remembered else None
    plan = Plan(
        verb="assemble",
        mirror=name,
        title=f"Assemble {name} from {', '.join(members)}",
        copies="what the superblocks and bitmaps say is different" if not request.readonly else "nothing",
        erases=[],
        meanwhile="it can be used at once",
        afterwards=f"{name} is served again",
        command=_assemble_command(replace(request, members=asked)),
        confirm="none",
        refused=None,
    )
    if request.plan or request.survivor:
        departed = departures.read(paths.departed(name))
        verdict = rehearsal.rehearse(request, uuid=uuid, partial=remembered, departed=departed)
        request = replace(request, counts=verdict.counts)
        plan = rehearsal.tell(plan, verdict, request)
        plan = replace(
            plan, command=_assemble_command(replace(request, members=asked), yes=plan.confirm != "none")
        )
    return Draft(
        plan=plan,
        name=name,
        assemble=request,
        uuid=uuid,
        exports=memory.exports if memory else [],
        remembered=remembered,
    )


def impossible_create(request: CreateRequest, error: MirrortuiError) -> Plan:
    """The plan of a creation that is refused."""
    return refusal("create", request.name, f"Create {request.name}", _create_command(request), error)


def impossible_assemble(request: AssembleRequest, error: MirrortuiError) -> Plan:
    """The plan of an assembly that is refused."""
    name = request.name or ""
    plan = refusal("assemble", name, f"Assemble {name}".rstrip(), _assemble_command(request), error)
    if not isinstance(error, DivergedError):
        return plan
    histories = [rehearsal.history(side) for side in error.sides if isinstance(side, Side)]
    return replace(plan, survivors=list(error.survivors), histories=histories)


def check_name_is_free(name: str, force: bool, mirrors: Sequence[Mirror]) -> None:
    """Raise RefusedError if there is a mirror of that name; one that is only remembered is forgotten with `force`."""
    taken = next((mirror for mirror in mirrors if mirror.name == name), None)
    if taken is None:
        return
    if taken.state != "stopped":
        raise RefusedError(
            f"There is a mirror {taken.name} already.", hint="Choose another name, or stop it first."
        )
    if not force:
        members = ", ".join(member.path for member in taken.members)
        raise RefusedError(
            f"A stopped mirror {taken.name} is remembered, on {members}.",
            hint="Choose another name, or use --force to forget it.",
        )


def check_not_running(members: Sequence[str], mirrors: Sequence[Mirror]) -> None:
    """A better word than "in use" for what we use ourselves."""
    ours = {
        real(member.path): mirror.name
        for mirror in mirrors
        if mirror.worker_pid
        for member in mirror.members
        if member.size
    }
    for path in members:
        if user := ours.get(real(path)):
            raise InUseError(
                f"{path} is a member of {user}, which runs; nothing was written.",
                hint=f'"mirrortui stop {user}" would free it.',
            )


def _name_on(members: Sequence[str]) -> str:
    """The name in the first sound superblock. Raises RequestError, MemberError."""
    if not members:
        raise RequestError("An assembly wants a name or members.")
    examined = [examine_member(path) for path in members]
    for one in examined:
        if sb := one.superblock:
            return sb.label
    problem = examined[0].found[0].problem if examined[0].found else "it has no MD superblock"
    raise MemberError(f"{members[0]} is no member of a mirror: {problem}", hint="Nothing was written.")


def _check_survivor(request: AssembleRequest) -> None:
    if request.survivor is None and (request.compare or request.save_loser):
        raise RequestError(
            "--compare and --save-loser are about a split brain.",
            hint="Name the member to keep: --survivor MEMBER.",
        )
    if request.save_loser and not Path(request.save_loser).is_absolute():
        raise RequestError(f"The file {request.save_loser!r} must be given by its absolute path.")
    if request.save_loser and os.path.lexists(request.save_loser):
        raise RefusedError(
            f"{request.save_loser} exists already; nothing was written.", hint="Name a new file."
        )


def _survivor(request: AssembleRequest, members: Sequence[str]) -> str | None:
    """The survivor's path as it is spelt among the members."""
    if request.survivor is None:
        return None
    wanted = real(request.survivor)
    found = next((path for path in members if real(path) == wanted), None)
    if found is None:
        raise RequestError(
            f"The survivor {request.survivor} is not among the members: {', '.join(members)}.",
            hint="Name it as a member too.",
        )
    return found


def _first_copy(request: CreateRequest, found: Sequence[Probe], size: int) -> str:
    if request.assume_clean:
        return "nothing: the members are taken to be equal"
    if len(found) == 1:
        return "nothing: there is one member"
    others = ", ".join(one.path for one in found[1:])
    if not (filled := estimate.filled(found, size)):
        return "nothing: all of them are empty"
    long = estimate.first_copy(found, filled)
    skipped = ", what is a hole on both is skipped" if filled < size else ""
    return f"up to {format_size(filled)} from {found[0].path} to {others}{skipped}: {long}"


def _vacant(request: CreateRequest) -> list[str]:
    """What follows from places that stay vacant."""
    left = request.missing - len(request.spares)
    if left <= 0:
        return []
    one = left == 1
    return [
        f"It is degraded until {'another member is' if one else f'{left} more members are'} added with "
        f'"mirrortui add {request.name} MEMBER", which fills {"it" if one else "them"}.'
    ]


def _waste(found: Sequence[Probe]) -> list[str]:
    least = min(one.size for one in found)
    return [
        f"{one.path} is {format_size(one.size - least)} larger than the smallest member; that much is not used."
        for one in found
        if one.size - least >= _WORTH_TELLING
    ]


def _create_command(request: CreateRequest, *, yes: bool = False) -> str:
    return command(
        "create",
        request.name,
        *request.members,
        *["missing"] * request.missing,
        *(word for spare in request.spares for word in ("--spare", spare)),
        bitmap_chunk=request.bitmap_chunk,
        assume_clean=request.assume_clean,
        size=request.size,
        force=request.force,
        direct=request.direct,
        timeout=_timeout(request),
        lab=request.lab,
        yes=yes,
    )


def _timeout(request: CreateRequest | AssembleRequest) -> int | None:
    """As an option; None: it need not be said."""
    return request.timeout if request.timeout != TIMEOUT else None


def _assemble_command(request: AssembleRequest, *, yes: bool = False) -> str:
    return command(
        "assemble",
        *([request.name] if request.name else []),
        *request.members,
        run=request.run,
        readonly=request.readonly,
        survivor=request.survivor,
        compare=request.compare,
        save_loser=request.save_loser,
        direct=request.direct,
        timeout=_timeout(request),
        lab=request.lab,
        yes=yes,
    )
