"""The verbs on a kernel's array: looked at, checked and planned; then done, through sysfs or by mdadm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mirrortui.api.answers import Plan
from mirrortui.api.requests import MemberRequest, ReplaceRequest, SpeedRequest, SyncRequest
from mirrortui.api.vocabulary import Severity, SyncVerb
from mirrortui.device.probe import Probe
from mirrortui.errors import DivergedError, MemberError, RefusedError
from mirrortui.format import bitmap
from mirrortui.format.foreign import USABLE_FEATURES, peculiarities
from mirrortui.format.superblock import ROLE_FAULTY
from mirrortui.kernel import plans
from mirrortui.kernel.hand import Hand, program
from mirrortui.kernel.lookout import Seen
from mirrortui.kernel.metadata import read_member
from mirrortui.kernel.sysfs import KernelMember
from mirrortui.mirror.assembly.decide import decide
from mirrortui.mirror.assembly.found import Found
from mirrortui.units import KIB, format_size
from mirrortui.worker.candidates import newcomer

_WRITES = "it writes the superblocks of members"


@dataclass(frozen=True, slots=True)
class Told:
    """What the journal says when it is done."""

    kind: str
    severity: Severity
    text: str
    member: str | None = None


@dataclass(frozen=True)
class Prepared:
    """A verb that could be done now."""

    plan: Plan
    act: Callable[[], object]
    """Blocks. Raises RefusedError where the kernel or mdadm will not."""
    told: Told


def change(seen: Seen, verb: str, request: MemberRequest, hand: Hand) -> Prepared:
    """fail, remove, add or re-add. Raises RefusedError, MemberError, NotFoundError; nothing was done."""
    _check_ours(seen, hand)
    match verb:
        case "fail":
            return _fail(seen, request.member, hand)
        case "remove":
            return _remove(seen, request.member, hand)
        case "add":
            return _add(seen, request.member, request.force, hand)
        case _:
            return _re_add(seen, request.member, hand)


def _fail(seen: Seen, path: str, hand: Hand) -> Prepared:
    plan = plans.fail(seen, path)
    member = plans.attached(seen, path)
    text = f"{path} is out of {seen.name}: failed by the operator."
    return Prepared(
        plan,
        lambda: hand.set(member.directory, "state", "faulty"),
        Told("member-failed", "warning", text, path),
    )


def _remove(seen: Seen, path: str, hand: Hand) -> Prepared:
    plan = plans.remove(seen, path)
    member = plans.attached(seen, path)
    return Prepared(
        plan,
        lambda: hand.set(member.directory, "state", "remove"),
        Told("member-removed", "info", f"{path} was removed from {seen.name}.", path),
    )


def _add(seen: Seen, path: str, force: bool, hand: Hand) -> Prepared:
    _check_not_attached(seen, path)
    _check_no_resync_waits(seen)
    found = _newcomer(seen, path, force)

    def act() -> None:
        _forget_former_life(found, hand)
        hand.mdadm("--manage", seen.array.path, "--add", path)

    text = f"{path} was added to {seen.name}."
    return Prepared(plans.add(seen, found, force), act, Told("member-added", "info", text, path))


def _newcomer(seen: Seen, path: str, force: bool) -> Probe:
    """A device that may become a member. Raises what tells why it may not."""
    program("mdadm", "mdadm", _WRITES)
    found = newcomer(path, force, seen.name, bytes.fromhex(seen.uuid.replace(":", "")))
    if found.kind != "block device":
        raise MemberError(
            f"{path} is an image file; the kernel takes block devices only. Nothing was written.",
            hint=f"Put it on a loop device first: losetup --find --show {path}",
        )
    if found.size < seen.array.size:
        short = format_size(seen.array.size - found.size)
        raise MemberError(f"{path} is {short} too small for {seen.name}; nothing was written.")
    return found


def _forget_former_life(found: Probe, hand: Hand) -> None:
    """A device that mdadm recognises it would re-add, not fill."""
    if any(signature.kind.startswith("MD ") for signature in found.signatures):
        hand.mdadm("--zero-superblock", found.path)


def _re_add(seen: Seen, path: str, hand: Hand) -> Prepared:
    program("mdadm", "mdadm", _WRITES)
    member = seen.array.find(path)
    if member and not member.faulty:
        _check_not_attached(seen, path)
    _check_no_resync_waits(seen)
    chunks = _chunks_to_copy(seen, read_member(path))

    def act() -> None:
        if member:
            hand.set(member.directory, "state", "remove")
        hand.mdadm("--manage", seen.array.path, "--re-add", path)

    text = f"{path} is back in {seen.name}: {chunks} chunks to copy."
    return Prepared(plans.re_add(seen, path, chunks), act, Told("member-re-added", "info", text, path))


def _chunks_to_copy(seen: Seen, former: Found) -> int:
    """What the bitmap says has changed since. Raises RefusedError, DivergedError where it cannot say."""
    ours, sb = seen.metadata.freshest, former.superblock
    copies = [found for found in seen.metadata.found if not found.superblock.recovering]
    why = ""
    if ours is None or not copies:
        why = f"the superblocks of {seen.name} could not be read"
    elif sb.set_uuid != ours.superblock.set_uuid:
        why = "it belongs to another array"
    elif ours.header is None:
        why = "there is no write-intent bitmap that knows what changed"
    elif sb.role >= ours.superblock.raid_disks:
        why = "it was a spare, or was thrown out, and does not hold the data"
    elif sb.events < ours.header.events_cleared:
        since = ours.header.events_cleared
        why = f"it is too old (events {sb.events}); the bitmap knows only what changed after {since}"
    if why or ours is None or ours.header is None:
        raise RefusedError(
            f"{former.path} cannot be re-added to {seen.name}: {why}.",
            hint="mirrortui add copies everything; it wants --force for a former member.",
        )
    _check_not_diverged(seen, copies, former)
    return bitmap.count_set(ours.raw, ours.header.chunks)


def _check_not_diverged(seen: Seen, copies: list[Found], former: Found) -> None:
    """md would join two halves that were used apart, and copy only what one of them wrote (I10)."""
    slots, table = [copy.superblock.dev_number for copy in copies], former.superblock.dev_roles
    if not all(slot >= len(table) or table[slot] >= ROLE_FAULTY for slot in slots):
        return
    try:
        decide([*copies, former], run=True)
        what = f"{former.path} was used without the members that {seen.name} has now; they have diverged."
    except DivergedError as error:  # it has the evidence in words
        what = error.what
    members = " ".join([*(copy.path for copy in copies), former.path])
    raise DivergedError(
        what,
        hint=f'Take {seen.name} over, stop it, and name the one to keep: "mirrortui assemble {seen.name} {members} '
        '--survivor MEMBER" copies exactly what either side wrote.',
    )


def replace(seen: Seen, request: ReplaceRequest, hand: Hand) -> Prepared:
    """Fill a new member or a spare while the old one serves. Raises RefusedError, MemberError, NotFoundError."""
    _check_ours(seen, hand)
    array, path = seen.array, request.replacement
    member = plans.attached(seen, request.member)
    if not member.in_sync:
        raise RefusedError(
            f"{request.member} is {'out' if member.faulty else 'not in sync'}; there is nothing to replace.",
            hint=f"Add {path} to {seen.name}: it takes the place.",
        )
    if any(other.slot == member.slot and other.replacement for other in array.members):
        raise RefusedError(f"{request.member} is being replaced already.")
    _check_no_resync_waits(seen)
    spare = array.find(path)
    if spare and (spare.faulty or spare.slot is not None):
        _check_not_attached(seen, path)
    found = None if spare else _newcomer(seen, path, request.force)
    program("mdadm", "mdadm", _WRITES)

    def act() -> None:
        if found:
            _forget_former_life(found, hand)
            hand.mdadm("--manage", array.path, "--add-spare", path)
        hand.mdadm("--manage", array.path, "--replace", member.path, "--with", path)

    return Prepared(
        plans.replace(seen, member, found, path, request.force),
        act,
        Told("member-replacing", "info", f"{path} is to replace {member.path} in {seen.name}.", member.path),
    )


def sync(seen: Seen, request: SyncRequest, hand: Hand, paused: SyncVerb | None) -> Prepared:
    """check, repair, pause, resume or cancel. `paused`: what was paused, as far as is known. Raises RefusedError."""
    if request.winner or request.ranges:
        raise RefusedError(
            f"The kernel runs {seen.name}, and chooses itself whose copy is right.",
            hint=f'"mirrortui takeover {seen.array.path}", then a check, lists what differs, to choose there.',
        )
    _check_ours(seen, hand)
    match request.action:
        case "check" | "repair":
            return _scrub(seen, request.action, hand)
        case "pause":
            return _pause(seen, hand)
        case "resume":
            return _resume(seen, hand, paused)
        case "cancel":
            return _cancel(seen, hand, paused)


def _scrub(seen: Seen, action: Literal["check", "repair"], hand: Hand) -> Prepared:
    array = seen.array
    if array.action == "frozen":
        raise RefusedError(
            f"{seen.name} is paused.", hint=f'Resume or cancel it first: "mirrortui sync {seen.name} resume"'
        )
    if array.action != "idle":
        raise RefusedError(
            f"A {array.action} runs on {seen.name} already.", hint="Wait until it has ended, or cancel it."
        )
    if array.readonly:
        raise RefusedError(f"{seen.name} is read-only: the kernel checks what it may write.")
    if len(array.copies) < 2:
        raise RefusedError(
            f"{seen.name} has one copy: there is nothing to compare it with.", hint="Add a member first."
        )

    def act() -> None:
        hand.set(array.directory, "sync_min", "0")
        hand.set(array.directory, "sync_max", "max")
        hand.set(array.directory, "sync_action", action)

    plan = plans.check(seen) if action == "check" else plans.repair(seen)
    return Prepared(plan, act, Told(f"{action}-started", "info", f"A {action} of {seen.name} started."))


def _pause(seen: Seen, hand: Hand) -> Prepared:
    array = seen.array
    if array.action == "frozen":
        raise RefusedError(f"{seen.name} is paused already.")
    if array.action == "idle":
        raise RefusedError(f"Nothing is copied or checked in {seen.name}: there is nothing to pause.")
    notes = [f"Until then {seen.name} stays as it is: {plans.redundancy(array, len(array.copies))}."]
    if array.action not in ("recover", "resync"):
        notes = []
    return Prepared(
        plans.control(seen, "pause", array.action, *notes),
        lambda: hand.set(array.directory, "sync_action", "frozen"),
        Told("sync-paused", "info", f"The {array.action} of {seen.name} was paused."),
    )


def _resume(seen: Seen, hand: Hand, paused: SyncVerb | None) -> Prepared:
    array = seen.array
    if array.action != "frozen":
        raise RefusedError(f"{seen.name} is not paused.")
    # md knows by itself that it must copy; that it was checking it has to be told again.
    again: SyncVerb | None = paused or ("check" if array.check_start else None)
    return Prepared(
        plans.control(seen, "resume", again or "copying"),
        lambda: hand.set(array.directory, "sync_action", again or "idle"),
        Told("sync-resumed", "info", f"{seen.name} goes on with its {again or 'copying'}."),
    )


def _cancel(seen: Seen, hand: Hand, paused: SyncVerb | None) -> Prepared:
    array = seen.array
    scrubbing = array.action in ("check", "repair")
    if not scrubbing and not (array.action == "frozen" and (paused or array.check_start)):
        what = "idle" if array.action in ("idle", "frozen") else array.action
        raise RefusedError(
            f"{seen.name} has nothing that could be cancelled ({what}): what the kernel must copy it begins again "
            "at once.",
            hint=f'"mirrortui sync {seen.name} pause" holds it; a member that is filled can be failed.',
        )

    def act() -> None:
        hand.set(array.directory, "sync_action", "idle")
        hand.set(array.directory, "sync_min", "0")

    what = array.action if scrubbing else f"paused {paused or 'check'}"
    return Prepared(
        plans.control(seen, "cancel", what),
        act,
        Told("sync-cancelled", "info", f"The {what} of {seen.name} was cancelled."),
    )


def set_speed(seen: Seen, request: SpeedRequest, hand: Hand) -> None:
    """How fast it copies and checks. Raises RefusedError."""
    _check_ours(seen, hand)
    if request.max and request.min > request.max:
        raise RefusedError(
            f"A sync cannot have at least {format_size(request.min)}/s and at most {format_size(request.max)}/s."
        )
    for attribute, value in (("sync_speed_min", request.min), ("sync_speed_max", request.max)):
        kib = -(-value // KIB)
        hand.set(seen.array.directory, attribute, str(kib) if kib else "system")


def stop(seen: Seen, hand: Hand) -> Prepared:
    """Raises InUseError for an array that somebody uses."""
    hand.check_allowed(seen.array.directory)
    return Prepared(
        plans.stop(seen),
        lambda: hand.set(seen.array.directory, "array_state", "clear"),
        Told("mirror-stopped", "info", f"{seen.name} was stopped; the kernel ran it as {seen.array.path}."),
    )


def _check_ours(seen: Seen, hand: Hand) -> None:
    """Raises RefusedError for an array that must be left to others, or is not started."""
    array = seen.array
    if array.external:
        raise RefusedError(
            f"{seen.name} has its superblocks kept by mdmon ({array.metadata}).", hint="Use mdadm."
        )
    if not array.running:
        raise RefusedError(
            f"{seen.name} is not started.",
            hint=f'Start it with "mdadm --run {array.path}", or free its members with "mirrortui stop {seen.name}".',
        )
    hand.check_allowed(array.directory)
    superblock = seen.metadata.superblock
    if superblock and int(superblock.feature_map) & ~int(USABLE_FEATURES):
        raise RefusedError(
            f"{seen.name} is more than a mirror: it has {', '.join(peculiarities(superblock))}.",
            hint="Use mdadm.",
        )


def _check_no_resync_waits(seen: Seen) -> None:
    """Linux (seen in 6.1) recovers first, and so clears the bits that tell the resync where the others differ."""
    array, freshest = seen.array, seen.metadata.freshest
    waits = array.resync_start is not None and array.action in ("idle", "frozen")
    if waits and len(array.copies) > 1 and freshest and freshest.header:
        raise RefusedError(
            f"{seen.name} was not stopped cleanly and its copies have not been made equal yet; the kernel would fill "
            "the member first and then forget where they differ.",
            hint=f'Let it do that first: "mirrortui sync {seen.name} resume" if it is paused; else write to it or '
            f'mount it. "mirrortui status {seen.name}" shows the resync.',
        )


def _check_not_attached(seen: Seen, path: str) -> None:
    member: KernelMember | None = seen.array.find(path)
    if member:
        raise RefusedError(
            f"{path} is a member of {seen.name} already.",
            hint="Remove it first, or re-add it." if member.faulty else "",
        )
