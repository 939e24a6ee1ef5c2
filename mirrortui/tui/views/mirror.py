"""Everything about one mirror."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.events import Resize

from mirrortui.api.mirrors import Member, Mirror
from mirrortui.tui import keymap
from mirrortui.tui.drawing import row
from mirrortui.tui.inventory import Inventory
from mirrortui.tui.mouse import link
from mirrortui.tui.store import SPAN, SPANS_KEPT, Picture, Rates
from mirrortui.tui.views.view import View, quiet
from mirrortui.tui.widgets import mirror_facts as facts
from mirrortui.tui.widgets.activity import Activity
from mirrortui.tui.widgets.chunk_map import legend
from mirrortui.tui.widgets.heat_map import HeatMap
from mirrortui.tui.widgets.lines import Lines, Reachable
from mirrortui.tui.widgets.member_table import MemberTable, member_key
from mirrortui.tui.widgets.pane import Pane
from mirrortui.tui.widgets.row_list import RowList
from mirrortui.tui.words import counted

_HIGH = 48
"""Lines from which on there is room for a larger map."""


class MirrorView(View):
    """The one under the cursor, with its members in full."""

    FIRST: ClassVar[str] = "#member-cards"

    def __init__(self, inventory: Inventory, *, id: str) -> None:  # noqa: A002 (Textual's word)
        super().__init__(id=id)
        self._inventory = inventory
        self._picture: Picture | None = None
        self._mirror: Mirror | None = None

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="mirror-page", can_focus=False):
            yield Lines(id="summary")
            table = MemberTable("member-cards", device=lambda path: self._inventory.stock.device(path))
            yield Pane("MEMBERS", table, id="cards")
            yield Pane("MAP", HeatMap(id="heat-map"), id="heat")
            yield Pane("CLIENTS", Reachable(id="client-lines"), id="clients")
            with Container(id="traffic", classes="pane"):
                yield Pane("TRAFFIC", Activity(id="two-minutes"), id="traffic-now")
                yield Pane("TRAFFIC", Activity(id="last-hour"), id="traffic-hour")
            with Container(id="about", classes="pane"):
                yield Pane("CHECKS", Reachable(id="check-lines"), id="checks")
                yield Pane("MADE OF", Reachable(id="fact-lines"), id="facts")

    def show(self, picture: Picture, mirror: Mirror | None) -> None:
        if self._mirror is None or mirror is None or mirror.name != self._mirror.name:
            self.query_one("#mirror-page").scroll_home(animate=False)
        self._picture, self._mirror = picture, mirror
        self._draw()
        self.run_worker(self._look, thread=True, exclusive=True, group="inventory")

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.height >= _HIGH, "-high")

    def _look(self) -> None:
        """In a thread: models and serials are the engine's to know."""
        if self._picture and self._inventory.look(self._picture.mirrors):
            self.app.call_from_thread(self._draw)

    def _draw(self) -> None:
        picture, mirror = self._picture, self._mirror
        if picture is None:
            return
        name, now = mirror.name if mirror else "", picture.now
        self.set_class(mirror is None, "-none")
        self.query_one("#summary", Lines).say(lambda width: facts.summary(mirror, now, width))
        self.query_one(MemberTable).draw(picture, mirror)
        self.query_one("#cards", Pane).entitle("MEMBERS")
        self.query_one(HeatMap).mirror = mirror
        self.query_one("#heat", Pane).entitle("MAP", legend())
        hour = picture.hours.get(name, Rates())
        self.query_one("#two-minutes", Activity).rates = picture.rates.get((name, None), Rates())
        self.query_one("#last-hour", Activity).rates = hour
        self.query_one("#traffic-now", Pane).entitle("TRAFFIC", quiet("last two minutes"))
        self.query_one("#traffic-hour", Pane).entitle("TRAFFIC", quiet(_seen(len(hour.read))))
        self.query_one("#client-lines", Lines).say(lambda width: facts.users(mirror, now, width))
        clients = counted(len(mirror.clients), "client") if mirror and mirror.clients else ""
        self.query_one("#clients", Pane).entitle("CLIENTS", quiet(clients))
        self.query_one("#check-lines", Lines).say(lambda width: facts.checks(mirror, now, width))
        self.query_one("#fact-lines", Lines).say(lambda width: facts.makeup(mirror, width))

    @property
    def note(self) -> Content:
        mirrors = self._picture.mirrors if self._picture else ()
        if self._mirror is None or len(mirrors) < 2:
            return Content("")
        at = [mirror.name for mirror in mirrors].index(self._mirror.name) + 1
        turn = row((keymap.key("next_mirror", "]"), "$accent"), (" next", "$quiet"))
        return row(quiet(f"{at} of {len(mirrors)}  "), link(turn, "next_mirror"))

    @property
    def member(self) -> Member | None:
        table = self.query_one("#member-cards", RowList)
        if self._mirror is None or not table.has_focus:
            return None
        return next((each for each in self._mirror.members if member_key(each) == table.key), None)


def _seen(samples: int) -> str:
    """How much of the last hour somebody looked."""
    if samples >= SPANS_KEPT:
        return "last hour"
    return f"last hour, seen for {max(1, round(samples * SPAN / 60))} min"
