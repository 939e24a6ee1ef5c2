"""All mirrors of an engine: which there are, which run, and the verbs that start one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from mirrortui.api.answers import Handover, Plan
from mirrortui.api.consent import command, refusal, require
from mirrortui.api.mirrors import Export, Mirror
from mirrortui.api.requests import (
    AccessRequest,
    AdoptRequest,
    AssembleRequest,
    CreateRequest,
    ExportRequest,
    HandoverRequest,
    MemberRequest,
    RenameRequest,
    SpeedRequest,
    TakeoverRequest,
)
from mirrortui.api.vocabulary import TIMEOUT
from mirrortui.engine import daily
from mirrortui.engine.adoption import draft_adopt, impossible_adopt
from mirrortui.engine.devices import find_mirrors
from mirrortui.engine.exchange import handover, takeover
from mirrortui.engine.house import House
from mirrortui.engine.kernel import Keeper, KernelArrays
from mirrortui.engine.planning import (
    Draft,
    draft_assemble,
    draft_create,
    impossible_assemble,
    impossible_create,
)
from mirrortui.engine.state import Remembered
from mirrortui.engine.ward import Ward
from mirrortui.errors import MemberError, MirrortuiError, NotFoundError, RefusedError, RequestError
from mirrortui.nbd.uri import parse_uri
from mirrortui.units import format_size
from mirrortui.worker.messages import Job

SETTLE_WITHIN = 5.0
"""Seconds that a starting engine waits for its mirrors before it answers; they come up by themselves after that."""
_WORST_FIRST = ("failed", "degraded", "readonly", "active", "clean", "stopped")


def worst_first(mirrors: Iterable[Mirror]) -> list[Mirror]:
    """In the order in which a person wants to see them."""
    return sorted(mirrors, key=lambda mirror: (_WORST_FIRST.index(mirror.state), mirror.name))


class Supervisor:
    """Used by one event loop."""

    def __init__(self, house: House, kernel: KernelArrays) -> None:
        self._house = house
        self._kernel = kernel
        self._kernel.is_taken = self._is_taken
        self._wards: dict[str, Ward] = {}

    async def begin(self) -> None:
        """Find the workers that outlived their engine, and assemble what should run and does not."""
        running = {path.stem for path in self._house.paths.workers.glob("*.sock")}
        known = {memory.name for memory in self._house.state.all()}
        for name in known | running:
            self._wards[name] = Ward(self._house, name)
        found = await asyncio.gather(*(ward.adopt() for ward in self._wards.values()))
        wards = list(self._wards.values())
        for ward, adopted in zip(wards, found, strict=True):
            if adopted and ward.memory is None:
                self._follow_rename(ward, await ward.status())
        for ward, adopted in zip(wards, found, strict=True):
            memory = ward.memory
            if adopted and memory is None:
                self._house.state.put(_remember_found(await ward.status()))
            elif not adopted and memory is None:
                del self._wards[ward.name]  # a socket that a dead worker left
            elif not adopted and memory and memory.running:
                ward.revive()
        if lost := [ward.reviving for ward in self._wards.values() if ward.reviving]:
            await asyncio.wait(lost, timeout=SETTLE_WITHIN)

    def _follow_rename(self, ward: Ward, mirror: Mirror) -> None:
        """Its worker was renamed, and the engine died before it wrote that down."""
        for memory in self._house.state.all():
            if memory.uuid == mirror.uuid and not self._wards[memory.name].link:
                self._house.state.rename(memory.name, ward.name)

    async def close(self) -> None:
        """Let go of the workers; they run on."""
        for ward in self._wards.values():
            await ward.close()

    @property
    def wards(self) -> list[Ward]:
        """Of ours, the stopped ones too."""
        return list(self._wards.values())

    def set_speed(self, speed: SpeedRequest) -> None:
        """What the syncs of all our mirrors may take together, now and after every restart. Raises RequestError,
        MirrortuiError.
        """
        if speed.max and speed.min > speed.max:
            raise RequestError(
                f"All mirrors together cannot have at least {format_size(speed.min)}/s and at most "
                f"{format_size(speed.max)}/s."
            )
        self._house.state.set_speed(speed)

    @property
    def count(self) -> int:
        """How many of ours there are, the stopped ones too."""
        return len(self._wards)

    async def mirrors(self) -> list[Mirror]:
        """Every mirror, ours and the kernel's, worst first."""
        ours, theirs = await asyncio.gather(
            asyncio.gather(*(ward.status() for ward in self._wards.values())), self._kernel.mirrors()
        )
        uuids = {mirror.uuid for mirror in theirs}
        # What the kernel runs is shown once, also if it is ours when it does not.
        found = [mirror for mirror in ours if mirror.worker_pid or mirror.uuid not in uuids] + theirs
        return worst_first(found)

    async def find(self, name: str) -> Ward | Keeper:
        """The mirror of that name, ours or the kernel's; the kernel's also by its device. Raises NotFoundError."""
        ward = self._wards.get(name)
        if ward and ward.link:
            return ward
        if keeper := await self._kernel.find(name):
            return keeper
        if ward:
            return ward
        known = ", ".join(mirror.name for mirror in await self.mirrors()) or "there is none yet"
        raise NotFoundError(f"There is no mirror {name!r}.", hint=f"Known here: {known}.")

    def _is_taken(self, name: str, uuid: str) -> bool:
        """A mirror of ours has the name, and is not the one that the kernel runs."""
        ward = self._wards.get(name)
        return ward is not None and (ward.link is not None or not ward.memory or ward.memory.uuid != uuid)

    async def scan(self) -> list[AssembleRequest]:
        """What could be assembled now: what is remembered and does not run, then what block devices bear."""
        idle = [
            memory
            for memory in self._house.state.all()
            if not (memory.name in self._wards and self._wards[memory.name].busy)
        ]
        found = await asyncio.to_thread(find_mirrors, await self.mirrors())
        return [AssembleRequest(name=memory.name) for memory in idle] + found

    async def create(self, request: CreateRequest) -> Mirror | Plan:
        """Write and start a new mirror, or the plan of it."""
        mirrors = await self.mirrors()
        try:
            draft = await asyncio.to_thread(draft_create, request, mirrors)
        except (RefusedError, MemberError) as error:
            if not request.plan:
                raise
            return impossible_create(request, error)
        if request.plan:
            return draft.plan
        require(draft.plan, request.yes)
        return await self._start(draft, request)

    async def adopt(self, request: AdoptRequest) -> Mirror | Plan:
        """Make a disk with data on it the first member of a new mirror, or the plan of it."""
        mirrors = await self.mirrors()
        try:
            draft = await asyncio.to_thread(draft_adopt, request, mirrors)
        except (RefusedError, MemberError) as error:
            if not request.plan:
                raise
            return impossible_adopt(request, error)
        if request.plan:
            return draft.plan
        require(draft.plan, request.yes)
        assert draft.assemble
        mirror = await self._start(draft, draft.assemble)
        if request.new is None:
            return mirror
        try:
            newcomer = MemberRequest(member=request.new, force=request.force, yes=True)
            return await daily.ours(await self.find(request.name), "").change("add", newcomer)
        except MirrortuiError as error:
            raise MemberError(
                f"{request.disk} was adopted, and {request.name} runs on it alone: {error.what}",
                hint=f'"mirrortui add {request.name} MEMBER" fills another one. {error.hint}'.rstrip(),
            ) from error

    async def assemble(self, request: AssembleRequest) -> Mirror | Plan:
        """Start a mirror from its members, or the plan of it."""
        mirrors = await self.mirrors()
        memories = self._house.state.all()
        try:
            draft = await asyncio.to_thread(draft_assemble, request, mirrors, memories, self._house.paths)
        except (RefusedError, MemberError) as error:
            if not request.plan:
                raise
            return impossible_assemble(request, error)
        if request.plan:
            return draft.plan
        require(draft.plan, request.yes)
        return await self._start(draft, request)

    async def set_access(self, name: str, request: AccessRequest) -> Mirror | Plan:
        """Make a mirror of ours read-only, or writable again, or the plan of it."""
        return await daily.set_access(await self.find(name), request, self.assemble)

    async def rename(self, name: str, request: RenameRequest) -> Mirror | Plan:
        """Give a mirror of ours another name, or the plan of it."""
        ward, new = (
            daily.ours(await self.find(name), "mdadm --assemble --update=name renames it."),
            request.name,
        )
        try:
            daily.check_new_name(new, await self.mirrors(), self._wards)
        except RefusedError as error:
            if not request.plan:
                raise
            return refusal("rename", name, f"Rename {name}", command("rename", name, new), error)
        move = daily.move(self._house.paths, request)
        if request.plan:
            return await ward.rename(move)
        self._wards[new] = ward  # nobody else may have that name meanwhile
        try:
            return await ward.rename(move)
        finally:
            del self._wards[name if ward.name == new else new]

    async def handover(self, name: str, request: HandoverRequest) -> Handover | Plan:
        """Let the kernel run a mirror of ours, or the plan of that."""
        found = await self.find(name)
        if isinstance(found, Keeper):
            raise RefusedError(f"The kernel runs {found.name} already, as {found.seen.array.path}.")
        return await handover(found, self._kernel, self._house.journal, request)

    async def takeover(self, name: str, request: TakeoverRequest) -> Mirror | Plan:
        """Run a kernel's array here, or the plan of that."""
        found = await self.find(name)
        if isinstance(found, Ward):
            raise RefusedError(f"{found.name} is mirrortui's own already.")
        known = [memory for memory in self._house.state.all() if memory.uuid == found.seen.uuid]
        images = [path for memory in known for path in memory.members]
        return await takeover(found, self._kernel, self._house.journal, images, self.assemble, request)

    async def _start(self, draft: Draft, asked: CreateRequest | AssembleRequest) -> Mirror:
        ward = self._wards.setdefault(draft.name, Ward(self._house, draft.name))
        job = Job(
            name=draft.name,
            control=str(self._house.paths.control(draft.name)),
            nbd=str(self._house.paths.export(draft.name)),
            create=draft.create,
            adopt=draft.adopt,
            assemble=draft.assemble,
            exports=draft.exports,
            checks=str(self._house.paths.checks(draft.name)),
            departed=str(self._house.paths.departed(draft.name)),
            uuid=draft.uuid,
            remembered=draft.remembered,
        )

        def remember(mirror: Mirror) -> Remembered:
            return Remembered(
                name=mirror.name,
                uuid=mirror.uuid,
                members=[member.path for member in mirror.members if member.path],
                size=mirror.size,
                direct=asked.direct,
                timeout=asked.timeout,
                lab=asked.lab,
                readonly=isinstance(asked, AssembleRequest) and asked.readonly,
                exports=draft.exports,
            )

        try:
            return await ward.start(job, remember)
        finally:
            if not ward.busy and ward.memory is None:
                self._wards.pop(draft.name, None)


def _remember_found(mirror: Mirror) -> Remembered:
    """Memory of a mirror that runs although nobody remembers it."""
    return Remembered(
        name=mirror.name,
        uuid=mirror.uuid,
        members=[member.path for member in mirror.members if member.path],
        size=mirror.size,
        direct=mirror.direct,
        timeout=mirror.timeout or TIMEOUT,
        lab=mirror.lab is not None,
        readonly=mirror.state == "readonly",
        exports=[_asked(export) for export in mirror.exports[1:]],
    )


def _asked(export: Export) -> ExportRequest:
    """What led to an address beside the one that every mirror has."""
    found = parse_uri(export.uri)
    tcp = None if found.socket else f"{found.host}:{found.port}"
    return ExportRequest(unix=found.socket or None, tcp=tcp, readonly=export.readonly)
