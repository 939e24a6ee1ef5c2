"""A device's MD superblocks erased, without an engine: afterwards nobody takes it for a member of anything."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from mirrortui.api.answers import Plan
from mirrortui.api.consent import command
from mirrortui.api.vocabulary import TIMEOUT
from mirrortui.device.base import Device
from mirrortui.device.buffers import Pool
from mirrortui.device.claims import refused
from mirrortui.device.file import FileDevice
from mirrortui.device.ioengine import IoEngine
from mirrortui.device.looks import look
from mirrortui.device.opening import open_engine, open_member
from mirrortui.device.probe import Peek
from mirrortui.errors import ChangedError, InUseError, MirrortuiError, RefusedError
from mirrortui.format import lookup
from mirrortui.format.names import printable
from mirrortui.format.superblock import format_uuid
from mirrortui.mirror.assembly.reading import find_superblocks
from mirrortui.mirror.birth.erase import erase_superblocks
from mirrortui.units import format_moment
from mirrortui.worker.loop import Loop


def plan(path: str) -> Plan:
    """What erasing the superblocks of a device would take away; nothing is written.

    Raises MemberError for what cannot be read, InUseError for what somebody uses, RefusedError where there is none.
    """
    found = look(path, _find)
    doomed = [one for one in found if one.for_this_device]
    if not doomed:
        raise RefusedError(f"{path} has no MD superblock; nothing was written.", hint=_left(found))
    return Plan(
        verb="zero-superblock",
        mirror=doomed[0].superblock.label if doomed[0].superblock else "",
        title=f"Erase the MD superblock{'s' * (len(doomed) > 1)} of {path}",
        copies="nothing",
        erases=[_describe(one) for one in doomed],
        meanwhile="it belongs to no mirror that runs",
        afterwards=f"{path} is no member of anything; its data stays where it is, and nothing tells where that is",
        command=command("zero-superblock", path, yes=True),
        confirm="yes",
        refused=None,
        counts={path: doomed[0].superblock.events if doomed[0].superblock else 0},
        notes=[_left(found)] if len(doomed) < len(found) else [],
    )


def _find(path: str) -> tuple[lookup.Found, ...]:
    with Peek(path, fresh=True) as peek:
        if use := peek.use():
            raise refused(path, use.reason, use.hint, InUseError)
        return lookup.find(peek.read, peek.size, path)


def carry_out(found: Plan, path: str) -> None:
    """Erase them, each durably, the one that counts last. Raises what `plan` raises, ChangedError if it is not what was
    planned any more, MemberError if the device does not take it.
    """

    async def act(device: Device) -> None:
        superblocks, unread = await find_superblocks(device, pool)
        for problem in unread.values():
            raise problem
        doomed = [one for one in superblocks if one.for_this_device]
        if [_describe(one) for one in doomed] != found.erases:
            raise ChangedError(f"{path} has changed since this was planned; nothing was written.")
        await erase_superblocks(device, pool)

    pool = Pool()
    _on_device(path, act)


def _on_device(path: str, act: Callable[[Device], Coroutine[Any, Any, None]]) -> None:
    """Run a task of the mirror's on a device that nobody else may use meanwhile."""
    engine = open_engine("threads")
    loop = Loop(engine)
    problems: list[MirrortuiError] = []

    async def guarded(device: Device) -> None:
        try:
            await act(device)
        except MirrortuiError as problem:
            problems.append(problem)
        loop.stop()

    try:
        device = look(path, lambda path: _open(path, engine), lambda device: os.close(device.fd))
        try:
            loop.executor.spawn(guarded(device))
            loop.run()
        finally:
            device.close()
    finally:
        loop.close()
        engine.close()
    if problems:
        raise problems[0]


def _open(path: str, engine: IoEngine) -> FileDevice:
    """Past the page cache, which may show what a disk held before the kernel's md wrote to it."""
    return open_member(path, engine, direct=stat.S_ISBLK(Path(path).stat().st_mode), timeout=TIMEOUT)


def _describe(found: lookup.Found) -> str:
    where = f"the v{found.version} superblock at byte {found.offset}"
    sb = found.reading
    if sb is None:
        return f"{where}, which nothing is known of."
    damaged = "" if found.superblock else ", damaged"
    return (
        f"{where}{damaged}: a member of {printable(sb.set_name) or 'an array without a name'} "
        f"({format_uuid(sb.set_uuid)}), written last {format_moment(found.age[1])}, events {sb.events}."
    )


def _left(found: tuple[lookup.Found, ...]) -> str:
    """What is not erased, because it may be content."""
    left = [one for one in found if not one.for_this_device]
    return " ".join(
        f"What looks like a v{one.version} superblock at byte {one.offset} was not written for this device, and stays."
        for one in left
    )
