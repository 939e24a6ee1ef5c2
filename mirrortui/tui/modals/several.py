"""The dialog of what is done to all marked mirrors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, Static

from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Mirror
from mirrortui.tui.actions import Action, Situation
from mirrortui.tui.drawing import Fitted, cell, lines, printable, row, wrapped
from mirrortui.tui.errands import SetPace
from mirrortui.tui.modals.dialog import PlanDialog, PlanMade, VerbEnded
from mirrortui.tui.modals.fix import Fix
from mirrortui.tui.modals.pace import chosen_pace, pace_fields, show_paces
from mirrortui.tui.proposals import Assemble, Proposal, Stop, Sync
from mirrortui.tui.several import UNDER_WAY, Joint, One, Part, Several
from mirrortui.tui.words import counted

_REDRAW = 0.1
"""Seconds between looks at how far it is."""
_LINES = 2
"""Of a reason."""


class SeveralDialog(PlanDialog):
    """A row for each: what will be done to it, or why it is left alone; and then what came of it."""

    def __init__(self, client: EngineApi, action: Action, now: Situation) -> None:
        super().__init__(client, f"{_title(action)} {counted(len(now.marked), 'marked mirror')}")
        self._action = action
        self._marked = now.marked
        self._reasons = {
            mirror.name: action.refuse(replace(now, mirror=mirror, member=None)) or ""
            for mirror in now.marked
        }
        self._joint: Joint | None = None
        self._watch: Timer | None = None

    def compose_choice(self) -> ComposeResult:
        with VerticalScroll(id="course", can_focus=False):
            yield Static(id="steps")

    def proposal(self) -> Several | None:
        return Several(_title(self._action), tuple(self._one(mirror) for mirror in self._marked))

    def _one(self, mirror: Mirror) -> One:
        reason = self._reasons[mirror.name]
        return One(mirror.name, None if reason else self.proposed(mirror), reason)

    def proposed(self, mirror: Mirror) -> Proposal:
        """What to do to one of them."""
        match self._action.id:
            case "fix":
                return Assemble(mirror.name) if mirror.state in ("stopped", "failed") else Fix(mirror.name)
            case "stop":
                return Stop(mirror.name)
            case "assemble":
                return Assemble(mirror.name)
            case ("check" | "pause" | "resume" | "cancel") as verb:
                return Sync(mirror.name, verb)
            case other:
                raise ValueError(f"{other} is not for several")

    def on_plan_made(self, event: PlanMade) -> None:
        assert isinstance(event.plan, Joint)
        self._joint = event.plan
        self._draw_rows()

    def _draw_rows(self) -> None:
        if joint := self._joint:
            self.query_one("#steps", Static).update(Fitted(lambda width: _draw(joint, width)))

    def action_confirm(self) -> None:
        super().action_confirm()
        if self._acting and self._watch is None:
            self._watch = self.set_interval(_REDRAW, self._draw_rows)

    def ended(self, event: VerbEnded) -> None:
        """All done: leave. Else the rows say what came of each."""
        if self._watch:
            self._watch.stop()
            self._watch = None
        assert isinstance(event.plan, Joint)
        if event.error is None:
            names = ", ".join(part.mirror for part in event.plan.able)
            self.app.notify(f"{_title(self._action)}: done for {names}.", timeout=4)
            self.dismiss(event.plan)
            return
        self._acting = False
        self.decided = False
        self._draw_rows()
        self._complain(event.error)


class SeveralPaceDialog(SeveralDialog):
    """How much clients may notice of the syncs of all of them."""

    def compose_choice(self) -> ComposeResult:
        yield from pace_fields()
        yield from super().compose_choice()

    def on_mount(self) -> None:
        impacts = {mirror.impact for mirror in self._marked}
        show_paces(self, impacts.pop() if len(impacts) == 1 else None)

    def proposal(self) -> Several | None:
        return super().proposal() if chosen_pace(self) else None

    def proposed(self, mirror: Mirror) -> SetPace:
        return SetPace(mirror.name, *(chosen_pace(self) or ("balanced", None)))

    @on(Input.Changed, "#limit")
    def _typing(self) -> None:
        self.propose_soon()


def dialog_for_several(action: Action, client: EngineApi, now: Situation) -> SeveralDialog:
    """The dialog of an action on what is marked."""
    kind = SeveralPaceDialog if action.id == "pace" else SeveralDialog
    return kind(client, action, now)


def _title(action: Action) -> str:
    return {"fix": "Fix", "pace": "Set the pace of"}.get(action.id, action.label.capitalize())


def _draw(joint: Joint, width: int) -> Content:
    names = min(20, max(len(part.mirror) for part in joint.parts))
    return lines(line for part in joint.parts for line in _rows(part, joint, names, width))


def _rows(part: Part, joint: Joint, names: int, width: int) -> Sequence[Content]:
    sign, tone, text = _standing(part, joint)
    room = width - names - 6
    first, *rest = wrapped(printable(text), room)[:_LINES]
    head = row(
        " ", (sign, f"${tone}"), " ", cell(part.mirror, names, "bold"), "  ", cell(first, room, f"${tone}")
    )
    return [head, *(row(" " * (names + 5), cell(line, room, f"${tone}")) for line in rest)]


def _standing(part: Part, joint: Joint) -> tuple[str, str, str]:
    """A sign, its tone, and the same in words."""
    if part.plan is None:
        return "○", "quiet", f"left alone: {part.reason}"
    outcome = joint.outcomes.get(part.mirror)
    if outcome is None:
        return "▣", "accent", part.plan.title
    if outcome == UNDER_WAY:
        return "◐", "working", "the engine is at it …"
    return ("✖", "bad", f"failed: {outcome}") if outcome else ("✔", "good", "done")
