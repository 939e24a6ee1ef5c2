"""The last line of a dialog: how to say yes."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input, Static

from mirrortui.api.answers import Plan
from mirrortui.tui.drawing import row
from mirrortui.tui.mouse import link
from mirrortui.tui.widgets.entry import Entry
from mirrortui.tui.wording import file_names


class Confirm(Horizontal, can_focus=True):
    """Asks what the plan wants: nothing, one key, or the mirror's name."""

    @dataclass
    class NameTyped(Message):
        """Something was entered where the mirror's name is wanted."""

        name: str

    way_out: reactive[str] = reactive("esc leaves")
    """What escape does here."""

    def watch_way_out(self) -> None:
        if self.is_mounted:
            self.query_one("#way-out", Static).update(self._leaving())

    def _leaving(self) -> Content:
        return link(row(self.way_out).stylize("$quiet"), "leave")

    def compose(self) -> ComposeResult:
        yield Static(id="ask")
        typed = Entry(id="typed")
        typed.disabled = True  # a new dialog focuses the first widget that is not, even if it is hidden
        yield typed
        yield Static(self._leaving(), id="way-out")

    def on_mount(self) -> None:
        self.ask(None)

    def ask(self, plan: Plan | None, focused: Widget | None = None) -> None:
        """Say how this plan is confirmed, from where the focus is. Without a plan only leaving is possible."""
        possible = plan is not None and not plan.refused
        typed = self.query_one(Entry)
        typed.display = plan is not None and possible and plan.confirm == "name"
        typed.disabled = not typed.display
        if not typed.display:
            typed.value = ""
        self.can_focus = possible and not typed.display
        ask = self.query_one("#ask", Static)
        ask.set_class(typed.display, "-typed")
        ask.update(self._question(plan, focused) if plan and possible else "")

    def _question(self, plan: Plan, focused: Widget | None) -> Content:
        """A key does what it says only where it is not typed into something; then enter comes first."""
        enter, title = ("enter", "$accent bold"), file_names(plan.title)
        first = row(enter, ", then ")
        match plan.confirm:
            case "none":
                return link(row(enter, f"  {title}"), "choose")
            case "yes":
                start = first if isinstance(focused, Input) else Content("")
                return link(row(start, ("y", "$accent bold"), f"  {title}"), "confirm")
            case "name" if focused is self.query_one(Entry):
                return row("Type ", (plan.mirror, "bold"), ", then enter: ")
            case "name":
                return link(row(first, "type ", (plan.mirror, "bold")), "choose")

    def say(self, words: str) -> None:
        """While it is being done."""
        self.query_one(Entry).display = False
        self.query_one("#ask").remove_class("-typed")
        self.query_one("#ask", Static).update(Content(words).stylize("$working"))

    def take_focus(self) -> None:
        """Let the next key be the confirmation."""
        typed = self.query_one(Entry)
        (typed if typed.display else self).focus()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.NameTyped(event.value))
