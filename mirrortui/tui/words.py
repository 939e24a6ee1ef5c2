"""What states are called on the screen: a glyph, a word and a tone for each, and sentences made of them.

Any one of the three is enough to know the state: no glyph or word is used twice, and colour is never alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mirrortui.api.mirrors import Member, Mirror, Sync
from mirrortui.api.vocabulary import MemberState, Severity
from mirrortui.tui import drives, keymap
from mirrortui.tui.themes import Tone
from mirrortui.tui.wording import names_in, shorten
from mirrortui.units import format_duration, format_latency


@dataclass(frozen=True, slots=True)
class Face:
    """How a state shows."""

    glyph: str
    word: str
    tone: Tone


MEMBERS: Final[dict[MemberState, Face]] = {
    "in_sync": Face("●", "in sync", "good"),
    "recovering": Face("◐", "recovering", "working"),
    "replacing": Face("◑", "replacing", "working"),
    "spare": Face("○", "spare", "quiet"),
    "faulty": Face("✖", "faulty", "bad"),
    "missing": Face("?", "missing", "bad"),
}
"""A member's states."""

AT_REST: Final = Face("·", "stopped", "quiet")
"""A member of a mirror that is stopped: nobody has looked for it."""

CELLS: Final[dict[str, Face]] = {
    "b": Face("✖", "bad", "bad"),
    "m": Face("≠", "differs", "attention"),
    "s": Face("▣", "syncing", "working"),
    "n": Face("□", "to copy", "quiet"),
    "d": Face("◆", "dirty", "quiet"),
    ".": Face("■", "in sync", "good"),
}
"""The letters of a mirror's map, worst first."""

SEVERITIES: Final[dict[Severity, Face]] = {
    "error": Face("✖", "error", "bad"),
    "warning": Face("▲", "warning", "attention"),
    "good": Face("✔", "good", "good"),
    "info": Face("·", "info", "quiet"),
}
"""How an event is marked in the feed."""

_FAILED = Face("✖", "failed", "bad")
_DEGRADED = Face("▲", "degraded", "attention")
_DIFFERS = Face("≠", "differs", "attention")
_AT_RISK = Face("▼", "at risk", "attention")
_READONLY = Face("◇", "read-only", "attention")
_RESYNC = Face("◐", "resyncing", "working")
_REPLACE = Face("◒", "replacing", "working")
_CHECK = Face("◔", "checking", "working")
_REPAIR = Face("◑", "repairing", "working")
_HEALTHY = Face("●", "healthy", "good")
_STOPPED = Face("○", "stopped", "quiet")
MIRRORS: Final = (
    _FAILED,
    _DEGRADED,
    _DIFFERS,
    _AT_RISK,
    _READONLY,
    _REPAIR,
    _RESYNC,
    _REPLACE,
    _CHECK,
    _HEALTHY,
    _STOPPED,
)
"""A mirror's states, worst first."""

_CALM = (_HEALTHY, _STOPPED, _CHECK)


def mirror_face(mirror: Mirror) -> Face:
    """How the mirror is, in one word."""
    match mirror.state:
        case "failed":
            return _FAILED
        case "degraded":
            return _DEGRADED
        case "stopped":
            return _STOPPED
        case "readonly":
            return _READONLY
        case "clean" | "active":
            return _in_service(mirror)


def member_face(member: Member, mirror: Mirror) -> Face:
    """How the member is, in one word."""
    unseen = member.state == "missing" and mirror.state == "stopped"
    return AT_REST if unseen else MEMBERS[member.state]


def _in_service(mirror: Mirror) -> Face:
    match mirror.sync_action:
        case "recover" if any(member.state == "replacing" for member in mirror.members):
            return _REPLACE
        case "resync" | "recover":
            return _RESYNC
        case "repair":
            return _REPAIR
        case "idle" if mirror.mismatches:
            return _DIFFERS
        case "check" | "idle" if drives.worried(mirror):
            return _AT_RISK
        case "check":
            return _CHECK
        case "idle":
            return _HEALTHY


def rank(mirror: Mirror) -> tuple[int, bool, str]:
    """Sort key: worst first; of equals, those that nobody repairs first, then by name."""
    return MIRRORS.index(mirror_face(mirror)), mirror.sync is not None, mirror.name


def sentence(mirror: Mirror, now: float) -> str:
    """What is wrong, since when, what is being done, when it is over: follows the mirror's name."""
    copies = f"{in_sync(mirror)} of {mirror.raid_disks} in sync"
    since = "" if mirror.since is None else f" since {_moment(mirror.since, now)}"
    match mirror_face(mirror):
        case Face(word="failed"):
            return f"has failed{since}: {_lower(shorten(mirror.why, names_in(mirror))) or 'no copy can be reached'}"
        case Face(word="degraded") if mirror.sync:
            return f"is degraded{since}: {copies}, {_ends('safe again', 'rebuilding', mirror.sync)}"
        case Face(word="degraded") if mirror.paused:
            return f"is degraded{since}: {copies}, and paused: {keymap.key('resume', 'P')} resumes it"
        case Face(word="degraded") if any(member.state == "recovering" for member in mirror.members):
            return f"is degraded{since}: {copies}, rebuilding"
        case Face(word="degraded"):
            return f"is degraded{since}: {copies}, {keymap.key('fix', 'F')} fixes it"
        case Face(word="differs"):
            return (
                f"differs between its members; a check found it, {keymap.key('mismatches', 'D')} shows where"
            )
        case Face(word="at risk"):
            return f"is whole, but {drives.short_worry(mirror)}, {keymap.key('fix', 'F')} fixes it"
        case Face(word="read-only"):
            return f"is read-only{since}: {copies}"
        case Face(word="resyncing") if mirror.sync:
            return f"is resyncing its members, {_ends('done', 'just started', mirror.sync)}"
        case Face(word="replacing") if mirror.sync:
            return f"is whole and replaces a member, {_ends('done', 'just started', mirror.sync)}"
        case face:
            return f"is {face.word}"


def headline(mirrors: Sequence[Mirror], now: float) -> tuple[Face, str]:
    """One sentence for all mirrors, worst first given: the worst one's, and how many others want attention."""
    if not mirrors:
        return Face("○", "empty", "quiet"), "no mirror yet"
    unwell = [mirror for mirror in mirrors if mirror_face(mirror) not in _CALM]
    if unwell:
        others = f"; {len(unwell) - 1} more below" if len(unwell) > 1 else ""
        return mirror_face(unwell[0]), f"{unwell[0].name} {sentence(unwell[0], now)}{others}"
    stopped = sum(mirror.state == "stopped" for mirror in mirrors)
    match len(mirrors) - stopped:
        case 0:
            return _STOPPED, "every mirror is stopped"
        case 1:
            words = next(f"{mirror.name} is healthy" for mirror in mirrors if mirror.state != "stopped")
        case well:
            words = f"{well} mirrors are healthy" if stopped else f"all {well} mirrors are healthy"
    return _HEALTHY, f"{words}, {stopped} stopped" if stopped else words


def in_sync(mirror: Mirror) -> int:
    """How many members hold everything."""
    return sum(member.state == "in_sync" for member in mirror.members)


def member_name(member: Member) -> str:
    """Its path; of one that is missing nobody may know it."""
    return member.path or "(unknown)"


def clock_time(at: float) -> str:
    """Local wall time, ``"14:02:11"``."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def stamp(at: float, now: float) -> str:
    """When an event was, eight cells wide: the time today, the date before."""
    return clock_time(at) if _same_day(at, now) else _date(at).rjust(8)


def age(seconds: float) -> str:
    """``"8 s"``, ``"5 min"``, ``"3 h"``, ``"12 days"``: how long ago, roughly."""
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def latency(seconds: float | None) -> str:
    """``"1.20 ms"``, at most seven cells; a dash when idle."""
    if seconds is None:
        return "-"
    if seconds >= 999.5:
        return "> 999 s"
    return format_latency(seconds)


def percent(completed: int, total: int) -> str:
    """``" 42.1 %"``, seven cells; 100 only when it is whole."""
    share = 1000 if total <= 0 else min(1000, completed * 1000 // total)
    return f"{share / 10:5.1f} %"


def counted(number: int, noun: str) -> str:
    """``"1 client"``, ``"2 clients"``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _ends(what: str, running: str, sync: Sync) -> str:
    if sync.eta_s is not None:
        return f"{what} in {format_duration(sync.eta_s)}"
    return "no end in sight at this rate" if sync.speed else running


def _moment(at: float, now: float) -> str:
    """As short as a sentence wants it: ``"13:48"`` today, ``"12 Mar"`` before."""
    return clock_time(at)[:5] if _same_day(at, now) else _date(at)


def _date(at: float) -> str:
    return time.strftime("%d %b", time.localtime(at)).lstrip("0")


def _same_day(one: float, other: float) -> bool:
    return time.localtime(one)[:3] == time.localtime(other)[:3]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".") if text else ""
