"""What the command line and the screen may ask of an engine. EngineClient answers, or a fake in the tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

from mirrortui.api.answers import BadBlocks, DeviceInfo, EngineInfo, Event, Forecast, Handover, Plan
from mirrortui.api.mirrors import CheckRun, Look, Mirror
from mirrortui.api.requests import (
    AccessRequest,
    AdoptRequest,
    AssembleRequest,
    BadBlocksRequest,
    BitmapRequest,
    CreateRequest,
    ExportRequest,
    ForecastRequest,
    GrowRequest,
    HandoverRequest,
    ImpactRequest,
    LabRequest,
    LookRequest,
    MemberRequest,
    RenameRequest,
    ReplaceRequest,
    SetRequest,
    SpeedRequest,
    StopRequest,
    SyncRequest,
    TakeoverRequest,
    ZeroRequest,
)

MemberVerb = Literal["fail", "remove", "add", "re-add"]


class EventStream(Protocol):
    """Events in the order of their numbers. Iterate in one thread; `close` may be called from another."""

    def __iter__(self) -> Iterator[Event]:
        """Ends after the last event, or when closed. Raises NoEngineError if a followed engine is silent."""
        ...

    def close(self) -> None:
        """End the iteration, even one that waits. Idempotent."""
        ...


class EngineApi(Protocol):
    """An engine. Calls block; any thread may make them, several at once.

    All raise the errors of mirrortui.errors: NoEngineError when nobody answers, NotFoundError for an unknown
    mirror or member, UnconfirmedError (with its plan) when a plan wants a confirmation that the request does
    not carry. The `plan_` calls change nothing and answer what would be done, also when it would be refused.
    """

    def engine(self) -> EngineInfo:
        """Who answers."""
        ...

    def stop_engine(self) -> None:
        """Ask the engine to end. The mirrors' workers run on, and the next engine finds them."""
        ...

    def mirrors(self) -> list[Mirror]:
        """Every mirror the engine knows, the stopped ones and the kernel's too, worst first."""
        ...

    def mirror(self, name: str) -> Mirror:
        """One mirror as it is now."""
        ...

    def forecast(self, mirror: str, request: ForecastRequest) -> Forecast:
        """What would happen if a member failed now."""
        ...

    def devices(self) -> list[DeviceInfo]:
        """Block devices, and why they cannot be members."""
        ...

    def scan(self) -> list[AssembleRequest]:
        """What could be assembled now: remembered mirrors that do not run, others on block devices."""
        ...

    def create(self, request: CreateRequest) -> Mirror:
        """Write a new mirror onto its members and start it."""
        ...

    def plan_create(self, request: CreateRequest) -> Plan:
        """What `create` would do."""
        ...

    def adopt(self, request: AdoptRequest) -> Mirror:
        """Make a disk with data on it the first member of a new mirror, and start it."""
        ...

    def plan_adopt(self, request: AdoptRequest) -> Plan:
        """What `adopt` would do."""
        ...

    def assemble(self, request: AssembleRequest) -> Mirror:
        """Start a mirror from its members."""
        ...

    def plan_assemble(self, request: AssembleRequest) -> Plan:
        """What `assemble` would do."""
        ...

    def change(self, mirror: str, verb: MemberVerb, request: MemberRequest) -> Mirror:
        """Fail, remove, add or re-add a member."""
        ...

    def plan_change(self, mirror: str, verb: MemberVerb, request: MemberRequest) -> Plan:
        """What `change` would do; send its `events` back to be refused if the mirror changed since."""
        ...

    def stop(self, mirror: str, request: StopRequest) -> Mirror:
        """Stop a mirror cleanly; answers it as stopped."""
        ...

    def plan_stop(self, mirror: str, request: StopRequest) -> Plan:
        """What `stop` would do."""
        ...

    def replace(self, mirror: str, request: ReplaceRequest) -> Mirror:
        """Fill a new member while the old one serves."""
        ...

    def plan_replace(self, mirror: str, request: ReplaceRequest) -> Plan:
        """What `replace` would do."""
        ...

    def sync(self, mirror: str, request: SyncRequest) -> Mirror:
        """Check or repair; pause, resume or cancel what runs."""
        ...

    def plan_sync(self, mirror: str, request: SyncRequest) -> Plan:
        """What `sync` would do."""
        ...

    def mismatches(self, mirror: str) -> list[CheckRun]:
        """What checks and repairs found, the latest first, and the ranges of that one."""
        ...

    def look(self, mirror: str, request: LookRequest) -> Look:
        """What each copy has at a place now."""
        ...

    def set_speed(self, mirror: str, request: SpeedRequest) -> Mirror:
        """Limit how fast the mirror copies, while it runs."""
        ...

    def set_common_speed(self, request: SpeedRequest) -> EngineInfo:
        """Limit how fast all mirrors together copy, also after a restart."""
        ...

    def set_impact(self, mirror: str, request: ImpactRequest) -> Mirror:
        """Say how much clients may notice of a sync, while the mirror runs."""
        ...

    def set_flag(self, mirror: str, request: SetRequest) -> Mirror:
        """Set or clear a flag of a member."""
        ...

    def plan_set_flag(self, mirror: str, request: SetRequest) -> Plan:
        """What `set_flag` would do."""
        ...

    def set_bitmap(self, mirror: str, request: BitmapRequest) -> Mirror:
        """Give a mirror a write-intent bitmap, take it away, or change its chunk."""
        ...

    def plan_set_bitmap(self, mirror: str, request: BitmapRequest) -> Plan:
        """What `set_bitmap` would do."""
        ...

    def grow(self, mirror: str, request: GrowRequest) -> Mirror:
        """Have more members, or fewer, or be larger."""
        ...

    def plan_grow(self, mirror: str, request: GrowRequest) -> Plan:
        """What `grow` would do."""
        ...

    def set_access(self, mirror: str, request: AccessRequest) -> Mirror:
        """Make a mirror read-only, or writable again."""
        ...

    def plan_set_access(self, mirror: str, request: AccessRequest) -> Plan:
        """What `set_access` would do."""
        ...

    def rename(self, mirror: str, request: RenameRequest) -> Mirror:
        """Give a mirror another name; answers it under that."""
        ...

    def plan_rename(self, mirror: str, request: RenameRequest) -> Plan:
        """What `rename` would do."""
        ...

    def handover(self, mirror: str, request: HandoverRequest) -> Handover:
        """Stop a mirror, and let the kernel assemble it."""
        ...

    def plan_handover(self, mirror: str, request: HandoverRequest) -> Plan:
        """What `handover` would do."""
        ...

    def takeover(self, mirror: str, request: TakeoverRequest) -> Mirror:
        """Stop a kernel's array, and assemble it here. `mirror` is its name or its device, such as md127."""
        ...

    def plan_takeover(self, mirror: str, request: TakeoverRequest) -> Plan:
        """What `takeover` would do."""
        ...

    def bad_blocks(self, mirror: str, request: BadBlocksRequest) -> BadBlocks:
        """What a member's bad-block log lists, perhaps after trying it again."""
        ...

    def suffer(self, mirror: str, request: LabRequest) -> Mirror:
        """A mishap in the fault lab; of mirrors that were started with it."""
        ...

    def zero_superblock(self, request: ZeroRequest) -> Plan:
        """Erase every superblock of a device that is in no running mirror; answers what was done."""
        ...

    def plan_zero_superblock(self, request: ZeroRequest) -> Plan:
        """What `zero_superblock` would do."""
        ...

    def export(self, mirror: str, request: ExportRequest) -> Mirror:
        """Serve the mirror at one more address."""
        ...

    def events(self, since: int = 0, *, follow: bool = False) -> EventStream:
        """The journal's events with a number above `since`; with `follow` also those to come."""
        ...
