"""The mirrors of a FakeEngine's worlds, and their members, healthy or not."""

from __future__ import annotations

from msgspec.structs import replace

from mirrortui.api.mirrors import Bitmap, Client, Export, Member, Mirror, Sync
from mirrortui.units import GIB, MIB, TIB

CELLS = 256
"""Cells in a mirror's map."""


def uri_of(mirror: str) -> str:
    """Where a mirror is served."""
    return f"nbd+unix:///{mirror}?socket=/run/mirrortui/engine.sock.d/{mirror}.nbd"


def recovering(mirror: Mirror, path: str, *, total: int, reason: str) -> Mirror:
    """The mirror just after `path` was taken in and `total` bytes wait to be copied to it."""
    first = CELLS - -(-CELLS * total // mirror.size)
    return replace(
        mirror,
        state="degraded",
        sync_action="recover",
        sync=Sync(completed=0, total=total, speed=0, eta_s=None, reason=reason, limit=f"writes to {path}"),
        map=cells({range(first, CELLS): "n"}),
        why=f"{path} is being rebuilt.",
    )


def renamed(mirror: Mirror, **changes: object) -> Mirror:
    """Changed, and served by its name."""
    return replace(mirror, **changes, uri=uri_of(str(changes.get("name", mirror.name))))


def kernels(mirror: Mirror, device: str, **changes: object) -> Mirror:
    """The same, run by the kernel."""
    changes = {"driver": "kernel", "device": f"/dev/{device}", "worker_pid": None, **changes}
    return replace(mirror, **changes, uri="", exports=[], clients=[])


def the_vault(now: float, **changes: object) -> Mirror:
    """The one that most happens to."""
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
        members=[sdb(slot=0), sdc(slot=1, read_rate=88 * MIB, write_rate=41 * MIB)],
        raid_disks=2,
        exports=[Export(uri=uri_of("vault"), kind="unix")],
        clients=[Client(peer="qemu-system-x86 (pid 4711)", since=now - 86_000)],
        read_rate=96 * MIB,
        write_rate=41 * MIB,
        read_iops=1540,
        write_iops=655,
        since=now - 86_400,
        map=cells({range(52, 53): "d", range(180, 181): "d"}),
        worker_pid=2101,
    )
    return replace(vault, **changes)


def the_photos(now: float, **changes: object) -> Mirror:
    """Another, smaller one."""
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
        map=cells({}),
        worker_pid=2102,
    )
    return renamed(photos, **changes)


def the_scratch(now: float, **changes: object) -> Mirror:
    """Nobody uses it."""
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
        map=cells({}),
        worker_pid=2103,
    )
    return renamed(scratch, **changes)


def sdb(slot: int | None) -> Member:
    """It is read from, and written to."""
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


def sdc(slot: int | None, *, read_rate: int = 96 * MIB, write_rate: int = 0) -> Member:
    """The other one."""
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


def faulty(path: str, now: float) -> Member:
    """One that failed."""
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


def cells(marked: dict[range, str]) -> str:
    """A map with these cells marked."""
    cells = ["."] * CELLS
    for where, letter in marked.items():
        for cell in where:
            cells[cell] = letter
    return "".join(cells)
