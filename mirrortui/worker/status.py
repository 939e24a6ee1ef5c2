"""The mirror as the API shows it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from mirrortui.api import mirrors
from mirrortui.api.vocabulary import MemberState, MirrorState, SyncAction
from mirrortui.format.superblock import FAILFAST, WRITE_MOSTLY, format_uuid
from mirrortui.mirror import lastcopy
from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.badranges import BadRanges
from mirrortui.mirror.chunks import ChunkSet
from mirrortui.mirror.metadata.intent import CLEAN
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import spares
from mirrortui.nbd.requests import Traffic
from mirrortui.units import format_size
from mirrortui.worker.members import Absent
from mirrortui.worker.nbd_server import NbdServer
from mirrortui.worker.rates import Rates

WHOLE = ""
"""The row of counters that is not a member's."""
WORTH_A_WORD = 1.0
"""Seconds: a busy disk may take that long."""
CELLS = 256
"""Most letters of the map."""


def describe(
    mirror: Mirror,
    server: NbdServer,
    rates: Rates,
    absent: Sequence[Absent],
    since: float,
    checks: Sequence[mirrors.CheckRun] = (),
    timeout: int | None = None,
) -> mirrors.Mirror:
    """A status. `rates` has the rows of `count`. `since`: when it entered its state. `checks`: the latest first.
    `timeout`: in seconds, of an operation on a member.
    """
    array = mirror.array
    addresses = server.addresses
    read_rate, write_rate, reads, writes = rates.of(WHOLE)
    return mirrors.Mirror(
        name=array.label,
        uuid=format_uuid(array.uuid),
        size=array.size,
        state=state(array),
        sync_action=action(mirror),
        sync=_sync(mirror),
        events=array.events,
        mismatches=mirror.checker.findings.left if mirror.checker.findings else 0,
        bitmap=_bitmap(mirror),
        uri=addresses[0].uri if addresses else "",
        members=[_member(m, mirror, rates) for m in _ordered(array)] + _absent(array, absent),
        raid_disks=array.raid_disks,
        exports=addresses,
        clients=server.clients,
        read_rate=read_rate,
        write_rate=write_rate,
        read_iops=reads,
        write_iops=writes,
        since=since,
        why=" ".join(filter(None, (_refuses(mirror), _waits(mirror, timeout), _why(mirror, absent)))),
        map=_map(mirror),
        paused=mirror.sync.paused,
        impact=mirror.sync.courtesy.impact,
        checks=list(checks),
        opened_readonly=array.opened_readonly,
        timeout=timeout,
        write_behind=mirror.lag.limit,
        lag=_lag_of(mirror),
        hedged=mirror.hedges.asked,
        hedges_won=mirror.hedges.won,
        spare_policy=spares.policy(array),
        metadata=f"1.{array.in_sync()[0].superblock.minor}",
    )


def _lag_of(mirror: Mirror) -> mirrors.Lag | None:
    lag = mirror.lag
    if (since := lag.since) is None:
        return None
    return mirrors.Lag(writes=lag.writes, bytes=lag.bytes, seconds=mirror.host.monotonic() - since)


def count(mirror: Mirror, traffic: Traffic) -> dict[str, tuple[int, ...]]:
    """What only grows: of the whole mirror bytes and requests read and written, of each member bytes."""
    mirror.settle_traffic()
    rows: dict[str, tuple[int, ...]] = {m.path: (m.read_bytes, m.written_bytes) for m in mirror.array.members}
    rows[WHOLE] = (traffic.read_bytes, traffic.write_bytes, traffic.reads, traffic.writes)
    return rows


def state(array: Array) -> MirrorState:
    """The worst thing that can be said of it."""
    if array.broken:
        return "failed"
    if array.degraded():
        return "degraded"
    if array.readonly:
        return "readonly"
    return "active" if array.active else "clean"


def action(mirror: Mirror) -> SyncAction:
    """What is being copied, or checked while nothing is."""
    checker = mirror.checker
    if checker.running and checker.findings and not mirror.sync.running:
        return checker.findings.action
    match mirror.sync.action:
        case "recover":
            return "recover"
        case "resync":
            return "resync"
        case _:
            return "idle"


def _sync(mirror: Mirror) -> mirrors.Sync | None:
    progress = mirror.sync.progress if mirror.sync.running else mirror.checker.progress
    if not (mirror.sync.running or mirror.checker.running) or not progress.total:  # it has not counted yet
        return None
    paused, queued = mirror.sync.paused, mirror.sync.courtesy.queued
    return mirrors.Sync(
        completed=progress.completed,
        total=progress.total,
        speed=0 if paused or queued else progress.speed,
        eta_s=None if paused or queued else progress.eta,
        reason=progress.reason,
        limit=_limit(mirror),
        endless=progress.endless and not (paused or queued),
        queued="" if paused else queued,
    )


def _limit(mirror: Mirror) -> str:
    """What holds the copying up."""
    if mirror.sync.paused:
        return "a pause: it goes on when it is resumed"
    if late := [m.path for m in mirror.array.targets() if m.device.zombies]:
        return f"{' and '.join(late)}: an operation timed out there and has not ended yet"
    return "" if mirror.sync.courtesy.queued else mirror.sync.courtesy.limit


def _bitmap(mirror: Mirror) -> mirrors.Bitmap | None:
    array = mirror.array
    if not array.has_bitmap:
        return None
    return mirrors.Bitmap(chunk=1 << array.chunk_shift, dirty=mirror.intent.dirty, chunks=array.chunks)


def _ordered(array: Array) -> list[Member]:
    """By role, then those without one."""
    return sorted(array.members, key=lambda m: (m.role is None, m.role or 0, m.slot))


def _member(member: Member, mirror: Mirror, rates: Rates) -> mirrors.Member:
    array = mirror.array
    recovering = member.state is State.RECOVERING
    reads, writes = rates.of(member.path) or (0, 0)
    busy = bool(reads or writes)
    done = array.size - min(array.size, member.need.count << array.chunk_shift)
    return mirrors.Member(
        path=member.path,
        slot=member.role,
        state="replacing" if member.replacement else _member_state(member.state),
        size=member.device.size,
        write_mostly=bool(member.devflags & WRITE_MOSTLY),
        failfast=bool(member.devflags & FAILFAST),
        events=array.events if member.active else member.superblock.events,
        read_errors=member.read_errors,
        write_errors=member.write_errors,
        corrected=member.corrected,
        recovered=done if recovering else None,
        read_rate=reads,
        write_rate=writes,
        latency=member.timing.all if busy else None,
        latency_p50=member.timing.quantile(50) if busy else None,
        latency_p99=member.timing.quantile(99) if busy else None,
        since=member.since,
        why=member.why or _silent(member, mirror) or _replaced(member, array) or _bad(member) or _lag(member),
        bad=member.bad.bytes,
    )


def _refuses(mirror: Mirror) -> str:
    """What clients' writes meet."""
    return f"{mirror.refusals.lately}." if mirror.refusals.lately else ""


def _waits(mirror: Mirror, timeout: int | None) -> str:
    """Who keeps clients waiting, and for how long at most."""
    silent = [m.path for m in mirror.array.targets() if _silent(m, mirror)]
    if not silent:
        return ""
    who = " and ".join(silent)
    until = f", until it is out after {timeout} s" if timeout and len(mirror.array.in_sync()) > 1 else ""
    return (
        f"{who} {'does' if len(silent) == 1 else 'do'} not answer now: what is written waits for it{until}."
    )


def _silent(member: Member, mirror: Mirror) -> str:
    waited = mirror.silence.waited(member)
    return f"no answer for {waited:.0f} s" if waited >= WORTH_A_WORD else ""


def _lag(member: Member) -> str:
    return "much slower than the others: it is not read from while that lasts" if member.lags else ""


def _replaced(member: Member, array: Array) -> str:
    """By whom, or whom it replaces."""
    twin = array.twin(member)
    if twin is None:
        return ""
    return f"it is to replace {twin.path}" if member.replacement else f"it is to be replaced by {twin.path}"


def _bad(member: Member) -> str:
    return f"{format_size(member.bad.bytes)} of it is bad" if member.bad else ""


def _member_state(found: State) -> MemberState:
    match found:
        case State.IN_SYNC:
            return "in_sync"
        case State.RECOVERING:
            return "recovering"
        case State.SPARE:
            return "spare"
        case State.FAULTY:
            return "faulty"


def _absent(array: Array, absent: Iterable[Absent]) -> list[mirrors.Member]:
    """Members that take no part, and a row for each vacant role that none of those named could have had."""
    rows = [mirrors.Member(path=one.path, slot=None, state=one.state, size=0, why=one.why) for one in absent]
    faulty = [m for m in array.members if m.state is State.FAULTY]
    filled = {m.role for m in array.members if m.active}
    vacant = [role for role in range(array.raid_disks) if role not in filled]
    unknown = vacant[len(rows) + len(faulty) :]
    return rows + [mirrors.Member(path="", slot=role, state="missing", size=0) for role in unknown]


def _why(mirror: Mirror, absent: Iterable[Absent]) -> str:
    """What is wrong and what is being done, in a sentence."""
    array = mirror.array
    if array.broken:
        until = "writes now" if array.unanswered else "more writes"
        return f"It takes no {until}: {array.broken}. {lastcopy.remedy(array)}"
    if mirror.gate.shut:
        return "Writes wait for a moment: its bitmap or its size is being changed."
    if array.closing:
        return "It is about to be read-only: what was begun is brought to its end."
    lost = f"{format_size(array.lost.bytes)} could not be read on any copy: a write there heals it."
    lost = lost if array.lost else ""
    replacing_ = _replacing(array)
    if not array.degraded():
        return " ".join([*([f"{'; '.join(replacing_)}."] if replacing_ else []), *([lost] if lost else [])])
    copies = len(array.in_sync())
    risk = "one copy is left" if copies == 1 else f"{copies} copies are left"
    out = [f"{m.path} is out: {m.why}" for m in array.members if m.state is State.FAULTY and m.why]
    out += [f"{one.path} is {one.state}: {one.why.rstrip('.')}" for one in absent]
    out += [f"{m.path} is there, but {m.why}" for m in array.in_sync() if m.why]
    filling = [m.path for m in array.members if m.state is State.RECOVERING and not m.replacement]
    if filling and not array.readonly:
        doing = f"{' and '.join(filling)} {'is' if len(filling) == 1 else 'are'} being filled"
    elif array.readonly:
        doing = "it is read-only, and nothing is copied meanwhile"
    else:
        doing = "add or re-add a member"
    doing = "; ".join([*replacing_, doing])
    cause = f"{'; '.join(out)}; " if out else ""
    return f"{cause}{risk}; {doing}. {lost}".rstrip()


def _replacing(array: Array) -> list[str]:
    pairs = [(m, array.twin(m)) for m in array.members if m.replacement]
    return [f"{old.path} serves until {new.path} is filled and takes its place" for new, old in pairs if old]


def _map(mirror: Mirror) -> str:
    """The data area in cells; of a cell's chunks the one that most wants to be seen."""
    array = mirror.array
    cells = min(CELLS, array.chunks)
    edges = [array.chunks * cell // cells for cell in range(cells + 1)]
    needs = [m.need for m in array.targets() if m.need.count]
    window, differ = _window(mirror), _differ(mirror)
    return "".join(
        _cell(mirror, first, last, needs, differ, window) for first, last in itertools.pairwise(edges)
    )


def _window(mirror: Mirror) -> int:
    """The chunk where it is copied or checked now; -1: nowhere."""
    for worker in (mirror.sync, mirror.checker):
        if worker.running:
            return worker.progress.window >> mirror.array.chunk_shift
    return -1


def _differ(mirror: Mirror) -> BadRanges:
    """Where the last check found that the copies differ."""
    findings = mirror.checker.findings
    return BadRanges((d.lo, d.hi) for d in findings.ranges if not d.kept) if findings else BadRanges()


def _cell(
    mirror: Mirror, first: int, end: int, needs: Iterable[ChunkSet], differ: BadRanges, window: int
) -> str:
    if first <= window < end:
        return "s"
    shift = mirror.array.chunk_shift
    if any(m.bad.touches(first << shift, end << shift) for m in mirror.array.targets()):
        return "b"
    if differ.touches(first << shift, end << shift):
        return "m"
    if any(need.touches(first, end - 1) for need in needs):
        return "n"
    heat = mirror.intent.heat
    return "." if heat.count(CLEAN, first, end) == end - first else "d"
