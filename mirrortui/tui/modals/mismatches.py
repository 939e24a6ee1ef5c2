"""What checks found: where the copies of a mirror differ, and what each member has there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static

from mirrortui.api.consent import command
from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import CheckRun, Difference, Look, Mirror
from mirrortui.api.requests import LookRequest
from mirrortui.errors import MirrortuiError
from mirrortui.tui.actions import refusals
from mirrortui.tui.drawing import Fitted, cell, lines, row
from mirrortui.tui.modals.whole import SyncDialog
from mirrortui.tui.modals.winner import WinnerDialog
from mirrortui.tui.mouse import Dialog, subtitle
from mirrortui.tui.widgets.entry import Entry
from mirrortui.tui.widgets.hex_view import HexView
from mirrortui.tui.widgets.row_list import ChoiceList, Row
from mirrortui.tui.wording import names_in, shorten
from mirrortui.tui.words import clock_time, counted
from mirrortui.units import format_size, parse_size

PAGE = 4096
"""Bytes that are looked at together."""
_AGAIN = 0.5
"""Seconds after which a run that is under way is asked for again."""


@dataclass
class RunsListed(Message):
    """The engine told what checks and repairs found."""

    runs: list[CheckRun]


@dataclass
class PlaceSeen(Message):
    """The engine told what each copy has at a place."""

    look: Look
    at: int
    """The byte of the mirror that was asked for; negative: where the first difference after it is."""


@dataclass
class AnswerMissing(Message):
    """The engine did not tell."""

    error: MirrortuiError


class MismatchScreen(Dialog[None]):
    """The ranges above, a page of bytes below. Nothing is changed here; repairs are dialogs of their own."""

    CSS_PATH = "mismatches.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", priority=True, show=False),
        Binding("n", "next(1)", show=False),
        Binding("N", "next(-1)", show=False),
        Binding("g", "ask_offset", show=False),
        Binding("w", "name_winner", show=False),
        Binding("W", "name_winner(True)", show=False),
        Binding("H", "repair", show=False),
        Binding("ctrl+y", "copy_command", show=False),
    ]

    def __init__(self, client: EngineApi, mirror: Mirror) -> None:
        super().__init__()
        self._client = client
        self._mirror = mirror
        self._names = names_in(mirror)
        self._ranges: list[Difference] = []

    def compose(self) -> ComposeResult:
        with Vertical(id="explorer") as explorer:
            explorer.border_title = f"Differences of {self._mirror.name}"
            explorer.border_subtitle = subtitle(
                ("n next", "next(1)"),
                ("N back", "next(-1)"),
                ("g goto", "ask_offset"),
                ("w winner", "name_winner"),
                ("W all", "name_winner(True)"),
                ("H repair", "repair"),
                ("^y copy", "copy_command"),
                ("esc", "leave"),
            )
            yield Static(id="summary")
            yield ChoiceList(id="ranges")
            yield Static(id="place")
            yield HexView()
            yield Entry(
                id="offset",
                placeholder="a byte of the mirror, such as 1048576, 0x100000 or 1M",
            )

    def on_mount(self) -> None:
        self.query_one("#offset").display = False
        self.query_one("#ranges").display = False
        self.query_one("#summary", Static).update("asking the engine …")
        self.query_one(HexView).focus()

    def on_screen_resume(self) -> None:
        """Also after a repair, which changes what is there."""
        self._list_anew()

    def _list_anew(self) -> None:
        self.run_worker(self._list, thread=True, group="runs", exclusive=True)

    # In threads.

    def _list(self) -> None:
        try:
            self.post_message(RunsListed(self._client.mismatches(self._mirror.name)))
        except MirrortuiError as error:
            self.post_message(AnswerMissing(error))

    def look_at(self, offset: int, *, first: bool = False) -> None:
        """Show the page with that byte of the mirror. `first`: at the first difference after it."""
        offset = max(0, min(offset, self._mirror.size - 1))
        start = offset // PAGE * PAGE
        request = LookRequest(offset=start, length=min(PAGE, self._mirror.size - start))

        def look() -> None:
            try:
                self.post_message(
                    PlaceSeen(self._client.look(self._mirror.name, request), -offset - 1 if first else offset)
                )
            except MirrortuiError as error:
                self.post_message(AnswerMissing(error))

        self.run_worker(look, thread=True, group="look", exclusive=True)

    # Show.

    def on_runs_listed(self, event: RunsListed) -> None:
        run = next(iter(event.runs), None)
        if run and run.ended is None:
            self.set_timer(_AGAIN, self._list_anew)
        self._ranges = run.ranges if run else []
        self.query_one("#summary", Static).update(Fitted(lambda width: self._summary(run, width)))
        listed = self.query_one("#ranges", ChoiceList)
        listed.show([self._row(number, found) for number, found in enumerate(self._ranges)])
        listed.display = bool(self._ranges)
        page = self.query_one(HexView).page
        if page is not None:
            self.look_at(page.offset + self.query_one(HexView).at)
        elif self._ranges:
            listed.action_first()
            self.look_at(self._ranges[0].offset, first=True)
        else:
            self.look_at(0)

    def on_place_seen(self, event: PlaceSeen) -> None:
        view = self.query_one(HexView)
        view.page = event.look
        if event.at >= 0:
            view.at = event.at - event.look.offset
        else:
            after = -event.at - 1 - event.look.offset
            view.at = next((start for start, _ in view.differing if start >= after), after)
        self._show_place()

    def on_answer_missing(self, event: AnswerMissing) -> None:
        self.notify(str(event.error), severity="error")

    def _show_place(self) -> None:
        view = self.query_one(HexView)
        assert view.page
        here = view.page.offset + view.at
        number = self._range_at(here)
        view.odd = frozenset(self._ranges[number].odd) if number is not None else frozenset()
        listed = self.query_one("#ranges", ChoiceList)
        if number is not None and listed.highlighted != number:
            listed.highlighted = number
        self.query_one("#place", Static).update(Fitted(lambda width: self._place(here, number, width)))

    def _summary(self, run: CheckRun | None, width: int) -> Content:
        name = self._mirror.name
        if run is None:
            return cell(f" {name} was not checked yet; this is what its members have at the start", width)
        if run.winner:
            return cell(f" {self._settled(run)}", width)
        done = "" if run.complete else ", which is not done," if run.ended is None else ", which ended early,"
        found = (
            f"{format_size(run.differing)} in {counted(len(run.ranges), 'range')}"
            if run.differing
            else "nothing"
        )
        told = f" The {run.action} of {clock_time(run.begun)[:5]}{done} found {found} to differ"
        if run.repaired:
            told += f"; {format_size(run.repaired)} of it are equal now"
        if run.unread:
            told += f"; {format_size(run.unread)} could not be compared"
        return cell(told, width)

    def _settled(self, run: CheckRun) -> str:
        """What a repair with a winner came to."""
        winner = shorten(run.winner, self._names)
        if run.ended is None:
            return f"The repair of {clock_time(run.begun)[:5]} is under way: {winner} wins"
        told = (
            f"What {winner} has won at {clock_time(run.ended)[:5]}: {format_size(run.repaired)} are equal now"
        )
        left = run.differing - run.repaired
        return f"{told}; {format_size(left)} differ still" if left > 0 else told

    def _row(self, number: int, found: Difference) -> Row:
        def draw(width: int) -> Content:
            head = row(
                cell(f" {number + 1}", 5, "$quiet", "right"),
                cell(f"{found.offset:x}", 14, "", "right"),
                cell(f"at {format_size(found.offset)}", 15, "$quiet", "right"),
                cell(format_size(found.length), 11, "", "right"),
                "   ",
            )
            return row(
                head,
                cell(self._who(found), max(0, width - head.cell_length - 1), "$quiet" if found.kept else ""),
            )

        return Row(str(number), Fitted(draw))

    def _who(self, found: Difference) -> str:
        if found.left:
            return shorten(f"not repaired: {found.left}", self._names)
        if found.kept:
            return shorten(f"equal now: all have what {found.kept} had", self._names)
        if found.odd:
            return shorten(
                f"{' and '.join(found.odd)} {'is' if len(found.odd) == 1 else 'are'} odd", self._names
            )
        return "no majority: look yourself"

    def _place(self, here: int, number: int | None, width: int) -> Content:
        line = command("mismatches", self._mirror.name, show=here // PAGE * PAGE, length=PAGE)
        within = "not in the list" if number is None else f"range {number + 1} of {len(self._ranges)}"
        runs = self.query_one(HexView).differing
        told = f"{counted(len(runs), 'place')} differ" if len(runs) != 1 else "one place differs"
        same = "these 4 KiB are equal on all" if not runs else f"in these 4 KiB {told}"
        where = f" byte {here:x} (hex), {format_size(here)}: {within}; {same}"
        return lines([Content(""), cell(where, width), cell(f" {line}", width, "$quiet")])

    # Move.

    @on(HexView.Left)
    def _left(self, event: HexView.Left) -> None:
        if 0 <= event.offset < self._mirror.size:
            self.look_at(event.offset)

    @on(OptionList.OptionSelected, "#ranges")
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.look_at(self._ranges[event.option_index].offset, first=True)
        self.query_one(HexView).focus()

    def action_next(self, step: int) -> None:
        """The next difference: on this page, on the next of this range, or in the next range."""
        view = self.query_one(HexView)
        if view.page is None:
            return
        on_page = [start for start, _ in view.differing if (start > view.at if step > 0 else start < view.at)]
        if on_page:
            view.at = on_page[0] if step > 0 else on_page[-1]
            self._show_place()
            return
        here = view.page.offset + view.at
        number = self._range_at(here)
        beyond = view.page.offset + PAGE
        if step > 0 and number is not None and beyond < self._end(number) and not self._goes_on(view):
            self.look_at(beyond, first=True)
        elif step > 0:
            following = [found.offset for found in self._ranges if found.offset > here]
            self._go_or_say(following[:1], "That was the last one.")
        else:
            before = [found.offset for found in self._ranges if found.offset < view.page.offset]
            self._go_or_say(before[-1:], "That was the first one.")

    def _goes_on(self, view: HexView) -> bool:
        """The difference under the cursor has no end on this page: another page of it is no news."""
        return (
            bool(view.differing) and view.differing[-1][1] == view.length and view.at >= view.differing[-1][0]
        )

    def _go_or_say(self, offsets: list[int], otherwise: str) -> None:
        if offsets:
            self.look_at(offsets[0], first=True)
        else:
            self.notify(otherwise, timeout=3)

    def _range_at(self, offset: int) -> int | None:
        found = (
            number for number, each in enumerate(self._ranges) if each.offset <= offset < self._end(number)
        )
        return next(found, None)

    def _end(self, number: int) -> int:
        return self._ranges[number].offset + self._ranges[number].length

    def action_ask_offset(self) -> None:
        entry = self.query_one("#offset", Entry)
        entry.display = True
        entry.focus()

    @on(Input.Submitted, "#offset")
    def _offset_entered(self, event: Input.Submitted) -> None:
        try:
            typed = event.value.strip().lower()
            offset = int(typed, 16) if typed.startswith("0x") else parse_size(typed)
        except ValueError:
            self.notify("That is no place: bytes, such as 1048576, 0x100000 or 1M.", severity="warning")
            return
        self._hide_entry()
        if offset >= self._mirror.size:
            self.notify(f"{self._mirror.name} ends at {self._mirror.size}.", severity="warning")
        else:
            self.look_at(offset)

    def _hide_entry(self) -> None:
        entry = self.query_one("#offset", Entry)
        entry.value = ""
        entry.display = False
        self.query_one(HexView).focus()

    def action_leave(self) -> None:
        """Escape: away from the offset that is asked for, else from here."""
        if self.query_one("#offset").display:
            self._hide_entry()
        else:
            self.dismiss()

    def action_name_winner(self, everywhere: bool = False) -> None:
        """Who is right in the range under the cursor, or in all of them."""
        view = self.query_one(HexView)
        listed = [found for found in self._ranges if not found.kept]
        number = self._range_at(view.page.offset + view.at) if view.page else None
        here = None if everywhere or number is None else self._ranges[number]
        if reason := refusals.cannot_check(self._mirror) or (None if listed else "nothing is listed"):
            self.notify(f"who is right: {reason}", severity="warning", timeout=4)
        elif here not in listed and not everywhere:
            self.notify("who is right: this is outside what the check found", severity="warning", timeout=4)
        else:
            self.app.push_screen(WinnerDialog(self._client, self._mirror, listed, here))

    def action_repair(self) -> None:
        """The whole mirror: what most members have wins."""
        if reason := refusals.cannot_check(self._mirror):
            self.notify(f"repair: {reason}", severity="warning", timeout=4)
        else:
            self.app.push_screen(SyncDialog(self._client, self._mirror, "repair"))

    def action_copy_command(self) -> None:
        """The equivalent command line of what is on the screen."""
        page = self.query_one(HexView).page
        if page:
            self.app.copy_to_clipboard(
                command("mismatches", self._mirror.name, show=page.offset, length=PAGE)
            )
            self.notify("The command was copied.")
