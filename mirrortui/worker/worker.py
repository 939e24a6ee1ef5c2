"""One mirror's process from its job to its end: members, data path, NBD server, control socket."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from mirrortui.api import mirrors, requests
from mirrortui.api.mirrors import Client
from mirrortui.api.problems import to_problem
from mirrortui.api.requests import ExportRequest
from mirrortui.device.base import Device
from mirrortui.device.buffers import Pool
from mirrortui.device.ioengine import IoEngine
from mirrortui.errors import MirrortuiError
from mirrortui.mirror.assembly.assemble import AssembleSpec, assemble
from mirrortui.mirror.birth.adopt import adopt
from mirrortui.mirror.birth.create import CreateSpec, create
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.traffic import silence
from mirrortui.mirror.verbs import manage
from mirrortui.worker import departures
from mirrortui.worker.aside import Aside
from mirrortui.worker.checks import Checks
from mirrortui.worker.control import Control
from mirrortui.worker.intake import Intake
from mirrortui.worker.lab import Lab
from mirrortui.worker.loop import Loop
from mirrortui.worker.members import Members, close_all
from mirrortui.worker.messages import Job, Move, Started
from mirrortui.worker.nbd_server import NbdServer
from mirrortui.worker.rates import Rates
from mirrortui.worker.recorder import Recorder
from mirrortui.worker.sparse_file import SparseFile
from mirrortui.worker.status import count, describe, state
from mirrortui.worker.tail import lengthen, survey
from mirrortui.worker.turns import Flag
from mirrortui.worker.verbs import Verbs
from mirrortui.worker.witness import Witness

PATIENCE, HASTE = 5.0, 0.1
"""Seconds for clients to take their last replies when the mirror stops."""


class Worker:
    """Built around a loop; `start` is a task of its executor."""

    def __init__(
        self, loop: Loop, engine: IoEngine, job: Job, tell: Callable[[str], None] = lambda text: None
    ) -> None:
        """`tell` is told what it is at, while whoever waits for its answer has to wait longer than usual."""
        self._loop = loop
        self._job = job
        self._tell = tell
        self._recorder = Recorder(loop)
        options = job.create or job.assemble
        assert options
        readonly = bool(job.assemble and job.assemble.readonly)
        lab = Lab(loop.call_later, options.timeout) if options.lab else None
        self._members = Members(
            engine, direct=options.direct, readonly=readonly, timeout=options.timeout, lab=lab
        )

    async def start(self, answer: Callable[[Started], None]) -> None:
        """Do the job: run the mirror and answer, or answer why not and end the loop."""
        try:
            running = await self._begin()
        except MirrortuiError as error:
            answer(Started(problem=to_problem(error)))
            self._loop.stop()
        else:
            answer(Started(mirror=running.status()))

    async def _begin(self) -> Running:
        job = self._job
        control = Control(self._loop, Path(job.control), self._recorder)
        devices: list[Device] = []
        try:
            devices = self._open()
            mirror = await self._assemble(devices)
            self._members.settle(mirror, devices)
            return Running(self._loop, mirror, self._members, self._recorder, control, job)
        except BaseException:
            control.close()
            close_all(devices)
            raise

    def _open(self) -> list[Device]:
        job = self._job
        options = job.create or job.assemble
        assert options

        def gone(path: str, why: str) -> None:
            self._recorder.observe("member-missing", "warning", f"{job.name} is without {path}: {why}", path)

        spares = job.create.spares if job.create else []
        return self._members.open_all([*options.members, *spares], gone if job.remembered else None)

    async def _assemble(self, devices: list[Device]) -> Mirror:
        """Write the members if the mirror is new; then it is assembled like any other."""
        job, loop, pool = self._job, self._loop, Pool()
        uuid = bytes.fromhex(job.uuid.replace(":", "")) if job.uuid else None
        request = job.assemble or requests.AssembleRequest()
        if job.create:
            wanted = job.create
            spec = CreateSpec(
                name=wanted.name,
                size=wanted.size,
                chunk=wanted.bitmap_chunk,
                assume_clean=wanted.assume_clean,
                spares=len(wanted.spares),
                missing=wanted.missing,
            )
            uuid = await create(devices, spec, loop, pool)
        if job.adopt and job.adopt.into:
            with Intake(job.adopt, devices[0], self._members, loop, self._tell) as intake:
                uuid = await intake.take_in(job.name, pool)
        elif job.adopt:
            tail = survey(job.adopt, ours=True)
            if tail.longer:
                lengthen(devices[0], tail.longer)
            uuid = await adopt(devices[0], job.name, tail.where, loop, pool)
        mirror = await assemble(
            loop.executor,
            loop,
            devices,
            AssembleSpec(
                name=request.name,
                uuid=uuid,
                remembered=job.remembered,
                label=job.name,
                run=request.run,
                readonly=request.readonly,
                survivor=request.survivor,
                compare=request.compare,
                counts=request.counts,
                departed=departures.read(Path(job.departed)) if job.departed else (),
                shelf=SparseFile(request.save_loser) if request.save_loser else None,
            ),
            self._recorder.observe,
            pool,
        )
        self._tell_begin(mirror)
        return mirror

    def _tell_begin(self, mirror: Mirror) -> None:
        array = mirror.array
        copies = f"{len(array.in_sync())} of {array.raid_disks} in sync"
        if self._job.create:
            members = ", ".join(member.path for member in array.members)
            self._recorder.observe("mirror-created", "good", f"{array.label} was created on {members}.")
        if self._job.adopt:
            disk = self._job.adopt.disk
            text = (
                f"All of {disk} was copied to {array.members[0].path}, compared, and is {array.label} now."
                if self._job.adopt.into
                else f"{disk} was adopted by {array.label}: its data stay where they are, from its first byte on."
            )
            self._recorder.observe("mirror-adopted", "good", text, disk)
        severity = "warning" if array.degraded() else "good"
        self._recorder.observe("mirror-assembled", severity, f"{array.label} was assembled: {copies}.")
        for note in array.left_out:
            self._recorder.observe(
                "member-left-out",
                "warning",
                f"{note.path} was left out of {array.label}: {note.why}.",
                note.path,
            )


class Running:
    """A mirror that runs: served, answering its engine, until it is stopped."""

    def __init__(
        self, loop: Loop, mirror: Mirror, members: Members, recorder: Recorder, control: Control, job: Job
    ) -> None:
        self._loop = loop
        self._mirror = mirror
        self._members = members
        self._recorder = recorder
        self._control = control
        self._server = NbdServer(
            loop, mirror, mirror.array.label, on_connect=self._connected, on_leave=self._left
        )
        mirror.sync.courtesy.load = self._server.load
        self._rates = Rates(loop, lambda: count(mirror, self._server.traffic))
        aside = Aside(loop)
        self._checks = Checks(loop, mirror, aside, Path(job.checks) if job.checks else None)
        # Who only looks at members does not change what is known of them.
        kept = None if mirror.array.opened_readonly else job.departed
        self._witness = Witness(loop, mirror.array, aside, Path(kept) if kept else None)
        self._verbs = Verbs(
            loop,
            mirror,
            self._server,
            members,
            self._checks,
            aside,
            self.status,
            self.stop,
            self._moved,
            control,
            recorder.observe,
        )
        self._state = state(mirror.array)
        self._since = loop.now()
        self._stopping = False
        self._drained = Flag(loop.executor)
        self._ended = Flag(loop.executor)
        self._server.listen_unix(Path(job.nbd))
        for request in job.exports:
            self._serve_too(request)
        control.begin(self._verbs.handle)
        loop.on_signal(signal.SIGTERM, self._terminated)
        self._look_for_laggards()
        self._listen_for_members()
        self._checks.resume()

    def status(self) -> mirrors.Mirror:
        """The mirror as it is now."""
        now = state(self._mirror.array)
        if now != self._state:
            self._state, self._since = now, self._loop.now()
        mirror = describe(
            self._mirror,
            self._server,
            self._rates,
            self._members.absent,
            self._since,
            self._checks.runs(ranges=False),
            self._members.timeout,
        )
        lab = self._members.lab
        mirror = replace(mirror, direct=self._members.direct, lab=dict(lab.mishaps) if lab else None)
        if not self._ended.up:
            return mirror
        return replace(mirror, state="stopped", sync_action="idle", sync=None, uri="", why="It was stopped.")

    async def stop(self, haste: bool = False) -> None:
        """A clean stop (I13): what clients began is answered, all is flushed, superblocks say clean. The loop ends
        after it. `haste`: without waiting for clients to take their replies.
        """
        if not self._stopping:
            self._stopping = True
            self._server.drain(self._drained.set, HASTE if haste else PATIENCE)
            await self._drained.wait()
            await manage.stop(self._mirror)
            close_all(member.device for member in self._mirror.array.members)
            self._checks.remember_now()
            await self._witness.remember()
            self._recorder.observe("mirror-stopped", "info", f"{self._mirror.array.label} was stopped.")
            self._ended.set()
            self._loop.post(self._leave)
        await self._ended.wait()

    def _serve_too(self, request: ExportRequest) -> None:
        """A further address that cannot be had keeps nobody from the first one."""
        try:
            self._server.listen(request)
        except MirrortuiError as error:
            text = f"{self._mirror.array.label} is not served at {request.unix or request.tcp}: {error}"
            self._recorder.observe("export-failed", "warning", text)

    def _look_for_laggards(self) -> None:
        self._mirror.laggards.look()
        self._loop.call_later(1.0, self._look_for_laggards)

    def _listen_for_members(self) -> None:
        self._mirror.silence.look()
        self._mirror.losses.look()
        self._witness.look()
        if self._mirror.array.unanswered:
            self._mirror.look_again()
        self._loop.call_later(silence.EVERY, self._listen_for_members)

    def _leave(self) -> None:
        self._control.close()
        self._loop.stop()

    def _terminated(self) -> None:
        self._loop.executor.spawn(self.stop())

    def _moved(self, move: Move) -> None:
        self._checks.move(Path(move.checks))
        self._witness.move(Path(move.departed))

    def _connected(self, client: Client) -> None:
        name = self._mirror.array.label
        self._recorder.observe("client-connected", "info", f"{client.peer} connected to {name}.")

    def _left(self, client: Client) -> None:
        name = self._mirror.array.label
        self._recorder.observe("client-left", "info", f"{client.peer} left {name}.")
