"""The members of one mirror, as they are now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.mirrors import Member, Mirror
from mirrortui.tui.drawing import Align, Fitted, cell, graph, lines, path_cell, printable, row
from mirrortui.tui.drives import failing
from mirrortui.tui.store import Picture, Rates
from mirrortui.tui.widgets.member_details import details
from mirrortui.tui.widgets.row_list import Row, RowList
from mirrortui.tui.words import MEMBERS, Face, clock_time, latency, member_face, member_name, percent
from mirrortui.units import format_rate, format_size

_LONGEST_PATH = 48
"""Cells beyond which the eye loses the line."""
_PATH = 18
"""Cells that a path should have before more columns are shown."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a row is about."""

    member: Member
    face: Face
    rates: Rates
    now: float
    filled: str = ""
    """How far it is filled, if it is being filled."""


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    width: int
    draw: Callable[[_Shown, int], Content]
    align: Align = "left"
    about_now: bool = False
    """Left out for members that are out: their note takes the room of all these."""


def member_key(member: Member) -> str:
    """Tells rows apart, also those of members whose paths nobody knows."""
    return member.path or f"slot {member.slot}"


class MemberTable(Vertical):
    """A header and one row a member."""

    def __init__(
        self, rows: str = "members", device: Callable[[str], DeviceInfo | None] | None = None
    ) -> None:
        """`rows`: id of the list. With `device`, which tells what is known of a path, each row has all details."""
        super().__init__()
        self._rows = rows
        self._device = device

    def compose(self) -> ComposeResult:
        yield Static(Fitted(_header), classes="member-header")
        yield RowList(id=self._rows)

    def draw(self, picture: Picture, mirror: Mirror | None) -> None:
        """Show this mirror's members."""
        rows = []
        for member in mirror.members if mirror else ():
            assert mirror
            rates = picture.rates.get((mirror.name, member.path), Rates())
            shown = _Shown(member, member_face(member, mirror), rates, picture.now, _filled(member, mirror))
            draw = partial(_draw, shown)
            if self._device:
                draw = partial(_draw_in_full, shown, self._device(member.path))
            rows.append(Row(member_key(member), Fitted(draw)))
        self.query_one(RowList).show(rows)


def _draw(shown: _Shown, width: int) -> Content:
    """A member's row."""
    out = shown.face in (MEMBERS["faulty"], MEMBERS["missing"])
    columns = [column for column in _columns(width) if not (out and column.about_now)]
    content = Content("  ").join(column.draw(shown, column.width) for column in columns)
    return row(content, "  ", _note(shown, width - content.cell_length - 3, width)) if out else content


def _draw_in_full(shown: _Shown, device: DeviceInfo | None, width: int) -> Content:
    return lines([_draw(shown, width), *details(shown.member, device, shown.now, width)])


def _note(shown: _Shown, room: int, width: int) -> Content:
    """Since when and why a member is out: beside its name, or below where that is too narrow."""
    member = shown.member
    since = "" if member.since is None else f"{clock_time(member.since)}  "
    why = printable(member.why) or ("" if member.path else "nobody knows where it was")
    if len(since) + len(why) <= room:
        return Content(since + why)
    return lines([Content(since), row(" " * 9, cell(why, width - 10))])


def _header(width: int) -> Content:
    titles = [cell(column.title, column.width, "$quiet", column.align) for column in _columns(width)]
    return Content("  ").join(titles)


def _columns(width: int) -> list[_Column]:
    """The columns that fit. The path takes what the others leave, and comes before what is only nice to have."""
    for wealth in (3, 2, 1, 0):
        columns = _choice(wealth)
        rest = width - sum(column.width + 2 for column in columns) + 1
        if rest >= _PATH:
            break
    columns[1] = replace(columns[1], width=max(8, min(rest, _LONGEST_PATH)))
    return columns


def _choice(wealth: int) -> list[_Column]:
    """All columns, the path without a width: 0, those that matter; 1, also the size; 2, graphs; 3, also quantiles."""
    columns = [
        _Column(" slot", 5, _slot),
        _Column("  member", 0, _path),
        _Column("state", 18 if wealth else 10, _state),
        _Column("read", 10, lambda shown, width: _rate(shown.member.read_rate, width), "right", True),
        _Column("write", 10, lambda shown, width: _rate(shown.member.write_rate, width), "right", True),
        _Column("latency", 7, _latency, "right", True),
        _Column("errors", 6, _errors, "right", True),
    ]
    if wealth > 2:
        columns[6:6] = [_Column("p50", 7, _p50, "right", True), _Column("p99", 7, _p99, "right", True)]
    if wealth > 1:
        columns.insert(5, _Column("", 8, lambda shown, width: _graph(shown.rates.write, width), "left", True))
        columns.insert(4, _Column("", 8, lambda shown, width: _graph(shown.rates.read, width), "left", True))
    if wealth:
        columns.insert(2, _Column("size", 8, _size, "right"))
    return columns


def _slot(shown: _Shown, width: int) -> Content:
    slot = shown.member.slot
    return cell("-" if slot is None else str(slot), width - 1, "$quiet", "right") + " "


def _path(shown: _Shown, width: int) -> Content:
    face = shown.face
    return row((face.glyph, f"${face.tone}"), " ", path_cell(member_name(shown.member), width - 2))


def _size(shown: _Shown, width: int) -> Content:
    size = shown.member.size
    return cell(format_size(size) if size else "-", width, "$quiet", "right")


def _state(shown: _Shown, width: int) -> Content:
    member, face = shown.member, shown.face
    word = face.word
    if shown.filled and width > 12:
        word = f"{word}{shown.filled}"
    if member.bad and member.state == "in_sync":
        return cell(f"{format_size(member.bad)} bad" if width > 12 else "bad blocks", width, "$attention")
    if member.state == "in_sync" and failing(member.drives):
        return cell("disk is failing" if width > 12 else "failing", width, "$attention")
    if member.write_mostly and member.state == "in_sync":
        word = f"{word}, w-mostly" if width > 12 else "w-mostly"
    return cell(word, width, "$quiet" if face.tone == "good" else f"${face.tone}")


def _filled(member: Member, mirror: Mirror) -> str:
    """In the terms of the copy under way, where there is one: of what is to be copied, not of the whole member."""
    if member.state not in ("recovering", "replacing") or member.recovered is None:
        return ""
    if mirror.sync and mirror.sync_action == "recover":
        return percent(mirror.sync.completed, mirror.sync.total)
    return percent(member.recovered, mirror.size)


def _rate(rate: int, width: int) -> Content:
    return cell(format_rate(rate), width, "", "right") if rate else cell("-", width, "$quiet", "right")


def _latency(shown: _Shown, width: int) -> Content:
    return _seconds(shown.member.latency, width)


def _p50(shown: _Shown, width: int) -> Content:
    return _seconds(shown.member.latency_p50, width)


def _p99(shown: _Shown, width: int) -> Content:
    return _seconds(shown.member.latency_p99, width)


def _seconds(seconds: float | None, width: int) -> Content:
    return cell(latency(seconds), width, "" if seconds else "$quiet", "right")


def _errors(shown: _Shown, width: int) -> Content:
    errors = shown.member.read_errors + shown.member.write_errors
    return cell(str(errors), width, "$attention" if errors else "$quiet", "right")


def _graph(samples: tuple[int, ...], width: int) -> Content:
    return Content(graph(samples, width)[0]).stylize("$graph")
