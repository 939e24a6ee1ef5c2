"""Small matters of daily use, on the worker's side: what they would do, and how they are done."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Literal, assert_never

from mirrortui.api.answers import Plan
from mirrortui.api.consent import command
from mirrortui.api.requests import AccessRequest, BitmapRequest, GrowRequest, SetRequest
from mirrortui.api.vocabulary import DailyVerb, MemberFlag
from mirrortui.errors import RefusedError, RequestError
from mirrortui.format.superblock import FAILFAST, WRITE_MOSTLY
from mirrortui.mirror.array import Member, Observer
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import access, bitmaps, settings
from mirrortui.mirror.verbs.manage import check_settled
from mirrortui.units import format_size
from mirrortui.worker import growing
from mirrortui.worker.control import Control, arguments
from mirrortui.worker.control import Door as ControlDoor
from mirrortui.worker.messages import Call, Move
from mirrortui.worker.nbd_server import NbdServer, unix_door
from mirrortui.worker.title import show_name

Asked = SetRequest | BitmapRequest | GrowRequest | AccessRequest | Move
Act = Callable[[], Coroutine[Any, Any, None]]
_BITS: dict[MemberFlag, int] = {"write-mostly": WRITE_MOSTLY, "failfast": FAILFAST}


def request_of(call: Call) -> Asked:
    """A call's arguments. Raises RequestError."""
    match call.verb:
        case "set":
            return arguments(call, SetRequest)
        case "bitmap":
            return arguments(call, BitmapRequest)
        case "grow":
            return arguments(call, GrowRequest)
        case "rename":
            return arguments(call, Move)
        case _:
            return arguments(call, AccessRequest)


def words(asked: Asked) -> list[str]:
    """What follows verb and mirror on the command line."""
    match asked:
        case SetRequest():
            return [asked.member, asked.flag, "on" if asked.on else "off"]
        case BitmapRequest():
            if asked.write_behind is not None:
                return ["write-behind", str(asked.write_behind)]
            return ["bitmap", asked.bitmap, *(["--bitmap-chunk", str(asked.chunk)] if asked.chunk else [])]
        case GrowRequest(size=None):
            return ["--members", str(asked.members)]
        case GrowRequest():
            return ["--size", str(asked.size)]
        case Move():
            return [asked.name]
        case _:
            return []


class Daily:
    """Prepares these verbs for one mirror: each answers its plan, and the deed."""

    def __init__(
        self,
        mirror: Mirror,
        server: NbdServer,
        control: Control,
        moved: Callable[[Move], None],
        observer: Observer,
    ) -> None:
        """`moved` takes to its new name what is kept in files."""
        self._mirror = mirror
        self._server = server
        self._control = control
        self._moved = moved
        self._observe = observer

    def prepare(self, verb: DailyVerb, asked: Asked) -> tuple[Plan, Act]:
        """Raises RefusedError, RequestError or NotFoundError where it cannot be done now."""
        match asked:
            case SetRequest():
                return self._prepare_set(asked)
            case BitmapRequest(write_behind=int()):
                return self._prepare_write_behind(asked, asked.write_behind or 0)
            case BitmapRequest():
                return self._prepare_bitmap(asked)
            case GrowRequest():
                return growing.prepare(self._mirror, asked, self._users, self._observe)
            case Move():
                return self._prepare_rename(asked)
            case AccessRequest(readonly=True):
                return self._prepare_readonly()
            case AccessRequest():
                return self._prepare_readwrite()
            case _:
                assert_never(asked)

    def _prepare_set(self, asked: SetRequest) -> tuple[Plan, Act]:
        array = self._mirror.array
        member = settings.settable(array, asked.member)
        value = "on" if asked.on else "off"

        async def act() -> None:
            was = member.devflags
            await settings.set_flag(self._mirror, asked.member, _BITS[asked.flag], asked.on)
            if member.devflags != was:
                text = f"{member.path} is {'' if asked.on else 'not '}{asked.flag} in {array.label} now."
                self._observe("flag-set", "info", text, member.path)

        plan = self._plan(
            "set",
            asked,
            title=f"Set {asked.flag} {value} for {member.path} in {array.label}",
            afterwards=_effect(asked.flag, asked.on, member),
            notes=["It is so already."] if bool(member.devflags & _BITS[asked.flag]) == asked.on else [],
        )
        return plan, act

    def _prepare_bitmap(self, asked: BitmapRequest) -> tuple[Plan, Act]:
        array = self._mirror.array
        check_settled(array)
        if asked.bitmap == "none":
            return self._prepare_no_bitmap(asked)
        place = bitmaps.place_for(array, asked.chunk)
        old = 1 << array.chunk_shift if array.has_bitmap else None
        if old == place.chunk or (old and asked.chunk is None):
            raise RefusedError(f"{array.label} has a bitmap with chunks of {format_size(old)} already.")
        each = format_size(place.chunk)

        async def act() -> None:
            await bitmaps.add_bitmap(self._mirror, asked.chunk)
            text = f"{array.label} has a write-intent bitmap with chunks of {each}."
            self._observe("bitmap-set", "good", text, None)

        notes = []
        if old:
            notes.append(f"The one with chunks of {format_size(old)} goes first.")
        if array.degraded():
            notes.append(
                "Members that are out now can then be filled in full only: what they lack is forgotten."
            )
        plan = self._plan(
            "set",
            asked,
            title=f"Give {array.label} a write-intent bitmap with chunks of {each}",
            meanwhile="clients' writes wait for a moment",
            afterwards="after a crash, and for a member that was away, only what changed is copied",
            confirm="yes" if old and array.degraded() else "none",
            notes=notes,
        )
        return plan, act

    def _prepare_write_behind(self, asked: BitmapRequest, writes: int) -> tuple[Plan, Act]:
        array = self._mirror.array
        settings.check_lag_settable(array)
        if asked.chunk or asked.bitmap == "none":
            raise RequestError("write-behind is set by itself.")
        behind = [m.path for m in array.targets() if m.devflags & WRITE_MOSTLY]

        async def act() -> None:
            await settings.set_write_behind(self._mirror, writes)
            text = f"Write-mostly members of {array.label} may lag by {writes} writes now."
            self._observe("write-behind-set", "info", text, None)

        notes = ["A flush still waits for every member: what was flushed each of them has."] if writes else []
        if writes and not behind:
            notes.append("No member is write-mostly as yet: all are waited for.")
        names = " and ".join(behind) or "write-mostly members"
        plan = self._plan(
            "set",
            asked,
            title=f"Let write-mostly members of {array.label} lag by at most {writes} writes",
            afterwards=f"a write is answered before {names} took it"
            if writes
            else "a write is answered when every member took it",
            notes=notes,
        )
        return plan, act

    def _prepare_no_bitmap(self, asked: BitmapRequest) -> tuple[Plan, Act]:
        array = self._mirror.array
        if asked.chunk:
            raise RequestError("No bitmap has no chunk.")
        if not array.has_bitmap:
            raise RefusedError(f"{array.label} has no bitmap.")

        async def act() -> None:
            await bitmaps.remove_bitmap(self._mirror)
            text = f"{array.label} has no write-intent bitmap any more."
            self._observe("bitmap-set", "warning", text, None)

        plan = self._plan(
            "set",
            asked,
            title=f"Take its write-intent bitmap from {array.label}",
            meanwhile="clients' writes wait for a moment",
            afterwards="after a crash, and for a member that was away, all of it is copied",
            confirm="yes",
            notes=["Members that are out now can then be filled in full only."] if array.degraded() else [],
        )
        return plan, act

    def _prepare_readonly(self) -> tuple[Plan, Act]:
        mirror = self._mirror
        name = mirror.array.label
        check_settled(mirror.array)

        async def act() -> None:
            await access.make_readonly(mirror)
            self._observe("mirror-readonly", "info", f"{name} is read-only now.", None)

        notes = [f"Connected now, and refused when they write: {self._users}."] if self._users else []
        if mirror.sync.running:
            notes.append("What is being copied rests until it is writable again.")
        plan = self._plan(
            "readonly",
            AccessRequest(readonly=True),
            title=f"Make {name} read-only",
            meanwhile="writes under way are answered, and everything is flushed",
            afterwards="it is read, and nothing is written to its members",
            confirm="yes" if self._users else "none",
            notes=notes,
        )
        return plan, act

    def _prepare_readwrite(self) -> tuple[Plan, Act]:
        mirror = self._mirror
        name = mirror.array.label
        access.check_resumable(mirror.array)

        async def act() -> None:
            await access.make_writable(mirror)
            self._observe("mirror-readwrite", "info", f"{name} takes writes again.", None)

        due = max((m.need.count for m in mirror.array.targets()), default=0)
        count = min(mirror.size, due << mirror.array.chunk_shift)
        plan = self._plan(
            "readwrite",
            AccessRequest(readonly=False),
            title=f"Make {name} writable",
            copies=f"what was to be copied before: {format_size(count)}" if due else "nothing",
            afterwards="it takes writes again",
            notes=[
                "Clients that connected while it was read-only were told so: they must connect again to write."
            ]
            if self._users
            else [],
        )
        return plan, act

    def _prepare_rename(self, asked: Move) -> tuple[Plan, Act]:
        name = self._mirror.array.label
        settings.check_renamable(self._mirror.array, asked.name)
        old = self._server.addresses[0].uri
        notes = [f"Its address {old} is gone then; the new one is for {asked.nbd}."]
        if self._users:
            notes.append(
                f"Connected now: {self._users}. They stay; who connects again must use the new address."
            )
        plan = self._plan(
            "rename",
            asked,
            title=f"Rename {name} to {asked.name}",
            meanwhile="its superblocks are written in one round",
            afterwards=f"it is called {asked.name}, here and in its superblocks",
            confirm="yes" if self._users else "none",
            notes=notes,
        )
        return plan, lambda: self._rename(asked)

    async def _rename(self, asked: Move) -> None:
        """The new sockets first: who cannot have them keeps the old name."""
        old = self._mirror.array.label
        control = ControlDoor(Path(asked.control))
        try:
            door = unix_door(Path(asked.nbd), asked.name)
        except BaseException:
            control.close()
            raise
        try:
            await settings.rename(self._mirror, asked.name)
        except BaseException:
            control.close()
            door.close()
            raise
        self._server.rename(asked.name, door)
        self._control.move(control)
        self._moved(asked)
        show_name(asked.name)
        self._observe("mirror-renamed", "info", f"{old} is called {asked.name} now.", None)

    @property
    def _users(self) -> str:
        return ", ".join(client.peer for client in self._server.clients)

    def _plan(
        self,
        verb: DailyVerb,
        asked: Asked,
        *,
        title: str,
        afterwards: str,
        copies: str = "nothing",
        meanwhile: str = "clients notice nothing",
        confirm: Literal["none", "yes"] = "none",
        notes: Sequence[str] = (),
    ) -> Plan:
        array = self._mirror.array
        return Plan(
            verb=verb,
            mirror=array.label,
            title=title,
            copies=copies,
            erases=[],
            meanwhile=meanwhile,
            afterwards=afterwards,
            command=command(verb, array.label, *words(asked), yes=confirm != "none"),
            confirm=confirm,
            refused=None,
            events=array.events,
            notes=list(notes),
        )


def _effect(flag: MemberFlag, on: bool, member: Member) -> str:
    match flag:
        case "write-mostly" if on:
            return f"{member.path} is read only where no other member can serve"
        case "write-mostly":
            return f"{member.path} is read like any other member"
        case "failfast":
            does = "does not retry" if on else "retries"
            return f"the kernel, when it runs the mirror, {does} on {member.path}"
