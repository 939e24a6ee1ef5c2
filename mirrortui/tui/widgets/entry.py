"""A line to type in."""

from __future__ import annotations

from textual.suggester import Suggester
from textual.widgets import Input


class Entry(Input):
    """One row high, with a cursor that stands still: a screen that is calm has nothing that blinks."""

    def __init__(
        self,
        *,
        id: str,  # noqa: A002 (Textual's word)
        placeholder: str = "",
        suggester: Suggester | None = None,
    ) -> None:
        super().__init__(
            id=id, placeholder=placeholder, suggester=suggester, compact=True, select_on_focus=False
        )
        self.cursor_blink = False
