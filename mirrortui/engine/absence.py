"""A mirror that has no worker: how it looks from what is remembered of it, and what brings it back."""

from __future__ import annotations

from mirrortui.api.answers import Plan
from mirrortui.api.mirrors import Member, Mirror
from mirrortui.api.paths import Paths
from mirrortui.api.requests import AssembleRequest
from mirrortui.engine.state import Remembered
from mirrortui.errors import RefusedError
from mirrortui.worker.messages import Job


def shown(name: str, memory: Remembered | None, why: str, *, down: bool) -> Mirror:
    """How a mirror without a worker looks. `down`: it should run, and `why` tells why it does not."""
    memory = memory or Remembered(name=name, uuid="", members=[], size=0)
    return Mirror(
        name=name,
        uuid=memory.uuid,
        size=memory.size,
        state="failed" if down else "stopped",
        sync_action="idle",
        sync=None,
        events=0,
        mismatches=0,
        bitmap=None,
        uri="",
        members=[Member(path=path, slot=None, state="missing", size=0) for path in memory.members],
        raid_disks=len(memory.members),
        timeout=memory.timeout,
        why=why or ("It is not running." if down else "It was stopped."),
    )


def job_for(memory: Remembered, paths: Paths) -> Job:
    """What its worker must be told to run it again."""
    name = memory.name
    return Job(
        name=name,
        control=str(paths.control(name)),
        nbd=str(paths.export(name)),
        assemble=AssembleRequest(
            name=name,
            members=memory.members,
            readonly=memory.readonly,
            direct=memory.direct,
            timeout=memory.timeout,
            lab=memory.lab,
        ),
        exports=memory.exports,
        checks=str(paths.checks(name)),
        departed=str(paths.departed(name)),
        uuid=memory.uuid,
        remembered=True,
    )


def surrender(name: str, memory: Remembered | None, progress: str, trouble: str) -> Plan:
    """What stopping means for a mirror whose worker is dead, or does not run it yet (`progress`: what it is at).

    Raises RefusedError if it was stopped before.
    """
    if not progress and not (memory and memory.running):
        raise RefusedError(f"{name} does not run.", hint=f'"mirrortui assemble {name}" would start it.')
    return Plan(
        verb="stop",
        mirror=name,
        title=f"Give up copying for {name}" if progress else f"Stop trying to assemble {name}",
        copies="nothing",
        erases=[],
        meanwhile=progress or trouble,
        afterwards=f"{name} is stopped",
        command=f"mirrortui stop {name}",
        confirm="none",
        refused=None,
    )
