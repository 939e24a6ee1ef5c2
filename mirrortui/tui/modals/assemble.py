"""Start a mirror again; of a split brain, choose whose content is kept."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content

from mirrortui.api.interface import EngineApi
from mirrortui.api.schema import Mirror
from mirrortui.tui.drawing import Fitted, path_cell, row
from mirrortui.tui.modals.dialog import PlanDialog, PlanMade
from mirrortui.tui.proposals import Assemble
from mirrortui.tui.widgets.row_list import ChoiceList, Row, RowList
from mirrortui.tui.widgets.tick import Tick


class AssembleDialog(PlanDialog):
    """Start a mirror that was stopped, or that failed. The choice of a survivor shows only where one is wanted."""

    def __init__(self, client: EngineApi, mirror: Mirror) -> None:
        super().__init__(client, f"Assemble {mirror.name}")
        self._mirror = mirror.name
        self.decided = True

    def compose_choice(self) -> ComposeResult:
        yield ChoiceList(id="choice")
        yield Tick("start it although members are missing (--run)", id="run")

    def on_mount(self) -> None:
        self.query_one(RowList).display = False

    def proposal(self) -> Assemble:
        return Assemble(self._mirror, self.query_one(Tick).value, self.query_one(RowList).chosen)

    def on_plan_made(self, event: PlanMade) -> None:
        choice = self.query_one(RowList)
        if not event.plan.survivors or choice.display:
            return
        self.decided = False
        choice.show([_row(path) for path in event.plan.survivors])
        choice.highlighted = None  # nobody is proposed: it costs the others what they wrote
        choice.display = True
        choice.focus()


def _row(path: str) -> Row:
    def draw(width: int) -> Content:
        return row(" keep  ", path_cell(path, max(0, width - 8)))

    return Row(path, Fitted(draw))
