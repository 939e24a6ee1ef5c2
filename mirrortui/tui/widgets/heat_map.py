"""The data area of a mirror in as many rows as there is room for, each with the place where it begins."""

from __future__ import annotations

from textual.content import Content, Span

from mirrortui.api.mirrors import Mirror
from mirrortui.tui.drawing import cell, lines, resample, row
from mirrortui.tui.widgets.chunk_map import WORST_FIRST, ChunkMap, style_of
from mirrortui.tui.words import CELLS
from mirrortui.units import format_size

_LABEL = 10
_WIDEST = 12
"""Cells of the terminal to one of the map."""


class HeatMap(ChunkMap):
    """Read like a page, from the first byte to the last."""

    def _draw(self, width: int) -> Content:
        mirror = self.mirror
        if mirror is None or not mirror.map:
            return cell(" nothing is known of its chunks while it does not run", width, "$quiet")
        return _page(mirror, width - _LABEL - 2, max(1, self.size.height))


def _page(mirror: Mirror, room: int, height: int) -> Content:
    per_row = _per_row(len(mirror.map), room, height)
    pitch = max(1, min(_WIDEST, room // per_row))
    rows = -(-len(mirror.map) // per_row)
    drawn = []
    for number in range(rows):
        begin = mirror.size * number * per_row // len(mirror.map)
        cells = mirror.map[number * per_row : (number + 1) * per_row]
        if per_row > room:
            cells = resample(cells, room, WORST_FIRST)
        drawn.append(
            row(
                cell(format_size(begin) if begin else "0", _LABEL, "$quiet", "right"),
                "  ",
                _row(cells, pitch),
            )
        )
    return lines(drawn)


def _per_row(cells: int, room: int, height: int) -> int:
    """Cells in a row, a power of two for round numbers at its beginning: the fewest that need no more rows."""
    per_row = 1
    while per_row < cells and (-(-cells // per_row) > height or room // per_row > _WIDEST):
        per_row *= 2
    return per_row


def _row(letters: str, pitch: int) -> Content:
    """Blocks side by side, with a gap where there is room for one."""
    gap = " " if pitch > 1 else ""
    text = "".join(CELLS[letter].glyph * (pitch - len(gap)) + gap for letter in letters)
    spans = [
        Span(at * pitch, (at + 1) * pitch - len(gap), style_of(letter)) for at, letter in enumerate(letters)
    ]
    return Content(text, spans)
