"""A disk that is full already becomes a mirror's first member."""

from __future__ import annotations

import shlex

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

from mirrortui.api.interface import EngineApi
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.proposals import Adopt
from mirrortui.tui.widgets.entry import Entry
from mirrortui.tui.widgets.path_entry import PathEntry, working_folder
from mirrortui.tui.widgets.tick import Tick

_ABOUT = {
    "name": "What the mirror is to be called.",
    "disk": "What is on it stays where it is. Unmount it first: nothing else may write to it meanwhile.",
    "new": "Becomes an equal copy, and what it holds is lost. Empty: a single copy until one is added.",
    "free": "128 KiB at the end of the disk are written to. They are free where nothing is found there, all is zero, "
    "or you say so here.",
    "extend": "Only image files can be made longer, so that what is written lies behind all that they hold.",
    "into": "For a disk that is full to its end: all is copied into the new member, a little larger, which is the "
    "mirror then. The disk is only read.",
}
"""What each question means, by its id; shown for the one with the cursor."""


class AdoptDialog(PlanDialog):
    """Type a name, the disk, and the one that is filled from it."""

    PROMPT = (
        "What is on the disk stays where it is; only its end, which must be free, is written to. The new member is "
        "filled from it. Without one there is a single copy until you add it."
    )

    def __init__(self, client: EngineApi, disk: str | None = None) -> None:
        """`disk`: the one that is meant."""
        super().__init__(client, "Make a mirror of a disk with data on it")
        self._disk = shlex.quote(disk) if disk else working_folder()

    def compose_choice(self) -> ComposeResult:
        fields = {
            "name": Entry(id="name", placeholder="vault"),
            "disk": PathEntry(id="disk", placeholder="/dev/sdb, or an image file", start=self._disk),
            "new member": PathEntry(id="new", placeholder="/dev/sdc; perhaps later", start=working_folder()),
        }
        for label, field in fields.items():
            with Horizontal(classes="field"):
                yield Static(label, classes="label")
                yield field
        with Horizontal(classes="field"):
            yield Tick("the end is free, by my word (--tail-is-free)", id="free")
        with Horizontal(classes="field"):
            yield Tick("make an image file longer, if it is not (--extend)", id="extend")
        with Horizontal(classes="field"):
            yield Tick("write nothing to it: copy it into the new member (--into)", id="into")
        yield Static(id="about")

    def on_mount(self) -> None:
        self.query_one("#name").focus()

    def proposal(self) -> Adopt | None:
        name = self.query_one("#name", Entry).value.strip()
        disk, new = (self.query_one(f"#{field}", PathEntry).paths for field in ("disk", "new"))
        if not name or not disk:
            return None
        free, extend, into = (self.query_one(f"#{tick}", Tick).value for tick in ("free", "extend", "into"))
        if into and not new:
            return None
        return Adopt(name, disk[0], new[0] if new else None, free, extend, into)

    def on_descendant_focus(self) -> None:
        about = _ABOUT.get(self.focused.id or "", "") if self.focused else ""
        self.query_one("#about", Static).update(about)

    @on(Input.Changed)
    def _typing(self) -> None:
        self.propose_soon()
