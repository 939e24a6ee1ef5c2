"""What a FakeEngine does of the small matters of daily use."""

from __future__ import annotations

import threading
from typing import Literal, Protocol

from msgspec.structs import replace

from mirrortui.api.answers import DeviceInfo, Forecast, Plan
from mirrortui.api.consent import command
from mirrortui.api.mirrors import Bitmap, Member, Mirror
from mirrortui.api.requests import (
    AccessRequest,
    BitmapRequest,
    ForecastRequest,
    GrowRequest,
    LabRequest,
    RenameRequest,
    SetRequest,
    ZeroRequest,
)
from mirrortui.api.vocabulary import DailyVerb, Severity
from mirrortui.testing.fake_mirrors import uri_of
from mirrortui.units import format_size


class _Engine(Protocol):
    """What of a FakeEngine is used here; the lock is its own."""

    _changed: threading.Condition
    _mirrors: dict[str, Mirror]
    _devices: list[DeviceInfo]

    def _answer(self) -> None: ...
    def _confirm(self, plan: Plan, yes: bool, events: int | None = None) -> None: ...
    def _find(self, name: str) -> Mirror: ...
    def _member(self, mirror: Mirror, path: str) -> Member: ...
    def _tell(
        self, mirror: Mirror, kind: str, severity: Severity, text: str, member: str | None = None
    ) -> None: ...


class DailyVerbs:
    """Their part of EngineApi."""

    def forecast(self: _Engine, mirror: str, request: ForecastRequest) -> Forecast:
        with self._changed:
            self._answer()
            found = self._find(mirror)
            member = self._member(found, request.member)
            left = [m.path for m in found.members if m.state == "in_sync" and m.path != member.path]
            spare = next((m.path for m in found.members if m.state == "spare"), None) if left else None
            return Forecast(
                mirror=mirror,
                member=member.path,
                copies=left,
                spare=spare,
                copied=found.size if spare else 0,
                eta_s=None,
                lost=0 if left else found.size,
                text=f"{len(left)} of {found.raid_disks} would be in sync.",
            )

    def suffer(self: _Engine, mirror: str, request: LabRequest) -> Mirror:
        with self._changed:
            self._answer()
            found = self._find(mirror)
            done = {**(found.lab or {}), request.member: request.mishap}
            text = f"In the fault lab: {request.mishap} {request.member}"
            self._tell(replace(found, lab=done), "lab", "warning", text, request.member)
            return self._mirrors[mirror]

    def zero_superblock(self: _Engine, request: ZeroRequest) -> Plan:
        with self._changed:
            self._answer()
            plan = _zero_plan(request.member, self._mirrors)
            self._confirm(plan, request.yes)
            self._devices = [
                replace(device, holds="") if device.path == request.member else device
                for device in self._devices
            ]
            return plan

    def plan_zero_superblock(self: _Engine, request: ZeroRequest) -> Plan:
        with self._changed:
            self._answer()
            return _zero_plan(request.member, self._mirrors)

    def set_flag(self: _Engine, mirror: str, request: SetRequest) -> Mirror:
        with self._changed:
            self._answer()
            found = self._find(mirror)
            self._confirm(_set_plan(found, request), request.yes, request.events)
            flags = {request.flag.replace("-", "_"): request.on}
            members = [replace(m, **flags) if m.path == request.member else m for m in found.members]
            text = f"{request.member} is {'' if request.on else 'not '}{request.flag} in {mirror} now."
            self._tell(replace(found, members=members), "flag-set", "info", text, request.member)
            return self._mirrors[mirror]

    def plan_set_flag(self: _Engine, mirror: str, request: SetRequest) -> Plan:
        with self._changed:
            self._answer()
            return _set_plan(self._find(mirror), request)

    def set_bitmap(self: _Engine, mirror: str, request: BitmapRequest) -> Mirror:
        with self._changed:
            self._answer()
            found = self._find(mirror)
            self._confirm(_bitmap_plan(found, request), request.yes, request.events)
            if request.write_behind is not None:
                lagging = replace(found, write_behind=request.write_behind)
                text = f"Write-mostly members of {mirror} may lag by {request.write_behind} writes now."
                self._tell(lagging, "write-behind-set", "info", text)
                return self._mirrors[mirror]
            chunk = request.chunk or 64 << 20
            new = Bitmap(chunk=chunk, dirty=0, chunks=-(-found.size // chunk))
            changed = replace(found, bitmap=new if request.bitmap == "internal" else None)
            self._tell(changed, "bitmap-set", "info", f"The bitmap of {mirror} is {request.bitmap}.")
            return self._mirrors[mirror]

    def plan_set_bitmap(self: _Engine, mirror: str, request: BitmapRequest) -> Plan:
        with self._changed:
            self._answer()
            return _bitmap_plan(self._find(mirror), request)

    def grow(self: _Engine, mirror: str, request: GrowRequest) -> Mirror:
        with self._changed:
            self._answer()
            found = self._find(mirror)
            self._confirm(_grow_plan(found, request), request.yes, request.events)
            if request.members:
                text = f"{mirror} is a mirror of {request.members} members now."
                grown = replace(found, raid_disks=request.members)
            else:
                size = _grown_size(found, request)
                text = f"{mirror} has {format_size(size)} now."
                grown = replace(found, size=size)
            self._tell(grown, "mirror-grown", "info", text)
            return self._mirrors[mirror]

    def plan_grow(self: _Engine, mirror: str, request: GrowRequest) -> Plan:
        with self._changed:
            self._answer()
            return _grow_plan(self._find(mirror), request)

    def set_access(self: _Engine, mirror: str, request: AccessRequest) -> Mirror:
        with self._changed:
            self._answer()
            found = self._find(mirror)
            self._confirm(_access_plan(found, request), request.yes, request.events)
            kind, state = ("readonly", "readonly") if request.readonly else ("readwrite", "active")
            changed = replace(found, state=state)
            self._tell(changed, f"mirror-{kind}", "info", f"{mirror} is {kind} now.")
            return self._mirrors[mirror]

    def plan_set_access(self: _Engine, mirror: str, request: AccessRequest) -> Plan:
        with self._changed:
            self._answer()
            return _access_plan(self._find(mirror), request)

    def rename(self: _Engine, mirror: str, request: RenameRequest) -> Mirror:
        with self._changed:
            self._answer()
            found = self._find(mirror)
            self._confirm(_rename_plan(found, request, self._mirrors), request.yes, request.events)
            del self._mirrors[mirror]
            changed = replace(found, name=request.name, uri=uri_of(request.name))
            self._tell(changed, "mirror-renamed", "info", f"{mirror} is called {request.name} now.")
            return self._mirrors[request.name]

    def plan_rename(self: _Engine, mirror: str, request: RenameRequest) -> Plan:
        with self._changed:
            self._answer()
            return _rename_plan(self._find(mirror), request, self._mirrors)


def _zero_plan(path: str, mirrors: dict[str, Mirror]) -> Plan:
    running = [m.name for m in mirrors.values() if any(member.path == path for member in m.members)]
    return Plan(
        verb="zero-superblock",
        mirror="attic",
        title=f"Erase the MD superblock of {path}",
        copies="nothing",
        erases=[
            "the v1.2 superblock at byte 4096: a member of attic, written last 3 May 2025 11:02, events 77."
        ],
        meanwhile="it belongs to no mirror that runs",
        afterwards=f"{path} is no member of anything; its data stays where it is, and nothing tells where that is",
        command=command("zero-superblock", path, yes=True),
        confirm="yes",
        refused=f"{path} is a member of {running[0]}, which runs; nothing was written." if running else None,
    )


def _set_plan(mirror: Mirror, request: SetRequest) -> Plan:
    value = "on" if request.on else "off"
    title = f"Set {request.flag} {value} for {request.member} in {mirror.name}"
    afterwards = f"{request.member} is {'' if request.on else 'not '}{request.flag}"
    return _plan(mirror, "set", title, afterwards, "none", request.member, request.flag, value)


def _bitmap_plan(mirror: Mirror, request: BitmapRequest) -> Plan:
    if request.write_behind is not None:
        count = str(request.write_behind)
        title = f"Let write-mostly members of {mirror.name} lag by at most {count} writes"
        return _plan(mirror, "set", title, "they lag", "none", "write-behind", count)
    none = request.bitmap == "none"
    title = f"Take its bitmap from {mirror.name}" if none else f"Give {mirror.name} a bitmap"
    afterwards = "after a crash all of it is copied" if none else "after a crash only what changed is copied"
    plan = _plan(mirror, "set", title, afterwards, "yes" if none else "none", "bitmap", request.bitmap)
    refused = none and mirror.bitmap is None
    return replace(plan, refused=f"{mirror.name} has no bitmap." if refused else None)


def _grow_plan(mirror: Mirror, request: GrowRequest) -> Plan:
    if request.members is None:
        size = format_size(_grown_size(mirror, request))
        title = f"Have {size} in {mirror.name}, not {format_size(mirror.size)}"
        return _plan(mirror, "grow", title, "it is larger", "none", "--size", str(request.size))
    title = f"Have {request.members} members in {mirror.name}, not {mirror.raid_disks}"
    confirm: Literal["yes", "none"] = "yes" if request.members < mirror.raid_disks else "none"
    return _plan(mirror, "grow", title, "more copies", confirm, "--members", str(request.members))


def _grown_size(mirror: Mirror, request: GrowRequest) -> int:
    """Its members have room for twice as much."""
    return request.size if isinstance(request.size, int) else 2 * mirror.size


def _access_plan(mirror: Mirror, request: AccessRequest) -> Plan:
    verb: DailyVerb = "readonly" if request.readonly else "readwrite"
    refused = None
    if (mirror.state == "readonly") == request.readonly:
        refused = f"{mirror.name} is {'read-only already' if request.readonly else 'not read-only'}."
    title = f"Make {mirror.name} {'read-only' if request.readonly else 'writable'}"
    confirm: Literal["yes", "none"] = "yes" if request.readonly and mirror.clients else "none"
    afterwards = "nothing is written" if request.readonly else "it takes writes again"
    return replace(_plan(mirror, verb, title, afterwards, confirm), refused=refused)


def _rename_plan(mirror: Mirror, request: RenameRequest, known: dict[str, Mirror]) -> Plan:
    refused = f"There is a mirror {request.name} already." if request.name in known else None
    title = f"Rename {mirror.name} to {request.name}"
    confirm: Literal["yes", "none"] = "yes" if mirror.clients else "none"
    plan = _plan(mirror, "rename", title, f"it is called {request.name}", confirm, request.name)
    return replace(plan, refused=refused, notes=[f"Its address {mirror.uri} is gone then."])


def _plan(
    mirror: Mirror,
    verb: DailyVerb,
    title: str,
    afterwards: str,
    confirm: Literal["yes", "none"],
    *words: str,
) -> Plan:
    return Plan(
        verb=verb,
        mirror=mirror.name,
        title=title,
        copies="nothing",
        erases=[],
        meanwhile="clients notice nothing",
        afterwards=afterwards,
        command=command(verb, mirror.name, *words, yes=confirm != "none"),
        confirm=confirm,
        refused=None,
        events=mirror.events,
    )
