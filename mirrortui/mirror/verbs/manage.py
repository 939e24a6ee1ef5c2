"""The operator's verbs on a running mirror: fail, remove, add, re-add, stop. Coroutines for the mirror's executor."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mirrortui.device.base import Device
from mirrortui.errors import DivergedError, MemberError, NotFoundError, RefusedError
from mirrortui.format import bitmap, layout, parting
from mirrortui.format.foreign import check_usable
from mirrortui.format.layout import Layout
from mirrortui.format.superblock import Superblock
from mirrortui.mirror import lastcopy
from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.assembly.departed import keep_in_mind, went_out_of
from mirrortui.mirror.assembly.differences import amount
from mirrortui.mirror.assembly.fit import check_blocks, misfit
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.birth.erase import erase_superblocks
from mirrortui.mirror.chunks import ChunkSet
from mirrortui.mirror.executor import sleep
from mirrortui.mirror.mirror import Mirror
from mirrortui.units import SECTOR, format_size

_SETTLE = 0.05
"""Seconds between looks at whether everything in flight has ended."""


@dataclass(frozen=True)
class ReAdd:
    """What a re-add would do."""

    need: ChunkSet
    guided: bool
    """Only the bitmap's chunks; False: also everything beyond where its own recovery had come."""
    recovered: int
    role: int


async def fail(mirror: Mirror, path: str) -> None:
    """Take a member out, by the operator's word. Raises NotFoundError, or RefusedError for the last copy."""
    check_writable(mirror.array)
    member = attached(mirror.array, path)
    if member.state is State.FAULTY:
        return
    was_replacement, member.replacement = member.replacement, False  # nobody takes up what the operator ends
    if not mirror.scribe.fault(member, "failed by the operator"):
        member.replacement = was_replacement
        raise RefusedError(
            f"{path} is the last member of {mirror.array.label} that is in sync: without it the data is gone.",
            hint="Add another member and let it recover first.",
        )
    await mirror.book.acknowledge()


async def remove(mirror: Mirror, path: str) -> Device:
    """Forget a faulty or spare member, once no superblock counts on it any more: it would be missed at the next start.
    The caller closes its device. Raises NotFoundError or RefusedError.
    """
    array = mirror.array
    await mirror.scribe.durable(mirror.scribe.failed_at)
    check_writable(array)
    member = attached(array, path)
    if member.active:
        raise RefusedError(
            f"{path} is {member.state.value.replace('_', ' ')} in {array.label}.",
            hint="Fail it first: mirrortui fail.",
        )
    keep_in_mind(array)
    array.detach(member)
    mirror.scribe.want()
    array.observer("member-removed", "info", f"{path} was removed from {array.label}.", path)
    return member.device


async def add(mirror: Mirror, device: Device, where: Layout | None = None) -> None:
    """Fill a vacant role from a new member, in full; or keep it as a spare. Raises RefusedError; MemberError if it is
    too small, or failed at once: then it is there as a faulty member.

    `where` lays it out; None: mdadm's rules.
    """
    array = mirror.array
    member = await take_in(mirror, device, where)
    role = array.vacant_role()
    if role is None:
        await record(mirror, member)
        array.observer("member-added", "info", f"{device.path} is a spare of {array.label}.", device.path)
        return
    array.cut.discard(device.path)
    mirror.fill(member, role, ChunkSet.full(array.chunks))
    await record(mirror, member)
    text = f"{device.path} was added to {array.label}: {format_size(array.size)} to fill."
    array.observer("member-added", "info", text, device.path)
    mirror.sync.kick(f"{device.path} was added: full copy")


async def take_in(mirror: Mirror, device: Device, where: Layout | None) -> Member:
    """Attach a new device as a spare, in memory, after its older superblocks were erased. Without a wait the caller
    says what else it is to be; then `record` puts it on disk. Raises what `add` raises.
    """
    array = mirror.array
    _newcomer(mirror, device, where)
    array.arriving.add(device.path)
    try:
        # If it was a member, the others' tables no longer count on it: after a cut it is not missed as a copy.
        await mirror.scribe.durable(mirror.scribe.want())
        check_writable(array)
        await erase_superblocks(device, mirror.pool)
    finally:
        array.arriving.discard(device.path)
    # The mirror may have changed meanwhile.
    superblock = _newcomer(mirror, device, where)
    member = Member(device, superblock, State.SPARE, None, array.chunks)
    member.since = mirror.host.now()
    member.fresh = array.has_bitmap
    array.members.append(member)
    return member


def _newcomer(mirror: Mirror, device: Device, where: Layout | None) -> Superblock:
    """Its superblock, if it can be taken in now. Raises what `add` raises."""
    check_writable(mirror.array)
    _check_at_rest(mirror)
    _check_not_attached(mirror.array, device)
    superblock = new_superblock(mirror, device, where)
    _check_blocks(mirror, device, superblock)
    return superblock


async def record(mirror: Mirror, newcomer: Member) -> None:
    """Wait until the superblocks know the newcomer, its own too. Raises MemberError if it failed at once."""
    array = mirror.array
    if not await mirror.scribe.durable(mirror.scribe.want()) or newcomer.state is State.FAULTY:
        raise MemberError(
            f"{newcomer.path} could not be taken into {array.label}: {newcomer.why or array.broken}.",
            hint="Check the device, then try again.",
        )


def new_superblock(mirror: Mirror, device: Device, where: Layout | None = None) -> Superblock:
    """For a newcomer: mdadm's layout for its size, of the others' metadata version. Raises MemberError if the array
    does not fit.
    """
    array = mirror.array
    chunk = 1 << array.chunk_shift if array.has_bitmap else None
    size = array.size // SECTOR
    plan = where or layout.plan(
        device.size // SECTOR,
        minor=array.in_sync()[0].superblock.minor,
        chunk=chunk,
        bitmap=array.has_bitmap,
        size=size,
    )
    if plan.data_size < size:
        least = device.size + (size - plan.data_size) * SECTOR
        raise MemberError(
            f"{device.path} is too small for {array.label}: it has room for {format_size(plan.data_size * SECTOR)}, "
            f"{format_size((size - plan.data_size) * SECTOR)} too little. Nothing was written to it.",
            hint=f"A member of {least} bytes or more fits.",
        )
    if array.has_bitmap and not plan.bitmap_offset:
        raise RefusedError(f"{device.path} is laid out without a bitmap, and {array.label} has one.")
    slot = array.vacant_slot()
    if slot is None:
        raise RefusedError(
            f"{array.label} has no slot left: its superblocks count {len(array.roles)} members, past ones included.",
            hint="Remove a faulty member or a spare first.",
        )
    return replace(
        array.in_sync()[0].superblock,
        super_offset=plan.super_offset,
        data_offset=plan.data_offset,
        data_size=plan.data_size,
        bitmap_offset=plan.bitmap_offset,
        bblog_offset=plan.bblog_offset,
        bblog_size=plan.bblog_size,
        dev_number=slot,
        device_uuid=mirror.host.uuid(),
        devflags=0,
        cnt_corrected_read=0,
    )


async def re_add(mirror: Mirror, device: Device) -> None:
    """Take a former member back and copy only what changed. Raises RefusedError or FormatError when that cannot be
    known: then `add` copies everything. MemberError: it failed at once and is faulty again.
    """
    array = mirror.array
    check_writable(array)
    _check_away(mirror, device)
    found = await read_member(device, mirror.pool)
    check_writable(array)
    # From here to fill() without a wait: nothing may come between what the bitmap says and the member's first write.
    member = _check_away(mirror, device)
    how = plan_re_add(array, mirror.intent.raw, found)
    _check_blocks(mirror, device, found.superblock)
    if member is not None:
        array.detach(member)
    newcomer = Member(device, found.superblock, State.SPARE, None, array.chunks)
    newcomer.take_log(found.log, mirror.block_size)
    array.members.append(newcomer)
    if how.guided:
        mirror.intent.mark(how.need)
    mirror.fill(newcomer, how.role, how.need, guided=how.guided, recovered=how.recovered)
    await record(mirror, newcomer)
    copies = f"{how.need.count} of {array.chunks} chunks to copy"
    array.observer(
        "member-re-added", "info", f"{device.path} is back in {array.label}: {copies}.", device.path
    )
    mirror.sync.kick(f"{device.path} was re-added: {copies}")


def _check_at_rest(mirror: Mirror) -> None:
    if mirror.gate.shut:
        raise RefusedError(
            f"The bitmap of {mirror.array.label} is being changed.", hint="Try again in a moment."
        )


def _check_away(mirror: Mirror, device: Device) -> Member | None:
    """The device is no working member and owes nothing. Returns the faulty member that it is, if any."""
    _check_at_rest(mirror)
    _check_not_arriving(mirror.array, device)
    member = mirror.array.find(device.path)
    if member is not None and member.state is not State.FAULTY:
        raise RefusedError(f"{device.path} is {member.state.value.replace('_', ' ')} already.")
    if device.zombies:
        raise RefusedError(
            f"{device.path} still owes the end of {device.zombies} timed-out operations, which might land late.",
            hint="Wait until it answers, then try again.",
        )
    if any(m.device.zombies for m in mirror.array.in_sync()):
        raise RefusedError(
            f"The last copy of {mirror.array.label} does not answer now.", hint="Try again later."
        )
    return member


def plan_re_add(array: Array, raw: bytearray, found: Found) -> ReAdd:
    """What taking this former member back would copy. Raises RefusedError with the reason when it cannot be;
    DivergedError, with the evidence, when it was used apart.
    """
    sb, path = found.superblock, found.path
    if why := _why_not_re_add(array, raw, found):
        raise RefusedError(
            f"{path} cannot be re-added to {array.label}: {why}.",
            hint=f'"mirrortui add {array.label} {path} --force" copies everything.',
        )
    check_not_apart(array, found)
    check_usable(sb, path)
    role = array.vacant_role(sb.role)
    if role is None:
        raise RefusedError(
            f"{array.label} has all its {array.raid_disks} members.", hint="Add it as a spare instead."
        )
    # Marked on it alone: by a write that reached nobody, or while it was used apart and no table tells of it.
    need = ChunkSet(array.chunks, {*bitmap.set_chunks(raw, array.chunks), *found.dirty})
    guided = not sb.recovering or sb.guided
    recovered = 0
    if not guided:
        # It was being filled: beyond its checkpoint nothing is known, below it the bitmap knows.
        start = sb.recovery_offset * SECTOR >> array.chunk_shift
        need.update(range(start, array.chunks))
    return ReAdd(need, guided, recovered, role)


def _why_not_re_add(array: Array, raw: bytearray, found: Found) -> str:
    sb = found.superblock
    if sb.set_uuid != array.uuid:
        return "it belongs to another array"
    if found.path in array.cut:
        return "its file was cut since, so that what the bitmap calls equal may be gone"
    if not array.has_bitmap or found.header is None:
        return "there is no write-intent bitmap that knows what changed"
    ours = bitmap.decode(bytes(raw[: bitmap.HEADER]))
    size = array.size // SECTOR
    if sb.size < size <= sb.data_size:
        sb = replace(sb, size=size)  # it was away when the mirror grew; all that is new is marked
    if why := misfit(sb, found.header, size=size, slots=len(array.roles), header=ours):
        return why
    if sb.role >= sb.raid_disks:
        return "it was a spare and never held the data"
    if any(m.slot == sb.dev_number and m.state is not State.FAULTY for m in array.members):
        return "its slot was given to another member"
    if sb.events < ours.events_cleared:
        return f"it is too old (events {sb.events}); the bitmap knows only what changed after {ours.events_cleared}"
    if found.header.events_cleared > ours.events_cleared:
        return f"bits were cleared on it at events {found.header.events_cleared}, of which the others know nothing"
    return ""


def check_not_apart(array: Array, found: Found) -> None:
    """Raise DivergedError, with the evidence, if a former member went on without all who are in sync here (I10)."""
    sb, path, copies = found.superblock, found.path, array.in_sync()
    former: parting.Bearer = found
    peers: list[parting.Bearer] = [*copies]
    known = any(parting.accepts(former, peer, [former, *peers]) for peer in peers)
    if not parting.claims(found) or (known and sb.events <= array.events) or went_out_of(array, sb):
        return
    name, kept = array.label, copies[0].path
    changed = f"{amount(found, found.dirty)} changed on it since" if found.header else "it has no bitmap"
    raise DivergedError(
        f"{path} and {name} have diverged: {parting.testimony(found, copies[0])}, while {name} went on to events "
        f"{array.events}; {changed}. Nothing was written to it.",
        hint=f"To copy only what differs, stop {name}, then "
        f'"mirrortui assemble {name} {kept} {path} --survivor {kept}"; '
        f'"mirrortui add {name} {path} --force" copies everything.',
    )


async def stop(mirror: Mirror) -> None:
    """Stop cleanly (I13): whatever is in flight ends, everything is flushed, bits go, superblocks say clean. The caller
    has stopped taking requests; it closes the devices afterwards.
    """
    while mirror.gate.shut or mirror.array.closing:  # what is about to start the copying again
        await sleep(_SETTLE)
    mirror.daemon.stopped = mirror.corrector.stopped = True
    await mirror.sync.stop()
    await mirror.checker.stop()
    await drained(mirror)
    if not mirror.array.readonly and not mirror.array.broken:
        await mirror.daemon.finish()
    mirror.scribe.stop()
    mirror.silence.stopped = True


async def drained(mirror: Mirror) -> None:
    """Wait until no write and no copy is in flight. The caller has seen to it that no more begin."""
    while mirror.tickets.buckets or mirror.intent.pending or mirror.corrector.busy:
        await sleep(_SETTLE)


def attached(array: Array, path: str) -> Member:
    """The attached member of that path. Raises NotFoundError, with those there are."""
    member = array.find(path)
    if member is None:
        there = ", ".join(m.path for m in array.members)
        raise NotFoundError(f"{array.label} has no member {path}.", hint=f"Its members: {there}.")
    return member


def _check_not_attached(array: Array, device: Device) -> None:
    _check_not_arriving(array, device)
    if member := array.find(device.path):
        hint = "Remove it first, or re-add it." if member.state is State.FAULTY else ""
        raise RefusedError(
            f"{device.path} is a member of {array.label} already ({member.state.value}).", hint=hint
        )


def _check_not_arriving(array: Array, device: Device) -> None:
    if device.path in array.arriving:
        raise RefusedError(f"{device.path} is being added to {array.label} already.")


def _check_blocks(mirror: Mirror, device: Device, superblock: Superblock) -> None:
    check_blocks(device, superblock, 1 << mirror.array.chunk_shift)
    if device.block_size > mirror.block_size:
        raise RefusedError(
            f"{device.path} takes blocks of {device.block_size} bytes; the clients of {mirror.array.label} were "
            f"promised that {mirror.block_size} will do. Nothing was written to it.",
            hint="A device with smaller sectors fits; so does a mirror without --direct.",
        )


def check_writable(array: Array) -> None:
    """Raise RefusedError unless its members may be changed."""
    if array.readonly or array.closing:
        raise RefusedError(f"{array.label} is read-only: its members are not changed.")
    check_unbroken(array)


def check_settled(array: Array) -> None:
    """Raise RefusedError unless members may be changed, and none is just being taken in."""
    check_writable(array)
    if array.arriving:
        names = ", ".join(array.arriving)
        raise RefusedError(f"{names} is being added to {array.label}.", hint="Try again then.")


def check_unbroken(array: Array) -> None:
    """Raise RefusedError if nothing can be written down any more."""
    if array.broken:
        raise RefusedError(f"{array.label} takes no changes: {array.broken}.", hint=lastcopy.remedy(array))
