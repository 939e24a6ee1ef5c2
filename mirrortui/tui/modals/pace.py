"""How much clients may notice of a sync."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Mirror
from mirrortui.api.vocabulary import Impact
from mirrortui.tui.drawing import Fitted, cell, row
from mirrortui.tui.errands import SetPace
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.widgets.entry import Entry
from mirrortui.tui.widgets.row_list import ChoiceList, PlanList, Row
from mirrortui.units import parse_size

_MEANING: dict[Impact, str] = {
    "low": "clients first: it takes only what they leave",
    "balanced": "it and the clients share; the default",
    "max": "it goes as fast as the disks, and clients wait for it",
}


class PaceDialog(PlanDialog):
    """One knob, and a limit for who wants one."""

    def __init__(self, client: EngineApi, mirror: Mirror) -> None:
        super().__init__(client, f"How fast {mirror.name} may copy and check")
        self._mirror = mirror

    def compose_choice(self) -> ComposeResult:
        yield from pace_fields()

    def on_mount(self) -> None:
        show_paces(self, self._mirror.impact)

    def proposal(self) -> SetPace | None:
        chosen = chosen_pace(self)
        return SetPace(self._mirror.name, *chosen) if chosen else None

    @on(Input.Changed, "#limit")
    def _typing(self) -> None:
        self.propose_soon()


def pace_fields() -> ComposeResult:
    """The knob, and the limit."""
    yield PlanList(id="choice")
    with Horizontal(classes="field"):
        yield Static("at most", classes="label")
        yield Entry(id="limit", placeholder="as it is; such as 200M a second, 0 for no limit")


def show_paces(dialog: PlanDialog, current: Impact | None) -> None:
    """Fill the knob; `current`: as it is now, if it is the same of all."""
    choice = dialog.query_one(ChoiceList)
    choice.show([_row(impact, current) for impact in _MEANING])
    choice.put_cursor(current or "balanced")
    choice.focus()


def chosen_pace(dialog: PlanDialog) -> tuple[Impact, int | None] | None:
    """The impact, and bytes per second at most: 0 for no limit, None for as it is. None: that is no amount."""
    typed = dialog.query_one("#limit", Entry).value.strip()
    chosen = dialog.query_one(ChoiceList).key
    try:
        limit = parse_size(typed) if typed else None
    except ValueError:
        return None
    return next(((impact, limit) for impact in _MEANING if impact == chosen), None)


def _row(impact: Impact, current: Impact | None) -> Row:
    now = "now" if impact == current else ""

    def draw(width: int) -> Content:
        return row(" ", cell(impact, 10, "bold"), cell(now, 5, "$accent"), cell(_MEANING[impact], width - 18))

    return Row(impact, Fitted(draw))
