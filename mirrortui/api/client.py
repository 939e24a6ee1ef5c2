"""The engine from outside: HTTP and JSON over a Unix socket, with nothing heavy to import."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import msgspec

from mirrortui.api.answers import BadBlocks, DeviceInfo, EngineInfo, Forecast, Handover, Plan
from mirrortui.api.interface import MemberVerb
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
from mirrortui.api.wire import Events, ask, exchange
from mirrortui.errors import MirrortuiError

Answer = TypeVar("Answer")

ANSWER_WITHIN = 10.0
"""Seconds for a question."""
ACT_WITHIN = 180.0
"""Seconds for a verb: members that hang are given up on long before."""
HANGS = 5
"""Operations on a member that hangs that a new assembly may wait for in vain, one after the other."""
SAVE_WITHIN = 24 * 3600.0
"""Seconds for an assembly that first reads two whole members: to keep what only one of them holds."""
HEARTBEAT = 5.0
"""Seconds between the empty lines of a quiet event stream; when three are missing, the engine is gone."""


class EngineClient:
    """The engine that listens on a socket (EngineApi). One connection a call: threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def engine(self) -> EngineInfo:
        """Who answers."""
        return self._get("/v1/engine", EngineInfo)

    def stop_engine(self) -> None:
        """Ask the engine to end; the mirrors run on."""
        self._post("/v1/engine/stop", None, EngineInfo)

    def mirrors(self) -> list[Mirror]:
        """Every mirror, worst first."""
        return self._get("/v1/mirrors", list[Mirror])

    def mirror(self, name: str) -> Mirror:
        """One mirror as it is now."""
        return self._get(f"/v1/mirrors/{quote(name, '')}", Mirror)

    def forecast(self, mirror: str, request: ForecastRequest) -> Forecast:
        """What would happen if a member failed now."""
        return exchange(
            self.path,
            "POST",
            _target(mirror, "if-fails"),
            msgspec.json.encode(request),
            Forecast,
            ANSWER_WITHIN,
        )

    def devices(self) -> list[DeviceInfo]:
        """Block devices, and why they cannot be members."""
        return self._get("/v1/devices", list[DeviceInfo], ACT_WITHIN)

    def scan(self) -> list[AssembleRequest]:
        """What could be assembled now."""
        return self._get("/v1/scan", list[AssembleRequest], ACT_WITHIN)

    def metrics(self) -> str:
        """The mirrors' state in Prometheus's text format."""
        connection, response = ask(self.path, "GET", "/metrics", None, ANSWER_WITHIN)
        try:
            return response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise MirrortuiError(f"The engine's metrics broke off: {error}.") from error
        finally:
            connection.close()

    def create(self, request: CreateRequest) -> Mirror:
        """Write a new mirror onto its members and start it."""
        within = ACT_WITHIN + HANGS * request.timeout
        return self._post("/v1/mirrors", _acting(request), Mirror, within)

    def plan_create(self, request: CreateRequest) -> Plan:
        """What `create` would do."""
        return self._post("/v1/mirrors", _planning(request), Plan)

    def adopt(self, request: AdoptRequest) -> Mirror:
        """Make a disk with data on it the first member of a new mirror."""
        return self._post("/v1/adopt", _acting(request), Mirror, SAVE_WITHIN if request.into else ACT_WITHIN)

    def plan_adopt(self, request: AdoptRequest) -> Plan:
        """What `adopt` would do."""
        return self._post("/v1/adopt", _planning(request), Plan)

    def assemble(self, request: AssembleRequest) -> Mirror:
        """Start a mirror from its members."""
        within = SAVE_WITHIN if request.save_loser else ACT_WITHIN + HANGS * request.timeout
        return self._post("/v1/assemble", _acting(request), Mirror, within)

    def plan_assemble(self, request: AssembleRequest) -> Plan:
        """What `assemble` would do."""
        return self._post("/v1/assemble", _planning(request), Plan)

    def change(self, mirror: str, verb: MemberVerb, request: MemberRequest) -> Mirror:
        """Fail, remove, add or re-add a member."""
        return self._post(_target(mirror, verb), _acting(request), Mirror)

    def plan_change(self, mirror: str, verb: MemberVerb, request: MemberRequest) -> Plan:
        """What `change` would do."""
        return self._post(_target(mirror, verb), _planning(request), Plan)

    def stop(self, mirror: str, request: StopRequest) -> Mirror:
        """Stop a mirror cleanly."""
        return self._post(_target(mirror, "stop"), _acting(request), Mirror)

    def plan_stop(self, mirror: str, request: StopRequest) -> Plan:
        """What `stop` would do."""
        return self._post(_target(mirror, "stop"), _planning(request), Plan)

    def replace(self, mirror: str, request: ReplaceRequest) -> Mirror:
        """Fill a new member while the old one serves."""
        return self._post(_target(mirror, "replace"), _acting(request), Mirror)

    def plan_replace(self, mirror: str, request: ReplaceRequest) -> Plan:
        """What `replace` would do."""
        return self._post(_target(mirror, "replace"), _planning(request), Plan)

    def sync(self, mirror: str, request: SyncRequest) -> Mirror:
        """Check or repair; pause, resume or cancel what runs."""
        return self._post(_target(mirror, "sync"), _acting(request), Mirror)

    def plan_sync(self, mirror: str, request: SyncRequest) -> Plan:
        """What `sync` would do."""
        return self._post(_target(mirror, "sync"), _planning(request), Plan)

    def mismatches(self, mirror: str) -> list[CheckRun]:
        """What checks found, the latest first."""
        return self._get(_target(mirror, "mismatches"), list[CheckRun])

    def look(self, mirror: str, request: LookRequest) -> Look:
        """What each copy has at a place."""
        return self._post(_target(mirror, "look"), request, Look)

    def set_flag(self, mirror: str, request: SetRequest) -> Mirror:
        """Set or clear a flag of a member."""
        return self._post(_target(mirror, "set"), _acting(request), Mirror)

    def plan_set_flag(self, mirror: str, request: SetRequest) -> Plan:
        """What `set_flag` would do."""
        return self._post(_target(mirror, "set"), _planning(request), Plan)

    def set_bitmap(self, mirror: str, request: BitmapRequest) -> Mirror:
        """Give a mirror a write-intent bitmap, take it away, or change its chunk."""
        return self._post(_target(mirror, "bitmap"), _acting(request), Mirror)

    def plan_set_bitmap(self, mirror: str, request: BitmapRequest) -> Plan:
        """What `set_bitmap` would do."""
        return self._post(_target(mirror, "bitmap"), _planning(request), Plan)

    def grow(self, mirror: str, request: GrowRequest) -> Mirror:
        """Have more members, or fewer, or be larger."""
        return self._post(_target(mirror, "grow"), _acting(request), Mirror)

    def plan_grow(self, mirror: str, request: GrowRequest) -> Plan:
        """What `grow` would do."""
        return self._post(_target(mirror, "grow"), _planning(request), Plan)

    def set_access(self, mirror: str, request: AccessRequest) -> Mirror:
        """Make a mirror read-only, or writable again."""
        return self._post(_target(mirror, "access"), _acting(request), Mirror)

    def plan_set_access(self, mirror: str, request: AccessRequest) -> Plan:
        """What `set_access` would do."""
        return self._post(_target(mirror, "access"), _planning(request), Plan)

    def rename(self, mirror: str, request: RenameRequest) -> Mirror:
        """Give a mirror another name."""
        return self._post(_target(mirror, "rename"), _acting(request), Mirror)

    def plan_rename(self, mirror: str, request: RenameRequest) -> Plan:
        """What `rename` would do."""
        return self._post(_target(mirror, "rename"), _planning(request), Plan)

    def handover(self, mirror: str, request: HandoverRequest) -> Handover:
        """Stop a mirror, and let the kernel assemble it."""
        return self._post(_target(mirror, "handover"), _acting(request), Handover)

    def plan_handover(self, mirror: str, request: HandoverRequest) -> Plan:
        """What `handover` would do."""
        return self._post(_target(mirror, "handover"), _planning(request), Plan)

    def takeover(self, mirror: str, request: TakeoverRequest) -> Mirror:
        """Stop a kernel's array, and assemble it here."""
        return self._post(_target(mirror, "takeover"), _acting(request), Mirror)

    def plan_takeover(self, mirror: str, request: TakeoverRequest) -> Plan:
        """What `takeover` would do."""
        return self._post(_target(mirror, "takeover"), _planning(request), Plan)

    def zero_superblock(self, request: ZeroRequest) -> Plan:
        """Erase every superblock of a device."""
        return self._post("/v1/zero-superblock", _acting(request), Plan)

    def plan_zero_superblock(self, request: ZeroRequest) -> Plan:
        """What `zero_superblock` would do."""
        return self._post("/v1/zero-superblock", _planning(request), Plan)

    def export(self, mirror: str, request: ExportRequest) -> Mirror:
        """Serve the mirror at one more address."""
        return self._post(_target(mirror, "export"), request, Mirror)

    def bad_blocks(self, mirror: str, request: BadBlocksRequest) -> BadBlocks:
        """What a member's bad-block log lists, perhaps after trying it again."""
        within = SAVE_WITHIN if request.retest else ACT_WITHIN
        return self._post(_target(mirror, "badblocks"), request, BadBlocks, within)

    def set_speed(self, mirror: str, request: SpeedRequest) -> Mirror:
        """Limit how fast the mirror copies, while it runs."""
        return self._post(_target(mirror, "speed"), request, Mirror)

    def set_common_speed(self, request: SpeedRequest) -> EngineInfo:
        """Limit how fast all mirrors together copy, also after a restart."""
        return self._post("/v1/speed", request, EngineInfo)

    def set_impact(self, mirror: str, request: ImpactRequest) -> Mirror:
        """Say how much clients may notice of a sync."""
        return self._post(_target(mirror, "impact"), request, Mirror)

    def suffer(self, mirror: str, request: LabRequest) -> Mirror:
        """A mishap in the fault lab; of mirrors that were started with it."""
        return self._post(_target(mirror, "lab"), request, Mirror)

    def events(self, since: int = 0, *, follow: bool = False) -> Events:
        """The journal's events above `since`; with `follow` also those to come."""
        target = f"/v1/events?since={since}&follow={int(follow)}"
        connection, response = ask(self.path, "GET", target, None, 3 * HEARTBEAT)
        return Events(connection, response, follow)

    def _get(self, target: str, kind: type[Answer], timeout: float = ANSWER_WITHIN) -> Answer:
        return exchange(self.path, "GET", target, None, kind, timeout)

    def _post(
        self,
        target: str,
        request: msgspec.Struct | None,
        kind: type[Answer],
        timeout: float = ACT_WITHIN,
    ) -> Answer:
        return exchange(self.path, "POST", target, msgspec.json.encode(request), kind, timeout)


def _target(mirror: str, verb: str) -> str:
    return f"/v1/mirrors/{quote(mirror, '')}/{verb}"


Acting = TypeVar(
    "Acting",
    AccessRequest,
    AdoptRequest,
    BitmapRequest,
    GrowRequest,
    RenameRequest,
    SetRequest,
    CreateRequest,
    AssembleRequest,
    MemberRequest,
    ReplaceRequest,
    SyncRequest,
    StopRequest,
    HandoverRequest,
    TakeoverRequest,
    ZeroRequest,
)


def _acting(request: Acting) -> Acting:
    return msgspec.structs.replace(request, plan=False)


def _planning(request: Acting) -> Acting:
    return msgspec.structs.replace(request, plan=True)
