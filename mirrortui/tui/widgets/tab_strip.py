"""The second line: which screens there are, and on which one you are."""

from __future__ import annotations

from textual.content import Content
from textual.events import Click
from textual.reactive import reactive

from mirrortui.tui.actions import ACTIONS, Action
from mirrortui.tui.drawing import row, rule
from mirrortui.tui.mouse import link, linked
from mirrortui.tui.widgets.drawn import Drawn

_BETWEEN = 3
"""Cells of a line between tabs and note, at least."""


class TabStrip(Drawn):
    """A key and a word for each screen, clickable; to the right what the screen has to say of itself.

    Where there is no room for both, the other screens lose their words: that what is shown stands still, or that not
    all is shown, must be seen.
    """

    here: reactive[str] = reactive("mirrors", repaint=False)
    note: reactive[Content] = reactive(Content(""), repaint=False)

    def watch_here(self) -> None:
        self.look_again()

    def watch_note(self) -> None:
        self.look_again()

    async def on_click(self, event: Click) -> None:
        if deed := linked(event):
            await self.screen.run_action(deed)

    def _draw(self, width: int) -> Content:
        note = row(self.note, " ") if self.note else self.note
        title = self._tabs(words=True)
        if title.cell_length + note.cell_length + _BETWEEN > width:
            title = self._tabs(words=False)
        return rule(title, note, width, "$line")

    def _tabs(self, *, words: bool) -> Content:
        return row(" ", Content("  ").join(self._tab(*each, words=words) for each in enumerate(PLACES, 1)))

    def _tab(self, number: int, place: Action, *, words: bool) -> Content:
        here = place.id == self.here
        key = Content(str(number)).stylize("$accent bold" if here else "$accent")
        if words or here:
            key = row(key, " ", (place.label, "$foreground bold underline" if here else "$quiet"))
        return link(key, place.deed)


PLACES = [action for action in ACTIONS if action.group == "place"]
"""In the order of their keys."""
