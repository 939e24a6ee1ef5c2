"""Leaving the screen while mirrors are in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from mirrortui.api.mirrors import Mirror
from mirrortui.tui.drawing import lines, printable, row
from mirrortui.tui.mouse import Dialog, link


class LeaveDialog(Dialog[None]):
    """Says what runs on. Nothing is lost either way, so one key leaves."""

    CSS_PATH = "dialog.tcss"
    WAY_OUT = "stay"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stay", show=False),
        Binding("y,enter", "leave", show=False),
    ]

    def __init__(self, used: Sequence[Mirror], throwaway: bool) -> None:
        """`throwaway`: all of it goes with the screen."""
        super().__init__()
        self._used = used
        self._throwaway = throwaway

    def compose(self) -> ComposeResult:
        if self._throwaway:
            first, last = (
                "This mirror is in use:",
                "The demo ends with this screen: mirror, traffic and files are removed.",
            )
        else:
            first = "These mirrors are in use, and stay so without this screen:"
            last = "Come back with mirrortui; stop a mirror with s."
        rows = [Content(first), Content("")]
        for mirror in self._used:
            peers = printable(", ".join(client.peer for client in mirror.clients))
            rows.append(row("  ", (mirror.name, "bold"), f"  {peers}"))
        rows += [Content(""), Content(last).stylize("$quiet"), Content("")]
        leave = link(row(("y", "$accent bold"), "  leave the screen"), "leave")
        rows.append(row(leave, "    ", link(row(("esc", "$accent bold"), "  stay"), "stay")))
        with Vertical(id="dialog") as dialog:
            dialog.border_title = "Leave"
            yield Static(lines(rows))

    def action_stay(self) -> None:
        self.dismiss()

    def action_leave(self) -> None:
        self.app.exit()
