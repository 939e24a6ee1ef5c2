"""Choose, see the plan, confirm: what every dialog that changes something has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, OptionList

from mirrortui.api.answers import Plan
from mirrortui.api.interface import EngineApi
from mirrortui.errors import MirrortuiError
from mirrortui.tui.mouse import Dialog
from mirrortui.tui.proposals import Proposal
from mirrortui.tui.widgets.confirm import Confirm
from mirrortui.tui.widgets.plan_view import PlanView
from mirrortui.tui.widgets.tick import Tick

_TYPING_PAUSE = 0.4
"""Seconds without a key after which what was typed is planned: half a path is no question to an engine."""


_LEAST_PLAN, _MOST_PLAN = 5, 16
"""Lines for a plan, with the one above it."""


@dataclass
class PlanMade(Message):
    """The engine answered what a proposal would do."""

    proposal: Proposal
    plan: Plan


@dataclass
class PlanFailed(Message):
    """The engine had no plan for a proposal."""

    proposal: Proposal
    error: MirrortuiError


@dataclass
class VerbEnded(Message):
    """A plan was carried out, or not. Goes to the app, because the dialog may have been left meanwhile."""

    dialog: PlanDialog
    plan: Plan
    error: MirrortuiError | None


class PlanDialog(Dialog[Plan]):
    """Answers the plan that was carried out, or nothing if it was left.

    The plan follows the choice, and nothing is confirmed but the plan that is on the screen. Escape always
    leaves.
    """

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", priority=True, show=False),
        Binding("y", "confirm", show=False),
        Binding("enter", "choose", show=False),
        Binding("ctrl+y", "copy_command", show=False),
        Binding("pagedown", "scroll_plan(1)", priority=True, show=False),
        Binding("pageup", "scroll_plan(-1)", priority=True, show=False),
    ]
    PROMPT: ClassVar[str] = ""
    """What to choose first; shown while there is no proposal."""
    ONLY_TELLS: ClassVar[bool] = False
    """There is nothing to confirm: the plan is all that was asked for."""

    def __init__(self, client: EngineApi, title: str) -> None:
        super().__init__()
        self._client = client
        self._heading = title
        self._proposal: Proposal | None = None
        self._plan: Plan | None = None
        self._acting = False
        self._chosen = False
        self._pause: Timer | None = None
        self.decided = False
        """Nothing is left to choose: a plan that needs no confirmation then runs at once."""

    def compose_choice(self) -> ComposeResult:
        """What there is to choose."""
        yield from ()

    def proposal(self) -> Proposal | None:
        """What is chosen now; None while the choice is not complete."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as dialog:
            dialog.border_title = self._heading
            yield from self.compose_choice()
            with VerticalScroll(id="plan", can_focus=False):
                yield PlanView()
            yield Confirm()

    def on_mount(self) -> None:
        view = self.query_one(PlanView)
        view.prompt = self.PROMPT
        self.watch(self.query_one("#plan"), "show_vertical_scrollbar", self._tell_of_more)
        self.propose()

    # Plan.

    def propose(self) -> None:
        """Ask for the plan of what is chosen now. Until it comes nothing can be confirmed."""
        proposal = self.proposal()
        if self._acting or (proposal == self._proposal and proposal is not None):
            return
        self._forget_plan()
        self._proposal = proposal
        if proposal is None:
            view = self.query_one(PlanView)
            view.remove_class("-stale")
            view.plan = view.problem = None
            self.plan_shown()
        else:
            self.run_worker(lambda: self._ask(proposal), thread=True, exclusive=True, group="plan")

    def propose_soon(self) -> None:
        """The same, when the operator has stopped typing; at once where there is nothing to ask."""
        self._forget_plan()
        if self._pause:
            self._pause.stop()
        if self.proposal() is None:
            self.propose()
        else:
            self._pause = self.set_timer(_TYPING_PAUSE, self.propose)

    def _forget_plan(self) -> None:
        self._plan = self._proposal = None
        self.query_one(PlanView).add_class("-stale")
        self.query_one(Confirm).ask(None)

    def _ask(self, proposal: Proposal) -> None:
        """In a thread."""
        try:
            self.post_message(PlanMade(proposal, proposal.plan(self._client)))
        except MirrortuiError as error:
            self.post_message(PlanFailed(proposal, error))

    def on_plan_made(self, event: PlanMade) -> None:
        if event.proposal != self._proposal:
            return  # the choice went on meanwhile
        self._plan = event.plan
        view = self.query_one(PlanView)
        view.remove_class("-stale")
        view.problem = None
        view.plan = event.plan
        self._ask_operator()
        self.plan_shown()
        if event.plan.refused:
            self._chosen = False
        elif self._chosen or (self.decided and event.plan.confirm != "yes"):
            self.action_choose()

    def on_plan_failed(self, event: PlanFailed) -> None:
        if event.proposal == self._proposal:
            self._complain(event.error)

    def _complain(self, error: MirrortuiError) -> None:
        view = self.query_one(PlanView)
        view.remove_class("-stale")
        view.plan = None
        view.problem = error
        self._plan = None
        self.query_one(Confirm).ask(None)
        self.plan_shown()

    def plan_shown(self) -> None:
        """Another plan is on the screen, or a problem, or neither."""
        self.call_after_refresh(self._make_room)

    def on_resize(self) -> None:
        self.call_after_refresh(self._make_room)

    def _make_room(self) -> None:
        """The plan takes what the rest of the dialog leaves of the screen: how to say yes is always in sight."""
        if not self.query("#plan"):
            return  # it was left meanwhile
        dialog, plan = self.query_one("#dialog"), self.query_one("#plan")
        shown = [child for child in dialog.children if child.display and child is not plan]
        others = sum(child.outer_size.height + child.styles.margin.height for child in shown)
        plan.styles.max_height = max(_LEAST_PLAN, min(_MOST_PLAN, self.size.height - 2 - others))

    def _tell_of_more(self, more: bool) -> None:
        self.query_one("#plan").border_title = "PgDn shows more" if more else ""

    def action_scroll_plan(self, pages: int) -> None:
        """The plan cannot have the focus."""
        plan = self.query_one("#plan")
        plan.scroll_relative(y=pages * (plan.size.height - 1), animate=False)

    # Confirm.

    def on_descendant_focus(self) -> None:
        if not self._acting:
            self._ask_operator()

    def _ask_operator(self) -> None:
        self.query_one(Confirm).ask(None if self.ONLY_TELLS else self._plan, self.focused)

    @on(OptionList.OptionHighlighted)
    @on(Tick.Changed)
    def _choice_changed(self) -> None:
        self.propose()

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    def _entered(self) -> None:
        self.action_choose()

    def action_choose(self) -> None:
        """Enter: go on to the confirmation; do at once what needs none."""
        self._chosen = self._plan is None
        if self._plan is None:
            self.propose()
        elif not self._plan.refused:
            match self._plan.confirm:
                case "none":
                    self._act(self._plan)
                case "yes" | "name":
                    self.query_one(Confirm).take_focus()

    def action_confirm(self) -> None:
        """The deliberate key. It is a yes also to a plan that asks for less, and never to one that wants the name."""
        if self._plan and not self._plan.refused and self._plan.confirm != "name":
            self._act(self._plan)

    def on_confirm_name_typed(self, event: Confirm.NameTyped) -> None:
        plan = self._plan
        if plan is None or plan.refused or plan.confirm != "name":
            return
        if event.name == plan.mirror:
            self._act(plan)
        else:
            self.notify(f"That is not {plan.mirror}. Nothing was done.", severity="warning")

    def action_leave(self) -> None:
        self.dismiss()

    def action_copy_command(self) -> None:
        """The equivalent command line, for a script or a ticket."""
        if self._plan:
            self.app.copy_to_clipboard(self._plan.command)
            self.notify("The command was copied.")

    # Act.

    def _act(self, plan: Plan) -> None:
        proposal = self._proposal
        if self._acting or proposal is None or self.ONLY_TELLS:
            return
        self._acting = True
        self.query_one(Confirm).say("the engine is at it …")

        def act() -> None:
            error: MirrortuiError | None = None
            try:
                proposal.act(self._client, plan)
            except MirrortuiError as raised:
                error = raised
            self.app.post_message(VerbEnded(self, plan, error))

        # The app's worker, not the dialog's: leaving the dialog does not hide how it ended.
        self.app.run_worker(act, thread=True, group="verbs")

    def ended(self, event: VerbEnded) -> None:
        """Close, or say what went wrong and wait for another choice."""
        self._acting = False
        if event.error is None:
            self.dismiss(event.plan)
            return
        self.decided = self._chosen = False
        self._complain(event.error)
        self._proposal = None
