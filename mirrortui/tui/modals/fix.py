"""What would make a mirror whole: the steps, why, and all that they do."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from mirrortui.api.answers import Plan
from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Mirror
from mirrortui.tui.drawing import Fitted, cell, lines, printable, row, wrapped
from mirrortui.tui.modals.add import AddDialog
from mirrortui.tui.modals.dialog import PlanDialog, PlanMade
from mirrortui.tui.remedies import Course, Search, Step, carry_out


@dataclass(frozen=True, slots=True)
class Fix:
    """Do what makes a mirror whole. Wants a deliberate key at least, because it chooses what to do."""

    mirror: str

    def plan(self, client: EngineApi) -> Plan:
        return Search(client, client.mirror(self.mirror)).run()

    def act(self, client: EngineApi, plan: Plan) -> None:
        assert isinstance(plan, Course)
        carry_out(client, plan)


class FixDialog(PlanDialog):
    """Nothing to choose: what is shown is done, or it is left. Where only a device is missing, that is asked for."""

    PROMPT = "looking for what is wrong, and asking the engine what can be done …"

    def __init__(self, client: EngineApi, mirror: Mirror) -> None:
        super().__init__(client, f"Fix {mirror.name}")
        self._mirror = mirror
        self.decided = True

    def compose_choice(self) -> ComposeResult:
        with VerticalScroll(id="course", can_focus=False):
            yield Static(id="steps")

    def proposal(self) -> Fix:
        return Fix(self._mirror.name)

    def on_plan_made(self, event: PlanMade) -> None:
        course = event.plan
        assert isinstance(course, Course)
        if course.wants_device and not course.steps:
            self.app.switch_screen(AddDialog(self._client, self._mirror, "Fix {} with a new member"))
            return
        self.query_one("#steps", Static).update(Fitted(lambda width: _draw(course.steps, width)))


def _draw(steps: list[Step], width: int) -> Content:
    """Numbered, each with its reason below."""
    drawn: list[Content] = []
    for number, step in enumerate(steps, start=1):
        drawn.append(row(cell(f" {number}", 4, "$accent bold"), cell(step.title, width - 5, "bold")))
        drawn += [row("    ", (line, "$quiet")) for line in wrapped(printable(step.reason), width - 5)]
    return lines(drawn)
