"""A plan, in the words of the engine."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive
from textual.visual import Visual
from textual.widget import Widget

from mirrortui.api.answers import Plan
from mirrortui.errors import MirrortuiError
from mirrortui.tui.drawing import Fitted, cell, lines, printable, row, wrapped
from mirrortui.tui.mouse import link

_LABEL = 14


class PlanView(Widget):
    """What is copied, erased and at risk meanwhile, what is there afterwards, and the same as a command."""

    plan: reactive[Plan | None] = reactive(None, layout=True)
    problem: reactive[MirrortuiError | None] = reactive(None, layout=True)
    """Shown instead of a plan: why there is none."""
    loses: reactive[str] = reactive("erases")
    """What the loss of data is called."""
    prompt: reactive[str] = reactive("", layout=True)
    """Shown where there is nothing to plan yet: what to choose first."""

    def render(self) -> Visual:
        return Fitted(self._draw)

    def _draw(self, width: int) -> Content:
        if self.problem:
            return lines(
                _entry("✖ no plan", self.problem.what, width, "$bad") + _hint(self.problem.hint, width)
            )
        if self.plan is None:
            told = wrapped(self.prompt or "asking the engine …", width)
            return lines(Content(line).stylize("$quiet") for line in told)
        return lines(_lines(self.plan, self.loses, width))


def _lines(plan: Plan, loses: str, width: int) -> list[Content]:
    drawn = []
    if plan.refused:
        drawn += _entry("✖ refused", plan.refused, width, "$bad") + _hint(plan.hint, width)
        return [*drawn, *_command(plan.command, width)]
    drawn += _entry("copies", plan.copies, width)
    for number, loss in enumerate(plan.erases or ["nothing"]):
        label = "" if number else f"▲ {loses}" if plan.erases else loses
        drawn += _entry(label, loss, width, "$attention" if plan.erases else "")
    drawn += _entry("meanwhile", plan.meanwhile, width)
    drawn += _entry("afterwards", plan.afterwards, width)
    for number, note in enumerate(plan.notes):
        drawn += _entry("" if number else "note", note, width)
    return [*drawn, *_command(plan.command, width)]


def _command(line: str, width: int) -> list[Content]:
    """The same on a command line, and the key that copies it."""
    if not line:
        return []
    key = link(row(("^y", "$accent"), (" copies it", "$quiet")), "copy_command")
    return [*_entry("as command", line, width, "$quiet"), row(" " * _LABEL, key)]


def _hint(hint: str, width: int) -> list[Content]:
    return _entry("", hint, width) if hint else []


def _entry(label: str, text: str, width: int, style: str = "") -> list[Content]:
    """A label and its text, wrapped beside it."""
    label_style = style if style in ("$bad", "$attention") else "$quiet"
    return [
        row(cell(label if number == 0 else "", _LABEL, label_style), (line, style))
        for number, line in enumerate(wrapped(printable(text), width - _LABEL))
    ]
