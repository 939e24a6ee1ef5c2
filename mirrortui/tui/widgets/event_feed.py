"""What happened, newest last."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from textual.content import Content

from mirrortui.api.answers import Event
from mirrortui.tui.drawing import Fitted, cell, lines, printable, row
from mirrortui.tui.widgets.row_list import Row, RowList
from mirrortui.tui.wording import Names, beside_its_name, paths_in, short_names, shorten
from mirrortui.tui.words import SEVERITIES, stamp
from mirrortui.units import format_moment


class EventFeed(RowList):
    """Follows the newest event, unless the cursor was moved off it."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's word)
        super().__init__(id=id)
        self._drawn: object = None

    def on_resize(self) -> None:
        """The newest stays in sight when there is less room."""
        if self.following:
            self.call_after_refresh(self.scroll_end, animate=False)

    @property
    def following(self) -> bool:
        """The cursor is on the newest."""
        return self.highlighted is None or self.highlighted == self.option_count - 1

    def draw(self, events: Sequence[Event], now: float, *, whole: bool = False, dated: bool = False) -> None:
        """Show these, oldest first. `whole`: each as the engine said it, in as many lines as it takes; `dated`: with
        the date also of today.

        Costs little while nothing happens.
        """
        drawn = [(event.seq, stamp(event.time, now)) for event in events], whole, dated
        if drawn == self._drawn:
            return
        self._drawn = drawn
        column = min(max((len(event.mirror) for event in events), default=0), 16)
        following = self.following
        names = _names(events)
        self.show(
            [
                Row(
                    str(event.seq),
                    Fitted(
                        _Drawing(
                            event,
                            column,
                            format_moment(event.time) if dated else stamp(event.time, now),
                            None if whole else names[event.mirror],
                        )
                    ),
                )
                for event in events
            ]
        )
        if following and events:
            self.action_last()
            self.scroll_end(animate=False)


def _names(events: Sequence[Event]) -> dict[str, Names]:
    """What to call the members that each mirror has, or had."""
    paths: dict[str, set[str]] = {event.mirror: set() for event in events}
    for event in events:
        paths[event.mirror] |= set(paths_in(event.text)) | ({event.member} if event.member else set())
    return {mirror: short_names(found) for mirror, found in paths.items()}


class _Drawing:
    """Draws an event for a width."""

    def __init__(self, event: Event, column: int, when: str, names: Names | None) -> None:
        """`names`: what to call members; None: as the engine does, at any length."""
        self._event = event
        self._column = column
        self._when = when
        self._names = names

    def __call__(self, width: int) -> Content:
        event = self._event
        face = SEVERITIES[event.severity]
        head = row(
            " ",
            (self._when, "$quiet"),
            " ",
            (face.glyph, f"${face.tone}"),
            " ",
            cell(event.mirror, self._column),
            "  " if self._column else "",
        )
        tone = "$quiet" if event.severity == "info" else ""
        room = width - head.cell_length - 1
        if self._names is not None:
            return row(
                head, cell(shorten(beside_its_name(event.text, event.mirror), self._names), room, tone)
            )
        folded = textwrap.wrap(printable(event.text), max(10, room), break_on_hyphens=False) or [""]
        indent = " " * head.cell_length
        return lines(row(indent if number else head, (line, tone)) for number, line in enumerate(folded))
