"""Something that is so, or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from mirrortui.tui.drawing import row

CHOSEN, FREE, SPARE = "▣", "▢", "○"


class Tick(Widget, can_focus=True):
    """A box and a word; the box is full or empty, not just another colour."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "tick", show=False)]

    value: reactive[bool] = reactive(False)

    @dataclass
    class Changed(Message):
        """It was ticked, or the tick was taken away."""

        value: bool

    def __init__(self, label: str, *, id: str) -> None:  # noqa: A002 (Textual's word)
        super().__init__(id=id)
        self._label = label

    def render(self) -> Content:
        return row((CHOSEN if self.value else FREE, "$accent bold"), " ", self._label)

    def on_click(self) -> None:
        self.action_tick()

    def action_tick(self) -> None:
        self.value = not self.value
        self.post_message(self.Changed(self.value))
