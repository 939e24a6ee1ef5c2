"""A kernel's array as the API shows every mirror."""

from __future__ import annotations

from mirrortui.api import mirrors
from mirrortui.api.vocabulary import MemberState, MirrorState, SyncAction
from mirrortui.format import bitmap
from mirrortui.format.superblock import ROLE_FAULTY, Feature
from mirrortui.kernel.lookout import Rate, Seen
from mirrortui.kernel.sysfs import KernelArray, KernelMember
from mirrortui.mirror.assembly.found import Found
from mirrortui.units import SECTOR, format_rate

CELLS = 256
"""Most letters of the map."""
_ACTIONS: dict[str, SyncAction] = {
    "resync": "resync",
    "recover": "recover",
    "check": "check",
    "repair": "repair",
}
_NEAR = 0.95
"""Of a speed limit: from here on it is the limit that holds the copying back."""


def describe(seen: Seen, *, found_before: int = 0) -> mirrors.Mirror:
    """A status. `found_before`: bytes that differed in the part of a check that was paused, which md forgets."""
    array, rate = seen.array, seen.rates.get("", Rate())
    superblock = seen.metadata.superblock
    return mirrors.Mirror(
        name=seen.name,
        uuid=seen.uuid,
        size=array.size,
        state=state(array),
        sync_action=action(array),
        sync=_sync(array),
        events=superblock.events if superblock else 0,
        mismatches=array.mismatches + found_before,
        bitmap=_bitmap(seen),
        uri="",
        members=_members(seen),
        raid_disks=raid_disks(seen),
        read_rate=rate.read_bytes,
        write_rate=rate.write_bytes,
        read_iops=rate.reads,
        write_iops=rate.writes,
        since=seen.since.get(""),
        why=why(seen),
        map=_map(seen),
        metadata=array.metadata,
        driver="kernel",
        device=array.path,
        paused=array.action == "frozen",
    )


def state(array: KernelArray) -> MirrorState:
    """The worst thing that can be said of it."""
    if not array.running or array.state == "broken" or not array.copies:
        return "failed"
    if array.degraded or len(array.copies) < array.raid_disks:
        return "degraded"
    if array.readonly:
        return "readonly"
    return "clean" if array.state in ("clean", "read-auto") else "active"


def action(array: KernelArray) -> SyncAction:
    """What it does besides serving."""
    return _ACTIONS.get(array.action, "idle")


def member_state(member: KernelMember) -> MemberState:
    """In one word."""
    if member.faulty:
        return "faulty"
    if member.in_sync:
        return "in_sync"
    if member.filling:
        return "replacing" if member.replacement else "recovering"
    return "spare"


def raid_disks(seen: Seen) -> int:
    """Roles; of an array that is not started its superblocks know them."""
    superblock = seen.metadata.superblock
    return seen.array.raid_disks or (superblock.raid_disks if superblock else 0)


def why(seen: Seen) -> str:
    """What is wrong and what is being done, in a sentence; empty when all is well."""
    array = seen.array
    if not array.running:
        return _not_started(seen)
    if array.state == "broken":
        return "The last copy failed; the kernel refuses every write. What can still be read should be copied away."
    if not array.copies:
        return "No copy is left; the kernel answers with errors."
    waiting = ""
    if array.action == "frozen":
        waiting = "paused"
    elif array.delayed:
        waiting = f"{array.action} waits until another array on the same disks is done"
    elif array.state == "read-auto" and array.resync_start is not None:
        waiting = "a resync waits for the first write"
    if state(array) != "degraded":
        return f"{waiting[:1].upper()}{waiting[1:]}." if waiting else ""
    out = [f"{member.path} is faulty" for member in array.members if member.faulty]
    left = "one copy is left" if len(array.copies) == 1 else f"{len(array.copies)} copies are left"
    filling = [member.path for member in array.members if member.filling and not member.replacement]
    if filling:
        doing = f"{' and '.join(filling)} {'is' if len(filling) == 1 else 'are'} being filled"
    else:
        doing = "add or re-add a member"
    return f"{'; '.join([*out, left, *([waiting] if waiting else []), doing])}."


def _not_started(seen: Seen) -> str:
    here, wanted = len(seen.array.members), raid_disks(seen)
    return f"The kernel has {here} of {wanted} members and did not start it: mdadm --run {seen.array.path} would."


def _sync(array: KernelArray) -> mirrors.Sync | None:
    if array.position is None:
        return None
    completed, total = array.position
    return mirrors.Sync(
        completed=completed,
        total=total,
        speed=array.speed,
        eta_s=(total - completed) / array.speed if array.speed else None,
        reason=_reason(array),
        limit=_limit(array),
    )


def _reason(array: KernelArray) -> str:
    match array.action:
        case "recover":
            filling = [member.path for member in array.members if member.filling]
            return f"{' and '.join(filling) or 'a member'} is being filled"
        case "resync":
            return "the array is new, or was not stopped cleanly"
        case "repair":
            return "a repair was asked for"
        case _:
            return "a check was asked for"


def _limit(array: KernelArray) -> str:
    limit = array.speed_max
    if not limit.speed or array.speed < _NEAR * limit.speed:
        return ""
    whose = "speed set" if limit.own else "system's limit"
    return f"the {whose}, {format_rate(limit.speed)}"


def _bitmap(seen: Seen) -> mirrors.Bitmap | None:
    array, source = seen.array, seen.metadata.freshest
    if not array.bitmap_chunk:
        return None
    chunks = -(-array.size // array.bitmap_chunk)
    dirty = len(source.dirty) if source and source.header else None
    return mirrors.Bitmap(chunk=array.bitmap_chunk, dirty=dirty, chunks=chunks)


def _members(seen: Seen) -> list[mirrors.Member]:
    array = seen.array
    rows = [_member(member, seen) for member in array.members]
    filled = {member.slot for member in array.members}
    vacant = [role for role in range(raid_disks(seen)) if role not in filled]
    # A faulty member has lost its role: each stands for one that is vacant.
    unknown = vacant[sum(row.state == "faulty" for row in rows) :] if array.running else []
    return rows + [mirrors.Member(path="", slot=role, state="missing", size=0) for role in unknown]


def _member(member: KernelMember, seen: Seen) -> mirrors.Member:
    array, rate = seen.array, seen.rates.get(member.path, Rate())
    found = next((f for f in seen.metadata.found if f.path == member.path), None)
    return mirrors.Member(
        path=member.path,
        slot=member.slot if array.running else _role(found),
        state=member_state(member) if array.running else _resting_state(found),
        size=member.size,
        write_mostly="write_mostly" in member.flags,
        events=found.superblock.events if found else 0,
        read_errors=member.errors,
        write_errors=int("write_error" in member.flags),
        corrected=member.errors,
        recovered=_recovered(member, array),
        read_rate=rate.read_bytes,
        write_rate=rate.write_bytes,
        latency=rate.latency,
        since=seen.since.get(member.path),
        why=_member_why(member),
    )


def _role(found: Found | None) -> int | None:
    return found.superblock.role if found and found.superblock.role < ROLE_FAULTY else None


def _resting_state(found: Found | None) -> MemberState:
    """Of a member of an array that was not started: what it says itself."""
    if found is None or _role(found) is None:
        return "spare"
    return "recovering" if found.superblock.recovering else "in_sync"


def _recovered(member: KernelMember, array: KernelArray) -> int | None:
    """While it is being filled md writes its checkpoint rarely: the position of the recovery is nearer."""
    if not member.filling:
        return None
    if array.action == "recover" and array.position:
        return array.position[0]
    return member.recovery_start


def _member_why(member: KernelMember) -> str:
    if member.faulty:
        return "the kernel threw it out; its log says why"
    if "want_replacement" in member.flags:
        return "it is to be replaced"
    return "it has bad blocks, which are read elsewhere" if member.bad_blocks else ""


def _map(seen: Seen) -> str:
    """The data area in cells, one letter each; empty where nothing is known of it."""
    array, source = seen.array, seen.metadata.freshest
    bits = source.dirty if source and source.header else None
    chunk = array.bitmap_chunk or max(SECTOR, array.size // CELLS)
    chunks = bitmap.count_bits(array.size // SECTOR, chunk)
    if not array.running or not chunks:
        return ""
    cells = min(CELLS, chunks)
    letters = ["."] * cells
    for bit in bits or ():
        letters[bit * cells // chunks] = "d"
    if array.position:
        done, total = array.position
        at = min(cells - 1, done * cells // total) if total else 0
        if array.action in ("resync", "recover"):
            listed = bits is not None and (array.action == "resync" or _guided(seen))
            letters[at:] = ["." if listed and letter == "." else "n" for letter in letters[at:]]
        letters[at] = "s"
    return "".join(letters)


def _guided(seen: Seen) -> bool:
    """What is being filled was here before: only the chunks that changed meanwhile are copied."""
    filling = {member.path for member in seen.array.members if member.filling}
    return any(
        found.path in filling and Feature.RECOVERY_BITMAP in found.superblock.feature_map
        for found in seen.metadata.found
    )
