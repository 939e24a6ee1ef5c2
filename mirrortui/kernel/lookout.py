"""Looks at the kernel's RAID-1 arrays again and again, and wakes no disk that sleeps.

sysfs is read at every look. The disks, which know the name, the events count and the bitmap's bits, are read at the
first look, and then only while md may write to them: an array at rest lets its disks rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from mirrortui.api.names import checked
from mirrortui.clock import Clock
from mirrortui.errors import RequestError
from mirrortui.format.superblock import Superblock, format_uuid
from mirrortui.kernel.metadata import Metadata, read_metadata
from mirrortui.kernel.sysfs import KernelArray, KernelMember, Sysfs, Traffic

SETTLES = 15.0
"""Seconds after the last change in which md may still write: three rounds of the daemon that clears bits."""
SPAN = 3.0
"""Seconds that a rate is taken over."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What goes through a block device, per second."""

    reads: int = 0
    read_bytes: int = 0
    writes: int = 0
    write_bytes: int = 0
    latency: float | None = None
    """Seconds that a request took; None when idle."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One array at one look."""

    array: KernelArray
    metadata: Metadata
    name: str
    """The mirror's: from its superblock, or its device where that name is no good or taken."""
    uuid: str
    since: Mapping[str, float]
    """Since when what is as it is now: members by their paths, the array itself as ""."""
    rates: Mapping[str, Rate]
    """The same keys."""


@dataclass
class _Known:
    """What is kept of an array between looks."""

    identity: Hashable
    metadata: Metadata = field(default_factory=Metadata)
    superblock: Superblock | None = None
    """The last that could be read: an array whose disks have gone keeps its name."""
    signature: Hashable = None
    busy_until: float = 0.0
    states: dict[str, Hashable] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    samples: deque[tuple[float, dict[str, Traffic]]] = field(default_factory=deque)


class Lookout:
    """Used by one thread at a time; every look may block on the kernel or on a disk."""

    def __init__(self, sysfs: Sysfs, clock: Clock) -> None:
        self.sysfs = sysfs
        self._clock = clock
        self._known: dict[str, _Known] = {}

    def look(self, closely: str = "") -> list[Seen]:
        """The RAID-1 arrays as they are now. `closely`: the device of one whose disks are read in any case."""
        arrays = [array for array in self.sysfs.arrays() if array.level in ("raid1", "")]
        known = {array.device: self._visit(array, array.device == closely) for array in arrays}
        # What is not started has no level in sysfs: its superblocks tell.
        mirrors = [array for array in arrays if array.level or _is_mirror(known[array.device])]
        self._known = known
        names = _names(mirrors, known)
        return [_seen(array, known[array.device], names[array.device]) for array in mirrors]

    def _visit(self, array: KernelArray, closely: bool) -> _Known:
        moment = self._clock.monotonic()
        identity = _identity(array)
        known = self._known.get(array.device)
        first = known is None or known.identity != identity
        if known is None or first:
            known = _Known(identity)
        signature = _signature(array)
        if signature != known.signature or _may_write(array):
            known.signature = signature
            known.busy_until = moment + SETTLES
        if first or closely or moment <= known.busy_until:
            known.metadata = read_metadata(array)
            known.superblock = known.metadata.superblock or known.superblock
        self._note_states(known, array, first)
        _sample(known, array, moment)
        return known

    def _note_states(self, known: _Known, array: KernelArray, first: bool) -> None:
        """What has changed is so since now; since when the rest is as it was found, nobody knows."""
        states: dict[str, Hashable] = {member.path: _state(member) for member in array.members}
        states[""] = (array.running, array.readonly, array.degraded > 0)
        for key, state in states.items():
            if not first and known.states.get(key) != state:
                known.since[key] = self._clock.now()
        known.states = states
        known.since = {key: at for key, at in known.since.items() if key in states}


def _identity(array: KernelArray) -> Hashable:
    """What tells an array from another that had its device before."""
    return array.uuid, array.metadata, array.running


def _signature(array: KernelArray) -> Hashable:
    """What md writes down when it changes."""
    members = tuple((member.path, member.flags, member.slot) for member in array.members)
    return array.state, array.action, array.degraded, array.raid_disks, array.size, members


def _may_write(array: KernelArray) -> bool:
    return array.state in ("active", "write-pending", "active-idle") or array.position is not None


def _state(member: KernelMember) -> Hashable:
    return member.faulty, member.in_sync, member.filling, member.replacement


def _is_mirror(known: _Known) -> bool:
    return known.superblock is not None and known.superblock.level == 1


def _names(arrays: list[KernelArray], known: Mapping[str, _Known]) -> dict[str, str]:
    """Names that tell all arrays apart: one that two have, or that no mirror may have, is nobody's."""
    wanted = {array.device: _wish(known[array.device].superblock) for array in arrays}
    wishes = list(wanted.values())
    devices = set(wanted)
    return {
        device: name if name and wishes.count(name) == 1 and name not in devices else device
        for device, name in wanted.items()
    }


def _wish(superblock: Superblock | None) -> str:
    if superblock is None or not superblock.set_name:
        return ""
    try:
        return checked(superblock.label)
    except RequestError:
        return ""


def _sample(known: _Known, array: KernelArray, moment: float) -> None:
    rows = {member.path: member.traffic for member in array.members}
    rows[""] = array.traffic
    known.samples.append((moment, rows))
    while len(known.samples) > 2 and known.samples[1][0] <= moment - SPAN:
        known.samples.popleft()


def _seen(array: KernelArray, known: _Known, name: str) -> Seen:
    superblock = known.superblock
    return Seen(
        array,
        known.metadata,
        name,
        array.uuid or (format_uuid(superblock.set_uuid) if superblock else ""),
        dict(known.since),
        {key: _rate(known, key) for key in known.states},
    )


def _rate(known: _Known, key: str) -> Rate:
    seen = [(at, rows[key]) for at, rows in known.samples if key in rows]
    (begin, old), (end, new) = seen[0], seen[-1]
    passed = end - begin
    if passed <= 0 or new.reads < old.reads or new.writes < old.writes:
        return Rate()
    requests = new.reads - old.reads + new.writes - old.writes
    return Rate(
        reads=int((new.reads - old.reads) / passed),
        read_bytes=int((new.read_bytes - old.read_bytes) / passed),
        writes=int((new.writes - old.writes) / passed),
        write_bytes=int((new.write_bytes - old.write_bytes) / passed),
        latency=(new.busy - old.busy) / requests if requests else None,
    )
