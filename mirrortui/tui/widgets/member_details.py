"""What a member is and what it has been through, below its row."""

from __future__ import annotations

from textual.content import Content

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.mirrors import Member
from mirrortui.tui import drives
from mirrortui.tui.drawing import printable, row
from mirrortui.tui.words import latency
from mirrortui.units import SECTOR, format_moment, format_size

_INDENT = " " * 9
_SIZED = 100
"""Cells from which on the table has a column for the size."""
_DOT = Content(" · ").stylize("$quiet")


def details(member: Member, device: DeviceInfo | None, now: float, width: int) -> list[Content]:
    """In as few lines as they take."""
    folded: list[Content] = []
    line = Content("")
    for part in _parts(member, device, now, sized=width >= _SIZED):
        if line and len(_INDENT) + line.cell_length + len(_DOT) + part.cell_length > width - 1:
            folded.append(line)
            line = Content("")
        line = row(line, _DOT, part) if line else part
    return [row(_INDENT, line) for line in [*folded, line] if line]


def _parts(member: Member, device: DeviceInfo | None, now: float, *, sized: bool) -> list[Content]:
    """`sized`: the size is said elsewhere."""
    parts = [_plain(part) for part in _identity(member, device, sized)]
    parts += [_plain(f"events {member.events}"), _errors(member)]
    if member.latency_p50 is not None:
        parts.append(_plain(f"p50 {latency(member.latency_p50)}, p99 {latency(member.latency_p99)}"))
    parts += [_plain(flag) for flag in flags(member)]
    parts += [Content(printable(said)).stylize(f"${tone}") for said, tone in _drives(member, now)]
    if member.bad:
        parts.append(Content(f"{format_size(member.bad)} in its bad-block log").stylize("$attention"))
    if member.since is not None and member.state not in (
        "faulty",
        "missing",
    ):  # those say it beside their names
        parts.append(_plain(f"since {format_moment(member.since)[:16]}"))
    return parts


def _drives(member: Member, now: float) -> list[drives.Said]:
    """Of an image on a disk that tells nothing nothing is said: there is nothing to do about it here."""
    own = member.path.startswith("/dev/")
    known = any(drive.temperature is not None or drive.failing is not None for drive in member.drives or ())
    return drives.told(member.drives, now, named=own) if own or known else []


def flags(member: Member) -> list[str]:
    """What is set for it."""
    given = {"write-mostly": member.write_mostly, "failfast": member.failfast}
    return [flag for flag, is_set in given.items() if is_set]


def _identity(member: Member, device: DeviceInfo | None, sized: bool) -> list[str]:
    size = "" if sized or not member.size else format_size(member.size)
    if device is None:
        kind = "image file" if member.path.startswith("/") and not member.path.startswith("/dev/") else ""
        return [part for part in (kind, size) if part]
    serial = f"serial {device.serial}" if device.serial else ""
    parts = (device.model, serial, device.transport, size)
    return [printable(part) for part in parts if part]


def _plain(text: str) -> Content:
    return Content(text).stylize("$quiet")


def _errors(member: Member) -> Content:
    any_ = member.read_errors or member.write_errors or member.corrected
    corrected = format_size(member.corrected * SECTOR) if member.corrected else "nothing"
    told = f"errors: {member.read_errors} read, {member.write_errors} write, {corrected} corrected"
    return Content(told).stylize("$attention" if any_ else "$quiet")
