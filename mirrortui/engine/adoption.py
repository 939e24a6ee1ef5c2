"""What `adopt` would do: the disk is looked at, and who is to be filled from it, before anything is written (I14)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mirrortui.api import names
from mirrortui.api.answers import Plan
from mirrortui.api.consent import command, refusal
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import AdoptRequest, AssembleRequest
from mirrortui.device.claims import check_distinct, refused
from mirrortui.device.probe import Probe, check_candidate, probe
from mirrortui.engine.planning import Draft, check_name_is_free, check_not_running
from mirrortui.errors import InUseError, MemberError, MirrortuiError, RefusedError, RequestError
from mirrortui.format import layout
from mirrortui.mirror.birth import adopt, transplant
from mirrortui.units import KIB, SECTOR, format_size
from mirrortui.worker.candidates import deliberation, losses
from mirrortui.worker.tail import Tail, survey


def draft_adopt(request: AdoptRequest, mirrors: Sequence[Mirror]) -> Draft:
    """Check a request and look at its devices. Blocks on them.

    Raises RequestError, RefusedError, InUseError, MemberError; nothing was written.
    """
    names.checked(request.name)
    check_name_is_free(request.name, request.force, mirrors)
    if request.into:
        return _draft_transplant(request, request.into, mirrors)
    paths = [request.disk, *([request.new] if request.new else [])]
    check_distinct(paths)
    check_not_running(paths, mirrors)
    tail = survey(request)
    newcomer = check_candidate(request.new, force=request.force) if request.new else None
    if newcomer:
        _check_room(newcomer, tail)
    return Draft(
        plan=_plan(request, tail, newcomer),
        name=request.name,
        assemble=AssembleRequest(name=request.name, members=[request.disk], direct=request.direct),
        adopt=request,
    )


def _draft_transplant(request: AdoptRequest, into: str, mirrors: Sequence[Mirror]) -> Draft:
    """The disk is only read."""
    if request.new or request.tail_is_free or request.extend:
        raise RequestError(
            "--into copies all of the disk and writes nothing to it: a member to be filled, --tail-is-free and "
            "--extend do not go with it."
        )
    check_distinct([request.disk, into])
    check_not_running([request.disk, into], mirrors)
    disk, newcomer = probe(request.disk), check_candidate(into, force=request.force)
    _check_source(disk)
    where = transplant.lay_out(newcomer.size, disk.size, request.bitmap_chunk, into)
    size = where.data_size * SECTOR
    plan = Plan(
        verb="adopt",
        mirror=request.name,
        title=f"Copy all of {request.disk} into {into}, the first member of {request.name}, {format_size(size)}",
        copies=f"{format_size(disk.size)} from {request.disk} to {into}; then both are read again and compared",
        erases=losses(newcomer),
        meanwhile=f"it cannot be used before that is done; nobody else may use {request.disk}, which is only read",
        afterwards=f"1 of 2 copies, on {into}: if that one fails, the data is as old as {request.disk}",
        command=_command(request, yes=True),
        confirm="name" if deliberation(newcomer) == "name" else "yes",
        refused=None,
        notes=[*_about_source(disk, size)],
    )
    job = AssembleRequest(name=request.name, members=[into], direct=request.direct)
    return Draft(plan=plan, name=request.name, assemble=job, adopt=request)


def _check_source(disk: Probe) -> None:
    """Raises InUseError, MemberError, RefusedError."""
    if disk.in_use:
        raise refused(disk.path, disk.in_use.reason, disk.in_use.hint, InUseError)
    if disk.problem:
        raise disk.problem
    if not disk.size:
        raise refused(
            disk.path, "is empty", "adopt is for a disk with data on it; create makes a new mirror."
        )
    if disk.kind == "image" and (more := -Path(disk.path).stat().st_size % SECTOR):
        raise refused(
            disk.path,
            f"is not a whole number of sectors of {SECTOR} bytes long",
            f"{more} bytes more make it that: truncate -s +{more} {disk.path}",
            RefusedError,
        )
    if member := next((one for one in disk.signatures if one.kind.startswith("MD ")), None):
        raise RefusedError(
            f"{disk.path} is a member of an array already: {member}; nothing was written.",
            hint="Assemble that one.",
        )


def _about_source(disk: Probe, size: int) -> Iterator[str]:
    missing = adopt.extended(size) - disk.size
    yield f"Nothing is written to {disk.path}: it stays as it is, a copy as of now, and no member."
    if disk.signatures:
        holds = " and ".join(str(one) for one in disk.signatures)
        yield f"It holds {holds}, and so does the mirror then: mount one of the two, and never both by the same UUID."
    if missing > 0:
        yield (
            f"{disk.path} is too small by {-(-missing // KIB)} KiB to be added afterwards; a device of "
            f"{disk.size + missing} bytes or more can be, and then there are two copies."
        )


def impossible_adopt(request: AdoptRequest, error: MirrortuiError) -> Plan:
    """The plan of an adoption that is refused."""
    title = f"Adopt {request.disk} as the first member of {request.name}"
    return refusal("adopt", request.name, title, _command(request), error)


def _check_room(newcomer: Probe, tail: Tail) -> None:
    """Raise MemberError if it is too small: before the disk is touched."""
    where = layout.plan(newcomer.size // SECTOR, minor=0, chunk=tail.where.chunk, size=tail.where.data_size)
    if where.data_size < tail.where.data_size:
        least = newcomer.size + (tail.where.data_size - where.data_size) * SECTOR
        raise MemberError(
            f"{newcomer.path} is too small: it has room for {format_size(where.data_size * SECTOR)}, and the mirror "
            f"would have {format_size(tail.size)}. Nothing was written.",
            hint=f"A device of {least} bytes or more fits.",
        )


def _plan(request: AdoptRequest, tail: Tail, newcomer: Probe | None) -> Plan:
    disk, size = request.disk, format_size(tail.size)
    places = adopt.written(tail.where)
    erases = [*tail.erases, *(losses(newcomer) if newcomer else [])]
    filled = f"; then 2 of 2, when {newcomer.path} is filled" if newcomer else ""
    notes = [
        f"Of {disk} only bytes {tail.first} to {places.superblock[1] - 1} are written: bitmap, bad-block log and "
        f"superblock. All before byte {tail.size} stays as it is, and is the mirror.",
        f"From then on {disk} is used through the mirror only: what is written to it by itself is on one copy only.",
    ]
    if tail.holds:
        notes.insert(0, f"It holds {' and '.join(tail.holds)}, which stays.")
    if tail.longer:
        notes.append(f"{disk} is made longer first: {tail.longer} bytes, and its data end where they do now.")
    return Plan(
        verb="adopt",
        mirror=request.name,
        title=f"Adopt {disk} as the first member of {request.name}, {size}",
        copies=f"up to {size} from {disk} to {newcomer.path}" if newcomer else "nothing",
        erases=erases,
        meanwhile="it can be used at once",
        afterwards=f"1 of 2 copies: if that one fails, the data is lost{filled}",
        command=_command(request, yes=True),
        confirm="name"
        if erases and (tail.erases or (newcomer and deliberation(newcomer) == "name"))
        else "yes",
        refused=None,
        notes=notes,
    )


def _command(request: AdoptRequest, *, yes: bool = False) -> str:
    return command(
        "adopt",
        request.name,
        request.disk,
        *([request.new] if request.new else []),
        into=request.into,
        tail_is_free=request.tail_is_free,
        extend=request.extend,
        bitmap_chunk=request.bitmap_chunk,
        force=request.force,
        direct=request.direct,
        yes=yes,
    )
