"""Keeps what the disks under members say of themselves.

Nothing waits for it: each disk is asked in a thread of its own, so that one which hangs delays neither an answer of the
engine nor what is known of the others.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.mirrors import Drive, Mirror
from mirrortui.clock import Clock
from mirrortui.device import drive, physical
from mirrortui.device.smart import Health
from mirrortui.log import logger

EVERY = 60.0
"""Seconds between two looks at the temperature."""
HEALTH_EVERY = 600.0
"""Seconds between two questions to smartctl."""
ANSWERS_WITHIN = 30.0
"""Seconds after which a disk that was asked counts as one that does not answer."""
_LISTED_FOR = 1800.0
"""Seconds that disks which are no members are asked about, after they were listed."""

Failing = Callable[[str, str, Drive], None]
"""Is told of a mirror, one of its members, and the disk under it that says it fails; from the watch's own thread."""


@dataclass
class _Known:
    """One disk."""

    told: Drive
    activity: str | None = None
    """When it was asked last."""
    asked: float = float("-inf")
    """Monotonic seconds; so are the others."""
    health_asked: float = float("-inf")
    health: Health = field(default_factory=lambda: Health(None, ""))
    looking: threading.Thread | None = None


class DriveWatch:
    """Belongs to the engine's loop but for `run`, which has a thread."""

    def __init__(self, clock: Clock, failing: Failing = lambda *_: None) -> None:
        self._clock = clock
        self._failing = failing
        self._known: dict[str, _Known] = {}
        self._under: dict[str, list[str]] = {}
        """Path of a member or device -> names of the disks below it."""
        self._members: dict[str, str] = {}
        """Path of a member -> name of its mirror."""
        self._listed: dict[str, float] = {}
        self._told_failing: set[tuple[str, str]] = set()
        self._more = threading.Event()

    # What the engine's answers are made of; never blocks.

    def on(self, mirrors: Sequence[Mirror]) -> list[Mirror]:
        """The mirrors, with what is known of the disks under their members. They are watched from now on."""
        paths = _members(mirrors)
        if not paths.keys() <= self._members.keys():
            self._members = self._members | paths
            self._more.set()
        return [self._with_drives(mirror) for mirror in mirrors]

    def on_devices(self, devices: Sequence[DeviceInfo]) -> list[DeviceInfo]:
        """The devices likewise; disks that are no members are watched for a while."""
        now = self._clock.monotonic()
        fresh = [device.path for device in devices if device.path not in self._under]
        self._listed = {device.path: now for device in devices}
        if fresh:
            self._more.set()
        return [replace(device, drives=self._below(device.path)) for device in devices]

    def _with_drives(self, mirror: Mirror) -> Mirror:
        members = [replace(member, drives=self._below(member.path)) for member in mirror.members]
        return replace(mirror, members=members)

    def _below(self, path: str) -> list[Drive] | None:
        names = self._under.get(path)
        return None if names is None else [self._known[name].told for name in names if name in self._known]

    # The watch.

    async def run(self, mirrors: Callable[[], Awaitable[Sequence[Mirror]]]) -> None:
        """Watch all mirrors, also while nobody looks at them. The task; ends when it is cancelled, the thread that it
        starts with the process.
        """
        threading.Thread(target=self._run, name="drives", daemon=True).start()
        while True:
            try:
                self._members = _members(await mirrors())
            except Exception:  # those that are known are watched on
                logger.exception("the mirrors could not be looked at for their disks")
            self._more.set()
            await asyncio.sleep(EVERY)

    def _run(self) -> None:
        while True:
            self._more.wait(1.0 if self._waiting() else EVERY / 4)
            self._more.clear()
            try:
                self.look()
            except Exception:  # a disk that was pulled at the wrong moment must not end the watch
                logger.exception("the disks under the members could not be asked")

    def _waiting(self) -> bool:
        return any(known.looking for known in self._known.values())

    def look(self) -> None:
        """Ask every disk that is due. Blocks on file systems, not on the disks: those answer later."""
        now = self._clock.monotonic()
        listed = [path for path, at in self._listed.items() if now - at < _LISTED_FOR]
        paths = {*self._members, *listed}
        self._under = {path: _disks(path) for path in sorted(paths)}
        wanted = {name for names in self._under.values() for name in names}
        self._known = {name: self._known.get(name) or _Known(Drive(name=name)) for name in sorted(wanted)}
        for name, known in self._known.items():
            self._attend(name, known, now)
        self._tell()

    def _attend(self, name: str, known: _Known, now: float) -> None:
        if known.looking:
            if known.looking.is_alive():
                if now - known.asked > ANSWERS_WITHIN:
                    silence = "it does not answer"
                    known.told = replace(
                        known.told, temperature=None, no_temperature=silence, failing=None, health=silence
                    )
                return
            known.looking = None
        if now - known.asked < EVERY:
            return
        before, known.activity = known.activity, drive.activity(name)
        if before == known.activity and drive.sleeps_at_times(name):
            return  # idle since: to ask would keep it from going to sleep
        known.asked = now
        known.looking = threading.Thread(target=self._ask, args=(name, known), name=name, daemon=True)
        known.looking.start()

    def _ask(self, name: str, known: _Known) -> None:
        """In a thread of the disk's own. The health first: it does not wake what sleeps."""
        now = self._clock.monotonic()
        if now - known.health_asked >= HEALTH_EVERY or known.health.asleep:
            known.health_asked = now
            known.health = drive.health(name)
        health = known.health
        warmth = drive.Warmth(None, health.words) if health.asleep else drive.temperature(name)
        celsius = warmth.celsius if warmth.celsius is not None else health.temperature
        known.told = Drive(
            name=name,
            asked=self._clock.now(),
            temperature=celsius,
            no_temperature="" if celsius is not None else warmth.why_not,
            failing=health.failing,
            health=health.words,
        )
        self._more.set()

    def _tell(self) -> None:
        """Of disks that say for the first time that they fail."""
        failing = set()
        for path, mirror in list(self._members.items()):
            for told in self._below(path) or ():
                if told.failing:
                    failing.add((path, told.name))
                    if (path, told.name) not in self._told_failing:
                        self._failing(mirror, path, told)
        self._told_failing = failing


def _members(mirrors: Iterable[Mirror]) -> dict[str, str]:
    """Of mirrors that run: paths, and whose they are."""
    return {
        member.path: mirror.name
        for mirror in mirrors
        for member in mirror.members
        if member.path and mirror.state != "stopped"
    }


def _disks(path: str) -> list[str]:
    """Names of the disks below; not of file systems that show none, nor of a loop device or a RAM disk."""
    found: Iterable[str] = physical.disks(path).values()
    return sorted(name for name in found if drive.exists(name))
