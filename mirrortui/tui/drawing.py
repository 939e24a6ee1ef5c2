"""Lines that are drawn for the width they get: columns, bars, graphs. Nothing here knows a mirror."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from textual.content import Content
from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual

Align = Literal["left", "right"]

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = " ▁▂▃▄▅▆▇█"


class Fitted(Visual):
    """Content that is drawn for a width: widgets and rows of a list stay right when the terminal is resized."""

    def __init__(self, draw: Callable[[int], Content]) -> None:
        """`draw` answers the same whenever it is asked."""
        self._draw = draw
        self._drawn: tuple[int, Content] | None = None

    def drawn(self, width: int) -> Content:
        """As it is at that width."""
        if self._drawn is None or self._drawn[0] != width:
            self._drawn = width, self._draw(width)
        return self._drawn[1]

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        return self.drawn(width).render_strips(width, height, style, options)

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        return container_width

    def get_height(self, rules: RulesMap, width: int) -> int:
        return height_of(self.drawn(width))


def height_of(content: Content) -> int:
    """Lines that it takes."""
    return content.plain.count("\n") + 1


def printable(text: str) -> str:
    """Paths and names from outside, without what would move the cursor or break the line."""
    return "".join(character if character.isprintable() else "�" for character in text)


def cell(text: str, width: int, style: str = "", align: Align = "left") -> Content:
    """The text in exactly `width` cells."""
    content = Content(printable(text)).truncate(max(0, width), ellipsis=True)
    blank = " " * (max(0, width) - content.cell_length)
    padded = content + blank if align == "left" else Content(blank) + content
    return padded.stylize(style) if style else padded


def path_cell(path: str, width: int, style: str = "") -> Content:
    """A path in exactly `width` cells; if it is too long its beginning goes, because paths differ at the end.

    What stays are whole names, if at least the last one has room.
    """
    path = printable(path)
    if Content(path).cell_length > width:
        path = path[::-1]
        path = Content(path).truncate(max(0, width), ellipsis=True).plain[::-1]
        names = path.partition("/")[2]
        path = f"…/{names}" if names and path.startswith("…") else path
    return cell(path, width, style)


def lines(parts: Iterable[Content]) -> Content:
    """One below the other."""
    return Content("\n").join(parts)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` cells, and of ten at least."""
    return textwrap.wrap(text, max(10, width), break_on_hyphens=False) or [""]


def row(*parts: Content | str | tuple[str, str]) -> Content:
    """One beside the other."""
    return Content.assemble(*parts)


def rule(title: Content, note: Content, width: int, style: str) -> Content:
    """A title and, to the right, a note, with a line between them as wide as there is room."""
    end = row(" ", note) if note else note
    room = width - title.cell_length - end.cell_length - 1
    if room < 1:
        return title.truncate(width, ellipsis=True)
    return row(title, " ", ("─" * room, style), end)


def bar(share: float, width: int) -> tuple[str, str]:
    """A bar of `width` cells in eighths of a cell: its filled part and what is left of it."""
    eighths = int(max(0.0, min(1.0, share)) * width * 8)
    whole, rest = divmod(eighths, 8)
    filled = "█" * whole + (_EIGHTHS[rest] if rest else "")
    return filled, " " * (width - len(filled))


def graph(samples: Sequence[float], width: int, height: int = 1, top: float = 0) -> list[str]:
    """The newest samples as columns, newest right, in `height` rows from the top. `top`: value of a full column."""
    shown = samples[-width:]
    top = max(top, *shown, 1) if shown else 1
    levels = [0] * (width - len(shown)) + [_level(sample / top, height) for sample in shown]
    return [
        "".join(_LEVELS[max(0, min(8, level - 8 * below))] for level in levels)
        for below in range(height - 1, -1, -1)
    ]


def _level(share: float, height: int) -> int:
    """Eighths of a row; whatever is not nothing shows."""
    return max(1, round(share * 8 * height)) if share > 0 else 0


def resample(cells: str, slots: int, worst_first: str) -> str:
    """The cells spread over, or merged into, `slots`; of merged ones the worst shows, so nothing wrong is lost."""
    if not cells or slots <= 0:
        return ""
    merged = []
    for slot in range(slots):
        first = slot * len(cells) // slots
        last = max(first + 1, (slot + 1) * len(cells) // slots)
        merged.append(min(cells[first:last], key=worst_first.index))
    return "".join(merged)
