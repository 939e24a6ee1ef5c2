"""Writing events to a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from mirrortui.api.answers import Event
from mirrortui.tui.drawing import row
from mirrortui.tui.mouse import Dialog, link
from mirrortui.tui.widgets.entry import Entry
from mirrortui.tui.words import counted
from mirrortui.units import format_moment


class ExportDialog(Dialog[None]):
    """Asks where to. Nothing that exists is overwritten."""

    CSS_PATH = "export.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", priority=True, show=False)]

    def __init__(self, events: Sequence[Event]) -> None:
        """`events`: oldest first."""
        super().__init__()
        self._events = tuple(events)

    def compose(self) -> ComposeResult:
        with Vertical(id="export") as box:
            box.border_title = f"Write {counted(len(self._events), 'event')} to a file"
            yield Static("A line each: when, how grave, of which mirror, what happened.")
            yield Entry(id="path", placeholder="/path/of/the/file")
            write = link(row(("enter", "$accent bold"), "  write it"), "write")
            yield Static(row(write, "    ", link(row(("esc", "$accent bold"), "  leave"), "leave")))
            yield Static("", id="wrong")

    def on_mount(self) -> None:
        entry = self.query_one(Entry)
        entry.value = str(Path("~") / "mirrortui-events.txt")
        entry.focus()

    def action_leave(self) -> None:
        self.dismiss()

    @on(Input.Submitted)
    def action_write(self) -> None:
        """To the file that is named."""
        path = Path(self.query_one(Entry).value).expanduser()
        try:
            with path.open("x", errors="surrogateescape") as file:
                file.writelines(f"{line}\n" for line in map(as_line, self._events))
        except OSError as error:
            told = f"{path}: {os.strerror(error.errno or 0)}. Nothing was written; choose another."
            self.query_one("#wrong", Static).update(Content(told).stylize("$bad"))
            return
        self.app.notify(f"{counted(len(self._events), 'event')} written to {path}")
        self.dismiss()


def as_line(event: Event) -> str:
    """As it stands in the file."""
    return f"{format_moment(event.time)}  {event.severity:<7}  {event.mirror or '-'}  {event.text}"
