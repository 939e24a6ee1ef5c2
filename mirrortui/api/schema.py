"""What goes over the engine's socket: the whole vocabulary that the command line and the screen may know.

Sizes in bytes, times in seconds since 1970 UTC, rates in bytes per second.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

MirrorState = Literal["clean", "active", "degraded", "failed", "readonly", "stopped"]
"""clean and active: all members in sync. failed: no data path (worker gone, or the last copy broken)."""
MemberState = Literal["in_sync", "recovering", "spare", "faulty", "missing", "replacing"]
SyncAction = Literal["idle", "resync", "recover", "check", "repair"]
Impact = Literal["low", "balanced", "max"]
Severity = Literal["info", "good", "warning", "error"]
Driver = Literal["mirrortui", "kernel"]
"""Who runs a mirror: a worker of ours, or the kernel's md."""
CheckAction = Literal["check", "repair"]
Mishap = Literal["pull", "slow", "hang", "bad-sectors", "rot", "power-cut", "mend"]
"""What the fault lab can do: to a member it takes it away, delays its operations, lets none of them end, makes sectors
unreadable until they are written, or flips bits unseen; the power goes for the whole mirror. "mend" ends it all.
"""
SyncVerb = Literal["check", "repair", "pause", "resume", "cancel"]
TIMEOUT = 30
"""Seconds that an operation on a member may take before it is failed, if nobody says otherwise."""
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 1, 3600
Timeout = Annotated[int, msgspec.Meta(ge=SHORTEST_TIMEOUT, le=LONGEST_TIMEOUT)]
"""Such a number of seconds."""
MemberFlag = Literal["write-mostly", "failfast"]
"""write-mostly: read from it only when no other member can serve. failfast: for the kernel, which then does not retry
on it."""
DailyVerb = Literal["set", "grow", "readonly", "readwrite", "rename"]
Verb = (
    Literal[
        "create",
        "adopt",
        "assemble",
        "stop",
        "fail",
        "remove",
        "add",
        "re-add",
        "replace",
        "handover",
        "takeover",
    ]
    | SyncVerb
    | DailyVerb
    | Literal["zero-superblock", "export", "badblocks", "impact", "speed", "lab"]
)


class Sync(msgspec.Struct, frozen=True, kw_only=True):
    """A resync or recovery under way."""

    completed: int
    total: int
    speed: int
    eta_s: float | None
    """None: not known yet, or never (endless)."""
    reason: str
    """Why it runs: "b.img was added: full copy"."""
    limit: str
    """What holds it back now: "writes to b.img"."""
    endless: bool = False
    """Clients' writes put back as much as is copied, or more: it never ends at this rate."""
    queued: str = ""
    """It waits for another mirror's: "queued behind vault: both copy on sdb"; empty: it does not."""


class Bitmap(msgspec.Struct, frozen=True, kw_only=True):
    """The write-intent bitmap."""

    chunk: int
    dirty: int | None
    """None: the kernel's, and the disks could not be asked."""
    chunks: int


MOST_BEHIND = 16383


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """What clients were told is written, and write-mostly members do not have yet."""

    writes: int
    bytes: int
    seconds: float
    """Since the oldest of these writes began."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One member as the worker sees it now."""

    path: str
    slot: int | None
    """Role in the mirror (0..); None for a spare or a faulty member that lost its role."""
    state: MemberState
    size: int
    """Bytes of the device; 0 if missing."""
    write_mostly: bool = False
    failfast: bool = False
    events: int = 0
    read_errors: int = 0
    write_errors: int = 0
    corrected: int = 0
    """Sectors of 512 bytes that could not be read, and were rewritten from another member."""
    recovered: int | None = None
    """Bytes of the data area known good while recovering."""
    read_rate: int = 0
    write_rate: int = 0
    latency: float | None = None
    """Seconds, smoothed, of an operation on this member; None when idle."""
    latency_p50: float | None = None
    """Seconds that half of its last 256 operations took at most."""
    latency_p99: float | None = None
    """The same of 99 in 100."""
    since: float | None = None
    """When it entered this state."""
    why: str = ""
    """Why it is in this state, in words: "write error at 1.2 GiB: Input/output error"."""
    bad: int = 0
    """Bytes that its bad-block log lists: they are read from other members until they are healed."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A range of a mirror in which its copies were not equal."""

    offset: int
    length: int
    odd: list[str]
    """Members that differ from the majority of three or more; empty: there is no majority."""
    kept: str = ""
    """The member whose version was written to the others; empty: nothing was written."""


class CheckRun(msgspec.Struct, frozen=True, kw_only=True):
    """A check or a repair; amounts in bytes."""

    action: CheckAction
    begun: float
    ended: float | None
    complete: bool
    """It came to its end; else it runs, was cancelled, or was interrupted and goes on at the next assembly."""
    size: int
    position: int
    differing: int
    repaired: int
    unread: int
    """Of which not all copies could be read and compared."""
    ranges: list[Difference] = []
    """Only where they are asked for; the first thousand."""


class CopyOf(msgspec.Struct, frozen=True, kw_only=True):
    """What one member has at a place."""

    path: str
    data: bytes | None
    """None: it cannot be read there."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A place of a mirror on each of its copies."""

    offset: int
    copies: list[CopyOf]


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """One address a mirror is served at."""

    uri: str
    kind: Literal["unix", "tcp"]
    readonly: bool = False


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """An NBD client that is connected now."""

    peer: str
    """ "qemu-img (pid 4711)" where the socket tells, else the address."""
    since: float


class Mirror(msgspec.Struct, frozen=True, kw_only=True):
    """`status NAME --json` prints this."""

    name: str
    uuid: str
    size: int
    state: MirrorState
    sync_action: SyncAction
    sync: Sync | None
    events: int
    mismatches: int
    bitmap: Bitmap | None
    uri: str
    members: list[Member]
    raid_disks: int
    exports: list[Export] = []
    clients: list[Client] = []
    read_rate: int = 0
    write_rate: int = 0
    read_iops: int = 0
    write_iops: int = 0
    since: float | None = None
    """When it entered this state."""
    why: str = ""
    """One sentence: what is wrong, what is being done, when it is over. Empty when healthy."""
    map: str = ""
    """The data area in at most 256 cells, one letter each: "." in sync, "d" dirty (bit set), "s" syncing now,
    "n" still to copy, "b" bad, "m" the last check found that the copies differ."""
    worker_pid: int | None = None
    worker_memory: int = 0
    """Bytes resident of the worker; 0: not known."""
    metadata: str = "1.2"
    driver: Driver = "mirrortui"
    device: str = ""
    """The kernel's block device, such as /dev/md127; empty unless the kernel is the driver. `uri` is empty then."""
    impact: Impact | None = None
    """How much clients may notice of a sync; None: the kernel's, which has no such knob."""
    paused: bool = False
    """Nothing is copied or checked until it is resumed."""
    checks: list[CheckRun] = []
    """The latest first, without their ranges."""
    timeout: int | None = None
    """Seconds that an operation on a member may take before it is failed; None: the kernel's."""
    direct: bool = False
    """Its members are used with O_DIRECT, not through the page cache."""
    write_behind: int = 0
    """Writes that write-mostly members may lag; 0: they are waited for like the others."""
    lag: Lag | None = None
    """None: no member lags."""
    hedged: int = 0
    """Reads that came late and were asked of another member, too, since it was assembled."""
    hedges_won: int = 0
    """Of these, those that the other member answered first."""
    opened_readonly: bool = False
    """It was assembled read-only: its members are open for reading only."""
    lab: dict[str, Mishap] | None = None
    """What the fault lab did to which device; None: the mirror was started without."""
    spare_policy: str = ""
    """Which spare takes over when a member fails, in a sentence; empty when there is none."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened. `seq` counts up by one within an engine's journal and survives its restart."""

    seq: int
    time: float
    mirror: str
    kind: str
    """Stable word: "member-failed", "recovery-started", "recovery-finished", "resync-started", "resync-finished",
    "member-added", "member-removed", "member-re-added", "mirror-created", "mirror-adopted", "mirror-assembled",
    "mirror-stopped",
    "mirror-failed", "worker-died", "worker-found", "client-connected", "client-left", "engine-started",
    "read-error", "read-error-corrected", "bad-blocks-found", "bad-blocks-copied", "bad-blocks-healed",
    "bad-blocks-left", "sync-stuck",
    "member-replacing", "member-replaced", "check-started", "check-finished", "repair-started", "repair-finished",
    "sync-paused", "sync-resumed", "sync-cancelled", "member-slow", "member-fast-again", "mirror-handed-over",
    "mirror-taken-over", "spare-activated", "flag-set", "bitmap-set", "write-behind-set", "mirror-readonly",
    "mirror-readwrite", "mirror-renamed", "mirror-grown", "lab"."""
    severity: Severity
    text: str
    """A sentence that stands alone."""
    member: str | None = None


class ForecastRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`status --if-fails`: of whom?"""

    member: str


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen if a member failed now. Nothing is changed by asking."""

    mirror: str
    member: str
    copies: list[str]
    """Members that would still be in sync."""
    spare: str | None
    """The spare that would take its place."""
    copied: int
    """Bytes that would be copied to the spare."""
    eta_s: float | None
    """How long that would take, by what was measured of late; None: nothing was, or nothing is copied."""
    lost: int
    """Bytes of data that nobody else holds."""
    text: str
    """All of it in words."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a split brain: members that went on without the others."""

    members: list[str]
    """The freshest first; it can be named as the survivor."""
    events: int
    written: float
    """When a superblock of theirs was written last."""
    changed: int | None
    """Bytes that may have changed since they parted; None: its bitmap does not tell."""
    map: str
    """The data area in at most 256 cells, "d" where it wrote since and "." elsewhere; empty if that is not known."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a verb would do, before it does it (I14)."""

    verb: Verb
    mirror: str
    title: str
    copies: str
    """ "37 of 4096 chunks (2.31 GiB) from a.img to b.img, about 0:00:40"; "nothing"."""
    erases: list[str]
    """What is lost, one sentence each; empty: nothing."""
    meanwhile: str
    """Redundancy while it runs."""
    afterwards: str
    command: str
    """The equivalent command line."""
    confirm: Literal["none", "yes", "name"]
    """none: harmless, runs at once. yes: one deliberate key or --yes. name: the mirror's name typed, or --yes."""
    refused: str | None
    """Why it cannot be done now; None when it can."""
    hint: str = ""
    events: int | None = None
    """The mirror's state when the plan was made; send it back and a stale plan is refused."""
    counts: dict[str, int] = {}
    """Of an assembly, the events count of each member that was looked at; likewise."""
    survivors: list[str] = []
    """Refused for a split brain: who can be named as the survivor, one of each side."""
    notes: list[str] = []
    histories: list[History] = []
    """Refused for a split brain: each side, in the order of `survivors`."""


class CreateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`create`."""

    name: str
    members: list[str]
    spares: list[str] = []
    """Wait for a member to fail, and then take its place."""
    bitmap_chunk: int | None = None
    assume_clean: bool = False
    size: int | None = None
    force: bool = False
    direct: bool = False
    """O_DIRECT to the members, not the page cache."""
    timeout: Timeout = TIMEOUT
    lab: bool = False
    """With the fault lab."""
    yes: bool = False
    plan: bool = False
    """Only say what would be done: answers a Plan."""


class AdoptRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`adopt`: a disk with data on it becomes the first member of a mirror, and they stay where they are."""

    name: str
    disk: str
    new: str | None = None
    """Is filled from it; None: the mirror stays degraded until a member is added."""
    into: str | None = None
    """Nothing is written to the disk: all of it is copied into this one, slightly larger, which is the member then."""
    tail_is_free: bool = False
    """The operator's word that the end of the disk holds nothing that is needed."""
    extend: bool = False
    """Make an image file longer, if its end is not free."""
    bitmap_chunk: int | None = None
    force: bool = False
    """Overwrite what `new` holds."""
    direct: bool = False
    yes: bool = False
    plan: bool = False


class AssembleRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`assemble`. No name: the one in the superblock. No members: those remembered for the name."""

    name: str | None = None
    members: list[str] = []
    run: bool = False
    readonly: bool = False
    survivor: str | None = None
    """Of a split brain: the member whose content is kept."""
    compare: bool = False
    """Of a split brain: what differs is found by reading both, whatever the bitmaps say."""
    save_loser: str | None = None
    """Of a split brain: a new file for what only the loser holds."""
    counts: dict[str, int] = {}
    """The plan's; the assembly is refused if a member changed since."""
    direct: bool = False
    timeout: Timeout = TIMEOUT
    lab: bool = False
    """With the fault lab."""
    yes: bool = False
    plan: bool = False


class LabRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`lab`: something happens to a member of a mirror that was started with the fault lab."""

    member: str = ""
    """Empty for power-cut."""
    mishap: Mishap


class MemberRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`fail`, `remove`, `add`, `re-add`."""

    member: str
    force: bool = False
    yes: bool = False
    plan: bool = False
    events: int | None = None
    """The plan's; the verb is refused if the mirror changed since."""


class BadBlocksRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`badblocks`."""

    member: str
    retest: bool = False
    """Rewrite from another copy what is listed, and read it back, first."""


class BadRange(msgspec.Struct, frozen=True, kw_only=True):
    """A range that a bad-block log lists."""

    start: int
    """Bytes from the start of the mirror's data."""
    length: int
    sector: int
    """From the start of the device, in sectors of 512 bytes."""
    sectors: int


class BadBlocks(msgspec.Struct, frozen=True, kw_only=True):
    """What a member's bad-block log lists, in order."""

    mirror: str
    member: str
    ranges: list[BadRange]
    logged: bool = True
    """The member has a log at all."""
    healed: int = 0
    """Bytes that a retest struck from it: rewritten from another copy, and read back."""
    readable: int = 0
    """Bytes that a retest could read, and left in it: no other copy has them, and what is there may be old."""


class ReplaceRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`replace`: the member serves until its replacement is filled, and is out then."""

    member: str
    replacement: str
    """A new device, or a spare of this mirror."""
    force: bool = False
    yes: bool = False
    plan: bool = False
    events: int | None = None


class SyncRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`check`, `repair`, and what can be done to a sync that runs."""

    action: SyncVerb
    yes: bool = False
    plan: bool = False
    events: int | None = None


class LookRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What each copy has at a place; in bytes."""

    offset: int
    length: int = 256


class SetRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`set`: a flag of a member, kept in its superblock."""

    member: str
    flag: MemberFlag
    on: bool
    yes: bool = False
    plan: bool = False
    events: int | None = None


class BitmapRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`set NAME bitmap`: the write-intent bitmap, while the mirror runs."""

    bitmap: Literal["internal", "none"]
    chunk: Annotated[int, msgspec.Meta(ge=4096)] | None = None
    """Bytes to a bit, a power of two; None: by size."""
    write_behind: Annotated[int, msgspec.Meta(ge=0, le=MOST_BEHIND)] | None = None
    """Writes that write-mostly members may lag, and nothing else is changed; 0: they are waited for."""
    yes: bool = False
    plan: bool = False
    events: int | None = None


class GrowRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`grow`: how many members a mirror is to have, or how large it is to be; exactly one of them."""

    members: int | None = None
    size: Annotated[int, msgspec.Meta(gt=0)] | Literal["max"] | None = None
    """Bytes; max: all that the members have room for."""
    yes: bool = False
    plan: bool = False
    events: int | None = None


class AccessRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`readonly`, `readwrite`."""

    readonly: bool
    yes: bool = False
    plan: bool = False
    events: int | None = None


class RenameRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`rename`."""

    name: str
    """The new one."""
    yes: bool = False
    plan: bool = False
    events: int | None = None


class StopRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`stop`."""

    force: bool = False
    yes: bool = False
    plan: bool = False
    events: int | None = None


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`export`: one more address. Exactly one of unix and tcp."""

    unix: str | None = None
    tcp: str | None = None
    """ "HOST:PORT"; loopback addresses only, until links are secured."""
    readonly: bool = False


class SpeedRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fast a sync may go, until the mirror is stopped."""

    max: Annotated[int, msgspec.Meta(ge=0)]
    """Bytes per second; 0: as fast as it can, or as the kernel's system-wide limit allows."""
    min: Annotated[int, msgspec.Meta(ge=0)] = 0
    """What a sync gets also beside other load; 0: what the impact gives it, or the kernel's system-wide value."""


class ImpactRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much clients may notice of a sync, until the mirror is stopped. Not of the kernel's arrays."""

    impact: Impact


class HandoverRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`handover`: stop a mirror, and let the kernel assemble it."""

    loop: bool = False
    """Put members that are image files on loop devices."""
    force: bool = False
    """Cut clients off that do not take their last replies."""
    yes: bool = False
    plan: bool = False
    events: int | None = None


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """How a handover ended."""

    mirror: Mirror
    """The kernel's, or ours as stopped where this machine's kernel has no md."""
    commands: list[str]
    """What assembles it, a shell command each: done here, or to be done where there is md."""


class TakeoverRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`takeover`: stop a kernel's array, and assemble it here."""

    direct: bool = False
    """O_DIRECT to the members, not the page cache."""
    yes: bool = False
    plan: bool = False
    events: int | None = None


class DeviceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A block device, and whether it can be a member."""

    path: str
    size: int
    model: str = ""
    serial: str = ""
    transport: str = ""
    sector: int = 512
    parent: str = ""
    """Of a partition its disk, of a volume the first device it lies on; empty for what lies on nothing."""
    holds: str = ""
    """ "ext4, label photos"; "mounted on /backup"; "member of vault"; empty."""
    why_not: str | None = None
    """None: it can be a member as it is."""


class EngineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """`engine status`."""

    version: str
    pid: int
    started: float
    socket: str
    mirrors: int
    last_seq: int
    speed: SpeedRequest = SpeedRequest(max=0)
    """What the syncs of all mirrors may take together."""


class ZeroRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`zero-superblock`: erase what makes a device a member."""

    member: str
    yes: bool = False
    plan: bool = False
    counts: dict[str, int] = {}
    """The plan's; refused if the device changed since."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every answer that is not 2xx."""

    code: str
    message: str
    hint: str = ""
    plan: Plan | None = None
    """With code "confirm": what must be confirmed."""
