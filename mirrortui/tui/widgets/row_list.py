"""A list whose rows may change under the cursor without losing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.message import Message
from textual.strip import Strip
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mirrortui.tui.drawing import Fitted, height_of

RIGHT = 3
"""The button of the mouse that asks what can be done."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row. The cursor stays with the key, whatever happens around it."""

    key: str
    visual: Fitted
    disabled: bool = False


class RowList(OptionList):
    """Rows with a cursor, by arrows, by vi's keys and by mouse."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
        Binding("g", "first", show=False),
        Binding("G", "last", show=False),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {"row-list--mark"}

    class MenuWanted(Message):
        """The right button was pressed on a row, which has the cursor now."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's word)
        super().__init__(id=id, compact=True, markup=False)

    @property
    def key(self) -> str | None:
        """What the cursor is on."""
        option = self.highlighted_option
        return option.id if option else None

    @property
    def chosen(self) -> str | None:
        """The same, if it can be chosen."""
        option = self.highlighted_option
        return option.id if option and not option.disabled else None

    def show(self, rows: Sequence[Row]) -> None:
        """Replace the rows. Where the same keys stand in the same order nothing moves; a key counts once.

        What looks the same is not drawn again.
        """
        rows = list({row.key: row for row in rows}.values())
        if [row.key for row in rows] == [option.id for option in self.options]:
            self._redraw(rows)
            return
        key, index, offset = self.key, self.highlighted, self.scroll_offset
        self.set_options([Option(row.visual, row.key, row.disabled) for row in rows])
        self.put_cursor(key, index or 0)
        self.scroll_to(offset.x, offset.y, animate=False)

    def _redraw(self, rows: Sequence[Row]) -> None:
        """Draw those anew that look different now."""
        width, grown = self.scrollable_content_region.width, False
        for option, row in zip(self.options, rows, strict=True):
            shown = option.prompt
            assert isinstance(shown, Fitted)
            before, after = shown.drawn(width), row.visual.drawn(width)
            if width and after.is_same(before) and option.disabled == row.disabled:
                option._set_prompt(row.visual)  # for another width; what is on the screen stays
                continue
            option.disabled = row.disabled
            self.replace_option_prompt(row.key, row.visual)
            grown = grown or height_of(after) != height_of(before) or not width
        if grown:
            self.refresh(layout=True)

    def put_cursor(self, key: str | None, otherwise: int = 0) -> None:
        """Put the cursor on that row, or on the one at an index where it is gone."""
        keys = [option.id for option in self.options]
        self.highlighted = keys.index(key) if key in keys else otherwise

    async def _on_click(self, event: Click) -> None:
        if event.button == RIGHT:
            event.prevent_default()
            if self.put_cursor_under(event):
                self.post_message(self.MenuWanted())

    def put_cursor_under(self, event: Click) -> bool:
        """Put the cursor on the row that was clicked; False where it can have none."""
        index = event.style.meta.get("option")
        if not isinstance(index, int) or self.get_option_at_index(index).disabled:
            return False
        self.highlighted = index
        return True

    def render_line(self, y: int) -> Strip:
        """The cursor is a mark too, not only another background. Every row begins with a blank for it."""
        strip = super().render_line(y)
        line = y + self.scroll_offset.y
        here = line < len(self._lines) and self._lines[line][0] == self.highlighted
        if not (here and self.has_focus and strip.cell_length):
            return strip
        colour = self.get_component_rich_style("row-list--mark", partial=True)
        ground = next(iter(strip)).style or Style.null()
        return Strip([Segment("▌", ground + colour), *strip.crop(1)])


class ChoiceList(RowList):
    """Rows to choose from: by space too."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "select", show=False)]


class PlanList(ChoiceList):
    """Choices with a plan each: a click shows it, as the cursor does; a second one right after it goes on."""

    async def _on_click(self, event: Click) -> None:
        if event.chain == 1:
            event.prevent_default()
            self.put_cursor_under(event)


class MarkList(ChoiceList):
    """Rows of which several may be chosen: space and clicks mark, enter goes on with what is marked."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "screen.choose", show=False)]
