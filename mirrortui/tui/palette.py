"""The registry of actions as commands of the palette."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.types import IgnoreReturnCallbackType

from mirrortui.tui.actions import ACTIONS, Action, Situation
from mirrortui.tui.drawing import cell, row


class ActionCommands(Provider):
    """Every action by its title; what cannot be done now is dim and says why. Wants a screen with a `situation`."""

    async def startup(self) -> None:
        situation = getattr(self.screen, "situation", None)
        assert isinstance(situation, Situation)
        self._situation = situation

    async def discover(self) -> Hits:
        for action in ACTIONS:
            yield DiscoveryHit(self._shown(action, Content(action.title)), self._deed(action), action.title)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in ACTIONS:
            score = max(matcher.match(action.title), matcher.match(action.label))
            if score > 0:
                shown = self._shown(action, matcher.highlight(action.title))
                yield Hit(score, shown, self._deed(action), action.title)

    def _deed(self, action: Action) -> IgnoreReturnCallbackType:
        return partial(self.screen.run_action, action.deed)

    def _shown(self, action: Action, title: Content) -> Content:
        reason = action.refuse_now(self._situation)
        if reason:
            return row(cell(action.key, 6), title, f"  ({reason})").stylize("$quiet not bold")
        return row(cell(action.key, 6, "$accent"), title.stylize_before("not bold"))
