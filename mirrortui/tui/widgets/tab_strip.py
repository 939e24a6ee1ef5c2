"""The second line: which screens there are, and on which one you are."""

from __future__ import annotations

from textual.content import Content
from textual.events import Click
from textual.reactive import reactive

from mirrortui.tui.actions import ACTIONS, Action
from mirrortui.tui.drawing import row, rule
from mirrortui.tui.mouse import link, linked
from mirrortui.tui.widgets.drawn import Drawn

_NOTE = 24
"""Cells that the note may want before the tabs lose their words."""


class TabStrip(Drawn):
    """A key and a word for each screen, clickable; to the right what the screen has to say of itself."""

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
        tabs = [self._tab(number, place) for number, place in enumerate(PLACES, 1)]
        title = row(" ", Content("  ").join(tabs))
        return rule(title, row(self.note, " ") if self.note else self.note, width, "$line")

    def _tab(self, number: int, place: Action) -> Content:
        here = place.id == self.here
        drawn = row(
            (str(number), "$accent bold" if here else "$accent"),
            " ",
            (place.label, "$foreground bold underline" if here else "$quiet"),
        )
        return link(drawn, place.deed)


PLACES = [action for action in ACTIONS if action.group == "place"]
"""In the order of their keys."""
