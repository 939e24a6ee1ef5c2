"""The data area of a mirror, drawn: what is in sync, what is dirty, where the sync is."""

from __future__ import annotations

from textual.content import Content, Span
from textual.reactive import reactive

from mirrortui.api.mirrors import Mirror
from mirrortui.tui.drawing import cell, lines, resample, row
from mirrortui.tui.widgets.drawn import Drawn
from mirrortui.tui.words import CELLS
from mirrortui.units import format_size

WORST_FIRST = "".join(CELLS)
"""The letters of a map."""


class ChunkMap(Drawn, can_focus=True):
    """As many rows as it is given, read like a page; below them a scale in bytes."""

    mirror: reactive[Mirror | None] = reactive(None, repaint=False)

    def watch_mirror(self) -> None:
        self.look_again()

    def _draw(self, width: int) -> Content:
        mirror = self.mirror
        if mirror is None or not mirror.map:
            return cell(" nothing is known of its chunks while it does not run", width, "$quiet")
        rows, columns = max(1, self.size.height - 1), max(1, width - 2)
        if rows == 1:
            drawn = [row(" ", _cells(resample(mirror.map, columns, WORST_FIRST)))]
        else:
            drawn = _squares(mirror.map, rows, columns)
        return lines([*drawn, row(" ", _scale(mirror, drawn[0].cell_length - 1, rows))])


def _squares(cells: str, rows: int, columns: int) -> list[Content]:
    """Each cell for itself, if there is room, in as few rows as that takes."""
    needed = min(rows, -(-len(cells) // (columns // 2)))
    each = min(columns // 2, -(-len(cells) // needed))
    slots = resample(cells, min(len(cells), needed * each), WORST_FIRST)
    return [row(" ", _cells(slots[at : at + each], gap=" ")) for at in range(0, len(slots), each)]


def legend() -> Content:
    """What the cells mean."""
    return Content("  ").join(
        row((CELLS[letter].glyph, style_of(letter)), " ", (CELLS[letter].word, "$quiet"))
        for letter in ".sndmb"
    )


def _cells(letters: str, gap: str = "") -> Content:
    """Cells side by side, one span for each run of equal ones."""
    pitch = 1 + len(gap)
    text = gap.join(CELLS[letter].glyph for letter in letters)
    spans, start = [], 0
    for at in range(1, len(letters) + 1):
        if at == len(letters) or letters[at] != letters[start]:
            spans.append(Span(start * pitch, at * pitch - len(gap), style_of(letters[start])))
            start = at
    return Content(text, spans)


def style_of(letter: str) -> str:
    """In sync is the ground on which the rest is to be seen; dirty is no alarm, writing makes it so."""
    match letter:
        case ".":
            return "$map-calm"
        case "d":
            return "$map-dirty"
        case _:
            return f"${CELLS[letter].tone}"


def _scale(mirror: Mirror, width: int, rows: int) -> Content:
    """From nothing to the mirror's size; with one row also the place of the sync."""
    end = format_size(mirror.size)
    if rows > 1 or not mirror.sync:
        return row(("0", "$quiet"), cell(end, width - 1, "$quiet", "right"))
    mark = f"↑ {format_size(mirror.sync.completed)}"
    at = int(mirror.sync.completed / max(1, mirror.sync.total) * width)
    at = max(2, min(at, width - len(mark) - len(end) - 1))
    return row(
        ("0", "$quiet"),
        " " * (at - 1),
        (mark, "$working"),
        cell(end, width - at - len(mark), "$quiet", "right"),
    )
