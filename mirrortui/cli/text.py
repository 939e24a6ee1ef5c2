"""Mirrors, members and events as lines of text, for people. Glyph, word and colour say the same thing."""

from __future__ import annotations

import time
from collections.abc import Sequence

import rich_click as click

from mirrortui.api.answers import Event
from mirrortui.api.mirrors import Bitmap, Member, Mirror, Sync
from mirrortui.api.requests import SpeedRequest
from mirrortui.units import format_duration, format_latency, format_moment, format_rate, format_size

_STATES = {
    "clean": ("●", "green"),
    "active": ("●", "green"),
    "degraded": ("▲", "yellow"),
    "failed": ("✖", "red"),
    "readonly": ("●", "cyan"),
    "stopped": ("○", "bright_black"),
    "in_sync": ("●", "green"),
    "recovering": ("◐", "yellow"),
    "replacing": ("◐", "yellow"),
    "spare": ("○", "cyan"),
    "faulty": ("✖", "red"),
    "missing": ("?", "red"),
}
_SEVERITIES = {"info": ("·", ""), "good": ("●", "green"), "warning": ("▲", "yellow"), "error": ("✖", "red")}
_ACTIONS = {"recover": "recovery"}
"""md's words for actions where they are no nouns."""
_BAR = 24


def mirror_lines(mirror: Mirror) -> list[str]:
    """A mirror: how it is, why, what runs, where it is served, and its members."""
    if mirror.state == "stopped":
        members = ", ".join(member.path for member in mirror.members)
        return [_head(mirror), f"  members {members}"]
    lines = [f"{_head(mirror)}  {_copies(mirror)}"]
    if mirror.why:
        lines.append(f"  {mirror.why}")
    if mirror.sync:
        lines.append(f"  {_action(mirror):<9} {_sync(mirror.sync)}")
    lines += [f"  {warning}" for warning in _failing_drives(mirror)]
    lines += [f"  served at {export.uri}" + " (read-only)" * export.readonly for export in mirror.exports]
    if mirror.mismatches:
        lines.append(
            f"  {format_size(mirror.mismatches)} differ between the members, the last check found; "
            f'"mirrortui mismatches {mirror.name}" says where'
        )
    elif checked := _last_checked(mirror):
        lines.append(f"  {checked}")
    if mirror.driver == "kernel":
        lines.append(f"  run by the kernel, as {mirror.device}")
    if mirror.spare_policy:
        lines.append(f"  {mirror.spare_policy}")
    if mirror.write_behind:
        lines.append(f"  {_lag(mirror)}")
    lines.append(f"  {_users(mirror)}")
    if mirror.worker_pid and mirror.worker_memory:
        lines.append(f"  worker process {mirror.worker_pid}, {format_size(mirror.worker_memory)} of memory")
    return lines + [f"  {line}" for line in _members(mirror)]


def summary(mirror: Mirror) -> str:
    """A mirror in a sentence."""
    if mirror.state == "stopped":
        return f"{mirror.name} is stopped."
    doing = f", {_action(mirror)} {'paused' if mirror.paused else 'under way'}" if mirror.sync else ""
    return f"{mirror.name} is {mirror.state}: {_copies(mirror)}{doing}."


def common_speed(speed: SpeedRequest) -> str:
    """What all mirrors together may copy, in a sentence."""
    most = f"at most {format_size(speed.max)}/s" if speed.max else "as fast as they can"
    least = f", and get {format_size(speed.min)}/s beside busy clients" if speed.min else ""
    return f"All mirrors together copy {most}{least}."


def in_sync(mirror: Mirror) -> int:
    """How many members hold all the data."""
    return sum(member.state == "in_sync" for member in mirror.members)


def event_line(event: Event) -> str:
    """An event with its local time."""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.time))
    glyph, colour = _SEVERITIES[event.severity]
    return f"{when} {_styled(glyph, colour)} {event.mirror or '-':<10} {event.text}"


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Columns as wide as they must be; those listed in `right` align right. Styled cells keep their width."""
    widths = [max(len(click.unstyle(row[at])) for row in rows) for at in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = []
        for at, cell in enumerate(row):
            gap = " " * (widths[at] - len(click.unstyle(cell)))
            cells.append(gap + cell if at in right else cell + gap)
        lines.append("  ".join(cells).rstrip())
    return lines


def _head(mirror: Mirror) -> str:
    glyph, colour = _STATES[mirror.state]
    name = click.style(mirror.name, bold=True)
    paused = f", {_styled('paused', 'yellow')}" if mirror.paused else ""
    return f"{_styled(glyph, colour)} {name}  {format_size(mirror.size)}  {_styled(mirror.state, colour)}{paused}"


def _failing_drives(mirror: Mirror) -> list[str]:
    """Disks that say that they fail, in a sentence each."""
    found = [(member, drive) for member in mirror.members for drive in member.drives or () if drive.failing]
    return [
        f"{_styled('▲', 'yellow')} {drive.name}, the disk of {member.path}, says that it is failing: {drive.health}"
        for member, drive in found
    ]


def _last_checked(mirror: Mirror) -> str:
    """When all copies were last seen to be equal, as far as they could be read; empty where that is not known."""
    run = next((run for run in mirror.checks if run.complete), None)
    if run is None or run.ended is None or run.differing > run.repaired:
        return ""
    if run.unread:
        return (
            f"checked {format_moment(run.ended)}: {format_size(run.unread)} could not be compared, all else was equal; "
            f'"mirrortui check {mirror.name}" tries again'
        )
    return f"checked {format_moment(run.ended)}: all copies were equal"


def _action(mirror: Mirror) -> str:
    return _ACTIONS.get(mirror.sync_action, mirror.sync_action)


def _copies(mirror: Mirror) -> str:
    return f"{in_sync(mirror)} of {mirror.raid_disks} in sync"


def _sync(sync: Sync) -> str:
    part = sync.completed / sync.total if sync.total else 1.0
    filled = int(part * _BAR)
    bar = "█" * filled + "░" * (_BAR - filled)
    left = f"{format_duration(sync.eta_s)} to go" if sync.eta_s is not None else "time to go not known"
    left = "never at this write rate" if sync.endless else left
    limit = f", limited by {sync.limit}" if sync.limit else f", {sync.queued}" if sync.queued else ""
    # Rounded down: 100.0 % is said when it is done, not before.
    return f"{bar} {int(part * 1000) / 10:.1f} %  {format_rate(sync.speed)}, {left}{limit}. {sync.reason}".rstrip()


def _users(mirror: Mirror) -> str:
    parts = [_dirty(mirror.bitmap) if mirror.bitmap else "no bitmap"]
    parts.append(f"read {format_rate(mirror.read_rate)}, write {format_rate(mirror.write_rate)}")
    if mirror.driver == "mirrortui":  # who uses the kernel's it does not tell
        peers = ", ".join(client.peer for client in mirror.clients)
        count = f"{len(mirror.clients)} client{'s' * (len(mirror.clients) != 1)}"
        parts.insert(0, f"{count}: {peers}" if peers else count)
    return "; ".join(parts)


def _lag(mirror: Mirror) -> str:
    """How far write-mostly members may be behind, and are."""
    may = f"write-behind: write-mostly members may lag by {mirror.write_behind} writes"
    if not (lag := mirror.lag):
        return f"{may}; none does"
    count = f"{lag.writes} write{'s' * (lag.writes != 1)}"
    return f"{may}; {count} ({format_size(lag.bytes)}) under way for {format_latency(lag.seconds)}"


def _dirty(bitmap: Bitmap) -> str:
    dirty = "?" if bitmap.dirty is None else bitmap.dirty
    return f"{dirty} of {bitmap.chunks} chunks dirty"


def _members(mirror: Mirror) -> list[str]:
    if not mirror.members:
        return []
    timed = any(member.latency_p99 is not None for member in mirror.members)
    rows = [["slot", "", "member", "state", "size", *["p50", "p99"] * timed, "errors", ""]]
    for member in mirror.members:
        glyph, colour = _STATES[member.state]
        rows.append(
            [
                "-" if member.slot is None else str(member.slot),
                _styled(glyph, colour),
                member.path or "-",
                _styled(member.state.replace("_", " "), colour),
                format_size(member.size) if member.size else "-",
                *[_latency(member.latency_p50), _latency(member.latency_p99)] * timed,
                str(member.read_errors + member.write_errors),
                "; ".join([*_flags(member), *_warmth(member), *([member.why] if member.why else [])]),
            ]
        )
    return table(rows, right=(0, 4, 5, 6, 7) if timed else (0, 4, 5))


def _latency(seconds: float | None) -> str:
    return "-" if seconds is None else format_latency(seconds)


def _flags(member: Member) -> list[str]:
    return ["write-mostly"] * member.write_mostly + ["failfast"] * member.failfast


def _warmth(member: Member) -> list[str]:
    """How warm its disks are, as far as that is known."""
    return [f"{drive.temperature} °C" for drive in member.drives or () if drive.temperature is not None]


def _styled(text: str, colour: str) -> str:
    return click.style(text, fg=colour) if colour else text
