"""The state of one mirror: its members, who is believed, and what its superblocks should say. No I/O.

Everything that decides about redundancy reads these tables, and only the methods here change a member's state.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from mirrortui.device.base import Device
from mirrortui.format import badblocks, parting
from mirrortui.format.superblock import (
    MAX,
    ROLE_FAULTY,
    ROLE_SPARE,
    WRITE_MOSTLY,
    Feature,
    Superblock,
)
from mirrortui.mirror.badranges import BadRanges
from mirrortui.mirror.chunks import ChunkSet
from mirrortui.mirror.notes import Departed, Note
from mirrortui.mirror.traffic.timing import Timing
from mirrortui.units import SECTOR

Observer = Callable[[str, str, str, str | None], None]
"""Told what happened: kind, severity, a sentence, the member's path (api.answers.Event has the words)."""


_MOST_COUNTED = 0xFFFF_FFFF
"""The field has 32 bits."""


class State(enum.Enum):
    """What a member is to its mirror; values as in `status --json`."""

    IN_SYNC = "in_sync"
    RECOVERING = "recovering"
    SPARE = "spare"
    FAULTY = "faulty"


class Member:
    """A device with a place in the mirror."""

    def __init__(
        self, device: Device, superblock: Superblock, state: State, role: int | None, chunks: int
    ) -> None:
        self.device = device
        self.path = device.path
        self.superblock = superblock
        """Its own, as last read or written: geometry, UUIDs and flags come from here."""
        self.telling: Superblock | None = None
        """What is being written in its place: it may be there already, also when that failed."""
        self.slot = superblock.dev_number
        self.devflags = superblock.devflags
        """WRITE_MOSTLY and FAILFAST as they are to be in its superblock."""
        self.role = role
        """0..raid_disks-1; None for a spare."""
        self.state = state
        self.data = superblock.data_offset * SECTOR
        """Bytes from the start of the device to the data."""
        self.place = superblock.super_offset * SECTOR
        self.bitmap_place = superblock.bitmap_sector * SECTOR
        self.need = ChunkSet(chunks)
        """Chunks of its copy that must not be read until they have been copied onto it."""
        self.bad = BadRanges()
        """Parts of its copy that hold no data, by its bad-block log."""
        self.log = b""
        """That log as it is on disk."""
        self.replacement = False
        """It is being filled to take the place of another member of its role, which serves until then."""
        self.guided = False
        """Its recovery copies only what the bitmap lists."""
        self.compare = False
        """Its recovery reads it too, and writes only what differs."""
        self.recovered = 0
        """Bytes from which on `need` must be searched after a restart: the checkpoint of its recovery."""
        self.told = True
        """Its own superblock knows what it is here; nothing is copied onto one that calls itself something else."""
        self.fresh = False
        """It does not hold the bitmap yet: the scribe gives it the whole before its superblock."""
        self.read_bytes = 0
        self.written_bytes = 0
        """Moved by clients and sync since it was attached; Mirror.settle_traffic() brings them up to date."""
        self.timing = Timing()
        self.reading = 0
        """Clients' reads in flight on it."""
        self.lags = False
        """Much slower than the others: it is read from only where nobody else can be."""
        self.silent = False
        """It has not answered for a while: nothing is written to it inline."""
        self.read_errors = 0
        self.write_errors = 0
        self.corrected = superblock.cnt_corrected_read
        """Sectors that could not be read and were made good, as md counts them; on disk with the next superblock."""
        self.since: float | None = None
        self.why = ""

    def take_log(self, log: bytes, unit: int) -> None:
        """Its bad-block log as it was read; `unit`: bytes of the least read."""
        self.log = log
        if log:
            sb = self.superblock
            self.bad = BadRanges.of_log(badblocks.decode(log, shift=sb.bblog_shift), sb, unit)

    def torn(self, lo: int, hi: int, page: int) -> BadRanges:
        """What lies in [lo, hi) of pages of the device that its log lists a part of. Nothing of such a page is written
        through the page cache: to write a part that reads the rest, and would be under way beside what goes past it.
        """
        found = []
        for start, end in self.bad.within(lo - page, hi + page):
            first, last = (start + self.data) // page * page, -(-(end + self.data) // page) * page
            found.append((max(lo, first - self.data), min(hi, last - self.data)))
        return BadRanges((a, b) for a, b in found if a < b)

    def whole_sectors(self, lo: int, hi: int) -> tuple[int, int]:
        """The part of [lo, hi) that its bad-block log can tell from the rest."""
        unit = SECTOR << self.superblock.bblog_shift
        return -(-lo // unit) * unit, hi // unit * unit

    @property
    def has_log(self) -> bool:
        """There is room on it for a bad-block log."""
        return bool(self.superblock.bblog_offset and self.superblock.bblog_size)

    def list_bad(self, lo: int, hi: int) -> bool:
        """[lo, hi) holds no data any more. False: its log has no room to say so."""
        return self._list([*self.bad, (lo, hi)])

    def list_good(self, lo: int, hi: int) -> bool:
        """[lo, hi) holds data again. False: its log cannot tell that apart, or did not list it."""
        listed = BadRanges(self.bad)
        return listed.discard(*self.whole_sectors(lo, hi)) and self._list(listed)

    def _list(self, ranges: Iterable[tuple[int, int]]) -> bool:
        listed, sb = BadRanges(ranges), self.superblock
        room = sb.bblog_size * SECTOR if self.has_log else 0
        if not badblocks.fits(listed.log(sb), size=room, shift=sb.bblog_shift):
            return False
        self.bad = listed
        return True

    @property
    def active(self) -> bool:
        """Takes every write."""
        return self.state is State.IN_SYNC or self.state is State.RECOVERING


@dataclass(frozen=True, slots=True)
class Signature:
    """All that superblocks say and that can change: two equal ones need no update."""

    clean: bool
    resync_from: int
    roles: tuple[int, ...]
    filling: tuple[tuple[int, bool, int], ...]
    """(slot, guided, sectors recovered) of recovering members."""
    spares: tuple[int, ...]
    """Slots of spares: the table says the same of them and of slots that nobody has."""
    bad: tuple[int, ...] = ()
    """Slots of members whose bad-block log counts."""
    replacing: tuple[int, ...] = ()
    """Slots of replacements."""
    flags: tuple[tuple[int, int], ...] = ()
    """(slot, devflags) of members that have any."""
    set_name: str = ""
    has_bitmap: bool = True
    raid_disks: int = 0
    size: int = 0
    """Sectors."""
    rooms: tuple[tuple[int, int], ...] = ()
    """(slot, data_size) of members that are not faulty."""


@dataclass
class Array:
    """Identity and tables of one mirror."""

    uuid: bytes
    label: str
    """What it is called here."""
    set_name: str
    """What its superblocks call it."""
    size: int
    """Bytes."""
    raid_disks: int
    ctime: int
    chunk_shift: int
    events: int
    """The count that every active member's superblock carries."""
    roles: list[int]
    """dev_roles by slot, for slots that nobody attached holds."""
    members: list[Member]
    observer: Observer
    active: bool
    """Wanted on disk: "not clean"."""
    has_bitmap: bool = True
    readonly: bool = False
    """Nothing is written to the members, not even metadata."""
    opened_readonly: bool = False
    """It was assembled so: members may be there that are not understood well enough to be written to."""
    closing: bool = False
    """It is about to be read-only: clients' writes are refused, what was begun is brought to its end."""
    broken: str = ""
    """Why nothing can be promised any more: metadata or a flush failed on the last copy."""
    unanswered: Member | None = None
    """The last copy, if all that is broken is that it was late: it may still answer (lastcopy.py)."""
    resync_from: int = 0
    """Bytes that a mirror without a bitmap had resynced when it was stopped; nothing once it is written to."""
    left_out: list[Note] = field(default_factory=list)
    departed: tuple[Departed, ...] = ()
    """Who went out, as far as it is known here (assembly/departed.py)."""
    lost: BadRanges = field(default_factory=BadRanges)
    """What could not be read on any copy when it was last tried, and was not written since."""
    arriving: set[str] = field(default_factory=set)
    """Paths of devices that are being made members: nothing else is done with them meanwhile."""
    cut: set[str] = field(default_factory=set)
    """Paths whose file was made shorter: what is there need not be what was written, however long it is now."""
    failures: dict[str, float] = field(default_factory=dict)
    """When a member of that path failed last, since the mirror was assembled."""
    changed: Callable[[], None] = lambda: None
    """Called after any change that the data path's shortcuts depend on."""

    @property
    def chunks(self) -> int:
        """How many chunks the array has."""
        return -(-self.size >> self.chunk_shift)

    def in_sync(self) -> list[Member]:
        """Members that hold the data, lowest role first."""
        return [m for m in self.by_role() if m.state is State.IN_SYNC]

    def targets(self) -> list[Member]:
        """Members that take every write and every flush."""
        return [m for m in self.members if m.active]

    def by_role(self) -> list[Member]:
        """Members with a role, lowest first."""
        return sorted((m for m in self.members if m.role is not None), key=lambda m: m.role or 0)

    def grain(self, page: int) -> int:
        """Bytes that can be read or put right on every member at least: a page where the page cache is between."""
        blocks = max(m.device.block_size for m in self.members)
        return max(
            blocks if blocks > 1 else page, *(SECTOR << m.superblock.bblog_shift for m in self.members)
        )

    def degraded(self) -> bool:
        """Fewer members in sync than there should be: no bit is cleared meanwhile."""
        return len(self.in_sync()) < self.raid_disks

    def twin(self, member: Member) -> Member | None:
        """The other member of its role: the one that is being replaced, or its replacement."""
        others = (m for m in self.members if m is not member and m.active)
        return next((m for m in others if m.role == member.role), None)

    def unsynced(self) -> bool:
        """Members in sync by the book may still differ: a resync is not done."""
        return any(m.need.count for m in self.in_sync())

    def needed(self, chunk: int) -> bool:
        """Some active member's copy of the chunk waits to be copied."""
        return any(m.need.flags[chunk] for m in self.members if m.active)

    def vacant_role(self, former: int | None = None) -> int | None:
        """The former one if nobody fills it, so that tables agree on who has which; else the lowest that is free."""
        taken = {m.role for m in self.targets()}
        free = [role for role in range(self.raid_disks) if role not in taken]
        return former if former in free else next(iter(free), None)

    def vacant_slot(self) -> int | None:
        """A slot number for a newcomer: as md does, beyond the first members' and of nobody attached. None: no more."""
        first = self.in_sync()[0].superblock.device_uuid
        return parting.vacant_slot(self.table(), self.raid_disks, {m.slot for m in self.members}, first)

    def find(self, path: str) -> Member | None:
        """The attached member of that path."""
        for member in self.members:
            if member.path == path:
                return member
        real = os.path.realpath(path)
        return next((m for m in self.members if os.path.realpath(m.path) == real), None)

    def fault(self, member: Member, why: str, now: float) -> bool:
        """Take a member that failed out of the mirror, in memory. False: it is the last copy, and stays (I5)."""
        if member.state is State.FAULTY:
            return True
        if member.state is State.IN_SYNC and len(self.in_sync()) == 1:
            return False
        # Whoever is left of two with one role is its ordinary member.
        if twin := self.twin(member):
            twin.replacement = False
        member.replacement = False
        member.state = State.FAULTY
        member.role = None
        member.why = why
        member.since = now
        self.failures[member.path] = now
        self._settle_authority()
        self.changed()
        return True

    def lose(self, lo: int, hi: int) -> None:
        """No copy could be read there."""
        self.lost.add(lo, hi)
        self.changed()

    def regain(self, lo: int, hi: int) -> bool:
        """It was written, or can be read after all. False: nothing of it was lost."""
        if not self.lost.discard(lo, hi):
            return False
        self.changed()
        return True

    def detach(self, member: Member) -> None:
        """Let a member go that takes no writes."""
        self.members.remove(member)
        # The slot of one that held a copy stays marked: a copy that missed its end may be somewhere.
        self.roles[member.slot] = ROLE_FAULTY if member.state is State.FAULTY else ROLE_SPARE
        self.changed()

    def break_down(self, why: str, unanswered: Member | None = None) -> None:
        """The last copy can no longer be trusted to keep what it is told, or not before it answers."""
        if self.broken and (unanswered or not self.unanswered):
            return
        self.broken, self.unanswered = why, unanswered
        self.changed()
        self.observer("mirror-failed", "error", f"{self.label} stopped taking writes: {why}", None)

    def mend(self) -> None:
        """It may be trusted after all."""
        self.broken, self.unanswered = "", None
        self.changed()

    def authority(self, first: int, last: int) -> Member:
        """Whose version of these chunks counts where the copies may differ: the lowest that has all of it; write-mostly
        ones last, as they may have lagged behind.
        """
        copies = sorted(self.in_sync(), key=lambda m: m.devflags & WRITE_MOSTLY)
        lo, hi = first << self.chunk_shift, (last + 1) << self.chunk_shift
        return next((m for m in copies if not m.bad.touches(lo, hi)), copies[0])

    def _settle_authority(self) -> None:
        """Where every copy in sync waits for a resync whose source is gone, another becomes the source."""
        first, *others = self.in_sync()
        for chunk in list(first.need):
            if all(chunk in other.need for other in others):
                self.authority(chunk, chunk).need.discard(chunk)

    def table(self) -> tuple[int, ...]:
        """dev_roles as they should be on disk."""
        roles = list(self.roles)
        for m in self.members:
            faulty = m.state is State.FAULTY
            roles[m.slot] = ROLE_FAULTY if faulty else ROLE_SPARE if m.role is None else m.role
        return tuple(roles)

    def signature(self) -> Signature:
        """What the superblocks should say now."""
        filling = tuple(
            (m.slot, m.guided, m.recovered // SECTOR) for m in self.members if m.state is State.RECOVERING
        )
        spares = tuple(m.slot for m in self.members if m.state is State.SPARE)
        bad = tuple(m.slot for m in self.members if m.bad and m.state is not State.FAULTY)
        replacing = tuple(m.slot for m in self.members if m.replacement)
        flags = tuple(
            (m.slot, m.devflags) for m in self.members if m.devflags and m.state is not State.FAULTY
        )
        equal = self.resync_from // SECTOR
        return Signature(
            not self.active,
            equal,
            self.table(),
            filling,
            spares,
            bad,
            replacing,
            flags,
            self.set_name,
            self.has_bitmap,
            self.raid_disks,
            self.size // SECTOR,
            tuple((m.slot, m.superblock.data_size) for m in self.members if m.state is not State.FAULTY),
        )

    def superblock(self, member: Member, signature: Signature, events: int, now: float) -> Superblock:
        """The member's own superblock for a round of updates."""
        features = Feature.BITMAP if signature.has_bitmap else Feature(0)
        filling = {slot: (guided, sectors) for slot, guided, sectors in signature.filling}
        guided, recovered = filling.get(member.slot, (False, 0))
        if member.slot in filling:
            features |= Feature.RECOVERY_OFFSET
            if guided:
                features |= Feature.RECOVERY_BITMAP
        if member.slot in signature.bad:
            features |= Feature.BAD_BLOCKS
        if member.slot in signature.replacing:
            features |= Feature.REPLACEMENT
        return replace(
            member.superblock,
            feature_map=features,
            recovery_offset=recovered,
            cnt_corrected_read=min(member.corrected, _MOST_COUNTED),
            dev_roles=signature.roles,
            devflags=dict(signature.flags).get(member.slot, 0),
            set_name=signature.set_name,
            raid_disks=signature.raid_disks,
            resync_offset=MAX if signature.clean else signature.resync_from,
            events=events,
            utime=int(now),
            size=signature.size,
        )
