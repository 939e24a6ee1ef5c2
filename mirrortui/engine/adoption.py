"""What `adopt` would do: the disk is looked at, and who is to be filled from it, before anything is written (I14)."""

from __future__ import annotations

from collections.abc import Sequence

from mirrortui.api import names
from mirrortui.api.consent import command, refusal
from mirrortui.api.schema import AdoptRequest, AssembleRequest, Mirror, Plan
from mirrortui.device.claims import check_distinct
from mirrortui.device.probe import Probe, check_candidate
from mirrortui.engine.planning import Draft, check_name_is_free, check_not_running
from mirrortui.errors import MemberError, MirrortuiError
from mirrortui.format import layout
from mirrortui.mirror import adopt
from mirrortui.units import SECTOR, format_size
from mirrortui.worker.candidates import deliberation, losses
from mirrortui.worker.tail import Tail, survey


def draft_adopt(request: AdoptRequest, mirrors: Sequence[Mirror]) -> Draft:
    """Check a request and look at its devices. Blocks on them.

    Raises RequestError, RefusedError, InUseError, MemberError; nothing was written.
    """
    names.checked(request.name)
    check_name_is_free(request.name, request.force, mirrors)
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
        tail_is_free=request.tail_is_free,
        extend=request.extend,
        bitmap_chunk=request.bitmap_chunk,
        force=request.force,
        direct=request.direct,
        yes=yes,
    )
