"""What got worse from one picture to the next, in sentences. Never what was so when the screen opened."""

from __future__ import annotations

from dataclasses import dataclass

from textual.notifications import SeverityLevel

from mirrortui.api.mirrors import Member, Mirror
from mirrortui.tui.config import Desktop
from mirrortui.tui.drawing import printable
from mirrortui.tui.drives import worry
from mirrortui.tui.store import Picture
from mirrortui.tui.wording import names_in, shorten
from mirrortui.tui.words import member_name

_BY_HAND = "by the operator"
_GRAVITY = {"failed": 2, "degraded": 1}


@dataclass(frozen=True, slots=True)
class Alarm:
    """One mirror's news."""

    title: str
    text: str
    severity: SeverityLevel
    loud: bool
    """Somebody should look up from something else."""


def alarms(before: Picture, now: Picture) -> list[Alarm]:
    """One a mirror, worst first."""
    if before.taken is None or now.taken is None:
        return []
    news = []
    for mirror in now.mirrors:
        known = before.mirror(mirror.name)
        if known is not None and (alarm := _compare(known, mirror)):
            news.append(alarm)
    return news


def on_desktop(alarm: Alarm, how: Desktop) -> str:
    """What the terminal is sent to show it beyond its window; empty: nothing."""
    title, text = _harmless(alarm.title), _harmless(alarm.text)
    match how:
        case "off":
            return ""
        case "osc9":
            return f"\x1b]9;{title}: {text}\x1b\\"
        case "osc777":
            return f"\x1b]777;notify;{title};{text}\x1b\\"


def _harmless(text: str) -> str:
    """Without what would end the sequence."""
    return printable(text).replace(";", ",")


def _compare(before: Mirror, now: Mirror) -> Alarm | None:
    lost = _newly_out(before, now)
    gravity, past = _GRAVITY.get(now.state, 0), _GRAVITY.get(before.state, 0)
    if lost and all(_BY_HAND in member.why for member in lost) and now.state != "failed":
        return None  # he sees it
    names = names_in(now)
    if gravity > past:
        text = shorten(now.why, names) or _told(lost)
        severity: SeverityLevel = "error" if now.state == "failed" else "warning"
        return Alarm(f"{now.name} {_WORDS[now.state]}", text, severity, loud=True)
    if lost and now.state != "stopped":
        return Alarm(f"{now.name} lost a member", shorten(_told(lost), names), "warning", loud=True)
    if (risk := worry(now)) and not worry(before):
        return Alarm(f"{now.name} is at risk", f"{risk}.", "warning", loud=True)
    if past and not gravity and now.state in ("clean", "active"):
        return Alarm(f"{now.name} is healthy again", "All members are in sync.", "information", loud=False)
    return None


_WORDS = {"failed": "has failed", "degraded": "is degraded"}


def _newly_out(before: Mirror, now: Mirror) -> list[Member]:
    """Members that served, or were being filled, and do not any more."""
    out = {member.path for member in before.members if member.state in ("faulty", "missing")}
    known = {member.path for member in before.members}
    return [
        member
        for member in now.members
        if member.state in ("faulty", "missing") and member.path in known - out
    ]


def _told(lost: list[Member]) -> str:
    return "; ".join(f"{member_name(member)}: {member.why or member.state}" for member in lost)
