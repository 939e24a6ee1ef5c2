"""A widget that is drawn for the width it gets, and again only when it would look different."""

from __future__ import annotations

from textual.content import Content
from textual.visual import Visual
from textual.widget import Widget

from mirrortui.tui.drawing import Fitted, height_of


class Drawn(Widget):
    """Draws itself with `_draw`. A picture comes every second; what it does not change is not written again."""

    _last: Content | None = None
    _width = 0

    def render(self) -> Visual:
        return Fitted(self._keep)

    def look_again(self) -> None:
        """What it shows may have changed."""
        if self._last is None:
            return  # it was never seen, and is drawn when it is
        drawn = self._draw(self._width)
        if not drawn.is_same(self._last):
            self.refresh(layout=height_of(drawn) != height_of(self._last))

    def _draw(self, width: int) -> Content:
        raise NotImplementedError

    def _keep(self, width: int) -> Content:
        self._width, self._last = width, self._draw(width)
        return self._last
