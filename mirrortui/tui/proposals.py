"""What a dialog proposes to do: each verb once, as a question (`plan`) and as a deed (`act`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from msgspec.structs import replace

from mirrortui.api.answers import Plan
from mirrortui.api.consent import command
from mirrortui.api.interface import EngineApi, MemberVerb
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import (
    AccessRequest,
    AdoptRequest,
    AssembleRequest,
    BitmapRequest,
    ByteRange,
    CreateRequest,
    GrowRequest,
    HandoverRequest,
    MemberRequest,
    RenameRequest,
    ReplaceRequest,
    SetRequest,
    StopRequest,
    SyncRequest,
    TakeoverRequest,
)
from mirrortui.api.vocabulary import MemberFlag, SyncVerb
from mirrortui.errors import MirrortuiError, RefusedError

_RE_ADD: Final = "re-add"
"""The verb; where the engine refuses to add a former member, its hint names it."""


class Proposal(Protocol):
    """Calls block, so they belong in a thread. Both raise the errors of mirrortui.errors."""

    def plan(self, client: EngineApi) -> Plan:
        """What it would do."""
        ...

    def act(self, client: EngineApi, plan: Plan) -> object:
        """Do it, as planned: the engine refuses if the mirror changed since, or wants more confirmation."""
        ...


@dataclass(frozen=True, slots=True)
class ChangeMember:
    """Fail, remove, add or re-add."""

    mirror: str
    verb: MemberVerb
    member: str
    force: bool = False

    def plan(self, client: EngineApi) -> Plan:
        return client.plan_change(self.mirror, self.verb, MemberRequest(member=self.member, force=self.force))

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        request = MemberRequest(
            member=self.member, force=self.force, yes=_confirmed(plan), events=plan.events
        )
        return client.change(self.mirror, self.verb, request)


@dataclass(frozen=True, slots=True)
class TakeIn:
    """Add a member; one that was a member before is re-added, which copies less, where that can be done."""

    mirror: str
    member: str
    force: bool = False

    def plan(self, client: EngineApi) -> Plan:
        plan = client.plan_change(self.mirror, "add", self._request())
        if plan.refused is None or _RE_ADD not in plan.hint:
            return plan
        return client.plan_change(
            self.mirror, _RE_ADD, self._request()
        )  # or why that is refused, which tells more

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        request = replace(self._request(), yes=_confirmed(plan), events=plan.events)
        return client.change(self.mirror, _RE_ADD if plan.verb == _RE_ADD else "add", request)

    def _request(self) -> MemberRequest:
        return MemberRequest(member=self.member, force=self.force)


@dataclass(frozen=True, slots=True)
class Create:
    """Make a new mirror."""

    name: str
    members: tuple[str, ...]
    missing: int = 0
    """Places that stay vacant for now."""
    force: bool = False
    assume_clean: bool = False
    spares: tuple[str, ...] = ()
    bitmap_chunk: int | None = None
    direct: bool = False
    flags: tuple[tuple[str, MemberFlag], ...] = ()
    """Members, and what is set for them once the mirror runs."""

    def plan(self, client: EngineApi) -> Plan:
        plan = client.plan_create(self._request(yes=False))
        if plan.confirm == "none":
            plan = replace(plan, confirm="yes")  # a wizard ends with a deliberate key
        lines = [command("set", self.name, member, flag, "on") for member, flag in self.flags]
        return replace(plan, command=" && ".join([plan.command, *lines]))

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        mirror = client.create(self._request(yes=_confirmed(plan)))
        for member, flag in self.flags:
            try:
                mirror = client.set_flag(self.name, SetRequest(member=member, flag=flag, on=True, yes=True))
            except MirrortuiError as error:
                raise RefusedError(
                    f"{self.name} was created and runs, but {member} is not {flag}: {error.what}",
                    hint=error.hint,
                ) from error
        return mirror

    def _request(self, *, yes: bool) -> CreateRequest:
        return CreateRequest(
            name=self.name,
            members=list(self.members),
            missing=self.missing,
            force=self.force,
            assume_clean=self.assume_clean,
            spares=list(self.spares),
            bitmap_chunk=self.bitmap_chunk,
            direct=self.direct,
            yes=yes,
        )


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop cleanly. Wants a deliberate key at least: a mirror that is stopped serves nobody."""

    mirror: str

    def plan(self, client: EngineApi) -> Plan:
        plan = client.plan_stop(self.mirror, StopRequest())
        return replace(plan, confirm="yes") if plan.confirm == "none" else plan

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        return client.stop(self.mirror, StopRequest(yes=_confirmed(plan), events=plan.events))


@dataclass(frozen=True, slots=True)
class Assemble:
    """Start a mirror that the engine remembers, or one of the members that are named."""

    mirror: str | None
    """None: the one whose name its members bear."""
    members: tuple[str, ...] = ()
    """None named: those that are remembered."""
    run: bool = False
    """Also if members are missing that were there before."""
    survivor: str | None = None
    """Of a split brain: the member whose content is kept."""
    compare: bool = False
    """Of a split brain: read both in full, whatever the bitmaps say."""
    save_loser: str | None = None
    """Of a split brain: a new file for what only the loser holds."""

    def plan(self, client: EngineApi) -> Plan:
        return client.plan_assemble(self._request())

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        return client.assemble(replace(self._request(), yes=_confirmed(plan), counts=plan.counts))

    def _request(self) -> AssembleRequest:
        return AssembleRequest(
            name=self.mirror,
            members=list(self.members),
            run=self.run,
            survivor=self.survivor,
            compare=self.compare,
            save_loser=self.save_loser,
        )


@dataclass(frozen=True, slots=True)
class Replace:
    """Fill a new member while the old one serves."""

    mirror: str
    member: str
    replacement: str
    force: bool = False

    def plan(self, client: EngineApi) -> Plan:
        return client.plan_replace(self.mirror, self._request())

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        request = replace(self._request(), yes=_confirmed(plan), events=plan.events)
        return client.replace(self.mirror, request)

    def _request(self) -> ReplaceRequest:
        return ReplaceRequest(member=self.member, replacement=self.replacement, force=self.force)


@dataclass(frozen=True, slots=True)
class Sync:
    """Check or repair; pause, resume or cancel what runs."""

    mirror: str
    verb: SyncVerb

    def plan(self, client: EngineApi) -> Plan:
        return client.plan_sync(self.mirror, SyncRequest(action=self.verb))

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        request = SyncRequest(action=self.verb, yes=_confirmed(plan), events=plan.events)
        return client.sync(self.mirror, request)


@dataclass(frozen=True, slots=True)
class Settle:
    """Make copies that differ like a member's."""

    mirror: str
    winner: str
    ranges: tuple[ByteRange, ...] = ()
    """None: all that are listed."""

    def plan(self, client: EngineApi) -> Plan:
        return client.plan_sync(self.mirror, self._request())

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        return client.sync(self.mirror, replace(self._request(), yes=_confirmed(plan), events=plan.events))

    def _request(self) -> SyncRequest:
        return SyncRequest(action="repair", winner=self.winner, ranges=list(self.ranges))


@dataclass(frozen=True, slots=True)
class SetFlag:
    """Set or clear a flag of a member."""

    mirror: str
    member: str
    flag: MemberFlag
    on: bool

    def plan(self, client: EngineApi) -> Plan:
        return client.plan_set_flag(self.mirror, self._request())

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        return client.set_flag(
            self.mirror, replace(self._request(), yes=_confirmed(plan), events=plan.events)
        )

    def _request(self) -> SetRequest:
        return SetRequest(member=self.member, flag=self.flag, on=self.on)


@dataclass(frozen=True, slots=True)
class SetAccess:
    """Make a mirror read-only, or writable again. Read-only wants a deliberate key at least: clients are refused."""

    mirror: str
    readonly: bool

    def plan(self, client: EngineApi) -> Plan:
        plan = client.plan_set_access(self.mirror, AccessRequest(readonly=self.readonly))
        return replace(plan, confirm="yes") if self.readonly and plan.confirm == "none" else plan

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        request = AccessRequest(readonly=self.readonly, yes=_confirmed(plan), events=plan.events)
        return client.set_access(self.mirror, request)


@dataclass(frozen=True, slots=True)
class SetBitmap:
    """Give a mirror a write-intent bitmap, or take it away. Wants a deliberate key."""

    mirror: str
    bitmap: Literal["internal", "none"]

    def plan(self, client: EngineApi) -> Plan:
        plan = client.plan_set_bitmap(self.mirror, BitmapRequest(bitmap=self.bitmap))
        return replace(plan, confirm="yes")

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        request = BitmapRequest(bitmap=self.bitmap, yes=_confirmed(plan), events=plan.events)
        return client.set_bitmap(self.mirror, request)


@dataclass(frozen=True, slots=True)
class Grow:
    """Have more members, or fewer; or another size. Wants a deliberate key."""

    mirror: str
    members: int | None = None
    size: int | Literal["max"] | None = None
    """Bytes; max: all that there is room for."""

    def plan(self, client: EngineApi) -> Plan:
        request = GrowRequest(members=self.members, size=self.size)
        return replace(client.plan_grow(self.mirror, request), confirm="yes")

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        request = GrowRequest(members=self.members, size=self.size, yes=_confirmed(plan), events=plan.events)
        return client.grow(self.mirror, request)


@dataclass(frozen=True, slots=True)
class Adopt:
    """Make a disk with data on it the first member of a mirror."""

    name: str
    disk: str
    new: str | None
    tail_is_free: bool
    extend: bool
    into: bool = False
    """All of the disk is copied into the new member, which is the first one then."""

    def plan(self, client: EngineApi) -> Plan:
        return client.plan_adopt(self._request())

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        return client.adopt(replace(self._request(), yes=_confirmed(plan)))

    def _request(self) -> AdoptRequest:
        return AdoptRequest(
            name=self.name,
            disk=self.disk,
            new=None if self.into else self.new,
            into=self.new if self.into else None,
            tail_is_free=self.tail_is_free,
            extend=self.extend,
        )


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a mirror another name. Wants a deliberate key: its address changes."""

    mirror: str
    name: str

    def plan(self, client: EngineApi) -> Plan:
        return replace(client.plan_rename(self.mirror, RenameRequest(name=self.name)), confirm="yes")

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        return client.rename(
            self.mirror, RenameRequest(name=self.name, yes=_confirmed(plan), events=plan.events)
        )


@dataclass(frozen=True, slots=True)
class HandOver:
    """Stop a mirror, and let the kernel run it."""

    mirror: str
    loop: bool = False

    def plan(self, client: EngineApi) -> Plan:
        return client.plan_handover(self.mirror, HandoverRequest(loop=self.loop))

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        request = HandoverRequest(loop=self.loop, yes=_confirmed(plan), events=plan.events)
        return client.handover(self.mirror, request).mirror


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Stop a kernel's array, and run it here."""

    mirror: str

    def plan(self, client: EngineApi) -> Plan:
        return client.plan_takeover(self.mirror, TakeoverRequest())

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        return client.takeover(self.mirror, TakeoverRequest(yes=_confirmed(plan), events=plan.events))


def _confirmed(plan: Plan) -> bool:
    """The dialogs act only on a plan confirmed as it asked; one that asked for nothing carries no confirmation."""
    return plan.confirm != "none"
