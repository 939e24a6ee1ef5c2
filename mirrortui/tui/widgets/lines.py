"""A few lines of text that know the width they get."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content

from mirrortui.tui.widgets.drawn import Drawn


class Lines(Drawn):
    """Drawn by whoever shows it."""

    _say: Callable[[int], Content] | None = None

    def say(self, draw: Callable[[int], Content]) -> None:
        """Show this from now on."""
        self._say = draw
        self.look_again()

    def _draw(self, width: int) -> Content:
        return self._say(width) if self._say else Content("")


class Reachable(Lines, can_focus=True):
    """Such lines under a title, that the keyboard gets to."""
