"""A page of a mirror as each of its members has it, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import MouseScrollDown, MouseScrollUp
from textual.message import Message
from textual.reactive import reactive
from textual.visual import Visual
from textual.widget import Widget

from mirrortui.api.mirrors import CopyOf, Look
from mirrortui.tui.drawing import Fitted, cell, lines, path_cell, row
from mirrortui.tui.words import CELLS

_NEAR = 16
"""Bytes: differences that are no further apart are one, for who goes from one to the next."""
_FULL, _SHORT = 12, 5
"""Digits of an offset; where there is little room, the last ones."""
_GAP = 2
_DIFFERS = "$attention bold underline"


class Layout(NamedTuple):
    """How copies share a line."""

    each: int
    """Bytes of a copy in a line."""
    beside: bool
    """Copies stand side by side; else one below the other."""
    digits: int
    """Of an offset."""

    @property
    def margin(self) -> int:
        """Cells to the left of the first copy: the cursor, an offset, a gap."""
        return self.digits + 1 + _GAP

    @property
    def block(self) -> int:
        """Cells of a copy: codes, and characters."""
        return 4 * self.each + 1


def layout(width: int, copies: int) -> Layout:
    """As many bytes in a line as fit, side by side if they do."""
    for each in (32, 16, 8, 4):
        for digits in (_FULL, _SHORT):
            shape = Layout(each, True, digits)
            if shape.margin + copies * (shape.block + _GAP) - _GAP <= width:
                return shape
    below = [Layout(16, False, _FULL), *(Layout(each, False, _SHORT) for each in (16, 8, 4))]
    return next((shape for shape in below if shape.margin + 3 + shape.block <= width), below[-1])


class HexView(Widget, can_focus=True):
    """Has a line with the cursor; what differs is underlined. Asks for another page when the cursor leaves this one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", show=False),
        Binding("up,k", "move(-1)", show=False),
        Binding("pagedown,ctrl+f", "page(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
    ]

    page: reactive[Look | None] = reactive(None)
    at: reactive[int] = reactive(0)
    """The byte of the page that the cursor's line begins with, or has."""
    odd: reactive[frozenset[str]] = reactive(frozenset())
    """Members that most others contradict."""

    @dataclass
    class Left(Message):
        """The cursor goes to a byte of the mirror that is not on the page."""

        offset: int

    def render(self) -> Visual:
        return Fitted(self._draw)

    @property
    def length(self) -> int:
        """Bytes of the page."""
        return max((len(copy.data or b"") for copy in self.page.copies), default=0) if self.page else 0

    @property
    def differing(self) -> list[tuple[int, int]]:
        """Where the copies differ: from a byte of the page to another; what is near is one."""
        return differing(self.page.copies) if self.page else []

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        event.stop()
        self.action_move(1)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        event.stop()
        self.action_move(-1)

    def action_move(self, step: int) -> None:
        self._go(self.at // self._shape.each * self._shape.each + step * self._shape.each)

    def action_page(self, step: int) -> None:
        self.action_move(step * max(1, self._room - 1))

    def _go(self, at: int) -> None:
        if self.page is None:
            return
        if 0 <= at < self.length:
            self.at = at
        else:
            self.post_message(self.Left(self.page.offset + at))

    @property
    def _shape(self) -> Layout:
        return layout(self.size.width - 1, len(self.page.copies) if self.page else 1)

    @property
    def _room(self) -> int:
        """Lines of bytes that fit below the names."""
        shape = self._shape
        each = 1 if shape.beside or not self.page else len(self.page.copies)
        return max(1, (self.size.height - (1 if shape.beside else 0)) // each)

    def _draw(self, width: int) -> Content:
        page = self.page
        if page is None:
            return Content(" reading what each member has there …").stylize("$quiet")
        shape = layout(width - 1, len(page.copies))
        each, shown = shape.each, self._room
        count = -(-self.length // each) or 1
        here = self.at // each
        top = max(0, min(here - shown // 3, count - shown))
        drawn = [self._names(page, shape)] if shape.beside else []
        for number in range(top, min(count, top + shown)):
            drawn += self._drawn(page, shape, number * each, number == here)
        return lines(drawn)

    def _names(self, page: Look, shape: Layout) -> Content:
        return row(
            " " * shape.margin,
            Content(" " * _GAP).join(self._called(copy.path, shape.block) for copy in page.copies),
        )

    def _called(self, path: str, width: int) -> Content:
        if path not in self.odd:
            return path_cell(path, width, "bold")
        mark = f"{CELLS['m'].glyph} odd "
        return row((mark, "$attention"), path_cell(path, max(1, width - len(mark)), "$attention bold"))

    def _drawn(self, page: Look, shape: Layout, at: int, here: bool) -> list[Content]:
        rows = [None if copy.data is None else copy.data[at : at + shape.each] for copy in page.copies]
        equal = len(set(rows)) == 1
        mark = ("▌", "$accent") if here and self.has_focus else (" ", "")
        digits = f"{page.offset + at:x}"[-shape.digits :]
        offset = row(mark, cell(digits, shape.digits, "$quiet" if equal else "", "right"), " " * _GAP)
        if shape.beside:
            blocks = [_block(mine, rows, shape) for mine in rows]
            drawn = row(offset, Content(" " * _GAP).join(blocks))
            return [drawn.stylize_before("$quiet") if equal else drawn]
        named = [row(f"{number}  ", _block(mine, rows, shape)) for number, mine in enumerate(rows, start=1)]
        return [row(offset if not number else " " * shape.margin, each) for number, each in enumerate(named)]


def _block(mine: bytes | None, rows: Sequence[bytes | None], shape: Layout) -> Content:
    """Codes and characters of a copy; what is not the same everywhere stands out."""
    if mine is None:
        return cell("cannot be read", shape.block, "$bad")
    codes, letters = Content(""), Content("")
    for at, byte in enumerate(mine):
        style = _DIFFERS if _differs(rows, at) else ""
        codes += row((f"{byte:02x}", style), " ")
        letters += row((chr(byte) if 32 <= byte < 127 else "·", style))
    rest = shape.each - len(mine)
    return row(codes, " " * (3 * rest + 1), letters, " " * rest)


def _differs(rows: Sequence[bytes | None], at: int) -> bool:
    return len({line[at] for line in rows if line is not None and at < len(line)}) > 1


def differing(copies: Sequence[CopyOf]) -> list[tuple[int, int]]:
    """Where copies that could be read differ; what is near is one."""
    data = [copy.data for copy in copies if copy.data is not None]
    found: list[tuple[int, int]] = []
    for at in range(max(map(len, data), default=0)):
        if _differs(data, at):
            if found and at - found[-1][1] < _NEAR:
                found[-1] = found[-1][0], at + 1
            else:
                found.append((at, at + 1))
    return found
