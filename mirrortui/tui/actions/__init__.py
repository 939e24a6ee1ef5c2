"""Everything that can be done, once: keys, the bar, the palette and the help screen all read this list."""

from __future__ import annotations

from mirrortui.tui.actions.action import Action, Group, Refusal, Situation
from mirrortui.tui.actions.deeds import DEEDS
from mirrortui.tui.actions.moves import MOVES, PINNED

__all__ = ["ACTIONS", "PINNED", "Action", "Group", "Refusal", "Situation", "by_id"]

ACTIONS: tuple[Action, ...] = (*DEEDS, *MOVES)
"""In the order of the bar."""

_BY_ID = {action.id: action for action in ACTIONS}


def by_id(wanted: str) -> Action:
    """The action of that id. Raises KeyError."""
    return _BY_ID[wanted]
