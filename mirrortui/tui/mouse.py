"""Words that do, when they are clicked, what the key in them does."""

from __future__ import annotations

from textual.content import Content
from textual.events import Click
from textual.screen import ModalScreen, ScreenResultType
from textual.style import Style

_DEED = "deed"


def link(content: Content | str, deed: str) -> Content:
    """The words, with the action of their screen that a click on them takes."""
    words = Content(content) if isinstance(content, str) else content
    return words.stylize(Style.from_meta({_DEED: deed}))


def linked(event: Click) -> str | None:
    """The action of what was clicked."""
    deed = event.style.meta.get(_DEED)
    return deed if isinstance(deed, str) else None


def subtitle(*links: tuple[str, str]) -> str:
    """For a border: words, and the actions that a click on them takes. Words must not look like markup."""
    return "   ".join(f'[@click="screen.{deed}"]{words}[/]' for words, deed in links)


class Dialog(ModalScreen[ScreenResultType]):
    """A dialog for the mouse, too: its links work, and a click beside it leaves, as escape does."""

    async def on_click(self, event: Click) -> None:
        if deed := linked(event):
            await self.run_action(deed)
        elif self.get_widget_at(event.screen_x, event.screen_y)[0] is self:
            await self.run_action(self.WAY_OUT)

    WAY_OUT = "leave"
    """What escape does."""
