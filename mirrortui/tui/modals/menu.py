"""What can be done to what is under the cursor, and what cannot, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList

from mirrortui.tui.actions import ACTIONS, Action, Group, Situation, by_id
from mirrortui.tui.drawing import Fitted, cell, row
from mirrortui.tui.mouse import Dialog, subtitle
from mirrortui.tui.widgets.row_list import ChoiceList, Row
from mirrortui.tui.wording import file_names

MENU = "more"
"""The action that opens it, and is not in it."""
_LABEL = 13
_KEY = 4


class ActionMenu(Dialog[None]):
    """Every key does here what it does on the screen below, which it is given back to."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", priority=True, show=False),
        *(
            Binding(",".join(action.keys), f"take('{action.id}')", show=False, id=action.id)
            for action in ACTIONS
            if action.group not in ("screen", "place") and action.id != MENU
        ),
    ]

    def __init__(self, situation: Situation) -> None:
        super().__init__()
        self._situation = situation

    def compose(self) -> ComposeResult:
        now = self._situation
        with Vertical(id="dialog", classes="menu") as dialog:
            about = now.mirror.name if now.mirror else "What can be done"
            if now.mirror and now.member and now.member.path:
                about = f"{file_names(now.member.path)} in {about}"
            dialog.border_title = about
            yield ChoiceList(id="deeds")
            dialog.border_subtitle = f"enter, or its key, does it; {subtitle(('esc leaves', 'leave'))}"

    def on_mount(self) -> None:
        listed = self.query_one(ChoiceList)
        listed.show(list(self._rows()))
        listed.action_first()
        listed.focus()

    def _rows(self) -> Iterator[Row]:
        """First what is nearest to the cursor."""
        now = self._situation
        order: list[tuple[Group, str]] = [
            ("mirror", "THE MIRROR"),
            ("members", "ITS MEMBERS"),
            ("engine", "ELSEWHERE"),
        ]
        if now.member:
            order = [("members", "THE MEMBER"), order[0], order[2]]
        for group, title in order:
            yield Row(f"about {group}", Fitted(partial(_heading, title)), disabled=True)
            found = [
                (action, action.refuse_here(now))
                for action in ACTIONS
                if action.group == group and action.id != MENU
            ]
            for action, reason in sorted(found, key=lambda each: each[1] is not None):
                yield _row(action, reason)

    @on(OptionList.OptionSelected)
    async def _selected(self, event: OptionList.OptionSelected) -> None:
        await self.action_take(event.option_id or "")

    async def action_take(self, wanted: str) -> None:
        """Leave, and do it from the screen below, which knows what its cursor is on."""
        below = self.app.screen_stack[-2]
        self.dismiss()
        self.app.call_later(below.run_action, by_id(wanted).deed)

    def action_leave(self) -> None:
        self.dismiss()


def _heading(title: str, width: int) -> Content:
    return cell(f" {title}", width, "$quiet")


def _row(action: Action, reason: str | None) -> Row:
    def draw(width: int) -> Content:
        text = reason or action.title
        rest = cell(text, max(0, width - _KEY - _LABEL - 5), "" if reason else "$quiet")
        key = cell(action.key, _KEY, "" if reason else "$accent bold")
        drawn = row("  ", key, cell(action.label, _LABEL), " ", rest)
        return drawn.stylize("$quiet") if reason else drawn

    return Row(action.id, Fitted(draw), disabled=reason is not None)
