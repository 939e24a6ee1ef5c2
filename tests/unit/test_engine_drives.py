"""The disks under members are asked seldom, never woken, and nobody waits for them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.mirrors import Drive, Member, Mirror
from mirrortui.device import drive, physical
from mirrortui.device.smart import Health
from mirrortui.engine.drives import ANSWERS_WITHIN, EVERY, HEALTH_EVERY, DriveWatch
from mirrortui.engine.metrics import render
from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.testing.manual_clock import ManualClock

WELL = Health(False, "", 40)


@dataclass
class Disks:
    """Two disks of a machine, and how often each was asked."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    healths: dict[str, Health] = field(default_factory=dict)
    warmth: dict[str, drive.Warmth] = field(default_factory=dict)
    moves: int = 0
    motor: bool = True
    held: dict[str, threading.Event] = field(default_factory=dict)

    def temperature(self, disk: str) -> drive.Warmth:
        self.asked.append((disk, "temperature"))
        return self.warmth.get(disk, drive.Warmth(31))

    def health(self, disk: str) -> Health:
        self.asked.append((disk, "health"))
        if disk in self.held:
            self.held[disk].wait(20)
        return self.healths.get(disk, WELL)

    def count(self, disk: str, what: str) -> int:
        return self.asked.count((disk, what))


@pytest.fixture
def disks(monkeypatch: pytest.MonkeyPatch) -> Disks:
    found = Disks()
    monkeypatch.setattr(drive, "temperature", found.temperature)
    monkeypatch.setattr(drive, "health", found.health)
    monkeypatch.setattr(drive, "activity", lambda disk: str(found.moves))
    monkeypatch.setattr(drive, "sleeps_at_times", lambda disk: found.motor)
    monkeypatch.setattr(physical, "disks", lambda path: {8: path.removeprefix("/dev/")[:3]})
    monkeypatch.setattr(drive, "exists", lambda name: True)
    return found


def vault(*paths: str, state: str = "active") -> Mirror:
    mirror = FakeEngine("healthy").mirror("vault")
    members = [Member(path=path, slot=n, state="in_sync", size=1) for n, path in enumerate(paths)]
    return replace(mirror, members=members, state=state)


class Watched:
    """A watch whose threads are waited for."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.failing: list[tuple[str, str, Drive]] = []
        self.watch = DriveWatch(self.clock, lambda *told: self.failing.append(told))
        self.mirror = vault("/dev/sdb", "/dev/sdc1")
        self.watch.on([self.mirror])

    def round(self, after: float = 0.0) -> list[Drive | None]:
        """Look, let all answer but those that hang; what is known of each member's disk then."""
        self.clock.advance(after)
        self.watch.look()
        for known in self.watch._known.values():
            if known.looking:
                known.looking.join(0.3 if known.told.asked is None else 5)
        self.watch._tell()
        (mirror,) = self.watch.on([self.mirror])
        return [member.drives[0] if member.drives else None for member in mirror.members]


def test_members_get_what_their_disks_say(disks: Disks) -> None:
    watched = Watched()
    (before,) = watched.watch.on([watched.mirror])
    assert [member.drives for member in before.members] == [None, None]
    disks.warmth["sdc"] = drive.Warmth(None, "no sensor")
    first, second = watched.round()
    assert first == Drive(name="sdb", asked=watched.clock.now(), temperature=31, failing=False)
    assert second and second.temperature == 40  # smartctl's, where the kernel has no sensor
    disks.healths["sdc"] = Health(None, "smartctl is not installed")
    disks.moves += 1
    _, second = watched.round(after=HEALTH_EVERY)
    assert second and (second.temperature, second.no_temperature) == (None, "no sensor")
    assert (second.failing, second.health) == (None, "smartctl is not installed")


def test_they_are_asked_seldom(disks: Disks) -> None:
    watched = Watched()
    for _ in range(int(2 * HEALTH_EVERY / EVERY) * 2):
        disks.moves += 1
        watched.round(after=EVERY / 2)
    assert disks.count("sdb", "temperature") == 2 * HEALTH_EVERY / EVERY
    assert disks.count("sdb", "health") == 2


def test_a_disk_that_idles_is_not_kept_from_sleeping(disks: Disks) -> None:
    watched = Watched()
    for _ in range(5):
        (first, _) = watched.round(after=HEALTH_EVERY)
    assert disks.asked.count(("sdb", "temperature")) == 1
    assert first and first.asked and watched.clock.now() - first.asked == 4 * HEALTH_EVERY
    disks.motor = False
    watched.round(after=HEALTH_EVERY)
    assert disks.asked.count(("sdb", "temperature")) == 2


def test_one_that_sleeps_is_not_asked_how_warm_it_is(disks: Disks) -> None:
    disks.healths["sdb"] = Health(None, "not asked: it sleeps", asleep=True)
    watched = Watched()
    (first, _) = watched.round()
    assert first and first.no_temperature == "not asked: it sleeps"
    assert disks.count("sdb", "temperature") == 0
    del disks.healths["sdb"]
    disks.moves += 1  # somebody woke it
    (first, _) = watched.round(after=EVERY)
    assert first and first.temperature == 31


def test_one_that_hangs_delays_nobody_and_is_said_to(disks: Disks) -> None:
    disks.held["sdb"] = threading.Event()
    watched = Watched()
    first, second = watched.round()
    assert first and first.asked is None
    assert second and second.temperature == 31
    first, _ = watched.round(after=ANSWERS_WITHIN + 1)
    assert first and (first.no_temperature, first.health) == ("it does not answer",) * 2
    assert disks.count("sdb", "health") == 1  # and is not asked again meanwhile
    disks.held["sdb"].set()
    disks.moves += 1
    watched.watch._known["sdb"].looking.join(5)  # type: ignore[union-attr]
    first, _ = watched.round(after=EVERY)
    assert first and first.temperature == 31


def test_a_failing_disk_is_told_of_once(disks: Disks) -> None:
    watched = Watched()
    watched.round()
    disks.healths["sdc"] = Health(True, "past the limit: Reallocated_Sector_Ct")
    for _ in range(3):
        disks.moves += 1
        watched.round(after=HEALTH_EVERY)
    ((name, member, told),) = watched.failing
    assert (name, member, told.name, told.health) == (
        "vault",
        "/dev/sdc1",
        "sdc",
        "past the limit: Reallocated_Sector_Ct",
    )


def test_devices_that_are_no_members_are_asked_when_they_are_listed(disks: Disks) -> None:
    watched = Watched()
    device = DeviceInfo(path="/dev/sdd", size=1)
    assert watched.watch.on_devices([device])[0].drives is None
    watched.round()
    (listed,) = watched.watch.on_devices([device])
    assert listed.drives and listed.drives[0].temperature == 31
    watched.round(after=3600)
    assert watched.watch.on_devices([device])[0].drives is None  # nobody looked for an hour: it was let alone
    disks.asked.clear()


def test_stopped_mirrors_are_let_alone(disks: Disks) -> None:
    watch = DriveWatch(ManualClock())
    watch.on([vault("/dev/sdb", state="stopped")])
    watch.look()
    assert disks.asked == []


def test_what_is_not_known_is_not_in_the_metrics() -> None:
    unknown = Drive(name="sdb", asked=1.0, no_temperature="no sensor", health="smartctl is not installed")
    known = Drive(name="sdc", asked=1.0, temperature=0, failing=True, health="it expects to fail soon")
    mirror = vault("/dev/sdb", "/dev/sdc")
    members = [replace(m, drives=[d]) for m, d in zip(mirror.members, (unknown, known), strict=True)]
    text = render([replace(mirror, members=members)]).decode()
    lines = [line for line in text.splitlines() if line.startswith("mirrortui_drive_")]
    labels = '{drive="sdc",driver="mirrortui",member="/dev/sdc",mirror="vault"}'
    assert lines == [
        f"mirrortui_drive_temperature_celsius{labels} 0.0",
        f"mirrortui_drive_failing{labels} 1.0",
    ]
