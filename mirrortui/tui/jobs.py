"""What copies, compares or repairs, and what did: made of mirrors, their checks and the events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mirrortui.api.answers import Event
from mirrortui.api.mirrors import CheckRun, Mirror, Sync
from mirrortui.tui import keymap
from mirrortui.tui.store import Picture
from mirrortui.tui.words import Face
from mirrortui.units import format_size

RUNNING: Final = Face("◐", "running", "working")
PAUSED: Final = Face("‖", "paused", "attention")
WAITING: Final = Face("○", "waiting", "attention")
DONE: Final = Face("✔", "done", "good")
DIFFERED: Final = Face("≠", "differed", "attention")
STOPPED_EARLY: Final = Face("-", "stopped early", "quiet")
STATES: Final = (RUNNING, PAUSED, WAITING, DONE, DIFFERED, STOPPED_EARLY)

_ENDS: Final = {
    "recovery-finished": ("recovery", DONE),
    "resync-finished": ("resync", DONE),
    "member-replaced": ("replacement", DONE),
    "sync-cancelled": ("sync", STOPPED_EARLY),
}
"""Events that end a job. Of checks and repairs mirrors themselves know more."""


@dataclass(frozen=True, slots=True)
class Job:
    """One of them."""

    key: str
    mirror: str
    what: str
    face: Face
    sync: Sync | None = None
    """How far it is, while it runs."""
    ended: float | None = None
    text: str = ""
    """Why it runs or waits, or how it ended."""


def jobs(picture: Picture) -> list[Job]:
    """What runs, what waits, then what ended, the latest first."""
    now = [job for mirror in picture.mirrors if (job := _current(mirror))]
    past = [_checked(mirror, run) for mirror in picture.mirrors for run in mirror.checks if run.ended]
    past += [job for event in picture.events if (job := _ended(event))]
    now.sort(key=lambda job: STATES.index(job.face))
    return [*now, *sorted(past, key=lambda job: -(job.ended or 0))]


def running(jobs: Iterable[Job]) -> int:
    """How many have not ended."""
    return sum(job.ended is None for job in jobs)


def _current(mirror: Mirror) -> Job | None:
    what = _kind(mirror)
    key = f"{mirror.name} now"
    if mirror.paused:
        return Job(key, mirror.name, what, PAUSED, mirror.sync, text=_resume())
    if mirror.sync:
        return Job(key, mirror.name, what, RUNNING, mirror.sync, text=mirror.sync.reason)
    if mirror.sync_action != "idle":
        return Job(key, mirror.name, what, RUNNING, text="just started")
    if any(member.state in ("recovering", "replacing") for member in mirror.members):
        return Job(key, mirror.name, what, WAITING, text=mirror.why or "begins as soon as it can")
    return None


def _resume() -> str:
    return f"{keymap.key('resume', 'P')} resumes it, {keymap.key('cancel', 'x')} cancels it"


def _kind(mirror: Mirror) -> str:
    if any(member.state == "replacing" for member in mirror.members):
        return "replacement"
    match mirror.sync_action:
        case "recover" | "idle":
            return "recovery"
        case "resync" | "check" | "repair" as action:
            return action


def _checked(mirror: Mirror, run: CheckRun) -> Job:
    face = STOPPED_EARLY if not run.complete else DIFFERED if run.differing > run.repaired else DONE
    key = f"{mirror.name} {run.action} {run.begun}"
    return Job(key, mirror.name, run.action, face, ended=run.ended, text=outcome(run))


def outcome(run: CheckRun) -> str:
    """What a check or a repair found, in words."""
    read = "" if run.complete else f"stopped at {format_size(run.position)} of {format_size(run.size)}; "
    found = f"{format_size(run.differing)} differed" if run.differing else "no difference"
    parts = [f"{read}{found}"]
    if run.repaired:
        parts.append(f"{format_size(run.repaired)} made equal")
    if run.unread:
        parts.append(f"{format_size(run.unread)} could not be compared")
    return ", ".join(parts)


def _ended(event: Event) -> Job | None:
    if event.kind not in _ENDS:
        return None
    what, face = _ENDS[event.kind]
    return Job(f"event {event.seq}", event.mirror, what, face, ended=event.time, text=event.text)
