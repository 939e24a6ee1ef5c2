"""Verbs of a mirror that runs: its worker does them, or plans them, and the engine remembers what they change."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from mirrortui.api.answers import BadBlocks, Plan
from mirrortui.api.client import SAVE_WITHIN
from mirrortui.api.mirrors import CheckRun, Look, Mirror
from mirrortui.api.requests import (
    AccessRequest,
    BadBlocksRequest,
    BitmapRequest,
    ExportRequest,
    GrowRequest,
    ImpactRequest,
    LookRequest,
    MemberRequest,
    ReplaceRequest,
    SetRequest,
    SpeedRequest,
    SyncRequest,
)
from mirrortui.engine.house import House
from mirrortui.engine.link import ACT_WITHIN, Answer, Link
from mirrortui.engine.state import Remembered
from mirrortui.errors import MirrortuiError, RefusedError
from mirrortui.worker.messages import Move, Turn


@dataclass
class Verbs:
    """By the link to the worker; without one each raises RefusedError."""

    house: House
    name: str
    link: Link | None = None
    trouble: str = ""
    """Why it does not run though it should."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def memory(self) -> Remembered | None:
        """What would survive a restart."""
        return self.house.state.get(self.name)

    async def ask(self, verb: str, request: msgspec.Struct, kind: type[Answer]) -> Answer:
        """A question to its worker, which changes nothing. Raises RefusedError when it does not run."""
        return await self._running().call(verb, request, kind)

    async def change(
        self, verb: str, request: MemberRequest | SetRequest | BitmapRequest | GrowRequest | AccessRequest
    ) -> Mirror | Plan:
        """A verb that the worker does by itself, such as fail, or the plan of it."""
        return await self._alter(verb, request)

    async def _alter(
        self,
        verb: str,
        request: MemberRequest | ReplaceRequest | SetRequest | BitmapRequest | GrowRequest | AccessRequest,
    ) -> Mirror | Plan:
        link = self._running()
        if request.plan:
            return await link.call(verb, request, Plan, ACT_WITHIN)
        async with self._lock:
            self._expect(verb, request)
            try:
                mirror = await link.call(verb, request, Mirror, ACT_WITHIN)
            except MirrortuiError:
                with contextlib.suppress(MirrortuiError):
                    self._learn(await link.status())
                raise
            self._learn(mirror)
            return replace(mirror, worker_pid=link.pid)

    def _expect(self, verb: str, request: msgspec.Struct) -> None:
        """Remember who is about to be a member: superblocks may count on it before anybody hears that it is one."""
        newcomer = ""
        if isinstance(request, ReplaceRequest):
            newcomer = request.replacement
        elif isinstance(request, MemberRequest) and verb in ("add", "re-add"):
            newcomer = request.member
        if newcomer and (memory := self.memory) and newcomer not in memory.members:
            self.house.state.put(replace(memory, members=[*memory.members, newcomer]))

    async def rename(self, move: Move) -> Mirror | Plan:
        """Another name, also for what is remembered, or the plan of it."""
        link, log = self._running(), self.house.paths.worker_log
        if move.plan:
            return await link.call("rename", move, Plan, ACT_WITHIN)
        async with self._lock:
            mirror = await link.call("rename", move, Mirror, ACT_WITHIN)
            with contextlib.suppress(OSError):
                log(self.name).rename(log(move.name))
            old, self.name, link.name = self.name, move.name, move.name
            self.house.state.rename(old, move.name)
            return replace(mirror, worker_pid=link.pid)

    def note_readonly(self, readonly: bool) -> None:
        """Whether it is to be read-only when its worker has died, too."""
        if memory := self.memory:
            self.house.state.put(replace(memory, readonly=readonly))

    async def replace_member(self, request: ReplaceRequest) -> Mirror | Plan:
        """replace, or the plan of it."""
        return await self._alter("replace", request)

    async def sync(self, request: SyncRequest) -> Mirror | Plan:
        """Check or repair; pause, resume or cancel what runs; or the plan of it."""
        link = self._running()
        if request.plan:
            return await link.call("sync", request, Plan)
        return replace(await link.call("sync", request, Mirror), worker_pid=link.pid)

    async def mismatches(self) -> list[CheckRun]:
        """What checks found, the latest first."""
        return await self._running().call("mismatches", None, list[CheckRun])

    async def look(self, request: LookRequest) -> Look:
        """What each copy has at a place."""
        return await self._running().call("look", request, Look, ACT_WITHIN)

    async def export(self, request: ExportRequest) -> Mirror:
        """One more address, now and after every restart."""
        link = self._running()
        async with self._lock:
            mirror = await link.call("export", request, Mirror, ACT_WITHIN)
            if (memory := self.memory) and request not in memory.exports:
                self.house.state.put(replace(memory, exports=[*memory.exports, request]))
            return replace(mirror, worker_pid=link.pid)

    async def bad_blocks(self, request: BadBlocksRequest) -> BadBlocks:
        """What a member's log lists; to try it again may take as long as reading all of it."""
        return await self._running().call(
            "badblocks", request, BadBlocks, SAVE_WITHIN if request.retest else ACT_WITHIN
        )

    async def set_speed(self, request: SpeedRequest) -> Mirror:
        """How fast it copies from now on, until it is stopped."""
        link = self._running()
        return replace(await link.call("speed", request, Mirror), worker_pid=link.pid)

    async def take_turn(self, turn: Turn) -> None:
        """Whether it may copy now. Raises GoneError, RefusedError."""
        await self._running().call("turn", turn, type(None))

    async def set_impact(self, request: ImpactRequest) -> Mirror:
        """How much clients may notice of it from now on, until it is stopped."""
        link = self._running()
        return replace(await link.call("impact", request, Mirror), worker_pid=link.pid)

    def _learn(self, mirror: Mirror) -> None:
        """Remember the members that it has now."""
        if memory := self.memory:
            members = [member.path for member in mirror.members if member.path]
            self.house.state.put(replace(memory, members=members, size=mirror.size))

    def _running(self) -> Link:
        if not self.link:
            raise RefusedError(
                f"{self.name} does not run. {self.trouble}".strip(),
                hint=f'"mirrortui assemble {self.name}" starts it.',
            )
        return self.link
