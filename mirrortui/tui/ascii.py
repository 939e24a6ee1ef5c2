"""The whole screen in ASCII, for terminals and fonts that have nothing else.

Every cell is translated when it leaves, so that no widget has to know: borders, bars, maps, signs, and what others
named their files.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_SIGNS = {
    # How mirrors and members are; no two of a kind share one.
    "●": "*", "◐": ">", "◑": "%", "◒": "@", "◔": "c", "○": "o", "✖": "X", "▲": "!", "▼": "v", "≠": "~", "◇": "=",
    "·": ".", "✔": "+", "‖": "|",
    # Cells of a map.
    "■": "=", "▣": "#", "□": "_", "▢": "_", "◆": "+",
    # Bars and the cursor's mark: what a cell is filled with in part is its point.
    "█": "#", "▉": ">", "▊": ">", "▋": ">", "▌": ">", "▍": ">", "▎": ">", "▏": ">", "▕": "[", "▐": "|",
    # Graphs.
    "▁": "_", "▂": ".", "▃": "-", "▄": "=", "▅": "+", "▆": "*", "▇": "%", "▔": "-", "▀": "-",
    # Words.
    "…": ".", "“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "→": ">", "←": "<", "↑": "^", "↓": "v",
    "⇧": "^", "×": "x", "�": "?", "°": "'", " ": " ",
}  # fmt: skip


class AsciiFilter(LineFilter):
    """One cell for one cell; of what is not known as many question marks as it was wide."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.text.isascii()
            else Segment(translate(segment.text), segment.style, segment.control)
            for segment in segments
        ]


def translate(text: str) -> str:
    """The same width in ASCII. An eighth that stands alone is the end of a bar, not its point."""
    if text == "▏":
        return "]"
    return "".join(letter if letter.isascii() else _cell(letter) for letter in text)


def _cell(letter: str) -> str:
    if sign := _SIGNS.get(letter):
        return sign
    if "─" <= letter <= "╿":  # lines and boxes
        return "-" if letter in "─━┄┅┈┉╌╍═╴╶╸╺" else "|" if letter in "│┃┆┇┊┋╎╏║╵╷╹╻" else "+"
    if "▀" <= letter <= "▟":  # blocks: borders that are left to Textual
        return "#"
    return "?" * cell_len(letter)


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether the locale is one that has only ASCII. Python moves the C locale to UTF-8 where nobody chose it; who
    did choose it is believed.
    """
    chosen = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    if chosen == "C.UTF-8" and not environ.get("LC_ALL"):  # perhaps Python's doing
        chosen = environ.get("LANG") or chosen
    return bool(chosen) and "utf" not in chosen.lower()
