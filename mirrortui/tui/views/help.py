"""All keys and all signs, on one page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from mirrortui.api.mirrors import Mirror
from mirrortui.tui.actions import ACTIONS, Action, Group, Situation
from mirrortui.tui.drawing import cell, lines, row
from mirrortui.tui.store import Picture
from mirrortui.tui.views.view import View, quiet
from mirrortui.tui.widgets.drawn import Drawn
from mirrortui.tui.words import AT_REST, CELLS, MEMBERS, MIRRORS, Face

_GROUPS: dict[Group, str] = {
    "place": "SCREENS",
    "mirror": "MIRRORS",
    "members": "MEMBERS",
    "engine": "ELSEWHERE",
    "screen": "ON THE SCREEN",
}
_MOVES = (
    ("↑ ↓  j k", "Move the cursor; g and G go to the ends"),
    ("click", "On a mirror's sign, or with ctrl: marks it"),
    ("right click", "On a row: all that can be done to it"),
    ("enter", "From a mirror to its members; from a job or an event to its mirror; in a dialog, choose"),
)
_KEYS = 12


class HelpPage(Drawn):
    """What can be done, also what cannot be done now, and why."""

    def __init__(self, situation: Callable[[], Situation]) -> None:
        super().__init__()
        self._situation = situation

    def _draw(self, width: int) -> Content:
        now = self._situation()
        drawn: list[Content] = []
        for group, title in _GROUPS.items():
            drawn.append(Content(title).stylize("$quiet"))
            drawn += [_action(action, now, width) for action in ACTIONS if action.group == group]
            if group == "screen":
                drawn += [_line(keys, text, width) for keys, text in _MOVES]
            drawn.append(Content(""))
        drawn += _faces("SIGNS OF A MIRROR", MIRRORS, width)
        drawn += _faces("SIGNS OF A MEMBER", (*MEMBERS.values(), AT_REST), width)
        drawn += _faces("SIGNS ON THE MAP", CELLS.values(), width)
        drawn.append(quiet("Every action has an id, by which another key can be given to it:"))
        drawn.append(quiet('mirrortui keys lists them; [keys] fail = "ctrl+x" in the file that it names.'))
        return lines(drawn)


class HelpView(View):
    """Generated from the registry of actions."""

    FIRST: ClassVar[str] = "#help-page"

    def __init__(self, situation: Callable[[], Situation], *, id: str) -> None:  # noqa: A002 (Textual's word)
        super().__init__(id=id)
        self._situation = situation

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help-page"):
            yield HelpPage(self._situation)

    def show(self, picture: Picture, mirror: Mirror | None) -> None:
        self.query_one(HelpPage).look_again()

    @property
    def note(self) -> Content:
        return quiet("esc goes back")


def _line(keys: str, text: str, width: int) -> Content:
    return row("  ", cell(keys, _KEYS, "$accent bold"), cell(text, max(0, width - _KEYS - 2)))


def _action(action: Action, now: Situation, width: int) -> Content:
    reason = action.refuse_now(now)
    keys = cell(" ".join(_shown(action)), _KEYS, "$quiet" if reason else "$accent bold")
    if reason:
        return row("  ", keys, (action.title, "$quiet"), (f"  ({reason})", "$quiet italic")).truncate(
            width, ellipsis=True
        )
    return row("  ", keys, action.title)


def _shown(action: Action) -> list[str]:
    """All keys of an action, the first as it is written on the screen."""
    return [action.key, *(key for key in action.all_keys[1:] if len(key) <= 3)]


def _faces(title: str, faces: Iterable[Face], width: int) -> list[Content]:
    signs = [row((face.glyph, f"${face.tone}"), " ", cell(face.word, 11)) for face in faces]
    each = max(1, (width - 2) // 14)
    rows = [row("  ", Content(" ").join(signs[at : at + each])) for at in range(0, len(signs), each)]
    return [Content(title).stylize("$quiet"), *rows, Content("")]
