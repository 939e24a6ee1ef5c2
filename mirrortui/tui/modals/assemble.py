"""Start a mirror again; of a split brain, choose whose content is kept."""

from __future__ import annotations

from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static

from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Mirror
from mirrortui.tui.drawing import Fitted, path_cell, row
from mirrortui.tui.modals.dialog import PlanDialog, PlanMade
from mirrortui.tui.proposals import Assemble
from mirrortui.tui.widgets.divergence import Divergence
from mirrortui.tui.widgets.entry import Entry
from mirrortui.tui.widgets.path_entry import PathEntry, working_folder
from mirrortui.tui.widgets.row_list import ChoiceList, PlanList, Row
from mirrortui.tui.widgets.tick import Tick


class AssembleDialog(PlanDialog):
    """Start a mirror that was stopped, or that failed; or one of members that are named, wherever they are.

    The choice of a survivor shows only where one is wanted.
    """

    def __init__(self, client: EngineApi, mirror: Mirror | None = None) -> None:
        """`mirror`: one that is remembered; None: its members are named."""
        super().__init__(client, f"Assemble {mirror.name}" if mirror else "Assemble a mirror of its members")
        self._mirror = mirror
        self.decided = mirror is not None

    def compose_choice(self) -> ComposeResult:
        with Horizontal(classes="field", id="elsewhere"):
            yield Static("members", classes="label")
            remembered = "as remembered; or paths of what is elsewhere now"
            yield PathEntry(
                id="members",
                placeholder=remembered if self._mirror else "/srv/a.img /srv/b.img",
                start="" if self._mirror else working_folder(),
            )
        yield Tick("start it although members are missing (--run)", id="run")
        with Vertical(id="split"):
            yield Static(" Each ran alone, with writes that the other lacks: ↑ ↓ choose which is kept.")
            yield Divergence()
            yield PlanList(id="choice")
            yield Tick("trust no bitmap: read both in full, and compare (--compare)", id="compare")
            with Horizontal(classes="field"):
                yield Static("save loser", classes="label")
                yield Entry(
                    id="save", placeholder="a new file for what only the loser holds; empty: it is lost"
                )

    def on_mount(self) -> None:
        self.query_one("#split").display = False
        self.query_one("#run" if self._mirror else "#members").focus()

    def proposal(self) -> Assemble | None:
        members = self._members()
        if not (self._mirror or members):
            return None
        survivor = self.query_one("#choice", ChoiceList).chosen
        saved = self.query_one("#save", Entry).value.strip() if survivor else ""
        return Assemble(
            self._mirror.name if self._mirror else None,
            members,
            self.query_one("#run", Tick).value,
            survivor,
            compare=bool(survivor) and self.query_one("#compare", Tick).value,
            save_loser=str(Path(saved).expanduser().absolute()) if saved else None,
        )

    def _members(self) -> tuple[str, ...]:
        """Those that were typed, with those of the mirror that are where they were; none typed: none."""
        typed = self.query_one("#members", PathEntry).paths
        if not typed or not self._mirror:
            return tuple(typed)
        known = [member.path for member in self._mirror.members if member.path]
        return tuple(dict.fromkeys([*(path for path in known if Path(path).exists()), *typed]))

    def on_plan_made(self, event: PlanMade) -> None:
        split = self.query_one("#split")
        if event.proposal != self._proposal or not event.plan.survivors or split.display:
            return
        self.decided = False
        name = event.plan.mirror or "This mirror"
        self.query_one("#dialog").border_title = f"{name} has two histories: which is kept?"
        self.query_one(Divergence).histories = event.plan.histories
        for widget in self.query("#run, #elsewhere"):
            widget.display = False
        choice = self.query_one("#choice", ChoiceList)
        choice.show([_row(path) for path in event.plan.survivors])
        choice.highlighted = None  # nobody is proposed: it costs the others what they wrote
        split.display = True
        choice.focus()

    @on(OptionList.OptionHighlighted, "#choice")
    def _chosen_one(self) -> None:
        self.query_one(Divergence).kept = self.query_one("#choice", ChoiceList).chosen

    @on(Input.Changed, "#save, #members")
    def _typing(self) -> None:
        self.decided = False  # half a path is nothing to start
        self.propose_soon()

    def on_tick_changed(self) -> None:
        self.decided = False  # what a tick would do is read before it is done


class GatherDialog(AssembleDialog):
    """The same of a mirror that nobody remembers: its members are named."""

    PROMPT = (
        "Type the paths of its members, with blanks between them. What is written on them says which mirror it is, and "
        "which of them are up to date."
    )

    def __init__(self, client: EngineApi) -> None:
        super().__init__(client)


def _row(path: str) -> Row:
    def draw(width: int) -> Content:
        return row(" keep  ", path_cell(path, max(0, width - 8)))

    return Row(path, Fitted(draw))
