"""What moves about on the screen, and changes nothing else. In the order of the bar."""

from __future__ import annotations

from collections.abc import Callable

from mirrortui.tui.actions import refusals
from mirrortui.tui.actions.action import Action, Refusal, Situation


def _elsewhere_than(*places: str) -> Callable[[Situation], Refusal]:
    """Refuse it on other screens, and where nothing is shown yet."""

    def refuse(now: Situation) -> Refusal:
        if now.place not in places:
            return f"only on the screen of {' or '.join(places)}"
        return refusals.nothing_shown(now) if "mirrors" in places else None

    return refuse


def _nothing_to_narrow(now: Situation) -> Refusal:
    if now.place in ("mirror", "help"):
        return "there is nothing to search here"
    return refusals.nothing_shown(now) if now.place == "mirrors" else None


def _no_other_mirror(now: Situation) -> Refusal:
    return None if len(now.picture.mirrors) > 1 else "there is no other mirror"


def _nothing_to_mark(now: Situation) -> Refusal:
    return _elsewhere_than("mirrors")(now) or _no_other_mirror(now)


MOVES: tuple[Action, ...] = (
    Action(
        "mark",
        ("plus", "insert"),
        "mark",
        "Mark this mirror, or not: much can be done to all that are marked",
        "screen",
        _nothing_to_mark,
        shown="+",
    ),
    Action(
        "mark_all",
        ("asterisk",),
        "mark all",
        "Mark all mirrors that are listed, or none",
        "screen",
        _nothing_to_mark,
        shown="*",
        in_bar=False,
    ),
    Action(
        "filter",
        ("slash",),
        "filter",
        "Show only what has a word in it",
        "screen",
        _nothing_to_narrow,
        shown="/",
    ),
    Action(
        "sort",
        ("O",),
        "sort",
        "Sort mirrors: worst first, by name, by size, by traffic",
        "screen",
        _elsewhere_than("mirrors"),
        in_bar=False,
    ),
    Action(
        "severity",
        ("v",),
        "severity",
        "Show events of all kinds, warnings and errors, or errors only",
        "screen",
        _elsewhere_than("events"),
    ),
    Action(
        "only_mirror",
        ("M",),
        "one mirror",
        "Show events of this mirror only, or of all",
        "screen",
        _elsewhere_than("events"),
    ),
    Action(
        "write_events",
        ("ctrl+s",),
        "write",
        "Write the events that are shown to a file",
        "screen",
        _elsewhere_than("events"),
        shown="^s",
    ),
    Action(
        "freeze",
        ("ctrl+f",),
        "freeze",
        "Hold everything as it is now, to read it; again: go on",
        "screen",
        refusals.nothing_shown,
        shown="^f",
        in_bar=False,
    ),
    Action(
        "next_mirror",
        ("right_square_bracket",),
        "next",
        "Go to the next mirror",
        "screen",
        _no_other_mirror,
        shown="]",
        in_bar=False,
    ),
    Action(
        "previous_mirror",
        ("left_square_bracket",),
        "previous",
        "Go to the previous mirror",
        "screen",
        _no_other_mirror,
        shown="[",
        in_bar=False,
    ),
    Action("next_pane", ("tab",), "pane", "Go to the next pane", "screen", refusals.nothing_shown),
    Action(
        "previous_pane",
        ("shift+tab",),
        "back",
        "Go to the previous pane",
        "screen",
        in_bar=False,
    ),
    Action(
        "zoom",
        ("z",),
        "zoom",
        "Give this pane the whole screen",
        "screen",
        _elsewhere_than("mirrors", "mirror"),
    ),
    Action(
        "back", ("escape",), "back", "Go one step back; changes nothing", "screen", shown="esc", in_bar=False
    ),
    Action(
        "colours",
        ("ctrl+t",),
        "colours",
        "Change the colours: night, day, contrast, colour-blind, mono",
        "screen",
        shown="^t",
        in_bar=False,
    ),
    Action("menu", ("ctrl+p",), "menu", "Find an action by its name", "screen", shown="^p"),
    Action("mirrors", ("1",), "mirrors", "All mirrors, worst first", "place", in_bar=False),
    Action("mirror", ("2",), "mirror", "All about the mirror under the cursor", "place", in_bar=False),
    Action(
        "devices",
        ("3",),
        "devices",
        "All block devices, and why each can be a member or not",
        "place",
        in_bar=False,
    ),
    Action("events", ("4",), "events", "What happened, when", "place", in_bar=False),
    Action("jobs", ("5",), "jobs", "What copies and checks, and what did", "place", in_bar=False),
    Action("help", ("question_mark", "6", "f1"), "help", "All keys and signs", "place", shown="?"),
    Action("leave", ("q", "ctrl+q", "ctrl+c"), "quit", "Leave the screen; the mirrors run on", "screen"),
)
"""After what can be done."""

PINNED = ("mark", "more", "menu", "help")
"""Actions that stay in the bar however narrow it is."""
