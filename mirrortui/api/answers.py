"""What the engine answers and tells beside mirrors themselves: events, plans, devices, problems.

Sizes in bytes, times in seconds since 1970 UTC, rates in bytes per second.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from mirrortui.api.mirrors import Drive, Mirror
from mirrortui.api.requests import SpeedRequest
from mirrortui.api.vocabulary import Severity, Verb


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened. `seq` counts up by one within an engine's journal and survives its restart."""

    seq: int
    time: float
    mirror: str
    kind: str
    """Stable word: "member-failed", "recovery-started", "recovery-finished", "resync-started", "resync-finished",
    "member-added", "member-removed", "member-re-added", "mirror-created", "mirror-adopted", "mirror-assembled",
    "mirror-stopped", "mirror-failed", "mirror-recovered",
    "worker-died", "worker-found", "client-connected", "client-left", "engine-started",
    "read-error", "read-error-corrected", "bad-blocks-found", "bad-blocks-copied", "bad-blocks-healed",
    "bad-blocks-left", "sync-stuck",
    "member-replacing", "member-replaced", "check-started", "check-finished", "repair-started", "repair-finished",
    "sync-paused", "sync-resumed", "sync-cancelled", "member-slow", "member-fast-again", "mirror-handed-over",
    "mirror-taken-over", "spare-activated", "flag-set", "bitmap-set", "write-behind-set", "mirror-readonly",
    "mirror-readwrite", "mirror-renamed", "mirror-grown", "member-deleted", "write-refused", "drive-failing", "lab"."""
    severity: Severity
    text: str
    """A sentence that stands alone."""
    member: str | None = None


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


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """How a handover ended."""

    mirror: Mirror
    """The kernel's, or ours as stopped where this machine's kernel has no md."""
    commands: list[str]
    """What assembles it, a shell command each: done here, or to be done where there is md."""


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
    drives: list[Drive] | None = None
    """The disks that it lies on; None: not looked for yet."""


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


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every answer that is not 2xx."""

    code: str
    message: str
    hint: str = ""
    plan: Plan | None = None
    """With code "confirm": what must be confirmed."""
