"""A part of a screen under its title."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from mirrortui.tui.drawing import rule
from mirrortui.tui.widgets.drawn import Drawn


class PaneTitle(Drawn):
    """A line with the title to the left and a note to the right. Its colours tell whether the pane has the focus."""

    text: reactive[str] = reactive("", repaint=False)
    note: reactive[Content] = reactive(Content(""), repaint=False)

    def watch_text(self) -> None:
        self.look_again()

    def watch_note(self) -> None:
        self.look_again()

    def _draw(self, width: int) -> Content:
        return rule(Content(self.text), self.note, width, "$line not bold")


class Pane(Vertical):
    """A title with content below. Clicking the title focuses the content."""

    def __init__(self, title: str, *children: Widget, id: str) -> None:  # noqa: A002 (Textual's word)
        super().__init__(id=id, classes="pane")
        self._heading = PaneTitle()
        self._heading.text = title
        self._content = children

    def compose(self) -> ComposeResult:
        yield self._heading
        yield from self._content

    def entitle(self, title: str, note: Content | str = "") -> None:
        """Change the title line."""
        self._heading.text = title
        self._heading.note = Content(note) if isinstance(note, str) else note

    def on_descendant_focus(self) -> None:
        self.add_class("-focused")

    def on_descendant_blur(self) -> None:
        self.remove_class("-focused")

    def on_click(self) -> None:
        for child in self.query("*"):
            if child.focusable:
                child.focus()
                return
