"""What happened, with its whole text and its date."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList, Static

from mirrortui.api.answers import Event
from mirrortui.api.mirrors import Mirror
from mirrortui.api.vocabulary import Severity
from mirrortui.tui.mouse import link
from mirrortui.tui.store import Picture
from mirrortui.tui.views.view import View, quiet
from mirrortui.tui.widgets.event_feed import EventFeed
from mirrortui.tui.words import counted

_LEVELS: Final[dict[str, tuple[Severity, ...]]] = {
    "all": ("info", "good", "warning", "error"),
    "warnings and errors": ("warning", "error"),
    "errors": ("error",),
}
_NOTHING = """\
[bold]No event is like that[/]

[$accent bold]v[/] shows other severities, [$accent bold]M[/] those of all mirrors, \
[$accent bold]esc[/] ends a search."""


class EventsView(View):
    """Follows the newest event, unless the cursor was moved off it."""

    FIRST: ClassVar[str] = "#all-events"
    level = "all"
    of_mirror: str | None = None
    """Only events of this one; None: of all."""
    shown: Sequence[Event] = ()
    """The events that are shown, oldest first."""

    def compose(self) -> ComposeResult:
        yield EventFeed(id="all-events")
        yield Static(_NOTHING, classes="lesson")

    def show(self, picture: Picture, mirror: Mirror | None) -> None:
        self.shown = [event for event in picture.events if self._wanted(event)]
        self.query_one(EventFeed).draw(self.shown, picture.now, whole=True, dated=True)
        self.query_one(".lesson").display = not self.shown

    def _wanted(self, event: Event) -> bool:
        return (
            event.severity in _LEVELS[self.level]
            and self.of_mirror in (None, event.mirror)
            and self.words in f"{event.mirror} {event.kind} {event.text}".lower()
        )

    @property
    def note(self) -> Content:
        whose = f"of {self.of_mirror}" if self.of_mirror else ""
        level = "" if self.level == "all" else f"{self.level} "
        told = quiet(f"{level}{whose}".strip() or counted(len(self.shown), "event"))
        return link(told, "severity")

    def next_severity(self) -> None:
        """Show more, or less."""
        levels = list(_LEVELS)
        self.level = levels[(levels.index(self.level) + 1) % len(levels)]

    def toggle_mirror(self, mirror: Mirror | None) -> None:
        """Show events of that mirror only, or of all."""
        self.of_mirror = None if self.of_mirror or mirror is None else mirror.name

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._choose(event, go=False)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self._choose(event, go=True)

    def _choose(self, event: OptionList.OptionMessage, *, go: bool) -> None:
        """Only where the operator moved: the newest event that comes is nobody's choice."""
        event.stop()
        feed = self.query_one(EventFeed)
        if not go and feed.following:
            return
        chosen = next((each for each in self.shown if str(each.seq) == event.option_id), None)
        if chosen and chosen.mirror:
            self.post_message(self.MirrorChosen(self, chosen.mirror, go))
