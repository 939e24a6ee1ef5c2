"""An engine made of nothing: canned states, verbs that change them, a clock that is moved by hand.

It fulfils EngineApi, so the screen, its tests and the screenshots run on it; nothing is read or written.
``python -m mirrortui.testing.fake_engine rebuilding`` opens the screen on one, in real time.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

from msgspec.structs import replace

from mirrortui.api.answers import BadBlocks, BadRange, DeviceInfo, EngineInfo, Event, Plan
from mirrortui.api.interface import EventStream, MemberVerb
from mirrortui.api.mirrors import Export, Member, Mirror
from mirrortui.api.problems import UnconfirmedError
from mirrortui.api.requests import (
    AdoptRequest,
    AssembleRequest,
    BadBlocksRequest,
    CreateRequest,
    ExportRequest,
    MemberRequest,
    SpeedRequest,
    StopRequest,
)
from mirrortui.api.vocabulary import Severity
from mirrortui.clock import Clock, SystemClock
from mirrortui.errors import ChangedError, MemberError, NoEngineError, NotFoundError, RefusedError
from mirrortui.testing import fake_members, fake_plans
from mirrortui.testing.fake_daily import DailyVerbs
from mirrortui.testing.fake_drives import listed, watched
from mirrortui.testing.fake_kernel import KernelVerbs
from mirrortui.testing.fake_progress import moved
from mirrortui.testing.fake_states import STATES
from mirrortui.testing.manual_clock import ManualClock
from mirrortui.units import GIB


class FakeEngine(DailyVerbs, KernelVerbs):
    """Fulfils EngineApi. Thread-safe, as the real client is: one lock around everything."""

    def __init__(self, state: str = "healthy", clock: Clock | None = None) -> None:
        """Start in one of fake_states.STATES; `clock` stands still by default."""
        self.clock = clock or ManualClock()
        self.lost = False
        """Set it and nobody answers any more; the event streams break too."""
        self._started = self.clock.now()
        self._speed = SpeedRequest(max=0)
        self._seen = self.clock.now()
        self._changed = threading.Condition()
        world = STATES[state](self._started)
        self._mirrors = {mirror.name: mirror for mirror in world.mirrors}
        self._events = world.events
        self._devices = world.devices
        self._apart = world.apart

    def lose(self) -> None:
        """Die."""
        with self._changed:
            self.lost = True
            self._changed.notify_all()

    def come_back(self) -> None:
        """Be there again, with everything as it was."""
        with self._changed:
            self.lost = False

    def engine(self) -> EngineInfo:
        with self._changed:
            self._answer()
            return EngineInfo(
                version="0.1.0",
                pid=2042,
                started=self._started,
                socket="/run/mirrortui/engine.sock",
                mirrors=len(self._mirrors),
                last_seq=self._last_seq,
                speed=self._speed,
            )

    def set_common_speed(self, request: SpeedRequest) -> EngineInfo:
        self._speed = request
        return self.engine()

    def stop_engine(self) -> None:
        self.lose()

    def mirrors(self) -> list[Mirror]:
        with self._changed:
            self._answer()
            return watched(list(self._mirrors.values()), self.clock.now())

    def mirror(self, name: str) -> Mirror:
        with self._changed:
            self._answer()
            (mirror,) = watched([self._find(name)], self.clock.now())
            return mirror

    def devices(self) -> list[DeviceInfo]:
        with self._changed:
            self._answer()
            return listed(self._devices, self.clock.now())

    def scan(self) -> list[AssembleRequest]:
        with self._changed:
            self._answer()
            return [AssembleRequest(name=m.name) for m in self._mirrors.values() if m.state == "stopped"]

    def create(self, request: CreateRequest) -> Mirror:
        with self._changed:
            self._confirm(self._plan_create(request), request.yes)
            return self._begin(request)

    def _begin(self, request: CreateRequest) -> Mirror:
        size = min(self._size(path) for path in request.members)
        mirror = fake_plans.new_mirror(request, size, self.clock.now())
        self._tell(mirror, "mirror-created", "good", f"{mirror.name} was created.")
        return self._mirrors[mirror.name]

    def plan_create(self, request: CreateRequest) -> Plan:
        with self._changed:
            return self._plan_create(request)

    def adopt(self, request: AdoptRequest) -> Mirror:
        with self._changed:
            self._confirm(fake_plans.adopt(request), request.yes)
            return self._begin(_as_created(request))

    def plan_adopt(self, request: AdoptRequest) -> Plan:
        with self._changed:
            self._answer()
            return fake_plans.adopt(request)

    def assemble(self, request: AssembleRequest) -> Mirror:
        with self._changed:
            self._confirm(self._plan_assemble(request), request.yes)
            mirror = replace(self._meant(request), state="clean", worker_pid=2109, why="")
            self._apart.discard(mirror.name)
            self._tell(mirror, "mirror-assembled", "good", f"{mirror.name} was assembled.")
            return self._mirrors[mirror.name]

    def plan_assemble(self, request: AssembleRequest) -> Plan:
        with self._changed:
            return self._plan_assemble(request)

    def change(self, mirror: str, verb: MemberVerb, request: MemberRequest) -> Mirror:
        with self._changed:
            self._confirm(self._plan_change(mirror, verb, request), request.yes, request.events)
            found = self._find(mirror)
            match verb:
                case "fail":
                    changed = fake_members.fail(found, self._member(found, request.member), self.clock.now())
                case "remove":
                    changed = fake_members.remove(found, request.member)
                case "add":
                    changed = self._take_in(found, request.member, found.size)
                case "re-add":
                    changed = self._take_in(found, request.member, found.size // 100)
            kind, severity, text = fake_plans.DONE[verb]
            self._tell(changed, kind, severity, text.format(request.member), request.member)
            return self._mirrors[mirror]

    def plan_change(self, mirror: str, verb: MemberVerb, request: MemberRequest) -> Plan:
        with self._changed:
            return self._plan_change(mirror, verb, request)

    def stop(self, mirror: str, request: StopRequest) -> Mirror:
        with self._changed:
            self._confirm(self._plan_stop(mirror), request.yes, request.events)
            stopped = replace(
                self._find(mirror),
                state="stopped",
                sync_action="idle",
                sync=None,
                clients=[],
                worker_pid=None,
                why="",
                **dict.fromkeys(("read_rate", "write_rate", "read_iops", "write_iops"), 0),
            )
            self._tell(stopped, "mirror-stopped", "info", f"{mirror} was stopped cleanly.")
            return self._mirrors[mirror]

    def plan_stop(self, mirror: str, request: StopRequest) -> Plan:
        with self._changed:
            return self._plan_stop(mirror)

    def bad_blocks(self, mirror: str, request: BadBlocksRequest) -> BadBlocks:
        with self._changed:
            self._answer()
            found = self._find(mirror)
            bad = self._member(found, request.member).bad
            if bad and request.retest:
                members = [replace(m, bad=0) if m.path == request.member else m for m in found.members]
                text = f"{bad} bytes of {request.member} were bad and are good again."
                changed = replace(found, members=members)
                self._tell(changed, "bad-blocks-healed", "good", text, request.member)
                return BadBlocks(mirror=mirror, member=request.member, ranges=[], healed=bad)
            ranges = [BadRange(start=7 * GIB, length=bad, sector=14682112, sectors=bad // 512)] if bad else []
            return BadBlocks(mirror=mirror, member=request.member, ranges=ranges)

    def export(self, mirror: str, request: ExportRequest) -> Mirror:
        with self._changed:
            self._answer()
            found = self._find(mirror)
            if request.tcp:
                export = Export(uri=f"nbd://{request.tcp}/{mirror}", kind="tcp", readonly=request.readonly)
            else:
                export = Export(
                    uri=f"nbd+unix:///{mirror}?socket={request.unix}", kind="unix", readonly=request.readonly
                )
            changed = replace(found, exports=[*found.exports, export])
            self._mirrors[mirror] = changed
            return changed

    def events(self, since: int = 0, *, follow: bool = False) -> EventStream:
        with self._changed:
            self._answer()
        return _Events(self, since, follow)

    # Below, the lock is held.

    @property
    def _last_seq(self) -> int:
        return self._events[-1].seq if self._events else 0

    def _answer(self) -> None:
        """Raise if nobody is there; else let the time since the last question happen."""
        if self.lost:
            raise NoEngineError(
                "No engine answers on /run/mirrortui/engine.sock: Connection refused.",
                hint='Start one with "mirrortui engine run".',
            )
        elapsed, self._seen = self.clock.now() - self._seen, self.clock.now()
        if elapsed:
            for mirror in list(self._mirrors.values()):
                self._mirrors[mirror.name] = self._moved(mirror, elapsed)

    def _moved(self, mirror: Mirror, elapsed: float) -> Mirror:
        """The mirror after `elapsed` seconds; what ends meanwhile is told."""
        after = moved(mirror, self.clock.now(), elapsed)
        if mirror.sync and not after.sync:
            kind = {"recover": "recovery"}.get(mirror.sync_action, mirror.sync_action)
            text = f"{kind.capitalize()} finished; all members are in sync."
            self._tell(after, f"{kind}-finished", "good", text)
        return after

    def _take_in(self, mirror: Mirror, path: str, total: int) -> Mirror:
        return fake_members.take_in(mirror, path, self._size(path), total, self.clock.now())

    def _plan_create(self, request: CreateRequest) -> Plan:
        self._answer()
        return fake_plans.create(request, set(self._mirrors), self._devices)

    def _plan_assemble(self, request: AssembleRequest) -> Plan:
        self._answer()
        mirror = self._meant(request)
        if mirror.name in self._apart:
            return fake_plans.rejoin(mirror, request)
        return fake_plans.assemble(mirror, request)

    def _meant(self, request: AssembleRequest) -> Mirror:
        """By its name, or else by the first of the members."""
        if request.name:
            return self._find(request.name)
        found = (m for m in self._mirrors.values() if request.members[0] in [one.path for one in m.members])
        if mirror := next(found, None):
            return mirror
        raise MemberError(f"{request.members[0]} is no member of a mirror: it has no MD superblock")

    def _plan_change(self, mirror: str, verb: MemberVerb, request: MemberRequest) -> Plan:
        self._answer()
        return fake_plans.change(self._find(mirror), verb, request, self._devices)

    def _plan_stop(self, mirror: str) -> Plan:
        self._answer()
        return fake_plans.stop(self._find(mirror))

    def _confirm(self, plan: Plan, yes: bool, events: int | None = None) -> None:
        """Raise what the real engine raises when a verb must not run."""
        if plan.refused:
            raise RefusedError(plan.refused, hint=plan.hint)
        if events is not None and events != plan.events:
            raise ChangedError(f"{plan.mirror} changed since the plan was made.", hint="Look again.")
        if plan.confirm != "none" and not yes:
            raise UnconfirmedError(f"{plan.title} must be confirmed.", hint="Add --yes.", plan=plan)

    def _find(self, name: str) -> Mirror:
        try:
            return self._mirrors[name]
        except KeyError:
            raise NotFoundError(f"There is no mirror called {name}.") from None

    def _member(self, mirror: Mirror, path: str) -> Member:
        for member in mirror.members:
            if member.path == path:
                return member
        raise NotFoundError(f"{path} is not a member of {mirror.name}.")

    def _size(self, path: str) -> int:
        return next((device.size for device in self._devices if device.path == path), 64 * GIB)

    def _tell(
        self, mirror: Mirror, kind: str, severity: Severity, text: str, member: str | None = None
    ) -> None:
        """Keep the mirror as it is now, one event later."""
        self._mirrors[mirror.name] = replace(mirror, events=mirror.events + 1)
        event = Event(
            seq=self._last_seq + 1,
            time=self.clock.now(),
            mirror=mirror.name,
            kind=kind,
            severity=severity,
            text=text,
            member=member,
        )
        self._events.append(event)
        self._changed.notify_all()


class _Events:
    """An EventStream over the fake's journal."""

    def __init__(self, engine: FakeEngine, since: int, follow: bool) -> None:
        self._engine = engine
        self._since = since
        self._follow = follow
        self._closed = False

    def __iter__(self) -> Iterator[Event]:
        while True:
            with self._engine._changed:
                self._engine._changed.wait_for(self._something)
                if self._closed:
                    return
                if self._engine.lost:
                    raise NoEngineError("The engine ended its event stream.")
                fresh = [event for event in self._engine._events if event.seq > self._since]
            if not fresh:
                return
            yield from fresh
            self._since = fresh[-1].seq

    def _something(self) -> bool:
        engine = self._engine
        return self._closed or engine.lost or not self._follow or engine._last_seq > self._since

    def close(self) -> None:
        with self._engine._changed:
            self._closed = True
            self._engine._changed.notify_all()


def _as_created(request: AdoptRequest) -> CreateRequest:
    """Whose data stay where they are makes no difference here."""
    members = [request.into or request.disk, *([request.new] if request.new else [])]
    return CreateRequest(name=request.name, members=members, force=True, yes=request.yes)


def main(arguments: list[str]) -> None:
    """Open the screen on a fake engine, for people who work on the screen."""
    from mirrortui.tui.app import run
    from mirrortui.tui.preferences import Preferences

    state = arguments[0] if arguments else "rebuilding"
    if state not in (*STATES, "lost"):
        sys.exit(f"{state} is not a state; expected one of {', '.join((*STATES, 'lost'))}")
    engine = FakeEngine("healthy" if state == "lost" else state, SystemClock())
    if state == "lost":
        threading.Timer(3, engine.lose).start()
    run(engine, Preferences())


if __name__ == "__main__":
    main(sys.argv[1:])
