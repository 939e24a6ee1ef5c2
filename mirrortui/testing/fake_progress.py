"""Time that passes for the mirrors of a FakeEngine."""

from __future__ import annotations

import math

from msgspec.structs import replace

from mirrortui.api.mirrors import Mirror, Sync
from mirrortui.testing.fake_mirrors import CELLS
from mirrortui.units import MIB

_SPEED = 212 * MIB
"""Bytes a second of a sync that begins here."""


def moved(mirror: Mirror, now: float, elapsed: float) -> Mirror:
    """The mirror after `elapsed` seconds: rates waver, a sync gets on and ends."""
    waver = 1 + 0.2 * math.sin(now / 3) + 0.1 * math.sin(now / 0.7)
    if mirror.clients:
        read, write = int(96 * waver) * MIB, int(41 * waver) * MIB
        members = [
            replace(member, read_rate=read, write_rate=write) if member.state == "in_sync" else member
            for member in mirror.members
        ]
        mirror = replace(mirror, read_rate=read, write_rate=write, members=members)
    if mirror.sync is None:
        return mirror
    speed = mirror.sync.speed or _SPEED
    completed = min(mirror.sync.total, mirror.sync.completed + int(speed * elapsed))
    if completed == mirror.sync.total:
        return _finished(mirror)
    sync = replace(
        mirror.sync, completed=completed, speed=speed, eta_s=(mirror.sync.total - completed) / speed
    )
    members = [
        replace(member, recovered=mirror.size - sync.total + completed)
        if member.state in ("recovering", "replacing")
        else member
        for member in mirror.members
    ]
    return replace(mirror, sync=sync, members=members, map=_progress(mirror, sync))


def _finished(mirror: Mirror) -> Mirror:
    replaced = {member.slot for member in mirror.members if member.state == "replacing"}
    members = [
        replace(member, state="in_sync", recovered=None, why="")
        if member.state in ("recovering", "replacing")
        else member
        for member in mirror.members
        if member.slot not in replaced or member.state == "replacing"
    ]
    return replace(
        mirror, state="active", sync_action="idle", sync=None, members=members, map="." * CELLS, why=""
    )


def _progress(mirror: Mirror, sync: Sync) -> str:
    """The map when `sync` has got that far: what it passed is in sync, it stands at the next cells."""
    left = -(-CELLS * (sync.total - sync.completed) // mirror.size)
    done = CELLS - left
    rest = "n" if mirror.sync_action in ("recover", "resync") else "."
    return "." * done + "".join("s" if cell < done + 2 else rest for cell in range(done, CELLS))
