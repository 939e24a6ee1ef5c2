"""A split brain: two histories side by side, and where each of them wrote."""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual.content import Content
from textual.reactive import reactive
from textual.visual import Visual
from textual.widget import Widget

from mirrortui.api.answers import History
from mirrortui.tui.drawing import Fitted, cell, lines, resample, row
from mirrortui.tui.wording import short_names
from mirrortui.tui.words import age
from mirrortui.units import format_size

_LABEL = 14
_BOTH = "3"
_SIGNS = {_BOTH: ("▣", "$bad"), "1": ("◧", "$working"), "2": ("◨", "$attention"), ".": ("·", "$map-calm")}
"""By who wrote there; the worst first."""


class Divergence(Widget):
    """What each side did since they parted. With one chosen, which of it stays, and which goes."""

    histories: reactive[Sequence[History]] = reactive((), layout=True)
    kept: reactive[str | None] = reactive(None)
    """The survivor, if one is chosen."""

    def render(self) -> Visual:
        return Fitted(self._draw)

    def _draw(self, width: int) -> Content:
        if not self.histories:
            return Content("")
        names = short_names(path for history in self.histories for path in history.members)
        titles = [self._title(each, names.get(each.members[0], each.members[0])) for each in self.histories]
        told = [
            self._row("", titles, width),
            self._row("events", [Content(str(each.events)) for each in self.histories], width),
            self._row("last written", [_written(each, self.histories) for each in self.histories], width),
            self._row("wrote alone", [_changed(each) for each in self.histories], width),
        ]
        return lines([*told, *self._map(width)])

    def _row(self, label: str, cells: Sequence[Content], width: int) -> Content:
        each = (width - _LABEL) // len(cells)
        fitted = [content.truncate(each - 2, ellipsis=True) for content in cells]
        padded = [content + " " * (each - content.cell_length) for content in fitted]
        return row(cell(label, _LABEL, "$quiet"), *padded)

    def _title(self, history: History, name: str) -> Content:
        more = f" and {len(history.members) - 1} more" if len(history.members) > 1 else ""
        if self.kept is None:
            return Content(f"{name}{more}").stylize("bold")
        if self.kept in history.members:
            return row(("● ", "$good"), (f"{name}{more}", "bold"), ("  is kept", "$good"))
        return row(("✖ ", "$bad"), (f"{name}{more}", "bold"), ("  is overwritten", "$bad"))

    def _map(self, width: int) -> list[Content]:
        """Of two sides whose bitmaps tell where they wrote."""
        if len(self.histories) != 2 or not all(history.map for history in self.histories):
            return [
                Content("The bitmaps do not tell where each wrote: both are read and compared.").stylize(
                    "$quiet"
                )
            ]
        one, other = (history.map for history in self.histories)
        cells = "".join(_who(a, b) for a, b in zip(one, other, strict=False))
        shown = resample(cells, width - _LABEL, "".join(_SIGNS))
        drawn = [(_SIGNS[letter][0], _SIGNS[letter][1]) for letter in shown]
        a, b = (history.members[0].rpartition("/")[2] for history in self.histories)
        legend = (("1", f"only {a}"), ("2", f"only {b}"), (_BOTH, "both"), (".", "neither"))
        words = [row(_SIGNS[letter], (f" {word}", "$quiet")) for letter, word in legend]
        return [
            row(cell("where", _LABEL, "$quiet"), *drawn),
            row(" " * _LABEL, Content("   ").join(words)),
        ]


def _written(history: History, among: Sequence[History]) -> Content:
    """When, and how long before the one that was written last."""
    behind = max(each.written for each in among) - history.written
    years = {time.localtime(each.written).tm_year for each in among}
    when = time.strftime("%d %b %H:%M" if len(years) == 1 else "%d %b %Y", time.localtime(history.written))
    return row(when.lstrip("0"), (f", {age(behind)} before" if behind >= 1 else "", "$quiet"))


def _changed(history: History) -> Content:
    if history.changed is None:
        return Content("nobody knows how much")
    return Content(f"up to {format_size(history.changed)}" if history.changed else "nothing")


def _who(one: str, other: str) -> str:
    if one == "d" and other == "d":
        return _BOTH
    return "1" if one == "d" else "2" if other == "d" else "."
