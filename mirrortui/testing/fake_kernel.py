"""What a FakeEngine does with the kernel's arrays, and with mirrors that change their driver."""

from __future__ import annotations

import threading
from typing import Protocol

from msgspec.structs import replace

from mirrortui.api.answers import Handover, Plan
from mirrortui.api.mirrors import CheckRun, CopyOf, Look, Member, Mirror, Sync
from mirrortui.api.requests import (
    HandoverRequest,
    ImpactRequest,
    LookRequest,
    ReplaceRequest,
    SpeedRequest,
    SyncRequest,
    TakeoverRequest,
)
from mirrortui.api.vocabulary import Severity, SyncVerb
from mirrortui.clock import Clock
from mirrortui.testing import fake_kernel_plans as plans
from mirrortui.testing import fake_winner
from mirrortui.testing.fake_mirrors import uri_of


class _Engine(Protocol):
    """What of a FakeEngine is used here; the lock is its own."""

    _changed: threading.Condition
    _mirrors: dict[str, Mirror]
    clock: Clock

    def _answer(self) -> None: ...
    def _confirm(self, plan: Plan, yes: bool, events: int | None = None) -> None: ...
    def _find(self, name: str) -> Mirror: ...
    def _member(self, mirror: Mirror, path: str) -> Member: ...
    def _size(self, path: str) -> int: ...
    def _tell(
        self, mirror: Mirror, kind: str, severity: Severity, text: str, member: str | None = None
    ) -> None: ...


class KernelVerbs:
    """Their part of EngineApi."""

    def replace(self: _Engine, mirror: str, request: ReplaceRequest) -> Mirror:
        with self._changed:
            self._answer()
            found = self._find(mirror)
            self._confirm(plans.replace_member(found, request), request.yes, request.events)
            old = self._member(found, request.member)
            new = Member(
                path=request.replacement,
                slot=old.slot,
                state="replacing",
                size=self._size(request.replacement),
                recovered=0,
            )
            sync = _begun(found, f"{new.path} is being filled")
            members = [*(member for member in found.members if member.path != new.path), new]
            changed = replace(found, members=members, sync_action="recover", sync=sync)
            text = f"{new.path} is to replace {old.path} in {mirror}."
            self._tell(changed, "member-replacing", "info", text, old.path)
            return self._mirrors[mirror]

    def plan_replace(self: _Engine, mirror: str, request: ReplaceRequest) -> Plan:
        with self._changed:
            self._answer()
            return plans.replace_member(self._find(mirror), request)

    def sync(self: _Engine, mirror: str, request: SyncRequest) -> Mirror:
        with self._changed:
            self._answer()
            found = self._find(mirror)
            if request.winner:
                self._confirm(fake_winner.plan(found, request), request.yes, request.events)
                changed = fake_winner.settled(found, request, self.clock.now())
                kind, text = "repair-finished", f"{{}}: repair is done; {request.winner} won."
            else:
                self._confirm(plans.sync(found, request.action), request.yes, request.events)
                changed = _synced(found, request)
                kind, text = _TOLD[request.action]
            self._tell(changed, kind, "info", text.format(mirror))
            return self._mirrors[mirror]

    def plan_sync(self: _Engine, mirror: str, request: SyncRequest) -> Plan:
        with self._changed:
            self._answer()
            found = self._find(mirror)
            return fake_winner.plan(found, request) if request.winner else plans.sync(found, request.action)

    def mismatches(self: _Engine, mirror: str) -> list[CheckRun]:
        with self._changed:
            self._answer()
            return self._find(mirror).checks

    def look(self: _Engine, mirror: str, request: LookRequest) -> Look:
        with self._changed:
            self._answer()
            return _look(self._find(mirror), request)

    def set_speed(self: _Engine, mirror: str, request: SpeedRequest) -> Mirror:
        with self._changed:
            self._answer()
            return self._find(mirror)

    def set_impact(self: _Engine, mirror: str, request: ImpactRequest) -> Mirror:
        with self._changed:
            self._answer()
            self._mirrors[mirror] = replace(self._find(mirror), impact=request.impact)
            return self._mirrors[mirror]

    def handover(self: _Engine, mirror: str, request: HandoverRequest) -> Handover:
        with self._changed:
            self._answer()
            found = self._find(mirror)
            self._confirm(plans.handover(found, request.loop), request.yes, request.events)
            changed = replace(
                found, driver="kernel", device="/dev/md127", uri="", exports=[], clients=[], worker_pid=None
            )
            self._tell(changed, "mirror-handed-over", "good", f"{mirror} was handed over to the kernel.")
            return Handover(mirror=self._mirrors[mirror], commands=plans.assembling(found))

    def plan_handover(self: _Engine, mirror: str, request: HandoverRequest) -> Plan:
        with self._changed:
            self._answer()
            return plans.handover(self._find(mirror), request.loop)

    def takeover(self: _Engine, mirror: str, request: TakeoverRequest) -> Mirror:
        with self._changed:
            self._answer()
            found = self._find(mirror)
            self._confirm(plans.takeover(found), request.yes, request.events)
            changed = replace(found, driver="mirrortui", device="", uri=uri_of(mirror), worker_pid=2140)
            self._tell(changed, "mirror-taken-over", "good", f"{mirror} was taken over from the kernel.")
            return self._mirrors[mirror]

    def plan_takeover(self: _Engine, mirror: str, request: TakeoverRequest) -> Plan:
        with self._changed:
            self._answer()
            return plans.takeover(self._find(mirror))


def _look(mirror: Mirror, request: LookRequest) -> Look:
    """Text, with a few other bytes where the last check found a difference: on the odd member, or on the last one."""
    page = b"a mirror keeps the same data on all of its members; here it does not. "
    start = request.offset % len(page)
    plain = (page * (request.length // len(page) + 2))[start : start + request.length]
    paths = [member.path for member in mirror.members if member.state == "in_sync"]
    copies = []
    last = mirror.checks[0] if mirror.checks else None
    ranges = last.ranges if last and (last.winner or not last.repaired) else []
    for path in paths:
        data = bytearray(plain)
        for found in ranges:
            if path in (found.odd or paths[-1:]):
                for at in range(found.offset, found.offset + found.length, 4096):
                    for place in (at + 260, at + 264, at + 1500):
                        if 0 <= place - request.offset < len(data):
                            data[place - request.offset] ^= 0x80
        copies.append(CopyOf(path=path, data=bytes(data)))
    return Look(offset=request.offset, copies=copies)


_TOLD: dict[SyncVerb, tuple[str, str]] = {
    "check": ("check-started", "A check of {} started."),
    "repair": ("repair-started", "A repair of {} started."),
    "pause": ("sync-paused", "The check of {} was paused."),
    "resume": ("sync-resumed", "{} goes on with its check."),
    "cancel": ("sync-cancelled", "The check of {} was cancelled."),
}


def _synced(mirror: Mirror, request: SyncRequest) -> Mirror:
    match request.action:
        case "check" | "repair":
            return replace(
                mirror,
                sync_action=request.action,
                sync=_begun(mirror, f"a {request.action} was asked for"),
                mismatches=0,
            )
        case "pause":
            return replace(
                mirror, sync_action="idle", sync=None, paused=True, map=mirror.map.replace("s", ".")
            )
        case "resume":
            return replace(mirror, paused=False)
        case "cancel":
            members = [
                replace(member, state="faulty", slot=None, recovered=None)
                if member.state == "replacing" and mirror.driver != "kernel"
                else member
                for member in mirror.members
            ]
            cells = mirror.map.replace("s", ".")
            return replace(mirror, sync_action="idle", sync=None, paused=False, map=cells, members=members)


def _begun(mirror: Mirror, reason: str) -> Sync:
    return Sync(completed=0, total=mirror.size, speed=0, eta_s=None, reason=reason, limit="")
