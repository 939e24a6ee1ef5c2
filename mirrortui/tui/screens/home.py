"""The one screen that is always there: a headline, the views and their tabs, and what can be done now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.content import Content
from textual.screen import Screen
from textual.signal import Signal
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Input, OptionList

from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Mirror
from mirrortui.tui.actions import ACTIONS, Situation, by_id
from mirrortui.tui.inventory import Inventory
from mirrortui.tui.memory import Memory
from mirrortui.tui.palette import ActionCommands
from mirrortui.tui.screens.export import ExportDialog
from mirrortui.tui.store import Picture, Store
from mirrortui.tui.themes import THEMES, short_name
from mirrortui.tui.views.devices import DevicesView
from mirrortui.tui.views.events import EventsView
from mirrortui.tui.views.help import HelpView
from mirrortui.tui.views.jobs import JobsView
from mirrortui.tui.views.mirror import MirrorView
from mirrortui.tui.views.mirrors import MirrorsView
from mirrortui.tui.views.view import View
from mirrortui.tui.widgets.action_bar import ActionBar
from mirrortui.tui.widgets.entry import Entry
from mirrortui.tui.widgets.headline import Headline
from mirrortui.tui.widgets.mirror_list import MirrorList
from mirrortui.tui.widgets.tab_strip import TabStrip
from mirrortui.tui.words import clock_time


class HomeScreen(Screen[None]):
    """Shows pictures; starts dialogs. What may be done is decided by the registry of actions, never here."""

    CSS_PATH = [  # noqa: RUF012 (Textual's type)
        "home.tcss",
        "../views/mirrors.tcss",
        "../views/mirror.tcss",
        "../views/lists.tcss",
    ]
    COMMANDS = {ActionCommands}  # noqa: RUF012 (Textual's type is no ClassVar of this)
    BINDINGS: ClassVar[list[BindingType]] = [action.binding() for action in ACTIONS]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (160, "-broad")]  # noqa: RUF012 (Textual's type)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (34, "-tall")]  # noqa: RUF012 (Textual's type)

    def __init__(
        self,
        client: EngineApi,
        store: Store,
        pictures: Signal[Picture],
        memory: Memory,
        throwaway: bool = False,
    ) -> None:
        """Show the store's picture, and from then on those that are published. `throwaway`: see MirrorApp."""
        super().__init__()
        self._memory = memory
        self._throwaway = throwaway
        self._client = client
        self._store = store
        self._pictures = pictures
        self.picture = store.picture
        """The newest one."""
        self._frozen: Picture | None = None
        self._current: str | None = None
        self._trail = ["mirrors"]
        """Where the operator came from, and is."""
        self._inventory = inventory = Inventory(client)
        self._views: dict[str, Callable[[], View]] = {
            "mirror": lambda: MirrorView(inventory, id="view-mirror"),
            "devices": lambda: DevicesView(inventory, id="view-devices"),
            "events": lambda: EventsView(id="view-events"),
            "jobs": lambda: JobsView(id="view-jobs"),
            "help": lambda: HelpView(self._before_help, id="view-help"),
        }
        """Made when they are gone to first."""

    def compose(self) -> ComposeResult:
        yield Headline()
        yield TabStrip()
        with ContentSwitcher(initial="view-mirrors"):
            yield MirrorsView(id="view-mirrors")
        yield Entry(id="filter", placeholder="show only what has this word; esc shows all")
        yield ActionBar()

    def on_mount(self) -> None:
        self.query_one("#filter").display = False
        self.view.take_focus()
        self.query_one(MirrorsView).sort(self._memory.left.order)
        self._pictures.subscribe(self, self.show)
        self.show(self._store.picture)
        if self._memory.left.place in self._views and not self._throwaway:
            self.call_later(self.action_go, self._memory.left.place)

    # Show.

    def show(self, picture: Picture) -> None:
        """Draw this picture; of a frozen screen only the first line."""
        self.picture = picture
        self.query_one(Headline).picture = picture
        self.set_class(picture.lost is not None, "-lost")
        self._show_view()

    def _show_view(self) -> None:
        """Draw the view that is shown, and what can be done there."""
        self.view.show(self._frozen or self.picture, self.mirror)
        self._show_around()

    def _show_around(self) -> None:
        strip = self.query_one(TabStrip)
        strip.here = self._trail[-1]
        if self._frozen:
            since = clock_time(self._frozen.now)
            strip.note = Content(f"frozen at {since}, {by_id('freeze').key} goes on").stylize("$attention")
        else:
            strip.note = self.view.note
        self._show_actions()

    def _show_actions(self) -> None:
        self.query_one(ActionBar).situation = self.situation

    @property
    def view(self) -> View:
        """The one that is shown."""
        return self.query_one(f"#view-{self._trail[-1]}", View)

    @property
    def mirror(self) -> Mirror | None:
        """The one under the cursor: in the list, or chosen there or among jobs before."""
        if self._trail[-1] == "mirrors":
            return self.picture.mirror(self.query_one(MirrorList).key)
        first = self.picture.mirrors[0] if self.picture.mirrors else None
        return self.picture.mirror(self._current) or first

    @property
    def situation(self) -> Situation:
        """What the cursor is on."""
        mirror = self.mirror
        place = self._trail[-1]
        marks = self.query_one(MirrorList).marks if place == "mirrors" else ()
        marked = tuple(mirror for mirror in self.picture.mirrors if mirror.name in marks)
        member = self.view.member if mirror else None
        return Situation(self.picture, mirror, member, place, self.view.device, marked)

    def _before_help(self) -> Situation:
        """What could be done where the operator came from."""
        return replace(self.situation, place=self._trail[-2] if len(self._trail) > 1 else self._trail[-1])

    @on(OptionList.OptionHighlighted, "#mirror-list")
    def _mirror_highlighted(self) -> None:
        if mirror := self.mirror:
            self._current = mirror.name
        self.query_one(MirrorsView).show_detail(mirror)
        self._show_actions()

    @on(OptionList.OptionSelected, "#mirror-list")
    def _mirror_selected(self) -> None:
        self.query_one("#members").focus()

    @on(OptionList.OptionSelected, "#members, #member-cards")
    def _member_selected(self) -> None:
        self.action_act("more")

    def on_row_list_menu_wanted(self) -> None:
        self.action_act("more")

    async def on_view_mirror_chosen(self, event: View.MirrorChosen) -> None:
        """In another view; one that was gone to is shown in full."""
        if not event.view.display or not self.picture.mirror(event.mirror):
            return
        self._current = event.mirror
        self._show_actions()
        if event.go:
            await self.action_go("mirror")

    def on_view_device_chosen(self, event: View.DeviceChosen) -> None:
        """Ask what is to be done with it, or say why nothing can."""
        from mirrortui.tui.modals.device import dialog_for_device  # not before the first picture

        if reason := by_id("create").refuse(self.situation):
            self.notify(reason, severity="warning", timeout=4)
        elif dialog := dialog_for_device(self._client, event.device, self.picture.mirrors):
            self.app.push_screen(dialog)
        else:
            self.notify(f"{event.device.path}: {event.device.why_not}", severity="warning", timeout=4)

    def on_view_changed(self) -> None:
        """It drew itself, later than the picture came."""
        self._show_around()

    def on_descendant_focus(self) -> None:
        self._show_actions()

    # Move.

    async def action_go(self, place: str) -> None:
        """Show another of the views. `back` returns to this one."""
        if place == self._trail[-1]:
            if place == "help":
                self.action_back()
            return
        self.view.last_focus = self.focused
        if not self.query(f"#view-{place}"):
            await self.query_one(ContentSwitcher).add_content(self._views[place]())
        if place in self._trail:
            del self._trail[self._trail.index(place) + 1 :]
        else:
            self._trail.append(place)
        self._arrive()

    def _arrive(self) -> None:
        """Show the view at the end of the trail, as it was left."""
        if self._trail[-1] != "help":  # nobody leaves for it
            self._memory.keep(place=self._trail[-1])
        self.remove_class("-zoomed")
        self.query_one(ContentSwitcher).current = f"view-{self._trail[-1]}"
        entry, view = self.query_one("#filter", Entry), self.view
        with entry.prevent(Input.Changed):
            entry.value = view.words
        entry.display = bool(view.words)
        if self._current:
            view.place_cursor(self._current)
        self._show_view()
        self.call_after_refresh(view.take_focus)

    def action_next_mirror(self) -> None:
        self._step(1)

    def action_previous_mirror(self) -> None:
        self._step(-1)

    def _step(self, step: int) -> None:
        """To the mirror beside this one, in the order of the list."""
        names = [mirror.name for mirror in self.picture.mirrors]
        if self._may("next_mirror") and self.mirror:
            at = (names.index(self.mirror.name) + step) % len(names)
            self._current = names[at]
            self.view.place_cursor(names[at])
            self._show_view()

    def action_filter(self) -> None:
        if self._may("filter"):
            entry = self.query_one("#filter", Entry)
            entry.display = True
            entry.focus()

    @on(Input.Changed, "#filter")
    def _filter_typed(self, event: Input.Changed) -> None:
        self.view.words = event.value.strip().lower()
        self._show_view()

    @on(Input.Submitted, "#filter")
    def _filter_entered(self, event: Input.Submitted) -> None:
        self.query_one("#filter").display = bool(event.value)
        self.query_one(self._first).focus()

    @property
    def _first(self) -> str:
        """Selects what has the focus at first in this view."""
        return f"#view-{self._trail[-1]} {self.view.FIRST}"

    def action_next_pane(self) -> None:
        self._turn(1)

    def action_previous_pane(self) -> None:
        self._turn(-1)

    def _turn(self, step: int) -> None:
        """Move the focus to another pane; a zoom goes along."""
        panes = [widget for widget in self.view.query("*") if widget.can_focus and widget.id]
        here = panes.index(self.focused) if self.focused in panes else -step
        if panes:
            self._focus_pane(panes[(here + step) % len(panes)])

    def _focus_pane(self, widget: Widget) -> None:
        """Focus a widget, which may have to be shown first."""
        zoomed = self.has_class("-zoomed")
        for place in self.view.query(".pane"):
            place.set_class(zoomed and place in widget.ancestors, "-zoom")
        self._show_view()  # in full, where there is room
        self.call_after_refresh(widget.focus)

    def action_zoom(self) -> None:
        if self._may("zoom") and self.focused:
            self.toggle_class("-zoomed")
            self._focus_pane(self.focused)

    def action_freeze(self) -> None:
        if self._may("freeze"):
            self._frozen = None if self._frozen else self.picture
            self._show_view()

    def action_sort(self) -> None:
        if self._may("sort"):
            self._memory.keep(order=self.query_one(MirrorsView).sort_otherwise())
            self._show_view()

    def action_mark(self) -> None:
        if self._may("mark"):
            listed = self.query_one(MirrorList)
            listed.toggle_mark(listed.key)
            if listed.highlighted is not None and listed.highlighted < listed.option_count - 1:
                listed.action_cursor_down()

    def action_mark_all(self) -> None:
        if self._may("mark_all"):
            self.query_one(MirrorList).toggle_all()

    def on_mirror_list_marked(self) -> None:
        self._show_view()

    def action_severity(self) -> None:
        if self._may("severity"):
            self.query_one(EventsView).next_severity()
            self._show_view()

    def action_only_mirror(self) -> None:
        if self._may("only_mirror"):
            self.query_one(EventsView).toggle_mirror(self.mirror)
            self._show_view()

    def action_write_events(self) -> None:
        if self._may("write_events"):
            self.app.push_screen(ExportDialog(self.query_one(EventsView).shown))

    def action_back(self) -> None:
        """Undo the last thing that narrowed the view, or led here."""
        entry, marks = self.query_one("#filter", Entry), self.query_one(MirrorList).marks
        if marks and self._trail[-1] == "mirrors" and not entry.has_focus:
            marks.clear()
            self._show_view()
            return
        if entry.display:
            entry.value = ""
            entry.display = False
        elif self.has_class("-zoomed"):
            self.remove_class("-zoomed")
        elif self._frozen:
            self._frozen = None
        elif len(self._trail) > 1:
            self.view.last_focus = self.focused
            self._trail.pop()
            self._arrive()
            return
        self._focus_pane(self.query_one(self._first))

    # Act.

    def _may(self, wanted: str) -> bool:
        """Whether an action can be taken now; says why not."""
        action = by_id(wanted)
        if reason := action.refuse_now(self.situation):
            self.notify(f"{action.label}: {reason}", severity="warning", timeout=4)
        return reason is None

    def action_act(self, wanted: str) -> None:
        """Do something to the mirror or member under the cursor, or say why it cannot be done."""
        now = self.situation
        if not self._may(wanted):
            return
        if now.mirror and wanted == "copy_uri":
            address = now.mirror.device or now.mirror.uri
            self.app.copy_to_clipboard(address)
            self.notify(f"copied: {address}", timeout=4)
        else:
            from mirrortui.tui.modals import dialog_for, dialog_for_several  # not before the first picture

            action = by_id(wanted)
            several = action.about_marked(now)
            self.app.push_screen(
                dialog_for_several(action, self._client, now)
                if several
                else dialog_for(wanted, self._client, now)
            )

    def action_colours(self) -> None:
        names = [theme.name for theme in THEMES]
        at = names.index(self.app.theme) if self.app.theme in names else -1
        self.app.theme = names[(at + 1) % len(names)]
        self._memory.keep(theme=short_name(self.app.theme))
        self.notify(f"colours: {short_name(self.app.theme)}", timeout=3)

    def action_menu(self) -> None:
        self.app.push_screen(CommandPalette(placeholder="What do you want to do?"))

    def action_leave(self) -> None:
        used = [mirror for mirror in self.picture.mirrors if mirror.clients]
        if used:
            from mirrortui.tui.modals.leave import LeaveDialog

            self.app.push_screen(LeaveDialog(used, self._throwaway))
        else:
            self.app.exit()
