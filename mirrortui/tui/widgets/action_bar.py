"""The last line: what can be done here and now."""

from __future__ import annotations

from textual.content import Content
from textual.events import Click
from textual.reactive import reactive

from mirrortui.tui.actions import ACTIONS, PINNED, Action, Situation
from mirrortui.tui.drawing import row
from mirrortui.tui.mouse import link, linked
from mirrortui.tui.widgets.drawn import Drawn

_GAP = "  "
_FIRST = {
    "events": ("severity", "only_mirror", "write_events", "filter"),
    "jobs": ("pause", "resume", "cancel"),
    "devices": ("create", "add"),
}
"""What a screen is for comes first there."""


class ActionBar(Drawn):
    """Keys and words, clickable. What does not fit is in the menu; so is what cannot be done, with its reason."""

    situation: reactive[Situation | None] = reactive(None, repaint=False)

    def watch_situation(self) -> None:
        self.look_again()

    async def on_click(self, event: Click) -> None:
        if deed := linked(event):
            await self.screen.run_action(deed)

    def _draw(self, width: int) -> Content:
        if self.situation is None:
            return Content("")
        possible = [a for a in ACTIONS if a.in_bar and not a.refuse(self.situation)]
        first = _FIRST.get(self.situation.place, ())
        possible.sort(key=lambda action: action.id not in first)
        pinned = [action for action in possible if action.id in PINNED]
        room = width - 2 - sum(_width(action) for action in pinned)
        shown = []
        for action in possible:
            if action in pinned or _width(action) > room:
                continue
            shown.append(action)
            room -= _width(action)
        return row(" ", Content(_GAP).join(_draw(action) for action in (*shown, *pinned)))


def _width(action: Action) -> int:
    return len(action.key) + 1 + len(action.label) + len(_GAP)


def _draw(action: Action) -> Content:
    content = row((action.key, "$accent bold"), " ", (action.label, "$quiet"))
    return link(content, action.deed)
