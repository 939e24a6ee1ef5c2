"""All keys and all signs, on one page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from mirrortui.tui.actions import ACTIONS, Action, Group, Situation
from mirrortui.tui.drawing import Fitted, cell, lines, row
from mirrortui.tui.words import AT_REST, CELLS, MEMBERS, MIRRORS, Face

_GROUPS: dict[Group, str] = {
    "mirror": "MIRRORS",
    "members": "MEMBERS",
    "engine": "ELSEWHERE",
    "screen": "SCREEN",
}
_MOVES = (
    ("↑ ↓  j k", "Move the cursor; g and G go to the ends"),
    ("enter", "From a mirror to its members; in a dialog, choose"),
)


class HelpScreen(ModalScreen[None]):
    """What can be done, also what cannot be done now, and why."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,f1", "leave", show=False),
        Binding("j", "scroll('down')", show=False),
        Binding("k", "scroll('up')", show=False),
    ]

    def __init__(self, situation: Situation) -> None:
        super().__init__()
        self._situation = situation

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as page:
            page.border_title = "Keys and signs"
            page.border_subtitle = "esc leaves"
            yield Static(Fitted(self._draw))

    def action_leave(self) -> None:
        self.dismiss()

    def action_scroll(self, direction: str) -> None:
        page = self.query_one("#help")
        page.scroll_relative(y=1 if direction == "down" else -1, animate=False)

    def _draw(self, width: int) -> Content:
        drawn: list[Content] = []
        for group, title in _GROUPS.items():
            drawn.append(Content(title).stylize("$quiet"))
            drawn += [self._action(action, width) for action in ACTIONS if action.group == group]
            if group == "screen":
                drawn += [row("  ", cell(keys, 12, "$accent bold"), text) for keys, text in _MOVES]
            drawn.append(Content(""))
        drawn += _faces("SIGNS OF A MIRROR", MIRRORS, width)
        drawn += _faces("SIGNS OF A MEMBER", (*MEMBERS.values(), AT_REST), width)
        drawn += _faces("SIGNS ON THE MAP", CELLS.values(), width)
        return lines(drawn[:-1])

    def _action(self, action: Action, width: int) -> Content:
        reason = action.refuse(self._situation)
        keys = cell(" ".join(_shown(action)), 12, "$quiet" if reason else "$accent bold")
        if reason:
            return row("  ", keys, (action.title, "$quiet"), (f"  ({reason})", "$quiet italic")).truncate(
                width, ellipsis=True
            )
        return row("  ", keys, action.title)


def _shown(action: Action) -> list[str]:
    """All keys of an action, the first as it is written on the screen."""
    return [action.key, *(key for key in action.keys[1:] if len(key) <= 3)]


def _faces(title: str, faces: Iterable[Face], width: int) -> list[Content]:
    signs = [row((face.glyph, f"${face.tone}"), " ", cell(face.word, 11)) for face in faces]
    each = max(1, (width - 2) // 14)
    rows = [row("  ", Content(" ").join(signs[at : at + each])) for at in range(0, len(signs), each)]
    return [Content(title).stylize("$quiet"), *rows, Content("")]
