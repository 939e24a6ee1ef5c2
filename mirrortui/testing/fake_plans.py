"""The plans of a FakeEngine, worded as the engine words its own."""

from __future__ import annotations

from pathlib import PurePath
from typing import Literal

from msgspec.structs import replace

from mirrortui.api.answers import DeviceInfo, History, Plan
from mirrortui.api.consent import command
from mirrortui.api.interface import MemberVerb
from mirrortui.api.mirrors import Bitmap, Export, Member, Mirror, Sync
from mirrortui.api.requests import AdoptRequest, AssembleRequest, CreateRequest, MemberRequest
from mirrortui.api.vocabulary import Severity
from mirrortui.testing.fake_mirrors import CELLS, uri_of
from mirrortui.units import MIB, format_duration, format_rate, format_size, roughly

DONE: dict[MemberVerb, tuple[str, Severity, str]] = {
    "fail": ("member-failed", "warning", "{} was failed by the operator."),
    "remove": ("member-removed", "info", "{} was removed."),
    "add": ("member-added", "info", "{} was added."),
    "re-add": ("member-re-added", "info", "{} was re-added."),
}
"""What each verb leaves in the journal: the kind of event, its severity, its text around the member."""

_SPEED = 212 * MIB


def create(request: CreateRequest, names: set[str], devices: list[DeviceInfo]) -> Plan:
    """The plan of `create`."""
    known = {device.path: device for device in devices}
    chosen = [known[path] for path in request.members if path in known]
    refused, hint = _why_not_create(request, names, chosen)
    size = min((device.size for device in chosen), default=64 << 30)
    return Plan(
        verb="create",
        mirror=request.name,
        title=f"Create {request.name or 'a mirror'}",
        copies=_first_copy(request, size),
        erases=[f"{device.path}: {device.holds}" for device in chosen if device.holds],
        meanwhile="usable at once",
        afterwards=f"{len(request.members)} of {len(request.members) + request.missing} in sync",
        command=command(
            "create",
            request.name,
            *request.members,
            *["missing"] * request.missing,
            force=request.force,
            yes=True,
        ),
        confirm="name" if any(device.holds for device in chosen) else "yes",
        refused=refused,
        hint=hint,
    )


def adopt(request: AdoptRequest) -> Plan:
    """The plan of `adopt`: the disk is as it should be."""
    into, new = request.into, request.new
    members = [path for path in (into or request.disk, new) if path]
    return Plan(
        verb="adopt",
        mirror=request.name,
        title=f"Make {request.disk} a mirror",
        copies=f"all of {request.disk} to {into or new}" if into or new else "nothing",
        erases=[f"{path}: what it holds" for path in (into, new) if path],
        meanwhile="nothing can use it" if into else "usable at once",
        afterwards=f"{len(members)} of 2 in sync",
        command=command(
            "adopt", request.name, request.disk, *([new] if new else []), into=into or None, yes=True
        ),
        confirm="yes",
        refused=None,
    )


def _first_copy(request: CreateRequest, size: int) -> str:
    if request.assume_clean:
        return "nothing: the members are taken to be equal"
    if len(request.members) == 1:
        return "nothing: there is one member"
    first, *others = request.members or [""]
    about = f"{roughly(size / _SPEED)} at {format_rate(_SPEED)} ({first} was just read that fast)"
    return f"up to {format_size(size)} from {first} to {', '.join(others)}: {about}"


def _why_not_create(
    request: CreateRequest, names: set[str], chosen: list[DeviceInfo]
) -> tuple[str | None, str]:
    if not request.name:
        return "The mirror has no name.", "Type one."
    if request.name in names:
        return f"There is a mirror called {request.name} already.", "Choose another name."
    if len(request.members) + request.missing < 2:
        return "A mirror needs at least two members.", "Choose another device, or type an image file's path."
    for device in chosen:
        if device.why_not and not device.why_not.startswith("holds "):
            return f"{device.path} cannot be used: {device.why_not}.", "Choose another."
        if device.holds and not request.force:
            return f"{device.path} holds {device.holds}.", "--force overwrites it."
    for path in request.members:
        if not path.startswith("/dev/") and "missing" in PurePath(path).name:
            return f"{path} does not exist.", f"Create it first: truncate -s 64G {path}"
    return None, ""


def assemble(mirror: Mirror, request: AssembleRequest) -> Plan:
    """The plan of `assemble`."""
    running = mirror.state not in ("stopped", "failed")
    return Plan(
        verb="assemble",
        mirror=mirror.name,
        title=f"Assemble {mirror.name}",
        copies="nothing: it was stopped cleanly",
        erases=[],
        meanwhile="usable at once",
        afterwards=f"{len(mirror.members)} of {mirror.raid_disks} in sync",
        command=command("assemble", *filter(None, (request.name, *request.members))),
        confirm="none",
        refused=f"{mirror.name} runs already." if running else None,
    )


def _history(path: str, events: int, written: float, changed: int, where: list[range]) -> History:
    cells = "".join("d" if any(cell in run for run in where) else "." for cell in range(CELLS))
    return History(members=[path], events=events, written=written, changed=changed, map=cells)


def rejoin(mirror: Mirror, request: AssembleRequest) -> Plan:
    """The plan of `assemble` where the members were used apart."""
    a, b = (member.path for member in mirror.members)
    since = mirror.since or 0.0
    plan = Plan(
        verb="assemble",
        mirror=mirror.name,
        title=f"Assemble {mirror.name}",
        copies="nothing",
        erases=[],
        meanwhile="nothing changes",
        afterwards="as now",
        command=command("assemble", mirror.name),
        confirm="none",
        refused=f"{mirror.name} has diverged: {a} says at events 4137 that {b} failed or was missing, "
        f"{b} says at events 4135 that {a} failed or was missing; both were written since: "
        f"9 chunks (576 MiB) changed since on {a}, 4 chunks (256 MiB) on {b}.",
        hint="Look at each with --readonly --run, then name the one to keep: --survivor MEMBER.",
        survivors=[a, b],
        histories=[
            _history(a, 4137, since + 5400, 576 * MIB, [range(40, 46), range(150, 153)]),
            _history(b, 4135, since + 1500, 256 * MIB, [range(44, 46), range(201, 203)]),
        ],
    )
    if request.survivor is None:
        return plan
    lost = b if request.survivor == a else a
    return replace(
        plan,
        copies=f"the 11 chunks (704 MiB) that either side changed from {request.survivor} to {lost}",
        erases=[
            f"What was written to {lost} while it was used apart from {request.survivor}: 4 chunks (256 MiB)."
        ],
        meanwhile=f"it can be used at once; until the copy is done what counts is on {request.survivor}",
        afterwards="2 of 2 copies",
        command=command(
            "assemble",
            mirror.name,
            survivor=request.survivor,
            compare=request.compare,
            save_loser=request.save_loser,
            yes=True,
        ),
        confirm="name",
        refused=None,
        hint="",
        survivors=[],
        histories=[],
        notes=[
            f"{request.survivor} says at events 4137 that {lost} failed or was missing; "
            f"{lost} says that {request.survivor} did.",
            "That is exact: each side was degraded since they parted and so forgot nothing.",
            f"Before that, what only {lost} holds is kept in {request.save_loser}."
            if request.save_loser
            else "--save-loser FILE would first keep that in a new file.",
        ],
    )


def stop(mirror: Mirror) -> Plan:
    """The plan of `stop`."""
    peers = ", ".join(client.peer for client in mirror.clients)
    return Plan(
        verb="stop",
        mirror=mirror.name,
        title=f"Stop {mirror.name}",
        copies="nothing",
        erases=[],
        meanwhile=f"{peers} is disconnected" if peers else "no client is connected",
        afterwards="stopped cleanly; assembling it again copies nothing",
        command=command("stop", mirror.name, yes=True),
        confirm="name" if peers else "yes",
        refused=f"{mirror.name} is stopped already." if mirror.state == "stopped" else None,
        events=mirror.events,
    )


def change(mirror: Mirror, verb: MemberVerb, request: MemberRequest, devices: list[DeviceInfo]) -> Plan:
    """The plan of `fail`, `remove`, `add` or `re-add`."""
    path = request.member
    match verb:
        case "fail":
            plan = _fail(mirror, path)
        case "remove":
            plan = _remove(mirror, path)
        case "add":
            plan = _add(mirror, path, devices, request.force)
        case "re-add":
            plan = _re_add(mirror, path)
    return plan


def _fail(mirror: Mirror, path: str) -> Plan:
    left = sum(member.state == "in_sync" and member.path != path for member in mirror.members)
    member = _member(mirror, path)
    refused = None
    if member.state in ("faulty", "missing"):
        refused = f"{path} is {member.state} already."
    elif not left:
        refused = f"{path} is the last copy in sync; failing it would lose {mirror.name}."
    return _plan(
        mirror,
        "fail",
        path,
        f"Fail {path} in {mirror.name}",
        copies="nothing",
        meanwhile="one copy; if it fails too, the mirror is lost" if left == 1 else f"{left} copies",
        afterwards=f"{left} of {mirror.raid_disks} in sync",
        confirm="name" if left == 1 else "yes",
        refused=refused,
    )


def _remove(mirror: Mirror, path: str) -> Plan:
    member = _member(mirror, path)
    active = member.state in ("in_sync", "recovering")
    return _plan(
        mirror,
        "remove",
        path,
        f"Remove {path} from {mirror.name}",
        copies="nothing",
        meanwhile="nothing changes for clients",
        afterwards=f"{path} is free for other use",
        confirm="none",
        refused=f"{path} is {member.state.replace('_', ' ')}; an active member is failed first."
        if active
        else None,
        hint=f"mirrortui fail {mirror.name} {path}" if active else "",
    )


def _add(mirror: Mirror, path: str, devices: list[DeviceInfo], force: bool) -> Plan:
    device = next((device for device in devices if device.path == path), None)
    full = all(member.state in ("in_sync", "recovering") for member in mirror.members)
    spare = full and len(mirror.members) >= mirror.raid_disks
    refused, hint = None, ""
    if device and device.why_not and not device.why_not.startswith("holds "):
        refused = f"{path} cannot be used: {device.why_not}."
    elif device and device.holds and not force:
        refused, hint = f"{path} holds {device.holds}.", "If that may be lost, use --force."
    elif device and device.size < mirror.size:
        refused = f"{path} is {format_size(mirror.size - device.size)} too small for {mirror.name}."
    source = next((member.path for member in mirror.members if member.state == "in_sync"), "")
    about = format_duration(mirror.size / _SPEED)
    return _plan(
        mirror,
        "add",
        path,
        f"Add {path} to {mirror.name}",
        copies="nothing: it waits as a spare"
        if spare
        else f"{format_size(mirror.size)} from {source}, about {about}",
        erases=[f"{path}: {device.holds}"] if device and device.holds else [],
        meanwhile="redundancy is whole"
        if spare
        else f"one copy; if {source} fails before the end, the mirror is lost",
        afterwards=f"{mirror.raid_disks} of {mirror.raid_disks} in sync" + (", 1 spare" if spare else ""),
        confirm="name" if device and device.holds else "yes",
        refused=refused,
        hint=hint,
        force=force,
    )


def _re_add(mirror: Mirror, path: str) -> Plan:
    member = _member(mirror, path)
    out = member.state in ("faulty", "missing")
    bitmap = mirror.bitmap or Bitmap(chunk=64 * MIB, dirty=0, chunks=1)
    amount = (bitmap.dirty or 0) * bitmap.chunk
    return _plan(
        mirror,
        "re-add",
        path,
        f"Re-add {path} to {mirror.name}",
        copies=f"{bitmap.dirty} of {bitmap.chunks} chunks ({format_size(amount)}), "
        f"about {format_duration(amount / _SPEED)}",
        meanwhile="one copy",
        afterwards=f"{mirror.raid_disks} of {mirror.raid_disks} in sync",
        confirm="none",
        refused=None if out else f"{path} is not out of {mirror.name}.",
    )


def _plan(
    mirror: Mirror,
    verb: MemberVerb,
    path: str,
    title: str,
    *,
    copies: str,
    meanwhile: str,
    afterwards: str,
    confirm: Literal["none", "yes", "name"],
    refused: str | None,
    erases: list[str] | None = None,
    hint: str = "",
    force: bool = False,
) -> Plan:
    return Plan(
        verb=verb,
        mirror=mirror.name,
        title=title,
        copies=copies,
        erases=erases or [],
        meanwhile=meanwhile,
        afterwards=afterwards,
        command=command(verb, mirror.name, path, force=force, yes=confirm != "none" and not refused),
        confirm=confirm,
        refused=refused,
        hint=hint,
        events=mirror.events,
    )


def _member(mirror: Mirror, path: str) -> Member:
    for member in mirror.members:
        if member.path == path:
            return member
    return Member(path=path, slot=None, state="missing", size=0)


def new_mirror(request: CreateRequest, size: int, now: float) -> Mirror:
    """The mirror that `create` makes; it resyncs unless its members are taken as equal, or there is one only."""
    equal = request.assume_clean or len(request.members) == 1
    members = [
        Member(path=path, slot=slot, state="in_sync", size=size, since=now)
        for slot, path in enumerate(request.members)
    ]
    sync = Sync(completed=0, total=size, speed=0, eta_s=None, reason="the mirror is new", limit="nothing")
    uri = uri_of(request.name)
    return Mirror(
        name=request.name,
        uuid="12345678:9abcdef0:12345678:9abcdef0",
        size=size,
        state="degraded" if request.missing else "active",
        sync_action="idle" if equal else "resync",
        sync=None if equal else sync,
        events=1,
        mismatches=0,
        bitmap=Bitmap(chunk=64 * MIB, dirty=0, chunks=-(-size // (64 * MIB))),
        uri=uri,
        members=members,
        raid_disks=len(members) + request.missing,
        exports=[Export(uri=uri, kind="unix")],
        since=now,
        map=("." if equal else "n") * CELLS,
    )
