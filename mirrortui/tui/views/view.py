"""What all views have in common: they show pictures, and remember what had the focus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.containers import Container
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.mirrors import Member, Mirror
from mirrortui.tui.store import Picture


class View(Container):
    """One of the screens. It is drawn only while it is shown."""

    FIRST: ClassVar[str]
    """Selects what has the focus at first."""
    words = ""
    """Only what contains this is shown, in lower case."""
    last_focus: Widget | None = None

    @dataclass
    class MirrorChosen(Message):
        """The cursor came to a mirror, or to something about it; `go`: it is to be shown."""

        view: View
        mirror: str
        go: bool

    @dataclass
    class DeviceChosen(Message):
        """Something is to be done with a device."""

        device: DeviceInfo

    class Changed(Message):
        """It has something else to show."""

    def show(self, picture: Picture, mirror: Mirror | None) -> None:
        """Draw this picture; `mirror` is the one that actions are about."""
        raise NotImplementedError

    @property
    def note(self) -> Content:
        """What the line of tabs says about it."""
        return Content("")

    @property
    def member(self) -> Member | None:
        """The one under the cursor, where the focus is among members."""
        return None

    @property
    def device(self) -> str | None:
        """Path of the one under the cursor, if it can be a member."""
        return None

    def take_focus(self) -> None:
        """Go back to what had the focus when the view was left."""
        first = self.query_one(self.FIRST)
        (self.last_focus if self.last_focus and self.last_focus.is_attached else first).focus()

    def place_cursor(self, mirror: str) -> None:
        """Put the cursor on that mirror, where there is a choice."""


def quiet(text: str) -> Content:
    """What is there to be found, and not to be seen first."""
    return Content(text).stylize("$quiet")
