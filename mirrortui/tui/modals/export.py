"""One more address to serve a mirror at."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Mirror
from mirrortui.tui.drawing import Fitted, cell, lines, printable, row, wrapped
from mirrortui.tui.errands import AddExport
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.widgets.entry import Entry
from mirrortui.tui.widgets.tick import Tick

_LABEL = 15


class ExportDialog(PlanDialog):
    """Type a port or the path of a socket; the addresses that there are stand above."""

    PROMPT = (
        "Type HOST:PORT of a loopback address, such as 127.0.0.1:10809, or the path of a new Unix socket."
    )

    def __init__(self, client: EngineApi, mirror: Mirror) -> None:
        super().__init__(client, f"Serve {mirror.name} at one more address")
        self._mirror = mirror

    def compose_choice(self) -> ComposeResult:
        yield Static(Fitted(self._now), classes="facts")
        with Horizontal(classes="field"):
            yield Static("address", classes="label")
            yield Entry(id="address", placeholder="127.0.0.1:10809")
        with Horizontal(classes="field"):
            yield Tick("clients there can only read (--readonly)", id="readonly")

    def _now(self, width: int) -> Content:
        """Where it is served already."""
        found = [export.uri for export in self._mirror.exports]
        if not found:
            return Content(" It is served nowhere now.").stylize("$quiet")
        shown = [line for uri in found for line in wrapped(printable(uri), width - _LABEL)]
        return lines(
            row(cell("" if number else " now", _LABEL, "$quiet"), line) for number, line in enumerate(shown)
        )

    def on_mount(self) -> None:
        self.query_one("#address").focus()

    def proposal(self) -> AddExport | None:
        address = self.query_one("#address", Entry).value.strip()
        complete = (address.startswith("/") and not address.endswith("/")) or address.rpartition(":")[
            2
        ].isdecimal()
        return AddExport(self._mirror.name, address, self.query_one(Tick).value) if complete else None

    @on(Input.Changed, "#address")
    def _typing(self) -> None:
        self.propose_soon()
