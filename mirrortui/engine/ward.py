"""One mirror that the engine looks after: what it remembers of it, its worker, and what to do when that dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import psutil
from msgspec.structs import replace

from mirrortui.api.answers import BadBlocks, Plan
from mirrortui.api.client import SAVE_WITHIN
from mirrortui.api.mirrors import CheckRun, Look, Mirror
from mirrortui.api.paths import Paths
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
    StopRequest,
    SyncRequest,
)
from mirrortui.engine.absence import job_for, shown, surrender
from mirrortui.engine.journal import Journal
from mirrortui.engine.link import ACT_WITHIN, Answer, GoneError, Link
from mirrortui.engine.spawn import WORKER, Process, ending, reap, spawn
from mirrortui.engine.state import Remembered, State
from mirrortui.errors import MirrortuiError, RefusedError
from mirrortui.worker.messages import Job, Move, Turn, WorkerEvent

PAUSES = (0.0, 0.5, 2.0, 5.0, 15.0)
"""Seconds before each attempt to assemble a mirror whose worker died; after the last the operator is told."""
_QUICK = 5.0
"""Seconds: a worker that lived shorter counts as one more failed attempt."""


@dataclass(frozen=True, slots=True)
class House:
    """What the wards of one engine share."""

    paths: Paths
    state: State
    journal: Journal
    command: Sequence[str] = WORKER


@dataclass
class Ward:
    """A mirror by its name. Verbs come one at a time; `status` at any time."""

    house: House
    name: str
    link: Link | None = None
    trouble: str = ""
    """Why it does not run though it should."""
    progress: str = ""
    """What its worker is at before it runs."""
    _starter: int = 0
    """That worker's process."""
    reviving: asyncio.Task[None] | None = None
    """It is being assembled again."""
    halted: bool = False
    """Its worker was told by a signal to stop it: it is not assembled again before the next engine."""
    _process: Process | None = None
    _joined_at: float | None = None
    """Monotonic seconds; None: no worker of it was known yet, or it was stopped."""
    _learning: asyncio.Task[None] | None = None
    _attempts: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _awake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def memory(self) -> Remembered | None:
        """What would survive a restart."""
        return self.house.state.get(self.name)

    @property
    def busy(self) -> bool:
        """It runs, or is being brought back."""
        return self.link is not None or self.reviving is not None or self._lock.locked()

    async def start(self, job: Job, remember: Callable[[Mirror], Remembered]) -> Mirror:
        """Start a worker for the job, and remember the mirror. Raises what went wrong; nothing runs then."""
        async with self._lock:
            if self.link:
                raise RefusedError(
                    f"{self.name} runs already.", hint=f'"mirrortui status {self.name}" shows it.'
                )
            mirror = await self._start(job)
            self._awake.set()
            self.house.state.put(remember(mirror))
            return mirror

    async def adopt(self) -> bool:
        """Join a worker that outlived its engine; False if there is none."""
        try:
            await self._join()
        except GoneError:
            return False
        self.house.journal.add(
            self.name, "worker-found", "info", f"{self.name} is running; its worker was found."
        )
        return True

    def revive(self) -> None:
        """Begin to assemble it again from memory, with a bounded number of attempts."""
        if self.reviving is None:
            self.reviving = asyncio.create_task(self._revive(), name=f"revive {self.name}")

    async def status(self) -> Mirror:
        """The mirror as it is now, also when it does not run."""
        if link := self.link:
            try:
                mirror = await link.status()
                return replace(mirror, worker_pid=link.pid, worker_memory=_memory(link.pid))
            except GoneError as error:
                return self._absent(str(error))
        return self._absent(self.trouble)

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
            mirror = await link.call(verb, request, Mirror, ACT_WITHIN)
            self._learn(mirror)
            return replace(mirror, worker_pid=link.pid)

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

    async def stop(self, request: StopRequest) -> Mirror | Plan:
        """A clean stop, or the plan of it. A mirror whose worker is dead is not assembled again."""
        if request.plan:
            return await self.link.call("stop", request, Plan) if self.link else self._surrender()
        if self.progress:
            os.kill(self._starter, signal.SIGTERM)
            return self._absent("")
        if not self.link:
            self._surrender()
            await self._give_up()
        if self.link:
            async with self._lock:
                await self._stop(self._running(), request)
        return self._absent("")

    async def close(self) -> None:
        """The engine ends; the worker runs on."""
        if self.reviving:
            self.reviving.cancel()
        if self.link:
            await self.link.close()

    async def _stop(self, link: Link, request: StopRequest) -> None:
        # Written down before it stops: an engine that is killed meanwhile must not start it again.
        self._should_run(False)
        try:
            await link.call("stop", request, Mirror, ACT_WITHIN)
        except GoneError:
            raise
        except MirrortuiError:
            self._should_run(True)
            raise
        await link.close()
        self.link = None
        self._joined_at = None
        await self._bury()

    async def _start(self, job: Job) -> Mirror:
        await self._bury()
        log = self.house.paths.worker_log(self.name)
        try:
            self._process, mirror = await asyncio.to_thread(
                spawn, job, log, self.house.command, self._starting
            )
        finally:
            self.progress = ""
        link = await self._join()
        self.trouble = ""
        return replace(mirror, worker_pid=link.pid)

    def _starting(self, process: int, progress: str) -> None:
        """Called by the thread that waits for it."""
        self._starter, self.progress = process, progress

    async def _join(self) -> Link:
        """Have a link that was heard from. Raises GoneError."""
        link = await Link.connect(self.name, self.house.paths.control(self.name), self._lost)
        try:
            await link.follow(self._take)
        except BaseException:
            await link.close()
            raise
        self.link = link
        self.halted = False
        self._joined_at = time.monotonic()
        return link

    def _take(self, event: WorkerEvent) -> None:
        self.halted = event.kind == "mirror-stopped"
        self.house.journal.take(self.name, event)
        if event.kind == "member-replaced":
            self._learning = asyncio.create_task(self._look_again(), name=f"look at {self.name}")

    async def _look_again(self) -> None:
        """Its members are others now, and nobody asked for that."""
        with contextlib.suppress(MirrortuiError):
            if self.link:
                self._learn(await self.link.status())

    def _lost(self) -> None:
        """The control socket broke: the worker is dead, or as good as that."""
        self.link = None
        memory = self.memory
        if memory and memory.running:
            lived = time.monotonic() - (self._joined_at or 0.0)
            self._attempts = self._attempts + 1 if lived < _QUICK else 0
            self.revive()

    async def _revive(self) -> None:
        try:
            if self._joined_at is None or await self._mourn():
                await self._attempt_all()
        finally:
            self.reviving = None

    async def _mourn(self) -> bool:
        """Report a worker that died. False: it is not to be assembled again, or answers again after all."""
        if self.halted:
            await self._bury()
            return False
        try:
            await self._join()
        except GoneError:
            how = await self._bury()
        else:
            return False
        self.trouble = f"Its worker {how}; it is being assembled again."
        self.house.journal.add(self.name, "worker-died", "error", f"The worker of {self.name} {how}.")
        return True

    async def _attempt_all(self) -> None:
        while self._attempts < len(PAUSES):
            await self._pause(PAUSES[self._attempts])
            async with self._lock:
                memory = self.memory
                if self.link or not memory or not memory.running or await self.adopt():
                    return
                try:
                    await self._start(job_for(memory, self.house.paths))
                except MirrortuiError as error:
                    self.trouble = str(error)
                    self._attempts += 1
                else:
                    return
        text = f"{self.name} could not be assembled again: {self.trouble}"
        self.house.journal.add(self.name, "mirror-failed", "error", text)
        self._attempts = 0

    async def _pause(self, seconds: float) -> None:
        self._awake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._awake.wait(), seconds)

    async def _bury(self) -> str:
        """Wait for a dead worker's end, and tell how it was."""
        process, self._process = self._process, None
        if process:
            try:
                await asyncio.to_thread(process.wait, 5.0)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(reap, process)
        return ending(process)

    async def _give_up(self) -> None:
        """Have nobody assemble it again. An attempt under way is waited for: it may succeed."""
        self._should_run(False)
        self._awake.set()
        if self.reviving:
            await asyncio.wait([self.reviving])
        self.trouble = ""

    def _surrender(self) -> Plan:
        return surrender(self.name, self.memory, self.progress, self.trouble)

    def _should_run(self, running: bool) -> None:
        if memory := self.memory:
            self.house.state.put(replace(memory, running=running))

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

    def _absent(self, why: str) -> Mirror:
        memory = self.memory
        down = memory is not None and memory.running and not self.halted  # without, it is only now made
        return shown(self.name, memory, self.progress or (why if down else ""), down=down)


def _memory(pid: int) -> int:
    """Bytes that a process has resident; 0 when it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
