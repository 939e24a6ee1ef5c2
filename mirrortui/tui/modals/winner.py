"""Which member is right where copies differ: in one range, or in all that are listed."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.content import Content

from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Difference, Member, Mirror
from mirrortui.api.requests import ByteRange
from mirrortui.api.winner import suggestion
from mirrortui.tui.drawing import Fitted, cell, path_cell, row
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.proposals import Settle
from mirrortui.tui.widgets.member_table import member_key
from mirrortui.tui.widgets.row_list import ChoiceList, PlanList, Row
from mirrortui.tui.widgets.tick import Tick
from mirrortui.tui.words import MEMBERS, counted, member_name
from mirrortui.units import format_size


class WinnerDialog(PlanDialog):
    """Choose the member whose version is kept: at first whom most agree with, and nobody where no majority tells."""

    PROMPT = (
        "Which member is right? What the others have there instead is overwritten, and lost. Nothing but the content "
        "tells: look at the bytes first."
    )

    def __init__(
        self, client: EngineApi, mirror: Mirror, ranges: Sequence[Difference], here: Difference | None
    ) -> None:
        """`here`: the range under the cursor; None: all of them at once."""
        super().__init__(client, f"Who is right on {mirror.name}")
        self._mirror = mirror
        self._ranges = ranges
        self._here = here

    def compose_choice(self) -> ComposeResult:
        yield PlanList(id="choice")
        if self._here and len(self._ranges) > 1:
            where = f"the {format_size(self._here.length)} at {format_size(self._here.offset)}"
            yield Tick(f"in all {counted(len(self._ranges), 'range')}, not only in {where}", id="all")

    def on_mount(self) -> None:
        choice = self.query_one(ChoiceList)
        self._show()
        best = suggestion(self._copies, self._asked)
        if best:
            choice.put_cursor(best)
        else:
            choice.highlighted = None
        choice.focus()

    def on_tick_changed(self) -> None:
        """What most agree with may be another now; the choice stays."""
        self._show()

    @property
    def _copies(self) -> list[str]:
        return [member.path for member in self._mirror.members if member.state == "in_sync"]

    @property
    def _asked(self) -> Sequence[Difference]:
        everywhere = self._here is None or any(tick.value for tick in self.query(Tick))
        return self._ranges if everywhere or self._here is None else [self._here]

    def _show(self) -> None:
        choice = self.query_one(ChoiceList)
        rows = [self._row(member) for member in self._mirror.members]
        fresh = not choice.options
        choice.show(rows)
        if fresh:
            choice.highlighted = None

    def _row(self, member: Member) -> Row:
        fit, ranges = member.state == "in_sync", self._asked
        face = MEMBERS[member.state]
        told = _standing(member.path, ranges) if fit else "not in sync: it cannot be right"

        def draw(width: int) -> Content:
            head = row(
                " ",
                (face.glyph, f"${face.tone}" if fit else ""),
                " ",
                path_cell(member_name(member), min(30, width - 34)),
                "  ",
            )
            return row(head, cell(told, max(0, width - head.cell_length - 1), "$quiet"))

        return Row(member_key(member), Fitted(draw), disabled=not fit)

    def proposal(self) -> Settle | None:
        winner = self.query_one(ChoiceList).chosen
        if winner is None:
            return None
        ranges = () if self._asked is self._ranges else _places(self._asked)
        return Settle(self._mirror.name, winner, ranges)


def _places(ranges: Sequence[Difference]) -> tuple[ByteRange, ...]:
    return tuple(ByteRange(offset=found.offset, length=found.length) for found in ranges)


def _standing(path: str, ranges: Sequence[Difference]) -> str:
    """Whether most agree with a member."""
    odd = sum(path in found.odd for found in ranges)
    if odd:
        return "the odd one" if odd == len(ranges) else f"the odd one in {odd} of {len(ranges)}"
    agreed = sum(bool(found.odd) for found in ranges)
    if not agreed:
        return "no majority tells"
    return (
        "most agree with it" if agreed == len(ranges) else f"most agree with it in {agreed} of {len(ranges)}"
    )
