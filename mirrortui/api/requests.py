"""What an engine can be asked to do. Unknown fields are refused (I15); sizes in bytes, rates in bytes per second."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from mirrortui.api.vocabulary import MOST_BEHIND, TIMEOUT, Impact, MemberFlag, Mishap, SyncVerb, Timeout


class ForecastRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`status --if-fails`: of whom?"""

    member: str


class CreateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`create`."""

    name: str
    members: list[str]
    spares: list[str] = []
    """Wait for a member to fail, and then take its place."""
    missing: int = 0
    """Places that stay vacant until members are added: it is degraded from the beginning."""
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


class ReplaceRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`replace`: the member serves until its replacement is filled, and is out then."""

    member: str
    replacement: str
    """A new device, or a spare of this mirror."""
    force: bool = False
    yes: bool = False
    plan: bool = False
    events: int | None = None


class ByteRange(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a mirror, in bytes."""

    offset: Annotated[int, msgspec.Meta(ge=0)]
    length: Annotated[int, msgspec.Meta(gt=0)]


class SyncRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`check`, `repair`, and what can be done to a sync that runs."""

    action: SyncVerb
    winner: str = ""
    """Of a repair: the member that is right. What differs from it is overwritten on the others."""
    ranges: list[ByteRange] = []
    """With a winner: only these; none: all that the last check found."""
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


class TakeoverRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`takeover`: stop a kernel's array, and assemble it here."""

    direct: bool = False
    """O_DIRECT to the members, not the page cache."""
    yes: bool = False
    plan: bool = False
    events: int | None = None


class ZeroRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`zero-superblock`: erase what makes a device a member."""

    member: str
    yes: bool = False
    plan: bool = False
    counts: dict[str, int] = {}
    """The plan's; refused if the device changed since."""
