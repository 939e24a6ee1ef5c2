"""The screen as a program: one store, one home screen, two threads that wait for the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.filter import LineFilter
from textual.message import Message
from textual.notifications import SeverityLevel
from textual.signal import Signal

from mirrortui.api.interface import EngineApi
from mirrortui.clock import Clock, SystemClock
from mirrortui.tui import keymap
from mirrortui.tui.alarms import alarms, on_desktop
from mirrortui.tui.ascii import AsciiFilter
from mirrortui.tui.preferences import Preferences
from mirrortui.tui.screens.home import HomeScreen
from mirrortui.tui.store import Picture, Store
from mirrortui.tui.themes import THEMES, defaults, full_name

if TYPE_CHECKING:  # dialogs are loaded when the first one opens
    from mirrortui.tui.modals.dialog import VerbEnded

_EVERY = 1.0
"""Seconds between two pictures while nothing happens; an event brings one at once."""


@dataclass
class PictureTaken(Message):
    """The store asked the engine how everything is."""

    picture: Picture

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, PictureTaken)


class MirrorApp(App[None], inherit_bindings=False):
    """Drives one engine, which it neither starts nor stops."""

    TITLE = "mirrortui"
    CSS_PATH = "app.tcss"
    DEFAULT_MODE = "home"
    COMMANDS = set()  # noqa: RUF012 (Textual's type)
    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False  # the home screen opens it, with our own commands

    def __init__(
        self,
        client: EngineApi,
        clock: Clock | None = None,
        every: float | None = _EVERY,
        throwaway: bool = False,
        preferences: Preferences | None = None,
    ) -> None:
        """`every`: seconds between two pictures; None: one at the start, and one at each event. `throwaway`: whoever
        shows this takes all the mirrors down when the screen is left.
        """
        super().__init__()
        self.preferences = preferences or Preferences()
        self._ascii = AsciiFilter(enabled=self.preferences.ascii)
        self._every = every
        self.store = Store(client, clock or SystemClock())
        self._alarmed = self.store.picture
        self._pictures: Signal[Picture] = Signal(self, "pictures")
        self.use_command_palette = True
        self.animation_level = "none"  # calm, and cheap over a slow line
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = full_name(self.preferences.theme)
        keymap.give(self.preferences.keys)
        self.set_keymap({action: ",".join(keys) for action, keys in self.preferences.keys.items()})
        memory = self.preferences.memory
        self.add_mode("home", lambda: HomeScreen(client, self.store, self._pictures, memory, throwaway))

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return defaults(self.current_theme)

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        return [*filters, self._ascii] if self._ascii.enabled else filters

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Show a notice, as text: what others named mirrors and files may look like markup."""
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=False)

    def on_mount(self) -> None:
        if notice := self.preferences.memory.notice:
            self.notify(notice, severity="warning")
        self.run_worker(self._watch, thread=True, group="store", name="watch")
        self.run_worker(self.store.listen, thread=True, group="store", name="listen")

    def on_unmount(self) -> None:
        self.store.close()

    def _watch(self) -> None:
        """In a thread: a picture now, at every event, and every so often."""
        while True:
            self.post_message(PictureTaken(self.store.take()))
            if not self.store.wait(self._every):
                return

    def on_picture_taken(self, event: PictureTaken) -> None:
        self._raise_alarms(event.picture)
        self._pictures.publish(event.picture)

    def _raise_alarms(self, picture: Picture) -> None:
        """Say what got worse since the last picture; aloud, if nobody did it himself."""
        before, self._alarmed = self._alarmed, picture
        news = alarms(before, picture)
        for alarm in news:
            self.notify(alarm.text, title=alarm.title, severity=alarm.severity, timeout=12)
        loud = [alarm for alarm in news if alarm.loud]
        if loud and self.preferences.notify.bell:
            self.bell()
        if loud and self._driver and (telling := on_desktop(loud[0], self.preferences.notify.desktop)):
            self._driver.write(telling)
            self._driver.flush()

    def on_verb_ended(self, event: VerbEnded) -> None:
        self.store.wake()
        if event.dialog.is_current:
            event.dialog.ended(event)
        elif event.error:
            self.notify(str(event.error), title=event.plan.title, severity="error")


def run(client: EngineApi, preferences: Preferences, *, throwaway: bool = False) -> None:
    """Show the engine until the operator leaves. Blocks; owns the terminal meanwhile."""
    MirrorApp(client, throwaway=throwaway, preferences=preferences).run()
