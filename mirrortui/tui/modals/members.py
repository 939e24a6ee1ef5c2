"""Fail, remove, re-add: dialogs about a member that is there, or was."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.content import Content

from mirrortui.api.interface import EngineApi, MemberVerb
from mirrortui.api.mirrors import Member, Mirror
from mirrortui.tui.actions import Refusal, refusals
from mirrortui.tui.drawing import Fitted, cell, path_cell, row
from mirrortui.tui.errands import IfFails, Retest
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.proposals import ChangeMember, Proposal, SetFlag
from mirrortui.tui.widgets.member_table import member_key
from mirrortui.tui.widgets.plan_view import PlanView
from mirrortui.tui.widgets.row_list import PlanList, Row, RowList
from mirrortui.tui.words import MEMBERS, member_name


class MemberDialog(PlanDialog):
    """Choose one of a mirror's members. Those that the verb is not for are shown with the reason."""

    VERB: ClassVar[MemberVerb]
    HEADING: ClassVar[str]

    def __init__(self, client: EngineApi, mirror: Mirror, member: Member | None = None) -> None:
        """With `member`, the one under the cursor, that one is chosen, if the verb is for it."""
        super().__init__(client, self.HEADING.format(mirror.name))
        self._mirror = mirror
        self._why_not = {member_key(each): self._hindrance(each) for each in mirror.members}
        fit = [key for key, why_not in self._why_not.items() if why_not is None]
        given = member.path if member and member.path in fit else None
        self._first = given or (fit[0] if fit else None)
        self.decided = given is not None or (member is None and len(fit) == 1)

    @staticmethod
    def why_not(member: Member) -> Refusal:
        """Why the verb is not for a member; None: it is."""
        raise NotImplementedError

    def _hindrance(self, member: Member) -> str | None:
        return self.why_not(member) if member.path else "nobody knows where it was"

    def compose_choice(self) -> ComposeResult:
        yield PlanList(id="choice")

    def on_mount(self) -> None:
        choice = self.query_one(RowList)
        choice.show(
            [member_row(member, self._why_not[member_key(member)]) for member in self._mirror.members]
        )
        if self._first:
            choice.put_cursor(self._first)
        choice.focus()

    def proposal(self) -> Proposal | None:
        path = self.query_one(RowList).key
        return self.proposed(path) if path else None

    def proposed(self, path: str) -> Proposal:
        """What to do with the one that was chosen."""
        return ChangeMember(self._mirror.name, self.VERB, path)


class FailDialog(MemberDialog):
    """Take a member out of service."""

    VERB = "fail"
    HEADING = "Fail a member of {}"
    why_not = staticmethod(refusals.out_already)


class RemoveDialog(MemberDialog):
    """Forget a member that is out, or a spare."""

    VERB = "remove"
    HEADING = "Remove a member from {}"
    why_not = staticmethod(refusals.active)


class ReAddDialog(MemberDialog):
    """Take back a member that was out, copying what changed."""

    VERB = "re-add"
    HEADING = "Re-add a member to {}"
    why_not = staticmethod(refusals.not_out)


class WriteMostlyDialog(MemberDialog):
    """Spare a member from reads, or read from it again: what it is not now."""

    HEADING = "Write-mostly, or not, in {}"
    why_not = staticmethod(refusals.out)

    def proposed(self, path: str) -> SetFlag:
        member = next(each for each in self._mirror.members if each.path == path)
        return SetFlag(self._mirror.name, path, "write-mostly", not member.write_mostly)


class FailfastDialog(MemberDialog):
    """Whether the kernel retries on a member: what it is not now."""

    HEADING = "Failfast, or not, in {}"
    why_not = staticmethod(refusals.out)

    def proposed(self, path: str) -> SetFlag:
        member = next(each for each in self._mirror.members if each.path == path)
        return SetFlag(self._mirror.name, path, "failfast", not member.failfast)


class BadBlocksDialog(MemberDialog):
    """What a member's bad-block log lists, and to try it again."""

    HEADING = "Bad blocks of {}"
    PROMPT = (
        "No member lists a bad block. One that cannot read or take a sector notes it, and it is read from another "
        "member from then on."
    )
    why_not = staticmethod(refusals.no_bad_block)

    def proposed(self, path: str) -> Proposal:
        return Retest(self._mirror.name, path)


class ForecastDialog(MemberDialog):
    """What would happen if a member failed now. Only tells."""

    HEADING = "If a member of {} fails now"
    ONLY_TELLS = True

    def on_mount(self) -> None:
        self.query_one(PlanView).loses = "loses"

    why_not = staticmethod(refusals.out_already)

    def proposed(self, path: str) -> Proposal:
        return IfFails(self._mirror.name, path)


def member_row(member: Member, why_not: str | None) -> Row:
    """A member to choose, or why it is none."""
    face = MEMBERS[member.state]

    def draw(width: int) -> Content:
        paths = min(30, width - 34)
        head = row(
            " ",
            (face.glyph, "" if why_not else f"${face.tone}"),
            " ",
            path_cell(member_name(member), paths),
            "  ",
            cell(face.word, 10),
            "  ",
        )
        return row(head, cell(why_not or member.why, max(0, width - head.cell_length - 1)))

    return Row(member_key(member), Fitted(draw), disabled=why_not is not None)
