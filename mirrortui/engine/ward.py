"""One mirror that the engine looks after: what it remembers of it, its worker, and what to do when that dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
from msgspec.structs import replace

from mirrortui.api.answers import Plan
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import StopRequest
from mirrortui.engine.absence import job_for, shown, surrender
from mirrortui.engine.link import ACT_WITHIN, GoneError, Link
from mirrortui.engine.spawn import Process, ending, reap, spawn
from mirrortui.engine.state import Remembered
from mirrortui.engine.verbs import Verbs
from mirrortui.errors import MirrortuiError, RefusedError
from mirrortui.worker.messages import Job, WorkerEvent

PAUSES = (0.0, 0.5, 2.0, 5.0, 15.0)
"""Seconds before each attempt to assemble a mirror whose worker died; after the last the operator is told."""
_QUICK = 5.0
"""Seconds: a worker that lived shorter counts as one more failed attempt."""


@dataclass
class Ward(Verbs):
    """A mirror by its name. Verbs come one at a time; `status` at any time."""

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
    _awake: asyncio.Event = field(default_factory=asyncio.Event)

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
