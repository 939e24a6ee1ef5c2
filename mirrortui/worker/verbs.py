"""The verbs on a running mirror: planned, checked, confirmed, done; one at a time."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from mirrortui.api.answers import Plan
from mirrortui.api.consent import command, refusal, require
from mirrortui.api.requests import (
    BadBlocksRequest,
    ExportRequest,
    ForecastRequest,
    ImpactRequest,
    LabRequest,
    LookRequest,
    MemberRequest,
    ReplaceRequest,
    SpeedRequest,
    StopRequest,
    SyncRequest,
)
from mirrortui.api.vocabulary import DailyVerb, Verb
from mirrortui.device.base import Device
from mirrortui.device.probe import Probe
from mirrortui.errors import MemberError, MirrortuiError, NotFoundError, RefusedError, RequestError
from mirrortui.log import logger
from mirrortui.mirror.array import Observer, State
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage, replacing
from mirrortui.units import format_size
from mirrortui.worker import badblocks, daily, plans, winner
from mirrortui.worker.aside import Aside
from mirrortui.worker.candidates import newcomer
from mirrortui.worker.checks import Checks
from mirrortui.worker.control import Control, Respond, arguments
from mirrortui.worker.forecast import forecast
from mirrortui.worker.loop import Loop
from mirrortui.worker.members import Members
from mirrortui.worker.messages import Call, Move, Turn
from mirrortui.worker.nbd_server import NbdServer
from mirrortui.worker.plans import Precondition
from mirrortui.worker.turns import Turns

End = Callable[[bool], Coroutine[Any, Any, None]]
"""Stops the mirror cleanly; True: without patience for clients."""


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class _Prepared:
    """A verb that could be done now."""

    plan: Plan
    act: Callable[[], Coroutine[Any, Any, None]]
    drop: Callable[[], None] = _nothing
    """Gives back what was taken for it, if it is not done."""


class Verbs:
    """Answers the calls of one worker."""

    def __init__(
        self,
        loop: Loop,
        mirror: Mirror,
        server: NbdServer,
        members: Members,
        checks: Checks,
        aside: Aside,
        status: Callable[[], object],
        end: End,
        moved: Callable[[Move], None],
        control: Control,
        observer: Observer,
    ) -> None:
        self._loop = loop
        self._mirror = mirror
        self._server = server
        self._members = members
        self._status = status
        self._end = end
        self._checks = checks
        self._aside = aside
        self._turns = Turns(loop.executor)
        self._precondition = Precondition(mirror.array)
        self._observer = observer
        self._daily = daily.Daily(mirror, server, control, moved, observer)

    def handle(self, call: Call, respond: Respond) -> None:
        """Answer a call, now or later (worker.control.Handler)."""
        self._precondition.note()
        self._loop.executor.spawn(self._answer(call, respond))

    async def _answer(self, call: Call, respond: Respond) -> None:
        try:
            result = await self._run(call)
            if isinstance(result, Plan):
                self._precondition.note()
                result = replace(result, events=self._precondition.count)
            respond(result)
        except MirrortuiError as error:
            respond(error)
        except Exception:
            logger.exception("%s failed", call.verb)
            respond(MirrortuiError("The worker met an error of its own.", hint="Its log has the details."))

    async def _run(self, call: Call) -> object:
        match call.verb:
            case "status":
                return self._status()
            case "fail" | "remove" | "add" | "re-add":
                return await self._change(call.verb, arguments(call, MemberRequest))
            case "if-fails":
                return forecast(self._mirror, arguments(call, ForecastRequest).member)
            case "set" | "grow" | "readonly" | "readwrite" | "rename":
                return await self._see_to(call.verb, call)
            case "bitmap":
                return await self._see_to("set", call)
            case "replace":
                return await self._replace(arguments(call, ReplaceRequest))
            case "stop":
                return await self._stop(arguments(call, StopRequest))
            case "export":
                return self._export(arguments(call, ExportRequest))
            case "sync":
                return self._sync(arguments(call, SyncRequest))
            case "mismatches":
                return self._checks.runs(ranges=True)
            case "look":
                return await self._checks.look(arguments(call, LookRequest))
            case "impact":
                self._mirror.sync.courtesy.impact = arguments(call, ImpactRequest).impact
                return self._status()
            case "speed":
                self._set_speed(arguments(call, SpeedRequest))
                return self._status()
            case "lab":
                return await self._suffer(arguments(call, LabRequest))
            case "turn":
                turn = arguments(call, Turn)
                self._mirror.sync.courtesy.take_turn(turn.queued, turn.least, turn.most)
                return None
            case "badblocks":
                return await self._bad_blocks(arguments(call, BadBlocksRequest))
            case _:
                raise RequestError(f"There is no verb {call.verb!r}.")

    async def _suffer(self, request: LabRequest) -> object:
        """A mishap in the fault lab."""
        name, path, lab = self._mirror.array.label, request.member, self._members.lab
        if lab is None:
            raise RefusedError(
                f"{name} was started without the fault lab.",
                hint=f'Stop it, and start it with "mirrortui assemble {name} --lab" if its data may be put at risk.',
            )
        member = self._mirror.array.find(path)
        if member is None and self._members.find_absent(path) is None:
            raise NotFoundError(f"{name} has no member {path}.")
        text = await lab.suffer(path, request.mishap, self._mirror)
        self._observer("lab", "warning", text, path)
        return self._status()

    async def _bad_blocks(self, request: BadBlocksRequest) -> object:
        if not request.retest:
            return badblocks.listed(self._mirror, request.member)
        async with self._turns:
            return await badblocks.retested(self._mirror, request.member)

    async def _change(self, verb: Verb, request: MemberRequest) -> object:
        return await self._do(
            request,
            lambda: self._prepare(verb, request),
            lambda error: self._refusal(verb, [request.member], error),
        )

    async def _see_to(self, verb: DailyVerb, call: Call) -> object:
        """Small matters (daily.py)."""
        asked = daily.request_of(call)

        async def prepare() -> _Prepared:
            return _Prepared(*self._daily.prepare(verb, asked))

        return await self._do(asked, prepare, lambda error: self._refusal(verb, daily.words(asked), error))

    async def _replace(self, request: ReplaceRequest) -> object:
        def refused(error: MirrortuiError) -> Plan:
            return plans.no_replacement(self._mirror, request, error)

        return await self._do(request, lambda: self._prepare_replace(request), refused)

    async def _do(
        self,
        request: MemberRequest | ReplaceRequest | daily.Asked,
        prepare: Callable[[], Coroutine[Any, Any, _Prepared]],
        refused: Callable[[MirrortuiError], Plan],
    ) -> object:
        """Plan, check, have it confirmed, do it."""
        async with self._turns:
            try:
                prepared = await prepare()
            except (RefusedError, MemberError) as error:
                if request.plan:
                    return refused(error)
                raise
            done = False
            try:
                if request.plan:
                    return prepared.plan
                self._precondition.check(request.events)
                require(prepared.plan, request.yes)
                await prepared.act()
                done = True
            finally:
                if not done:
                    prepared.drop()
        return self._status()

    def _refusal(self, verb: Verb, words: Sequence[str], error: MirrortuiError) -> Plan:
        name = self._mirror.array.label
        title = f"{verb.capitalize()} {words[0] if words else name}"
        return refusal(verb, name, title, command(verb, name, *words), error)

    async def _prepare(self, verb: Verb, request: MemberRequest) -> _Prepared:
        match verb:
            case "fail":
                return self._prepare_fail(request.member)
            case "remove":
                return self._prepare_remove(request.member)
            case "add":
                return await self._prepare_add(request.member, request.force)
            case _:
                return await self._prepare_re_add(request.member)

    def _prepare_fail(self, path: str) -> _Prepared:
        return _Prepared(plans.fail(self._mirror, path), lambda: manage.fail(self._mirror, path))

    def _prepare_remove(self, path: str) -> _Prepared:
        absent = self._members.find_absent(path) is not None
        plan = plans.remove(self._mirror, path, absent)

        async def act() -> None:
            if not absent:
                (await manage.remove(self._mirror, path)).close()
            self._members.forget(path)

        return _Prepared(plan, act)

    async def _prepare_add(self, path: str, force: bool) -> _Prepared:
        array = self._mirror.array
        if member := array.find(path):
            raise RefusedError(
                f"{path} is a member of {array.label} already ({member.state.value.replace('_', ' ')}).",
                hint="Remove it first, or re-add it." if member.state is State.FAULTY else "",
            )

        def plan(found: Probe) -> Plan:
            return plans.add(self._mirror, found, force)

        return await self._prepare_newcomer(path, force, plan, lambda d: manage.add(self._mirror, d))

    async def _prepare_replace(self, request: ReplaceRequest) -> _Prepared:
        mirror, path, new = self._mirror, request.member, request.replacement
        member = replacing.replaceable(mirror.array, path)
        if replacing.usable_spare(mirror.array, new):
            return _Prepared(
                plans.replace_member(mirror, member, request, None),
                lambda: replacing.replace_by_spare(mirror, path, new),
            )

        def plan(found: Probe) -> Plan:
            return plans.replace_member(mirror, member, request, found)

        return await self._prepare_newcomer(
            new, request.force, plan, lambda d: replacing.replace(mirror, path, d)
        )

    async def _prepare_newcomer(
        self,
        path: str,
        force: bool,
        plan: Callable[[Probe], Plan],
        take_in: Callable[[Device], Coroutine[Any, Any, None]],
    ) -> _Prepared:
        """A device that is to be overwritten: probed, opened and measured."""
        array = self._mirror.array
        found = await self._aside.run(lambda: newcomer(path, force, array.label, array.uuid))
        device = await self._aside.run(lambda: self._members.open(path))
        try:
            manage.new_superblock(self._mirror, device)  # raises if it is too small
            planned = plan(found)
        except BaseException:
            device.close()
            raise

        async def act() -> None:
            await take_in(device)
            self._members.forget(path)

        return _Prepared(planned, act, device.close)

    async def _prepare_re_add(self, path: str) -> _Prepared:
        device, ours = await self._former(path)
        drop = device.close if ours else _nothing
        try:
            found = await read_member(device, self._mirror.pool)
            how = manage.plan_re_add(self._mirror.array, self._mirror.intent.raw, found)
            plan = plans.re_add(self._mirror, path, how)
        except BaseException:
            drop()
            raise

        async def act() -> None:
            await manage.re_add(self._mirror, device)
            self._members.forget(path)

        return _Prepared(plan, act, drop)

    async def _former(self, path: str) -> tuple[Device, bool]:
        """A former member's device, opened afresh: what failed may be another disk by now. And whether the mirror does
        not hold it yet.
        """
        member = self._mirror.array.find(path)
        if member is None:
            return await self._aside.run(lambda: self._members.open(path)), True
        if member.state is not State.FAULTY:
            raise RefusedError(
                f"{path} is {member.state.value.replace('_', ' ')} in {self._mirror.array.label} already."
            )
        if not member.device.zombies:
            member.device.close()
            member.device = await self._aside.run(lambda: self._members.open(path))
        return member.device, False

    async def _stop(self, request: StopRequest) -> object:
        clients = [client.peer for client in self._server.clients]
        plan = plans.stop(self._mirror, clients, request.force)
        if request.plan:
            return plan
        async with self._turns:
            self._precondition.check(request.events)
            require(plan, request.yes)
            await self._end(request.force)
        return self._status()

    def _set_speed(self, request: SpeedRequest) -> None:
        courtesy = self._mirror.sync.courtesy
        if request.max and request.min > request.max:
            raise RequestError(
                f"A sync cannot have at least {format_size(request.min)}/s and at most {format_size(request.max)}/s."
            )
        courtesy.most, courtesy.least = request.max, request.min

    def _sync(self, request: SyncRequest) -> object:
        settles = winner.wanted(request)
        try:
            if settles:
                plan, act = winner.prepare(self._mirror, self._checks, request)
            else:
                act = self._checks.check(request.action)
                plan = plans.sync(self._mirror, request.action)
        except RefusedError as error:
            if not request.plan:
                raise
            name = self._mirror.array.label
            line = winner.line(name, request) if settles else plans.sync_command(name, request.action)
            return refusal(request.action, name, f"{request.action.capitalize()} {name}", line, error)
        if request.plan:
            return plan
        self._precondition.check(request.events)
        require(plan, request.yes)
        act()
        return self._status()

    def _export(self, request: ExportRequest) -> object:
        self._server.listen(request)
        return self._status()
