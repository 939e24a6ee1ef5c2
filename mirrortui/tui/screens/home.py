"""The one screen that is always there: all mirrors, and everything about the one under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.signal import Signal
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static

from mirrortui.api.interface import EngineApi
from mirrortui.api.schema import Event, Mirror
from mirrortui.tui.actions import ACTIONS, Situation, by_id
from mirrortui.tui.drawing import Fitted, cell, printable
from mirrortui.tui.modals import dialog_for
from mirrortui.tui.modals.leave import LeaveDialog
from mirrortui.tui.palette import ActionCommands
from mirrortui.tui.screens.help import HelpScreen
from mirrortui.tui.store import Picture, Rates, Store
from mirrortui.tui.themes import THEMES
from mirrortui.tui.widgets.action_bar import ActionBar
from mirrortui.tui.widgets.activity import Activity
from mirrortui.tui.widgets.chunk_map import ChunkMap, legend
from mirrortui.tui.widgets.entry import Entry
from mirrortui.tui.widgets.event_feed import EventFeed
from mirrortui.tui.widgets.headline import Headline
from mirrortui.tui.widgets.member_table import MemberTable, member_key
from mirrortui.tui.widgets.mirror_list import MirrorList
from mirrortui.tui.widgets.pane import Pane
from mirrortui.tui.widgets.row_list import RowList
from mirrortui.tui.widgets.welcome import Welcome
from mirrortui.tui.words import counted, mirror_face


class HomeScreen(Screen[None]):
    """Shows pictures; starts dialogs. What may be done is decided by the registry of actions, never here."""

    CSS_PATH = "home.tcss"
    COMMANDS = {ActionCommands}  # noqa: RUF012 (Textual's type is no ClassVar of this)
    BINDINGS: ClassVar[list[BindingType]] = [action.binding() for action in ACTIONS]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-broad")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (34, "-tall")]  # noqa: RUF012

    def __init__(
        self, client: EngineApi, store: Store, pictures: Signal[Picture], throwaway: bool = False
    ) -> None:
        """Show the store's picture, and from then on those that are published. `throwaway`: see MirrorApp."""
        super().__init__()
        self._throwaway = throwaway
        self._client = client
        self._store = store
        self._pictures = pictures
        self.picture = store.picture
        """What is shown."""
        self._words = ""

    def compose(self) -> ComposeResult:
        yield Headline()
        with Container(id="body"):
            yield Pane("MIRRORS", MirrorList(id="mirror-list"), id="mirrors")
            with Vertical(id="detail"):
                yield Pane("MEMBERS", Static(id="address"), MemberTable(), id="member-pane")
                yield Pane("ACTIVITY", Activity(), id="activity")
                yield Pane("MAP", ChunkMap(id="chunks"), id="map")
            yield Pane("EVENTS", EventFeed(id="event-list"), id="events")
        yield Welcome()
        yield Entry(id="filter", placeholder="show only mirrors and events with this word; esc shows all")
        yield ActionBar()

    def on_mount(self) -> None:
        self.query_one("#filter").display = False
        self.query_one("#mirror-list").focus()
        self._pictures.subscribe(self, self.show)
        self.show(self._store.picture)

    # Show.

    def show(self, picture: Picture) -> None:
        """Draw this picture."""
        self.picture = picture
        self.query_one(Headline).picture = picture
        self.set_class(picture.lost is not None, "-lost")
        self._show_welcome()
        mirrors = [mirror for mirror in picture.mirrors if self._words in mirror.name.lower()]
        listed = self.query_one(MirrorList)
        listed.draw(picture, mirrors)
        unwell = sum(mirror_face(mirror).tone in ("bad", "attention") for mirror in picture.mirrors)
        note = counted(len(picture.mirrors), "mirror") if len(mirrors) == len(picture.mirrors) else ""
        note = note or f"{len(mirrors)} of {counted(len(picture.mirrors), 'mirror')} with “{self._words}”"
        self.query_one("#mirrors", Pane).entitle("MIRRORS", _quiet(f"{note}, {unwell} ▲" if unwell else note))
        self._show_events()
        self._show_detail()

    def _show_welcome(self) -> None:
        nothing = not self.picture.mirrors
        welcome = self.query_one(Welcome)
        welcome.display = nothing
        self.query_one("#body").display = not nothing
        if nothing and self.picture.lost:
            welcome.explain(str(self.picture.lost))
        elif nothing:
            welcome.teach()
        elif self.focused is None:
            self.call_after_refresh(self.query_one(MirrorList).focus)  # it could not have it while hidden

    def _show_events(self) -> None:
        events: Sequence[Event] = self.picture.events
        if self._words:
            events = [event for event in events if self._words in f"{event.mirror} {event.text}".lower()]
        self.query_one(EventFeed).draw(events, self.picture.now, whole=self.has_class("-zoomed"))
        self.query_one("#events", Pane).entitle("EVENTS")

    def _show_detail(self) -> None:
        mirror = self.mirror
        picture = self.picture
        self.query_one(MemberTable).draw(picture, mirror)
        self.query_one(ChunkMap).mirror = mirror
        rates = picture.rates.get((mirror.name, None), Rates()) if mirror else Rates()
        self.query_one(Activity).rates = rates
        pane = self.query_one("#member-pane", Pane)
        pane.entitle(mirror.name if mirror else "MEMBERS", _quiet(_clients(mirror)))
        self.query_one("#address", Static).update(Fitted(lambda width: _address(mirror, width)))
        self.query_one("#activity", Pane).entitle("ACTIVITY", _quiet("last two minutes"))
        self.query_one("#map", Pane).entitle("MAP", legend())
        self.query_one(ActionBar).situation = self.situation

    @property
    def mirror(self) -> Mirror | None:
        """The one under the cursor."""
        return self.picture.mirror(self.query_one(MirrorList).key)

    @property
    def situation(self) -> Situation:
        """What the cursor is on."""
        mirror, member = self.mirror, None
        if mirror and isinstance(self.focused, RowList) and self.focused.id == "members":
            key = self.focused.key
            member = next((member for member in mirror.members if member_key(member) == key), None)
        return Situation(self.picture, mirror, member)

    @on(OptionList.OptionHighlighted, "#mirror-list")
    def _mirror_highlighted(self) -> None:
        self._show_detail()

    @on(OptionList.OptionSelected, "#mirror-list")
    def _mirror_selected(self) -> None:
        self.query_one("#members").focus()

    @on(OptionList.OptionSelected, "#members")
    def _member_selected(self) -> None:
        self.action_act("more")

    def on_descendant_focus(self) -> None:
        self.query_one(ActionBar).situation = self.situation

    # Act.

    def action_act(self, wanted: str) -> None:
        """Do something to the mirror or member under the cursor, or say why it cannot be done."""
        action, now = by_id(wanted), self.situation
        if reason := action.refuse(now):
            self.notify(f"{action.label}: {reason}", severity="warning", timeout=4)
        elif now.mirror and wanted == "copy_uri":
            address = now.mirror.device or now.mirror.uri
            self.app.copy_to_clipboard(address)
            self.notify(f"copied: {address}", timeout=4)
        else:
            self.app.push_screen(dialog_for(wanted, self._client, now))

    def action_filter(self) -> None:
        entry = self.query_one("#filter", Entry)
        entry.display = True
        entry.focus()

    @on(Input.Changed, "#filter")
    def _filter_typed(self, event: Input.Changed) -> None:
        self._words = event.value.strip().lower()
        self.show(self.picture)

    @on(Input.Submitted, "#filter")
    def _filter_entered(self, event: Input.Submitted) -> None:
        self.query_one("#filter").display = bool(event.value)
        self.query_one("#mirror-list").focus()

    def action_next_pane(self) -> None:
        self._turn(1)

    def action_previous_pane(self) -> None:
        self._turn(-1)

    def _turn(self, step: int) -> None:
        """Move the focus to another pane; a zoom goes along."""
        panes = [widget for widget in self.query("Pane *") if widget.can_focus]
        here = panes.index(self.focused) if self.focused in panes else -step
        self._go(panes[(here + step) % len(panes)])

    def _go(self, widget: Widget) -> None:
        """Focus a widget, which may have to be shown first."""
        zoomed = self.has_class("-zoomed")
        for place in self.query("Pane, #detail"):
            place.set_class(zoomed and place in widget.ancestors, "-zoom")
        self._show_events()  # in full, where there is room
        self.call_after_refresh(widget.focus)

    def action_zoom(self) -> None:
        if self.focused:
            self.toggle_class("-zoomed")
            self._go(self.focused)

    def action_back(self) -> None:
        """Undo the last thing that narrowed the view."""
        entry = self.query_one("#filter", Entry)
        if entry.display:
            entry.value = ""
            entry.display = False
        else:
            self.remove_class("-zoomed")
        self._go(self.query_one(MirrorList))

    def action_colours(self) -> None:
        self.app.theme = next(theme.name for theme in THEMES if theme.name != self.app.theme)

    def action_menu(self) -> None:
        self.app.push_screen(CommandPalette(placeholder="What do you want to do?"))

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(self.situation))

    def action_leave(self) -> None:
        used = [mirror for mirror in self.picture.mirrors if mirror.clients]
        if used:
            self.app.push_screen(LeaveDialog(used, self._throwaway))
        else:
            self.app.exit()


def _clients(mirror: Mirror | None) -> str:
    if mirror is None or mirror.state == "stopped":
        return ""
    if mirror.driver == "kernel":
        return "run by the kernel (md)"
    if not mirror.clients:
        return "no client"
    return f"{counted(len(mirror.clients), 'client')}: {printable(', '.join(c.peer for c in mirror.clients))}"


def _address(mirror: Mirror | None, width: int) -> Content:
    """Where the mirror is served."""
    if mirror is None or mirror.state == "stopped":
        return Content("")
    more = f"  and {counted(len(mirror.exports) - 1, 'other address')}" if len(mirror.exports) > 1 else ""
    return cell(f" {mirror.device or mirror.uri}{more}", width, "$quiet")


def _quiet(text: str) -> Content:
    return Content(text).stylize("$quiet")
