"""Worlds that a FakeEngine can show: the states that an operator meets, frozen at one moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from mirrortui.api.schema import (
    Bitmap,
    CheckRun,
    Client,
    DeviceInfo,
    Difference,
    Event,
    Export,
    Member,
    Mirror,
    Severity,
    Sync,
)
from mirrortui.testing.fake_drives import failing
from mirrortui.units import GIB, MIB, TIB

CELLS = 256
"""Cells in a mirror's map."""


def uri_of(mirror: str) -> str:
    """Where a mirror is served."""
    return f"nbd+unix:///{mirror}?socket=/run/mirrortui/engine.sock.d/{mirror}.nbd"


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
    return _world([_vault(now), _photos(now), _scratch(now)], _quiet_history(now))


def degraded(now: float) -> World:
    """A member of vault was failed; nothing takes its place."""
    members = [_faulty("/dev/sdb", now), _sdc(slot=1, write_rate=41 * MIB)]
    vault = _vault(
        now,
        state="degraded",
        members=members,
        since=now - 849,
        bitmap=Bitmap(chunk=64 * MIB, dirty=311, chunks=32768),
        map=_cells({range(40, 52): "d", range(150, 160): "d", range(201, 203): "d"}),
        why="/dev/sdb failed a write; one copy is left, on /dev/sdc.",
    )
    return _world(
        [vault, _photos(now), _scratch(now)], [*_quiet_history(now), _failed_a_write(now, "/dev/sdb")]
    )


def rebuilding(now: float) -> World:
    """vault lost a member and copies to its replacement: 42 % is done two minutes from now."""
    size = 2 * TIB
    done = size * 409 // 1000
    members = [
        _sdb(slot=0),
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
        _faulty("/dev/sda", now),
    ]
    vault = _vault(
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
        map=_cells({range(104, 106): "s", range(106, 256): "n"}),
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
    return _world([_scratch(now), vault, _photos(now)], history)


def failed(now: float) -> World:
    """vault has no data path any more; another mirror is well."""
    members = [
        _faulty("/dev/sdb", now),
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
    vault = _vault(
        now,
        state="failed",
        members=members,
        since=now - 92,
        bitmap=None,
        clients=[],
        map=_cells({range(256): "b"}),
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
    return _world([vault, _photos(now), _scratch(now)], history)


def split(now: float) -> World:
    """vault was stopped, and each of its members was used without the other since."""
    vault = _vault(
        now,
        state="stopped",
        clients=[],
        exports=[],
        worker_pid=None,
        **dict.fromkeys(("read_rate", "write_rate", "read_iops", "write_iops"), 0),
    )
    world = _world([vault, _photos(now), _scratch(now)], _quiet_history(now))
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
        map=_cells({range(48, 50): "s", range(50, 256): "n"}),
    )
    differs = _photos(now, name="mail", mismatches=3 * MIB)
    stopped = _scratch(now, name="attic", state="stopped", worker_pid=None)
    rest = [_scratch(now, name=name) for name in ("builds", "cache", "db", "games", "home")]
    world = rebuilding(now)
    return World([*rest, stopped, *world.mirrors, wide, differs], world.events, world.devices)


def kernel(now: float) -> World:
    """Two arrays that the kernel runs, one of them degraded and one in a check, beside a mirror of ours."""
    root = _kernels(
        _photos(now),
        "md0",
        name="root",
        state="degraded",
        size=200 * GIB,
        members=[
            replace(
                _faulty("/dev/nvme1n1p2", now),
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
        map=_cells({range(20, 24): "d", range(90, 91): "d"}),
        why="/dev/nvme1n1p2 is faulty; one copy is left; add or re-add a member.",
    )
    size = 500 * GIB
    photos = _kernels(
        _photos(now),
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
        map=_cells({range(85, 86): "s"}),
    )
    return _world([_vault(now), root, photos], _quiet_history(now))


def differs(now: float) -> World:
    """A check found that the members of two mirrors are not equal: of three one is odd, of two nobody can tell."""
    third = Member(path="/dev/sdg1", slot=2, state="in_sync", size=500 * GIB, since=now - 259_200)
    photos = _photos(now, mismatches=20 << 10, raid_disks=3, checks=[_found(now, 500 * GIB, ["/dev/sde1"])])
    photos = replace(photos, members=[*photos.members, third], map=_cells({range(90, 91): "m"}))
    vault = _vault(
        now, mismatches=20 << 10, checks=[_found(now, 2 * TIB, [])], map=_cells({range(23, 24): "m"})
    )
    return _world([vault, photos, _scratch(now)], _quiet_history(now))


def at_risk(now: float) -> World:
    """A disk under a member of vault says that it is failing."""
    vault = _vault(now)
    vault = replace(vault, members=[vault.members[0], failing(vault.members[1], now)])
    return _world([vault, _photos(now), _scratch(now)], _quiet_history(now))


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
}
"""By name; each takes the time now, seconds since 1970 UTC."""


def recovering(mirror: Mirror, path: str, *, total: int, reason: str) -> Mirror:
    """The mirror just after `path` was taken in and `total` bytes wait to be copied to it."""
    first = CELLS - -(-CELLS * total // mirror.size)
    return replace(
        mirror,
        state="degraded",
        sync_action="recover",
        sync=Sync(completed=0, total=total, speed=0, eta_s=None, reason=reason, limit=f"writes to {path}"),
        map=_cells({range(first, CELLS): "n"}),
        why=f"{path} is being rebuilt.",
    )


def _renamed(mirror: Mirror, **changes: object) -> Mirror:
    return replace(mirror, **changes, uri=uri_of(str(changes.get("name", mirror.name))))


def _kernels(mirror: Mirror, device: str, **changes: object) -> Mirror:
    """The same, run by the kernel."""
    changes = {"driver": "kernel", "device": f"/dev/{device}", "worker_pid": None, **changes}
    return replace(mirror, **changes, uri="", exports=[], clients=[])


def _vault(now: float, **changes: object) -> Mirror:
    vault = Mirror(
        name="vault",
        uuid="5b3dc1a0:9e1f4c77:0d2a6b18:c4e8f36a",
        size=2 * TIB,
        state="active",
        sync_action="idle",
        sync=None,
        events=4131,
        mismatches=0,
        bitmap=Bitmap(chunk=64 * MIB, dirty=12, chunks=32768),
        uri=uri_of("vault"),
        members=[_sdb(slot=0), _sdc(slot=1, read_rate=88 * MIB, write_rate=41 * MIB)],
        raid_disks=2,
        exports=[Export(uri=uri_of("vault"), kind="unix")],
        clients=[Client(peer="qemu-system-x86 (pid 4711)", since=now - 86_000)],
        read_rate=96 * MIB,
        write_rate=41 * MIB,
        read_iops=1540,
        write_iops=655,
        since=now - 86_400,
        map=_cells({range(52, 53): "d", range(180, 181): "d"}),
        worker_pid=2101,
    )
    return replace(vault, **changes)


def _photos(now: float, **changes: object) -> Mirror:
    photos = Mirror(
        name="photos",
        uuid="77f0c2d1:1b6e4a93:8f5d20ce:93ab6e41",
        size=500 * GIB,
        state="clean",
        sync_action="idle",
        sync=None,
        events=218,
        mismatches=0,
        bitmap=Bitmap(chunk=64 * MIB, dirty=0, chunks=8000),
        uri=uri_of("photos"),
        members=[
            Member(path=f"/dev/sd{letter}1", slot=slot, state="in_sync", size=500 * GIB, since=now - 259_200)
            for slot, letter in enumerate("de")
        ],
        raid_disks=2,
        since=now - 259_200,
        map=_cells({}),
        worker_pid=2102,
    )
    return _renamed(photos, **changes)


def _scratch(now: float, **changes: object) -> Mirror:
    scratch = Mirror(
        name="scratch",
        uuid="c0ffee00:5eed1234:a5a5a5a5:0badcafe",
        size=64 * GIB,
        state="clean",
        sync_action="idle",
        sync=None,
        events=36,
        mismatches=0,
        bitmap=Bitmap(chunk=64 * MIB, dirty=0, chunks=1024),
        uri=uri_of("scratch"),
        members=[
            Member(
                path=f"/srv/img/scratch-{side}.img",
                slot=slot,
                state="in_sync",
                size=64 * GIB,
                since=now - 9000,
            )
            for slot, side in enumerate("ab")
        ],
        raid_disks=2,
        since=now - 9000,
        map=_cells({}),
        worker_pid=2103,
    )
    return _renamed(scratch, **changes)


def _sdb(slot: int | None) -> Member:
    return Member(
        path="/dev/sdb",
        slot=slot,
        state="in_sync",
        size=2 * TIB,
        events=4131,
        read_rate=96 * MIB,
        write_rate=41 * MIB,
        latency=0.0012,
    )


def _sdc(slot: int | None, *, read_rate: int = 96 * MIB, write_rate: int = 0) -> Member:
    return Member(
        path="/dev/sdc",
        slot=slot,
        state="in_sync",
        size=2 * TIB,
        events=4131,
        read_rate=read_rate,
        write_rate=write_rate,
        latency=0.0014,
    )


def _faulty(path: str, now: float) -> Member:
    return Member(
        path=path,
        slot=None,
        state="faulty",
        size=2 * TIB,
        events=4128,
        write_errors=1,
        since=now - 849,
        why="write error at 1.20 TiB: Input/output error",
    )


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
    return World(mirrors, numbered, _devices())


def _devices() -> list[DeviceInfo]:
    return [
        DeviceInfo(path="/dev/sdg", size=2 * TIB, model="WDC WD20EFRX", serial="WD-4M21KX", transport="sata"),
        DeviceInfo(
            path="/dev/sdh",
            size=4 * TIB,
            model="ST4000VN008",
            serial="ZDH0A1",
            transport="sata",
            holds="ext4, label old",
            why_not="holds ext4, label old",
        ),
        DeviceInfo(
            path="/dev/sdf1",
            size=2 * TIB,
            model="WDC WD20EFRX",
            serial="WD-4M21KZ",
            transport="sata",
            parent="/dev/sdf",
            holds="ext4, label backup",
            why_not="mounted on /backup",
        ),
        DeviceInfo(
            path="/dev/sdb", size=2 * TIB, model="HGST HUS724020", transport="sata", why_not="member of vault"
        ),
        DeviceInfo(
            path="/dev/nvme0n1p2",
            size=930 * GIB,
            model="Samsung 980",
            transport="nvme",
            parent="/dev/nvme0n1",
            holds="swap",
            why_not="swap is on it",
        ),
        DeviceInfo(
            path="/dev/sdc",
            size=2 * TIB,
            model="HGST HUS724020",
            serial="PN2134P6",
            transport="sata",
            why_not="member of vault",
        ),
        DeviceInfo(
            path="/dev/sdf",
            size=4 * TIB,
            model="WDC WD20EFRX",
            serial="WD-4M21KZ",
            transport="sata",
            why_not="has partitions: sdf1",
        ),
        DeviceInfo(
            path="/dev/nvme0n1",
            size=931 * GIB,
            model="Samsung 980",
            serial="S64DNX0R",
            transport="nvme",
            why_not="has partitions: nvme0n1p2",
        ),
    ]


def _cells(marked: dict[range, str]) -> str:
    cells = ["."] * CELLS
    for where, letter in marked.items():
        for cell in where:
            cells[cell] = letter
    return "".join(cells)
