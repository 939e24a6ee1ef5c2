"""One of several words, on one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from mirrortui.tui.drawing import cell, row


class Pick(Widget, can_focus=True):
    """A label and a word between arrows; the arrow keys, space and clicks take the next one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l,space", "turn(1)", show=False),
        Binding("left,h", "turn(-1)", show=False),
    ]

    at: reactive[int] = reactive(0, layout=True)
    """Which of the words."""
    words: reactive[tuple[str, ...]] = reactive((), layout=True)

    @dataclass
    class Changed(Message):
        """Another one was taken."""

        at: int

    def __init__(self, label: str, words: Sequence[str], *, id: str) -> None:  # noqa: A002 (Textual's word)
        super().__init__(id=id)
        self._label = label
        self.set_reactive(Pick.words, tuple(words))

    @property
    def word(self) -> str:
        """The one that is taken."""
        return self.words[min(self.at, len(self.words) - 1)]

    def render(self) -> Content:
        longest = max((len(word) for word in self.words), default=0)
        word = cell(self.word, longest, "bold")
        return row(cell(self._label, 24), ("◂ ", "$accent bold"), word, (" ▸", "$accent bold"))

    def on_click(self, event: Click) -> None:
        self.action_turn(1)

    def action_turn(self, step: int) -> None:
        self.at = (self.at + step) % len(self.words)
        self.post_message(self.Changed(self.at))
