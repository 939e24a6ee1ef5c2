"""From devices to a running mirror: read what is on them, decide, bring them level, begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mirrortui.device.base import Device
from mirrortui.device.buffers import Pool
from mirrortui.errors import ChangedError, FormatError, MemberError, RefusedError, RequestError
from mirrortui.format import bitmap, foreign, superblock
from mirrortui.format.bitmap import BitmapHeader
from mirrortui.format.names import printable
from mirrortui.format.superblock import Feature, Superblock
from mirrortui.mirror.array import Array, Member, Observer, Signature, State
from mirrortui.mirror.assembly import salvage
from mirrortui.mirror.assembly.decide import decide
from mirrortui.mirror.assembly.fit import check_blocks
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.assembly.salvage import Shelf
from mirrortui.mirror.assembly.verdict import LeftOut, Place, Verdict
from mirrortui.mirror.chunks import ChunkSet
from mirrortui.mirror.executor import Executor, Host
from mirrortui.mirror.metadata.intent import Intent
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.notes import Departed, Note
from mirrortui.mirror.tuning import Tuning
from mirrortui.units import SECTOR

_LAST_EVENTS = 1 << 63
"""A count from here on is no count; the next ones must fit 64 bits."""


@dataclass(frozen=True, kw_only=True)
class AssembleSpec:
    """How to assemble."""

    name: str | None = None
    """Refuse members of another name, unless `uuid` tells which array is meant: then it may have been renamed."""
    uuid: bytes | None = None
    """Refuse members of another array."""
    label: str = ""
    """What to call it here; empty: by its name."""
    run: bool = False
    """Start although members are missing that were there when it last ran."""
    readonly: bool = False
    """Write nothing. Then members are taken, too, that are not understood well enough to be written to."""
    survivor: str | None = None
    """Of a split brain: the member whose history is kept."""
    compare: bool = False
    """Of a split brain: find what differs by reading, whatever the bitmaps say."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Events counts that members must still have: those of the plan (I14)."""
    departed: Sequence[Departed] = ()
    """Members that were seen to go out (departed.py)."""
    remembered: bool = False
    """The members come from memory: one that is another array's by now is left out."""
    shelf: Shelf | None = None
    """Of a split brain: where to keep what only the loser holds, before it is copied over."""
    tuning: Tuning = field(default_factory=Tuning)


async def assemble(
    executor: Executor,
    host: Host,
    devices: Sequence[Device],
    spec: AssembleSpec,
    observer: Observer,
    pool: Pool,
) -> Mirror:
    """Start the mirror that these devices hold. Those that are left out are in `array.left_out`; close them.

    Raises MemberError, DivergedError, DegradedStartError or RefusedError; then nothing was written.
    """
    verdict = await consider(devices, spec, pool)
    mirror = _build(executor, host, {d.path: d for d in devices}, verdict, spec, observer, pool)
    if spec.shelf:
        await salvage.keep(mirror.array, verdict, spec.shelf, pool)
    if not spec.readonly and not await _level(mirror):
        raise MemberError(f"{mirror.array.label} could not be started: {mirror.array.broken}")
    mirror.start(_tell_rejoins(mirror, verdict))
    return mirror


async def consider(devices: Sequence[Device], spec: AssembleSpec, pool: Pool) -> Verdict:
    """Read the devices and decide what to make of them; nothing is written. Raises what `assemble` raises."""
    found, broken = await _read_all(devices, pool, spec.readonly)
    if spec.remembered and spec.uuid is not None:
        broken += [
            LeftOut(f.path, f"{f.path} belongs to another array now, {printable(f.superblock.set_name)}")
            for f in found
            if f.superblock.set_uuid != spec.uuid
        ]
        found = [f for f in found if f.superblock.set_uuid == spec.uuid]
    check = foreign.check_readable if spec.readonly else foreign.check_usable
    for f in found:
        check(f.superblock, f.path)
        _check_identity(f, spec)
    _check_name(found, spec)
    try:
        verdict = decide(
            found,
            run=spec.run,
            survivor=spec.survivor,
            compare=spec.compare,
            left_out=broken,
            departed=spec.departed,
            least_chunk=spec.tuning.least_chunk,
        )
    except MemberError as problem:
        if broken and not found:
            raise FormatError(" ".join(f"{b.why}." for b in broken), hint="Nothing was written.") from problem
        raise
    _check_places(verdict, devices)
    return verdict


def _check_places(verdict: Verdict, devices: Sequence[Device]) -> None:
    by_path = {d.path: d for d in devices}
    for place in verdict.places:
        check_blocks(by_path[place.found.path], place.found.superblock, verdict.chunk)


async def _read_all(
    devices: Sequence[Device], pool: Pool, readonly: bool
) -> tuple[list[Found], list[LeftOut]]:
    found, broken = [], []
    for device in devices:
        try:
            found.append(await read_member(device, pool, readonly=readonly))
        except FormatError as problem:
            broken.append(LeftOut(device.path, problem.what.removesuffix(".")))
    return found, broken


def _check_identity(found: Found, spec: AssembleSpec) -> None:
    count = found.superblock.events
    if count != spec.counts.get(found.path, count):
        raise ChangedError(
            f"{found.path} has changed since this was planned: its events count is {count}, not "
            f"{spec.counts[found.path]}. Nothing was written.",
            hint="Look at it again, then decide.",
        )
    if spec.uuid is not None and found.superblock.set_uuid != spec.uuid:
        shown = printable(found.superblock.set_name)
        raise RefusedError(f"{found.path} belongs to another array ({shown}). Nothing was written.")
    if found.superblock.events >= _LAST_EVENTS:
        raise RefusedError(
            f"{found.path} has counted {found.superblock.events} events, and the field for them ends soon. "
            "Nothing was written to it.",
            hint="No array comes to that by use: look at it with mirrortui examine.",
        )


def _check_name(found: Sequence[Found], spec: AssembleSpec) -> None:
    """Of an array that was renamed, who was away then knows the old name only: one that knows the new one is enough."""
    if spec.name is None or spec.uuid is not None:
        return
    known = {f.superblock.set_uuid for f in found if spec.name in _names(f.superblock)}
    for f in found:
        if f.superblock.set_uuid not in known:
            shown = printable(f.superblock.set_name)
            raise RequestError(
                f"{f.path} belongs to a mirror called {shown}, not {spec.name}. Nothing was written.",
                hint="Give its own name, or none.",
            )


def _names(sb: Superblock) -> tuple[str, ...]:
    return sb.set_name, sb.set_name.partition(":")[2], sb.label


def _build(
    executor: Executor,
    host: Host,
    devices: dict[str, Device],
    verdict: Verdict,
    spec: AssembleSpec,
    observer: Observer,
    pool: Pool,
) -> Mirror:
    top = verdict.freshest.superblock
    header, chunk = verdict.freshest.header, verdict.chunk
    array = Array(
        uuid=top.set_uuid,
        label=spec.label or top.label,
        set_name=top.set_name,
        size=top.size * SECTOR,
        raid_disks=top.raid_disks,
        ctime=top.ctime,
        chunk_shift=chunk.bit_length() - 1,
        events=verdict.events,
        roles=list(top.dev_roles),
        members=[],
        observer=observer,
        active=not verdict.clean,
        has_bitmap=header is not None,
        readonly=spec.readonly,
        opened_readonly=spec.readonly,
        resync_from=0 if header or verdict.clean else top.resync_offset * SECTOR,
        left_out=[Note(o.path, o.why) for o in verdict.left_out],
        departed=verdict.departed,
    )
    array.members = [_member(devices[p.found.path], p, array, host) for p in verdict.places]
    unit = max(m.device.block_size for m in array.members)
    for member, place in zip(array.members, verdict.places, strict=True):
        member.take_log(place.found.log, unit)
    written = _on_disk(array, verdict)
    # Whoever is not there misses what is written from now on: nobody must find it in the table.
    there = {m.slot for m in array.members}
    away = [s for s, role in enumerate(array.roles) if role < superblock.ROLE_FAULTY and s not in there]
    for slot in away:
        array.roles[slot] = superblock.ROLE_FAULTY
    mirror = Mirror(executor, host, array, _intent(verdict, top, array, chunk), pool, spec.tuning, written)
    if away or verdict.losers:
        # The power may have gone when one of them had the next count already.
        mirror.scribe.leave_behind(array.events + 1)
    elif superblock.ROLE_FAULTY in top.dev_roles:
        # It may have gone before the last of the updates that put somebody out.
        mirror.scribe.leave_behind(array.events)
    return mirror


def _member(device: Device, place: Place, array: Array, host: Host) -> Member:
    state = State.SPARE if place.role is None else State.RECOVERING if place.recovering else State.IN_SYNC
    sb = place.found.superblock
    member = Member(device, sb, state, place.role, array.chunks)
    member.need = ChunkSet(array.chunks, place.need)
    member.replacement = place.replacement
    member.guided = place.guided
    member.compare = place.rejoin is not None and place.rejoin.how == "compare"
    member.told = place.told
    if place.told and place.recovering:
        # After a crash chunks below its checkpoint may be due again: "clean" must not be said above them.
        lowest = member.need.next(0)
        due = array.size if lowest < 0 else lowest << array.chunk_shift
        member.recovered = min(sb.recovery_offset * SECTOR, due)
    member.fresh = array.has_bitmap and not (place.told and sb.has_bitmap)
    member.since = host.now()
    return member


def _on_disk(array: Array, verdict: Verdict) -> Signature:
    """What the freshest superblock says, in the form of what memory wants."""
    top = verdict.freshest.superblock
    filling = tuple(
        (sb.dev_number, Feature.RECOVERY_BITMAP in sb.feature_map, sb.recovery_offset)
        for p in verdict.places
        if p.told and (sb := p.found.superblock).recovering
    )
    resync_from = 0 if verdict.clean else top.resync_offset
    spares = tuple(p.found.superblock.dev_number for p in verdict.places if p.role is None)
    bad = tuple(p.found.superblock.dev_number for p in verdict.places if p.found.log)
    replacing = tuple(
        sb.dev_number
        for p in verdict.places
        if p.told and Feature.REPLACEMENT in (sb := p.found.superblock).feature_map
    )
    flags = tuple((sb.dev_number, sb.devflags) for p in verdict.places if (sb := p.found.superblock).devflags)
    return Signature(
        verdict.clean,
        resync_from,
        top.dev_roles,
        filling,
        spares,
        bad,
        replacing,
        flags,
        top.set_name,
        verdict.freshest.header is not None,
        top.raid_disks,
        top.size,
        tuple((sb.dev_number, sb.data_size) for p in verdict.places if (sb := p.found.superblock)),
    )


def _intent(verdict: Verdict, top: Superblock, array: Array, chunk: int) -> Intent:
    """The bitmap to go on with: what any copy marks dirty, the same on all."""
    header = verdict.freshest.header or BitmapHeader(uuid=top.set_uuid, sync_size=top.size, chunksize=chunk)
    header = replace(header, version=bitmap.VERSION, state=0, events=max(header.events, verdict.events))
    raw = bitmap.image(header, dirty=False)
    for chunk_number in verdict.dirty:
        bitmap.set_bit(raw, chunk_number)
    intent = Intent(header, raw, array.chunks)
    if verdict.freshest.header is None:
        return intent
    for place in verdict.places:
        if place.role is not None and not place.rejoin:  # a loser gets it whole
            intent.pages |= _differing(raw, place.found.raw, array.chunks)
    return intent


def _differing(raw: bytearray, other: bytes, chunks: int) -> set[int]:
    """Pages of the image that are not the same on disk, as far as they mean anything."""
    if len(raw) != len(other):
        return set(range(len(raw) // bitmap.PAGE))
    end = bitmap.HEADER + chunks // 8
    pages = {
        at // bitmap.PAGE
        for at in range(0, end, bitmap.PAGE)
        if raw[at : min(end, at + bitmap.PAGE)] != other[at : min(end, at + bitmap.PAGE)]
    }
    # The kernel leaves ones behind the last bit.
    if chunks % 8 and (raw[end] ^ other[end]) & ((1 << chunks % 8) - 1):
        pages.add(end // bitmap.PAGE)
    return pages


async def _level(mirror: Mirror) -> bool:
    """Bits alike on all, then those whose count is not the mirror's get the freshest superblock; who does not know yet
    what it is gets its own with the first update.
    """
    members = [m for m in mirror.array.members if m.told and m.superblock.events != mirror.array.events]
    if not members and not mirror.intent.pages:
        return True
    written = mirror.scribe.written
    assert written is not None
    return await mirror.scribe.level(members, written)


def _tell_rejoins(mirror: Mirror, verdict: Verdict) -> str:
    """Report what becomes of a split brain; why something is copied."""
    array = mirror.array
    for rejoin in verdict.rejoins:
        array.observer("survivor-chosen", "warning", f"{array.label}: {rejoin.summary}.", rejoin.lost)
    return "; ".join(rejoin.reason for rejoin in verdict.rejoins)
