"""Any number of a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.visual import Visual
from textual.widget import Widget

from mirrortui.tui.drawing import Fitted, cell, lines, path_cell, row
from mirrortui.tui.widgets.tick import CHOSEN, FREE

_LABEL = 24
_LONGEST = 24
"""Cells of a word."""


class Several(Widget, can_focus=True):
    """A label and words with boxes, in as many lines as they take; arrows go along them, space and clicks tick."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "turn(1)", show=False),
        Binding("left,h", "turn(-1)", show=False),
        Binding("space", "tick", show=False),
    ]

    at: reactive[int] = reactive(0)
    """Which of the words has the cursor."""
    words: reactive[tuple[str, ...]] = reactive((), layout=True)
    chosen: reactive[frozenset[int]] = reactive(frozenset())
    """Which of them are ticked."""

    @dataclass
    class Changed(Message):
        """One was ticked, or is not any more."""

        chosen: frozenset[int]

    def __init__(self, label: str, *, id: str) -> None:  # noqa: A002 (Textual's word)
        super().__init__(id=id)
        self._label = label

    def offer(self, words: Sequence[str]) -> None:
        """Other words; what was ticked stays where the words are the same."""
        if tuple(words) != self.words:
            self.words, self.at, self.chosen = tuple(words), 0, frozenset()

    def render(self) -> Visual:
        return Fitted(self._draw)

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def _draw(self, width: int) -> Content:
        drawn = []
        for number, line in enumerate(self._lines(width)):
            label = cell(self._label if number == 0 else "", _LABEL)
            drawn.append(row(label, Content("  ").join(self._word(at) for at in line)))
        return lines(drawn)

    def _word(self, at: int) -> Content:
        box = CHOSEN if at in self.chosen else FREE
        here = self.has_focus and at == self.at and len(self.words) > 1
        word = path_cell(self.words[at], self._width(self.words[at]) - 2)
        return row((box, "$accent bold"), " ", word.stylize("underline") if here else word)

    def _lines(self, width: int) -> list[list[int]]:
        """Which words stand in which line."""
        folded: list[list[int]] = [[]]
        room = width - _LABEL
        for at, word in enumerate(self.words):
            wanted = self._width(word) + 2
            if folded[-1] and wanted > room + 2:
                folded.append([])
                room = width - _LABEL
            folded[-1].append(at)
            room -= wanted
        return folded

    @staticmethod
    def _width(word: str) -> int:
        return 2 + min(_LONGEST, Content(word).cell_length)

    def on_click(self, event: Click) -> None:
        """Tick the word under the pointer."""
        found = self._lines(self.content_size.width)
        where = event.get_content_offset(self)
        if where is None or where.y >= len(found):
            return
        x = _LABEL
        for at in found[where.y]:
            end = x + self._width(self.words[at])
            if x <= where.x < end:
                self.at = at
                self.action_tick()
            x = end + 2

    def action_turn(self, step: int) -> None:
        if self.words:
            self.at = (self.at + step) % len(self.words)

    def action_tick(self) -> None:
        if self.words:
            self.chosen = self.chosen ^ {self.at}
            self.post_message(self.Changed(self.chosen))
