"""Worlds that a FakeEngine can show: the states that an operator meets, frozen at one moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from mirrortui.api.answers import DeviceInfo, Event
from mirrortui.api.mirrors import Bitmap, CheckRun, Difference, Member, Mirror, Sync
from mirrortui.api.vocabulary import Severity
from mirrortui.testing.fake_devices import all_devices
from mirrortui.testing.fake_drives import failing
from mirrortui.testing.fake_mirrors import (
    cells,
    faulty,
    kernels,
    sdb,
    sdc,
    the_photos,
    the_scratch,
    the_vault,
    uri_of,
)
from mirrortui.units import GIB, KIB, MIB, TIB


@dataclass
class World:
    """What an engine would know."""

    mirrors: list[Mirror] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    devices: list[DeviceInfo] = field(default_factory=list)
    apart: set[str] = field(default_factory=set)
    """Mirrors whose members were used apart from each other."""


def healthy(now: float) -> World:
    """Three mirrors, nothing to do."""
    return _world([the_vault(now), the_photos(now), the_scratch(now)], _quiet_history(now))


def degraded(now: float) -> World:
    """A member of vault was failed; nothing takes its place."""
    members = [faulty("/dev/sdb", now), sdc(slot=1, write_rate=41 * MIB)]
    vault = the_vault(
        now,
        state="degraded",
        members=members,
        since=now - 849,
        bitmap=Bitmap(chunk=64 * MIB, dirty=311, chunks=32768),
        map=cells({range(40, 52): "d", range(150, 160): "d", range(201, 203): "d"}),
        why="/dev/sdb failed a write; one copy is left, on /dev/sdc.",
    )
    return _world(
        [vault, the_photos(now), the_scratch(now)], [*_quiet_history(now), _failed_a_write(now, "/dev/sdb")]
    )


def rebuilding(now: float) -> World:
    """vault lost a member and copies to its replacement: 42 % is done two minutes from now."""
    size = 2 * TIB
    done = size * 409 // 1000
    members = [
        sdb(slot=0),
        Member(
            path="/dev/sdc",
            slot=1,
            state="recovering",
            size=size,
            events=4131,
            recovered=done,
            write_rate=253 * MIB,
            latency=0.0020,
            since=now - 846,
        ),
        faulty("/dev/sda", now),
    ]
    vault = the_vault(
        now,
        state="degraded",
        sync_action="recover",
        sync=Sync(
            completed=done,
            total=size,
            speed=212 * MIB,
            eta_s=(size - done) / (212 * MIB),
            reason="/dev/sdc was added: full copy",
            limit="writes to /dev/sdc",
        ),
        members=members,
        since=now - 849,
        bitmap=Bitmap(chunk=64 * MIB, dirty=311, chunks=32768),
        map=cells({range(104, 106): "s", range(106, 256): "n"}),
        why="/dev/sda failed a write; /dev/sdc takes its place.",
    )
    history = [
        *_quiet_history(now),
        _failed_a_write(now, "/dev/sda"),
        _event(
            now - 846, "vault", "member-added", "info", "/dev/sdc was added; 2.00 TiB to copy.", "/dev/sdc"
        ),
        _event(now - 846, "vault", "recovery-started", "info", "Recovery of /dev/sdc started.", "/dev/sdc"),
    ]
    return _world([the_scratch(now), vault, the_photos(now)], history)


def failed(now: float) -> World:
    """vault has no data path any more; another mirror is well."""
    members = [
        faulty("/dev/sdb", now),
        Member(
            path="/dev/sdc",
            slot=1,
            state="missing",
            size=0,
            since=now - 92,
            why="gone from the system",
            events=4131,
        ),
    ]
    vault = the_vault(
        now,
        state="failed",
        members=members,
        since=now - 92,
        bitmap=None,
        clients=[],
        map=cells({range(256): "b"}),
        worker_pid=None,
        read_rate=0,
        write_rate=0,
        read_iops=0,
        write_iops=0,
        why="The last copy, /dev/sdc, is gone from the system; clients read and write errors.",
    )
    history = [
        *_quiet_history(now),
        _failed_a_write(now, "/dev/sdb"),
        _event(now - 92, "vault", "mirror-failed", "error", "/dev/sdc is gone; no copy is left.", "/dev/sdc"),
    ]
    return _world([vault, the_photos(now), the_scratch(now)], history)


def split(now: float) -> World:
    """vault was stopped, and each of its members was used without the other since."""
    vault = the_vault(
        now,
        state="stopped",
        clients=[],
        exports=[],
        worker_pid=None,
        **dict.fromkeys(("read_rate", "write_rate", "read_iops", "write_iops"), 0),
    )
    world = _world([vault, the_photos(now), the_scratch(now)], _quiet_history(now))
    world.apart.add(vault.name)
    return world


def empty(now: float) -> World:
    """An engine on its first day."""
    return _world([], [_event(now - 4, "", "engine-started", "info", "The engine started.")])


def several(now: float) -> World:
    """Many mirrors, several of them unwell, one wide, one with long paths."""
    wide = Mirror(
        name="archive-2026",
        uuid="0a0a0a0a:0b0b0b0b:0c0c0c0c:0d0d0d0d",
        size=16 * TIB,
        state="active",
        sync_action="resync",
        sync=Sync(
            completed=3 * TIB,
            total=16 * TIB,
            speed=480 * MIB,
            eta_s=13 * TIB / (480 * MIB),
            reason="the machine went down while writes were in flight",
            limit="the speed limit",
        ),
        events=77,
        mismatches=0,
        bitmap=Bitmap(chunk=256 * MIB, dirty=9000, chunks=65536),
        uri=uri_of("archive-2026"),
        members=[
            Member(
                path=f"/srv/storage/pool-{'abcd'[slot]}/mirrors/archive-2026/member-{slot}.img",
                slot=slot,
                state="in_sync",
                size=16 * TIB,
                events=77,
                read_rate=120 * MIB,
                write_rate=120 * MIB,
                latency=0.0009,
                since=now - 7200,
            )
            for slot in range(4)
        ],
        raid_disks=4,
        since=now - 7200,
        map=cells({range(48, 50): "s", range(50, 256): "n"}),
    )
    differs = the_photos(now, name="mail", mismatches=3 * MIB)
    stopped = the_scratch(now, name="attic", state="stopped", worker_pid=None)
    rest = [the_scratch(now, name=name) for name in ("builds", "cache", "db", "games", "home")]
    world = rebuilding(now)
    return World([*rest, stopped, *world.mirrors, wide, differs], world.events, world.devices)


def kernel(now: float) -> World:
    """Two arrays that the kernel runs, one of them degraded and one in a check, beside a mirror of ours."""
    root = kernels(
        the_photos(now),
        "md0",
        name="root",
        state="degraded",
        size=200 * GIB,
        members=[
            replace(
                faulty("/dev/nvme1n1p2", now),
                size=200 * GIB,
                why="the kernel threw it out; its log says why",
            ),
            Member(
                path="/dev/nvme0n1p2",
                slot=0,
                state="in_sync",
                size=200 * GIB,
                events=991,
                read_rate=31 * MIB,
                write_rate=8 * MIB,
                latency=0.0004,
            ),
        ],
        read_rate=31 * MIB,
        write_rate=8 * MIB,
        since=now - 849,
        bitmap=Bitmap(chunk=64 * MIB, dirty=61, chunks=3200),
        map=cells({range(20, 24): "d", range(90, 91): "d"}),
        why="/dev/nvme1n1p2 is faulty; one copy is left; add or re-add a member.",
    )
    size = 500 * GIB
    photos = kernels(
        the_photos(now),
        "md127",
        sync_action="check",
        sync=Sync(
            completed=size // 3,
            total=size,
            speed=180 * MIB,
            eta_s=size * 2 // 3 / (180 * MIB),
            reason="a check was asked for",
            limit="the system's limit, 195 MiB/s",
        ),
        map=cells({range(85, 86): "s"}),
    )
    return _world([the_vault(now), root, photos], _quiet_history(now))


def differs(now: float) -> World:
    """A check found that the members of two mirrors are not equal: of three one is odd, of two nobody can tell."""
    third = Member(path="/dev/sdg1", slot=2, state="in_sync", size=500 * GIB, since=now - 259_200)
    photos = the_photos(
        now, mismatches=20 << 10, raid_disks=3, checks=[_found(now, 500 * GIB, ["/dev/sde1"])]
    )
    photos = replace(photos, members=[*photos.members, third], map=cells({range(90, 91): "m"}))
    vault = the_vault(
        now, mismatches=20 << 10, checks=[_found(now, 2 * TIB, [])], map=cells({range(23, 24): "m"})
    )
    return _world([vault, photos, the_scratch(now)], _quiet_history(now))


def at_risk(now: float) -> World:
    """A disk under a member of vault says that it is failing."""
    vault = the_vault(now)
    vault = replace(vault, members=[vault.members[0], failing(vault.members[1], now)])
    return _world([vault, the_photos(now), the_scratch(now)], _quiet_history(now))


def _found(now: float, size: int, odd: list[str]) -> CheckRun:
    places = [(180 * GIB, 4096), (180 * GIB + 16384, 8192), (200 * GIB, 4096), (499 * GIB, 4096)]
    return CheckRun(
        action="check",
        begun=now - 7200,
        ended=now - 3600,
        complete=True,
        size=size,
        position=size,
        differing=sum(length for _, length in places),
        repaired=0,
        unread=0,
        ranges=[Difference(offset=offset, length=length, odd=odd) for offset, length in places],
    )


def worn(now: float) -> World:
    """vault was started with the fault lab, and a member of it lists bad blocks."""
    members = [sdb(slot=0), replace(sdc(slot=1), bad=64 * KIB)]
    return _world(
        [the_vault(now, members=members, lab={}), the_photos(now), the_scratch(now)], _quiet_history(now)
    )


STATES: dict[str, Callable[[float], World]] = {
    "healthy": healthy,
    "degraded": degraded,
    "rebuilding": rebuilding,
    "failed": failed,
    "split": split,
    "empty": empty,
    "several": several,
    "kernel": kernel,
    "differs": differs,
    "at-risk": at_risk,
    "worn": worn,
}
"""By name; each takes the time now, seconds since 1970 UTC."""


def _failed_a_write(now: float, path: str) -> Event:
    text = f"{path} failed a write at 1.20 TiB; it is out, nothing is lost."
    return _event(now - 849, "vault", "member-failed", "error", text, path)


def _quiet_history(now: float) -> list[Event]:
    return [
        _event(
            now - 86_410, "", "engine-started", "info", "The engine started; 3 workers were found running."
        ),
        _event(now - 86_000, "vault", "client-connected", "info", "qemu-system-x86 (pid 4711) connected."),
        _event(now - 9_020, "scratch", "mirror-created", "good", "scratch was created on 2 members."),
        _event(
            now - 8_700, "scratch", "resync-finished", "good", "Resync finished: 64.0 GiB compared and equal."
        ),
        _event(now - 3_100, "photos", "client-connected", "info", "nbdcopy (pid 9020) connected."),
        _event(now - 2_950, "photos", "client-left", "info", "nbdcopy (pid 9020) left."),
    ]


def _event(
    time: float, mirror: str, kind: str, severity: Severity, text: str, member: str | None = None
) -> Event:
    return Event(seq=0, time=time, mirror=mirror, kind=kind, severity=severity, text=text, member=member)


def _world(mirrors: list[Mirror], events: list[Event]) -> World:
    numbered = [replace(event, seq=seq) for seq, event in enumerate(events, start=1)]
    return World(mirrors, numbered, all_devices())
