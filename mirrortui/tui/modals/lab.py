"""The fault lab: which member, and what happens to it."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.content import Content

from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Member, Mirror
from mirrortui.tui.drawing import Fitted, cell, row
from mirrortui.tui.errands import MISHAPS, Suffer
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.widgets.pick import Pick
from mirrortui.tui.widgets.row_list import ChoiceList, PlanList, Row
from mirrortui.tui.wording import file_names


class LabDialog(PlanDialog):
    """What is chosen happens at once: the mirror was started for that."""

    def __init__(self, client: EngineApi, mirror: Mirror, member: Member | None) -> None:
        """`member`: the one under the cursor."""
        super().__init__(client, f"The fault lab of {mirror.name}")
        self._mirror = mirror
        self._paths = [each.path for each in mirror.members if each.path]
        self._first = self._paths.index(member.path) if member and member.path in self._paths else 0

    def compose_choice(self) -> ComposeResult:
        yield Pick(" to which member", [file_names(path) for path in self._paths], id="member")
        yield PlanList(id="choice")

    def on_mount(self) -> None:
        self.query_one(Pick).at = self._first
        choice = self.query_one(ChoiceList)
        choice.show([_row(mishap, text) for mishap, text, *_ in MISHAPS])
        choice.action_first()
        choice.focus()

    def proposal(self) -> Suffer | None:
        chosen = self.query_one(ChoiceList).key
        path = self._paths[self.query_one(Pick).at]
        found = next((mishap for mishap, *_ in MISHAPS if mishap == chosen), None)
        if found is None:
            return None
        return Suffer(self._mirror.name, "" if found == "power-cut" else path, found)

    @on(Pick.Changed)
    def _other_member(self) -> None:
        self.propose()


def _row(mishap: str, text: str) -> Row:
    def draw(width: int) -> Content:
        return row(" ", cell(mishap, 13, "bold"), cell(text, width - 15))

    return Row(mishap, Fitted(draw))
