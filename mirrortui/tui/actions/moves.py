"""What moves about on the screen, and changes nothing else. In the order of the bar."""

from __future__ import annotations

from mirrortui.tui.actions import refusals
from mirrortui.tui.actions.action import Action

MOVES: tuple[Action, ...] = (
    Action(
        "filter",
        ("slash",),
        "filter",
        "Show only mirrors and events with a word",
        "screen",
        refusals.nothing_shown,
        shown="/",
    ),
    Action("next_pane", ("tab",), "pane", "Go to the next pane", "screen", refusals.nothing_shown),
    Action(
        "previous_pane",
        ("shift+tab",),
        "back",
        "Go to the previous pane",
        "screen",
        shown="⇧tab",
        in_bar=False,
    ),
    Action("zoom", ("z",), "zoom", "Give this pane the whole screen", "screen", refusals.nothing_shown),
    Action(
        "back", ("escape",), "back", "Go one step back; changes nothing", "screen", shown="esc", in_bar=False
    ),
    Action(
        "colours", ("ctrl+t",), "colours", "Change between dark and light", "screen", shown="^t", in_bar=False
    ),
    Action("menu", ("ctrl+p",), "menu", "Find an action by its name", "screen", shown="^p"),
    Action("help", ("question_mark", "f1"), "help", "Show all keys and signs", "screen", shown="?"),
    Action("leave", ("q", "ctrl+q", "ctrl+c"), "quit", "Leave the screen; the mirrors run on", "screen"),
)
"""After what can be done."""

PINNED = ("more", "menu", "help")
"""Actions that stay in the bar however narrow it is."""
