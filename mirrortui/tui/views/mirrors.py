"""All mirrors, and everything that matters about the one under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Final

from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import Static

from mirrortui.api.answers import Event
from mirrortui.api.mirrors import Member, Mirror
from mirrortui.tui import keymap
from mirrortui.tui.drawing import Fitted, cell, printable, row
from mirrortui.tui.mouse import link
from mirrortui.tui.store import Picture, Rates
from mirrortui.tui.views.view import View, quiet
from mirrortui.tui.widgets.activity import Activity
from mirrortui.tui.widgets.chunk_map import ChunkMap, legend
from mirrortui.tui.widgets.event_feed import EventFeed
from mirrortui.tui.widgets.member_table import MemberTable, member_key
from mirrortui.tui.widgets.mirror_list import MirrorList
from mirrortui.tui.widgets.pane import Pane
from mirrortui.tui.widgets.row_list import RowList
from mirrortui.tui.widgets.welcome import Welcome
from mirrortui.tui.words import counted, mirror_face

ORDERS: Final[dict[str, Callable[[Mirror], Any]]] = {
    "worst first": lambda mirror: 0,  # as they come
    "by name": lambda mirror: mirror.name,
    "by size": lambda mirror: -mirror.size,
    "by traffic": lambda mirror: -(mirror.read_rate + mirror.write_rate),
}
"""How mirrors may be sorted."""


_EVENTS = 100
"""The newest, of which a few are in sight; the screen of events has all."""


class MirrorsView(View):
    """Home."""

    FIRST: ClassVar[str] = "#mirror-list"
    order = "worst first"
    _picture: Picture | None = None
    _listed = 0

    def compose(self) -> ComposeResult:
        with Container(id="body"):
            with Container(id="mirrors", classes="pane"):
                yield MirrorList(id="mirror-list")
            with Vertical(id="detail", classes="pane"):
                yield Pane("MEMBERS", Static(id="address"), MemberTable(), id="member-pane")
                yield Pane("ACTIVITY", Activity(), id="activity")
                yield Pane("MAP", ChunkMap(id="chunks"), id="map")
            yield Pane("EVENTS", EventFeed(id="event-list"), id="events")
        yield Welcome()

    def show(self, picture: Picture, mirror: Mirror | None) -> None:
        self._picture = picture
        self._show_welcome(picture)
        mirrors = [mirror for mirror in picture.mirrors if self.words in mirror.name.lower()]
        self._listed = len(mirrors)
        listed = self.query_one(MirrorList)
        listed.draw(picture, sorted(mirrors, key=ORDERS[self.order]))
        self._show_events(picture)
        self.show_detail(picture.mirror(listed.key))

    @property
    def note(self) -> Content:
        assert self._picture
        mirrors = self._picture.mirrors
        unwell = sum(mirror_face(mirror).tone in ("bad", "attention") for mirror in mirrors)
        parts = [counted(len(mirrors), "mirror")]
        if self.words:
            parts = [f"{self._listed} of {parts[0]} with “{self.words}”"]
        if self.order != "worst first":
            parts.append(self.order)
        if unwell:
            parts.append(f"{unwell} ▲")
        note = link(quiet(", ".join(parts)), "back" if self.words else "sort")
        return row((f"{marked}, ", "$accent"), note) if (marked := self._marked()) else note

    def _marked(self) -> str:
        listed = self.query_one(MirrorList)
        hidden = len(listed.marks - {option.id for option in listed.options})
        if not listed.marks:
            return ""
        return f"{len(listed.marks)} marked" + (f" ({hidden} not shown)" if hidden else "")

    @property
    def member(self) -> Member | None:
        table = self.query_one("#members", RowList)
        mirror = self._picture.mirror(self.query_one(MirrorList).key) if self._picture else None
        if mirror is None or not table.has_focus:
            return None
        return next((member for member in mirror.members if member_key(member) == table.key), None)

    def place_cursor(self, mirror: str) -> None:
        listed = self.query_one(MirrorList)
        if mirror in [option.id for option in listed.options]:
            listed.put_cursor(mirror)

    def sort(self, order: str) -> None:
        """In one of ORDERS; anything else changes nothing."""
        self.order = order if order in ORDERS else self.order

    def sort_otherwise(self) -> str:
        """The next order; answers which."""
        orders = list(ORDERS)
        self.order = orders[(orders.index(self.order) + 1) % len(orders)]
        self.query_one(MirrorList).let_rows_move()
        return self.order

    def _show_welcome(self, picture: Picture) -> None:
        nothing = not picture.mirrors
        welcome = self.query_one(Welcome)
        welcome.display = nothing
        self.query_one("#body").display = not nothing
        if nothing and picture.lost:
            welcome.explain(str(picture.lost))
        elif nothing:
            welcome.teach()
        elif self.screen.focused is None:
            self.call_after_refresh(self.query_one(MirrorList).focus)  # it could not have it while hidden

    def _show_events(self, picture: Picture) -> None:
        events: Sequence[Event] = picture.events
        if self.words:
            events = [event for event in events if self.words in f"{event.mirror} {event.text}".lower()]
        events = events[-_EVENTS:]
        zoomed = self.screen.has_class("-zoomed")
        self.query_one("#event-list", EventFeed).draw(events, picture.now, whole=zoomed)

    def show_detail(self, mirror: Mirror | None) -> None:
        """Show this mirror beside the list."""
        picture = self._picture
        if picture is None:
            return
        self.query_one(MemberTable).draw(picture, mirror)
        self.query_one("#chunks", ChunkMap).mirror = mirror
        rates = picture.rates.get((mirror.name, None), Rates()) if mirror else Rates()
        self.query_one(Activity).rates = rates
        pane = self.query_one("#member-pane", Pane)
        pane.entitle(mirror.name if mirror else "MEMBERS", quiet(_clients(mirror)))
        address = _address(mirror)
        if address != self._address:
            self._address = address
            self.query_one("#address", Static).update(Fitted(partial(_served, address)))
        self.query_one("#activity", Pane).entitle("ACTIVITY", quiet("last two minutes"))
        self.query_one("#map", Pane).entitle("MAP", legend())

    _address: str | None = None


def _clients(mirror: Mirror | None) -> str:
    if mirror is None or mirror.state == "stopped":
        return ""
    if mirror.driver == "kernel":
        return "run by the kernel (md)"
    if not mirror.clients:
        return "no client"
    return f"{counted(len(mirror.clients), 'client')}: {printable(', '.join(c.peer for c in mirror.clients))}"


def _served(address: str, width: int) -> Content:
    """The address, and how to get it into another terminal where there is room to say so."""
    hint = row(" ", (keymap.key("copy_uri", "u"), "$accent"), (" copies it ", "$quiet"))
    room = width - hint.cell_length
    if not address or Content(address).cell_length > room:
        return cell(address, width, "$quiet")
    return row(cell(address, room, "$quiet"), hint)


def _address(mirror: Mirror | None) -> str:
    """Where the mirror is served."""
    if mirror is None or mirror.state == "stopped":
        return ""
    more = f"  and {counted(len(mirror.exports) - 1, 'other address')}" if len(mirror.exports) > 1 else ""
    return f" {mirror.device or mirror.uri}{more}"
