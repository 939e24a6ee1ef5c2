"""A mirror as it is shown: its members, what it copies, what its checks found, who uses it.

Sizes in bytes, times in seconds since 1970 UTC, rates in bytes per second.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from mirrortui.api.vocabulary import CheckAction, Driver, Impact, MemberState, MirrorState, Mishap, SyncAction


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


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """What clients were told is written, and write-mostly members do not have yet."""

    writes: int
    bytes: int
    seconds: float
    """Since the oldest of these writes began."""


class Drive(msgspec.Struct, frozen=True, kw_only=True):
    """A disk, and what it says of itself."""

    name: str
    """ "sda"."""
    asked: float | None = None
    """When it answered last; None: it has not yet. One that idles is not asked, lest it be kept from sleeping."""
    temperature: int | None = None
    """Degrees Celsius; None: see `no_temperature`."""
    no_temperature: str = ""
    """Why there is none: "no sensor"."""
    failing: bool | None = None
    """By SMART, as smartctl tells; None: not known, see `health`."""
    health: str = ""
    """What fails, or why that is not known: "past the limit: Reallocated_Sector_Ct", "smartctl is not installed"."""


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
    drives: list[Drive] | None = None
    """The disks that it lies on, as far as the machine shows them; None: not looked for yet."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A range of a mirror in which its copies were not equal."""

    offset: int
    length: int
    odd: list[str]
    """Members that differ from the majority of three or more; empty: there is no majority."""
    kept: str = ""
    """The member whose version was written to the others; empty: nothing was written."""
    left: str = ""
    """Why the last repair with a winner left it as it is."""


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
    """Only where they are asked for; the first thousand. Of a repair with a winner: what is left to settle."""
    winner: str = ""
    """Of a repair: the member that the operator said is right; empty: a majority was, or the first."""


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
