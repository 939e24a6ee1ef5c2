"""Small matters of daily use: asked of a worker of ours; the kernel's arrays have mdadm for them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Container, Sequence

from msgspec.structs import replace

from mirrortui.api import names
from mirrortui.api.answers import Forecast, Plan
from mirrortui.api.consent import command, refusal, require
from mirrortui.api.mirrors import Mirror
from mirrortui.api.paths import Paths
from mirrortui.api.requests import (
    AccessRequest,
    AssembleRequest,
    BitmapRequest,
    ForecastRequest,
    GrowRequest,
    LabRequest,
    RenameRequest,
    SetRequest,
    StopRequest,
)
from mirrortui.engine import rehearsal
from mirrortui.engine.kernel import Keeper
from mirrortui.engine.state import Remembered
from mirrortui.engine.ward import Ward
from mirrortui.errors import ChangedError, MemberError, MirrortuiError, RefusedError
from mirrortui.worker import departures
from mirrortui.worker.messages import Move

Assemble = Callable[[AssembleRequest], Awaitable[Mirror | Plan]]


def ours(found: Ward | Keeper, hint: str) -> Ward:
    """The mirror, if we run it. Raises RefusedError for one of the kernel's."""
    if isinstance(found, Keeper):
        raise RefusedError(f"The kernel runs {found.name}, as {found.seen.array.path}.", hint=hint)
    return found


async def forecast(found: Ward | Keeper, request: ForecastRequest) -> Forecast:
    """What would happen if a member failed now. Raises RefusedError for what the kernel runs."""
    ward = ours(found, "Which spare it takes is the kernel's to choose.")
    return await ward.ask("if-fails", request, Forecast)


async def suffer(found: Ward | Keeper, request: LabRequest) -> Mirror:
    """A mishap in the fault lab. Raises RefusedError where the mirror was started without."""
    ward = ours(found, "The fault lab is for mirrors that run here.")
    if request.mishap != "power-cut":
        return await ward.ask("lab", request, Mirror)
    mirror = await ward.status()
    if mirror.lab is None or mirror.worker_pid is None:
        raise RefusedError(f"{ward.name} does not run, or was started without the fault lab.")
    os.kill(mirror.worker_pid, signal.SIGKILL)
    return mirror


async def set_flag(found: Ward | Keeper, request: SetRequest) -> Mirror | Plan:
    """A member's flag, or the plan of it."""
    ward = ours(found, "Its members' flags are in sysfs: /sys/block/mdN/md/dev-*/state.")
    return await ward.change("set", request)


async def set_bitmap(found: Ward | Keeper, request: BitmapRequest) -> Mirror | Plan:
    """The write-intent bitmap, or the plan of what becomes of it."""
    ward = ours(found, "mdadm --grow --bitmap=internal and --bitmap=none are for it.")
    return await ward.change("bitmap", request)


async def grow(found: Ward | Keeper, request: GrowRequest) -> Mirror | Plan:
    """More members, or fewer, or a larger mirror, or the plan of it."""
    ward = ours(found, "mdadm --grow --raid-devices=N and --size=max are for it.")
    return await ward.change("grow", request)


def check_new_name(name: str, mirrors: Sequence[Mirror], taken: Container[str]) -> None:
    """Raise RequestError for what cannot name a mirror, RefusedError for what names another one."""
    names.checked(name)
    if name in taken or any(mirror.name == name for mirror in mirrors):
        raise RefusedError(f"There is a mirror {name} already.", hint="Choose another name.")


def move(paths: Paths, request: RenameRequest) -> Move:
    """A new name with its sockets. Raises RequestError where their paths would be too long."""
    return Move(
        name=request.name,
        control=str(paths.control(request.name)),
        nbd=str(paths.export(request.name)),
        checks=str(paths.checks(request.name)),
        departed=str(paths.departed(request.name)),
        yes=request.yes,
        plan=request.plan,
        events=request.events,
    )


async def set_access(found: Ward | Keeper, request: AccessRequest, assemble: Assemble) -> Mirror | Plan:
    """Read-only, or writable again, or the plan of it."""
    ward = ours(found, "mdadm --readonly and --readwrite are for it.")
    if not request.readonly and (await ward.status()).opened_readonly:
        return await _open_for_writing(ward, request, assemble)
    answer = await ward.change("readonly" if request.readonly else "readwrite", request)
    if isinstance(answer, Mirror):
        ward.note_readonly(request.readonly)
    return answer


async def _open_for_writing(ward: Ward, request: AccessRequest, assemble: Assemble) -> Mirror | Plan:
    """Its members were opened for reading only: it is stopped, and assembled for writing, if that will do."""
    name, memory, mirror = ward.name, ward.memory, await ward.status()
    assert memory is not None
    title, line = f"Make {name} writable", command("readwrite", name)
    try:
        plan = await asyncio.to_thread(_rehearse, memory, mirror, title, ward.house.paths)
    except (RefusedError, MemberError) as error:
        why = RefusedError(
            f"{name} was assembled read-only, and cannot be written to as it is: {error.what}",
            hint=f'Stop it, see to that, and assemble it: "mirrortui stop {name}". {error.hint}'.rstrip(),
        )
        if not request.plan:
            raise why from error
        return refusal("readwrite", name, title, line, why)
    if request.plan:
        return plan
    if request.events is not None and request.events != mirror.events:
        raise ChangedError(
            f"{name} has changed since this was planned.", hint="Look at it again, then decide."
        )
    require(plan, request.yes)
    await ward.stop(StopRequest(yes=True))
    try:
        return await assemble(replace(_again(memory), members=[], counts=plan.counts))
    except MirrortuiError as error:
        raise RefusedError(
            f"{name} was stopped, and could not be assembled for writing: {error.what}",
            hint=f'"mirrortui assemble {name} --readonly" has it as it was. {error.hint}'.rstrip(),
        ) from error


def _again(memory: Remembered) -> AssembleRequest:
    """As it was assembled last, but for writing."""
    return AssembleRequest(
        name=memory.name,
        members=memory.members,
        direct=memory.direct,
        timeout=memory.timeout,
        lab=memory.lab,
    )


def _rehearse(memory: Remembered, mirror: Mirror, title: str, paths: Paths) -> Plan:
    """Blocks on devices. Raises why it cannot be assembled for writing."""
    asked = _again(memory)
    departed = departures.read(paths.departed(memory.name))
    verdict = rehearsal.rehearse(asked, uuid=memory.uuid, partial=True, departed=departed)
    users = ", ".join(client.peer for client in mirror.clients)
    plan = Plan(
        verb="readwrite",
        mirror=memory.name,
        title=title,
        copies="",
        erases=[],
        meanwhile="it is stopped, and assembled again",
        afterwards="",
        command="",
        confirm="none",
        refused=None,
        events=mirror.events,
    )
    told = rehearsal.tell(plan, verdict, asked)
    notes = [*told.notes, *([f"Connected now, and cut off then: {users}."] if users else [])]
    return replace(
        told,
        command=command("readwrite", memory.name, yes=bool(users)),
        confirm="yes" if users else told.confirm,
        notes=notes,
    )
