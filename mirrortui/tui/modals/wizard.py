"""Dialogs with more than one question: each on a view of its own, the plan beside the last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from mirrortui.api.interface import EngineApi
from mirrortui.tui.drawing import Fitted, lines, row
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.mouse import link
from mirrortui.tui.widgets.confirm import Confirm
from mirrortui.tui.widgets.plan_view import PlanView


class Wizard(PlanDialog):
    """Enter goes on, escape one step back. Before the last step a plan shows only if it is refused."""

    STEPS: ClassVar[tuple[str, ...]]
    """What each view asks for."""

    def __init__(self, client: EngineApi, title: str, first: int = 0) -> None:
        """`first`: the step to begin with; what those before ask for is known."""
        super().__init__(client, title)
        self._first = self.step = first

    def compose_step(self, step: int) -> Iterable[Widget]:
        """What there is to choose in a step."""
        raise NotImplementedError

    def missing(self) -> str:
        """What has to be chosen before this step is done; empty if it is."""
        return ""

    def go_on(self) -> None:
        """Put the cursor on what is to be chosen next; called while something is missing."""

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as dialog:
            dialog.border_title = self._heading
            yield Static(Fitted(self._draw_steps), id="steps")
            for step in range(len(self.STEPS)):
                with Vertical(classes="step"):
                    yield from self.compose_step(step)
            with VerticalScroll(id="plan", can_focus=False):
                yield PlanView()
            yield Confirm()
            yield Static(id="onward")

    def on_mount(self) -> None:
        self.go(self.step)

    @property
    def last(self) -> bool:
        """The plan is on this view."""
        return self.step == len(self.STEPS) - 1

    def go(self, step: int) -> None:
        """Show a step, with the cursor on the first of its questions."""
        self.step = step
        for number, view in enumerate(self.query(".step")):
            view.display = number == step
        self.query_one("#steps", Static).update(Fitted(self._draw_steps))
        self.plan_shown()
        self.focus_first()  # at once: what is typed ahead may lead on already

    def focus_first(self) -> None:
        """Put the cursor where the answer is most likely given."""
        view = list(self.query(".step"))[self.step]
        for widget in view.query("*"):
            if widget.focusable:
                widget.focus()
                return

    def plan_shown(self) -> None:
        super().plan_shown()
        view = self.query_one(PlanView)
        trouble = view.problem is not None or bool(view.plan and view.plan.refused)
        self.query_one("#plan").display = self.last or trouble
        self.query_one("#dialog").set_class(trouble and not self.last, "-trouble")
        self.query_one(Confirm).display = self.last
        self.query_one(Confirm).way_out = self._way_out
        onward = self.query_one("#onward", Static)
        onward.display = not self.last
        if not self.last:
            missing = self.missing()
            step = (
                Content(missing)
                if missing
                else link(row(("enter", "$accent bold"), f"  {self.onward()}"), "choose")
            )
            onward.update(row(" ", step, "    ", link(row((self._way_out, "$quiet")), "leave")))

    def onward(self) -> str:
        """Where enter leads."""
        return self.STEPS[self.step + 1]

    @property
    def _way_out(self) -> str:
        return "esc goes back" if self.step > self._first else "esc leaves"

    def _draw_steps(self, width: int) -> Content:
        """Where one is, as a chain."""
        shown = [
            Content(f"{number} {title}").stylize("$accent bold" if number == self.step + 1 else "$quiet")
            for number, title in enumerate(self.STEPS, start=1)
        ]
        chain = row(" ", Content("  ─  ").stylize("$quiet").join(shown))
        return lines([chain.truncate(width, ellipsis=True), Content("")])

    def propose_soon(self) -> None:
        super().propose_soon()
        self.plan_shown()

    def action_choose(self) -> None:
        """Enter: the next step; on the last one as in every dialog."""
        if self.last:
            super().action_choose()
        elif self.missing():
            self.go_on()
        else:
            self.propose()
            self.go(self.step + 1)

    def action_confirm(self) -> None:
        if self.last:
            super().action_confirm()

    def action_leave(self) -> None:
        """Escape: one step back, and out before the first."""
        if self.step > self._first and not self._acting:
            self.go(self.step - 1)
        else:
            super().action_leave()
