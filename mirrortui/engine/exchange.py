"""`handover` and `takeover`: a mirror changes its driver. An error in the middle leaves it with one or with none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from mirrortui.api.answers import Handover, Plan
from mirrortui.api.consent import command, refusal, require
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import AssembleRequest, HandoverRequest, StopRequest, TakeoverRequest
from mirrortui.engine.beside import beside
from mirrortui.engine.journal import Journal
from mirrortui.engine.kernel import Keeper, KernelArrays
from mirrortui.engine.ward import Ward
from mirrortui.errors import MemberError, MirrortuiError, RefusedError
from mirrortui.kernel import exchange
from mirrortui.kernel.exchange import Exchange
from mirrortui.mirror.assembly.found import Found

_AT_BOOT = (
    "At the next boot the kernel may take it by itself, as it takes every array that mdadm knows; "
    "an ARRAY <ignore> line in mdadm.conf keeps it off."
)


async def handover(
    ward: Ward, kernel: KernelArrays, journal: Journal, request: HandoverRequest
) -> Handover | Plan:
    """Stop a mirror of ours and have the kernel assemble it, or the plan of it.

    Raises RefusedError, MemberError: before the stop nothing is changed; after it the mirror has no driver, and the
    error says so.
    """
    mirror = await ward.status()
    line = command("handover", ward.name, loop=request.loop, force=request.force, yes=True)
    title = f"Hand {ward.name} over to the kernel"
    work = Exchange(kernel.sysfs, kernel.hand)
    paths = [m.path for m in mirror.members if m.path and m.state not in ("faulty", "missing")]
    if mirror.state == "stopped":
        paths = [m.path for m in mirror.members]
    try:
        plan = await _plan_handover(ward, mirror, work, paths, request, title, line)
    except (RefusedError, MemberError) as error:
        if request.plan:
            return refusal("handover", ward.name, title, line, error)
        raise
    if request.plan:
        return plan
    require(plan, request.yes)
    if ward.link:
        await ward.stop(StopRequest(force=request.force, yes=True, events=request.events))
    on_loops = exchange.images(paths)
    lines = exchange.commands(ward.name, paths, on_loops)
    try:
        found = await beside(lambda: exchange.read_members(paths))
        exchange.check_handed_over(found)
        if work.has_md:
            await beside(lambda: work.assemble(ward.name, found, on_loops))
    except MirrortuiError as error:
        text = f"{ward.name} was stopped for the kernel, and is run by nobody now: {error.what}"
        journal.add(ward.name, "mirror-stopped", "error", text)
        hint = f'"mirrortui assemble {ward.name}" takes it back; nothing is lost. {error.hint}'.rstrip()
        raise RefusedError(text, hint=hint) from error
    return await _handed_over(ward, kernel, journal, found, lines)


async def _plan_handover(
    ward: Ward,
    mirror: Mirror,
    work: Exchange,
    paths: Sequence[str],
    request: HandoverRequest,
    title: str,
    line: str,
) -> Plan:
    if mirror.state == "failed":
        raise RefusedError(f"{ward.name} has failed. {mirror.why}", hint="Assemble it first.")
    stopping = await ward.stop(StopRequest(plan=True)) if ward.link else None
    kernels = await beside(lambda: exchange.kernels(paths))
    on_loops = exchange.images(paths)
    lines = exchange.commands(ward.name, paths, on_loops)
    if work.has_md:
        exchange.check_tools(on_loops)
        if on_loops and not request.loop:
            raise RefusedError(
                f"The kernel takes block devices only, and {', '.join(on_loops)} "
                f"{'is an image file' if len(on_loops) == 1 else 'are image files'}.",
                hint="With --loop they are put on loop devices; they must stay there while the kernel runs it.",
            )
        afterwards = f"the kernel serves it as {exchange.node(ward.name)}; there is no NBD address any more"
    else:
        afterwards = (
            f"{ward.name} is stopped; this machine's kernel has no md, so the commands are for another"
        )
    notes = [kernels, *(f"Command: {text}" for text in lines)]
    if isinstance(stopping, Plan):
        notes += stopping.notes
    faulty = [m.path for m in mirror.members if m.path and m.path not in paths]
    notes += [f"{path} is not in it and is not handed over." for path in faulty]
    return Plan(
        verb="handover",
        mirror=ward.name,
        title=title,
        copies="nothing",
        erases=[],
        meanwhile="it is stopped cleanly first: no data path until the kernel has started it",
        afterwards=afterwards,
        command=line,
        confirm="yes",
        refused=None,
        events=stopping.events if isinstance(stopping, Plan) else None,
        notes=notes,
    )


async def _handed_over(
    ward: Ward, kernel: KernelArrays, journal: Journal, found: Sequence[Found], lines: list[str]
) -> Handover:
    keeper = await kernel.by_uuid(found[0].superblock.set_uuid.hex(":", 4))
    if keeper:
        text = f"{ward.name} was handed over: the kernel runs it as {keeper.seen.array.path}."
        journal.add(ward.name, "mirror-handed-over", "good", text)
        return Handover(mirror=await keeper.status(), commands=lines)
    text = f"{ward.name} was stopped for another kernel, which takes it with: {'; '.join(lines)}"
    journal.add(ward.name, "mirror-handed-over", "info", text)
    return Handover(mirror=await ward.status(), commands=lines)


async def takeover(
    keeper: Keeper,
    kernel: KernelArrays,
    journal: Journal,
    images: Sequence[str],
    assemble: Callable[[AssembleRequest], Awaitable[Mirror | Plan]],
    request: TakeoverRequest,
) -> Mirror | Plan:
    """Stop a kernel's array and assemble it here, or the plan of it. `images`: members that it had here before.

    Raises RefusedError, InUseError: before the stop nothing is changed; after it the mirror has no driver, and the
    error says so.
    """
    work = Exchange(kernel.sysfs, kernel.hand)
    async with keeper.alone:
        try:
            await keeper.look_closely()
            plan = await beside(lambda: _plan_takeover(keeper, kernel, request))
        except (RefusedError, MemberError) as error:
            if request.plan:
                return refusal(
                    "takeover", keeper.name, _taking(keeper), _takeover_line(keeper, request), error
                )
            raise
        if request.plan:
            return plan
        keeper.check(request.events)
        require(plan, request.yes)
        array, name = keeper.seen.array, exchange.own_name(keeper.seen)
        loops = await beside(lambda: work.loops(array, images))
        members = [loops.get(m.path, m.path) for m in array.members if not m.faulty]
        await beside(lambda: work.stop(array, images))
    journal.add(
        keeper.name,
        "mirror-stopped",
        "info",
        f"{keeper.name} was stopped; the kernel ran it as {array.path}.",
    )
    try:
        mirror = await assemble(AssembleRequest(name=name, members=members, direct=request.direct, yes=True))
    except MirrortuiError as error:
        _say_orphaned(name, members, list(loops.values()), array.path, error, journal)
    assert isinstance(mirror, Mirror)
    journal.add(name, "mirror-taken-over", "good", f"{name} was taken over from the kernel.")
    return mirror


def _plan_takeover(keeper: Keeper, kernel: KernelArrays, request: TakeoverRequest) -> Plan:
    seen = keeper.seen
    kernel.hand.check_allowed(seen.array.directory)
    notes = exchange.check_takeover(seen)
    name = exchange.own_name(seen)
    if kernel.is_taken(name, seen.uuid):
        raise RefusedError(
            f"There is a mirror {name} here already, and {seen.array.path} has that name, too.",
            hint="It stays with the kernel.",
        )
    return Plan(
        verb="takeover",
        mirror=keeper.name,
        title=_taking(keeper),
        copies="nothing" if not seen.array.position else "what is being copied goes on from its checkpoint",
        erases=[],
        meanwhile=f"the kernel stops it cleanly first: {seen.array.path} is gone",
        afterwards=f"mirrortui serves {name} over NBD",
        command=_takeover_line(keeper, request),
        confirm="yes",
        refused=None,
        events=keeper.revision,
        notes=[*notes, _AT_BOOT],
    )


def _taking(keeper: Keeper) -> str:
    return f"Take {keeper.name} over from the kernel, which runs it as {keeper.seen.array.path}"


def _takeover_line(keeper: Keeper, request: TakeoverRequest) -> str:
    return command("takeover", keeper.seen.array.path, direct=request.direct, yes=True)


def _say_orphaned(
    name: str,
    members: Sequence[str],
    on_loops: Sequence[str],
    device: str,
    error: MirrortuiError,
    journal: Journal,
) -> NoReturn:
    text = f"{name} was stopped in the kernel, and is run by nobody now: {error.what}"
    journal.add(name, "mirror-stopped", "error", text)
    back = "; ".join(exchange.commands(name, members, on_loops, device))
    raise RefusedError(text, hint=f"Nothing is lost. This gives it back to the kernel: {back}") from error
