"""A repair with a winner, in words: which member most copies agree with, and what the others lose."""

from __future__ import annotations

from collections.abc import Sequence

from mirrortui.api.answers import Plan
from mirrortui.api.consent import command
from mirrortui.api.mirrors import Difference
from mirrortui.api.requests import ByteRange
from mirrortui.units import format_size

_NAMED = 3
"""Places that a sentence names."""


def suggestion(copies: Sequence[str], ranges: Sequence[Difference]) -> str | None:
    """The member, of these in sync, that most have the same as in every range. None: no majority tells."""
    if not ranges or not all(found.odd for found in ranges):
        return None
    odd = {path for found in ranges for path in found.odd}
    return next((path for path in copies if path not in odd), None)


def losers(winner: str, copies: Sequence[str], found: Difference) -> list[str]:
    """Who has, or may have, something else there than the winner."""
    others = [path for path in copies if path != winner]
    if not found.odd or winner in found.odd:
        return others
    return [path for path in others if path in found.odd]


def winner_command(name: str, winner: str, ranges: Sequence[ByteRange], *, yes: bool = True) -> str:
    """The command line that does the same; no ranges: all of the last check."""
    places = [word for part in ranges for word in ("--range", f"{part.offset}+{part.length}")]
    return command("repair", name, *places, winner=winner, yes=yes)


def winner_plan(
    name: str,
    winner: str,
    copies: Sequence[str],
    ranges: Sequence[Difference],
    line: str,
    events: int,
    *,
    unlisted: int = 0,
) -> Plan:
    """`copies`: members in sync, the lowest role first. `unlisted`: bytes that differ as well, nobody knows where."""
    size = format_size(sum(found.length for found in ranges))
    what = f"{_count(len(ranges))} ({size})"
    return Plan(
        verb="repair",
        mirror=name,
        title=f"Repair {what} of {name}: {winner} wins",
        copies=f"what {winner} has there, to those that differ",
        erases=[
            _lost(path, places)
            for path in copies
            if (places := [found for found in ranges if path in losers(winner, copies, found)])
        ],
        meanwhile=f"{len(copies)} copies; a write to a range waits while that is looked at",
        afterwards=f"all copies have there what {winner} has; nothing else is touched",
        command=line,
        confirm="yes",
        refused=None,
        events=events,
        notes=_notes(winner, copies, ranges, unlisted),
    )


def _lost(path: str, places: Sequence[Difference]) -> str:
    if len(places) == 1:
        return f"{path}: what it has in the {_place(places[0])}, where it differs, is overwritten and lost."
    size = format_size(sum(found.length for found in places))
    more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
    named = ", ".join(format_size(found.offset) for found in places[:_NAMED])
    where = f"{_count(len(places))} ({size}: at {named}{more})"
    return f"{path}: what it has in {where}, where it differs, is overwritten and lost."


def _place(found: Difference) -> str:
    return f"{format_size(found.length)} at {format_size(found.offset)}"


def _notes(winner: str, copies: Sequence[str], ranges: Sequence[Difference], unlisted: int) -> list[str]:
    notes = []
    if against := sum(winner in found.odd for found in ranges):
        where = "there" if len(ranges) == 1 else f"in {against} of them"
        notes.append(f"Most copies agree {where}, and {winner} has something else: it is the odd one.")
    elif any(not found.odd for found in ranges):
        notes.append(f"No majority says that {winner} is right: you do.")
    notes.append(
        "All is read again first: what differs no more is left alone, and so is a range that cannot be read on "
        f"{winner}."
    )
    if unlisted:
        notes.append(f"{format_size(unlisted)} more differ than are listed: check again afterwards.")
    return notes


def _count(ranges: int) -> str:
    return f"{ranges} range{'s' if ranges != 1 else ''}"
