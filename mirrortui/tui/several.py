"""The same done to several mirrors: one plan of all, and each carried out by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mirrortui.api.answers import Plan
from mirrortui.api.interface import EngineApi
from mirrortui.errors import MirrortuiError, RefusedError
from mirrortui.tui.proposals import Proposal

UNDER_WAY = "under way"
_IN_SIGHT = 6
"""Rows of a dialog that are all in sight: what they say need not be said again."""


@dataclass(frozen=True, slots=True)
class One:
    """What is to be done to one of them."""

    mirror: str
    proposal: Proposal | None
    reason: str = ""
    """Why nothing can be done to it."""


@dataclass(frozen=True, slots=True)
class Part:
    """What came of that: a plan, or why it is left alone."""

    mirror: str
    proposal: Proposal | None
    plan: Plan | None
    reason: str = ""


class Joint(Plan, frozen=True, kw_only=True):
    """Several plans as one."""

    parts: list[Part] = []  # noqa: RUF012 (a struct copies it)
    outcomes: dict[str, str] = {}  # noqa: RUF012
    """By mirror, as they come: UNDER_WAY, what went wrong, or empty where it was done."""

    @property
    def able(self) -> list[Part]:
        """Those that something is done to."""
        return [part for part in self.parts if part.plan]


@dataclass(frozen=True, slots=True)
class Several:
    """Wants a deliberate key, because it is about more than is under the cursor. What wants a mirror's name typed is
    not done to several at once.
    """

    what: str
    """"Check": the verb, as a title has it."""
    ones: tuple[One, ...]

    def plan(self, client: EngineApi) -> Joint:
        return _joint(self.what, [_part(one, client) for one in self.ones])

    def act(self, client: EngineApi, plan: Plan) -> None:
        """All of them, whatever becomes of the others. Raises RefusedError that names those that could not be done."""
        assert isinstance(plan, Joint)
        for part in plan.able:
            assert part.proposal and part.plan
            plan.outcomes[part.mirror] = UNDER_WAY
            try:
                part.proposal.act(client, part.plan)
            except MirrortuiError as error:
                plan.outcomes[part.mirror] = str(error)
            else:
                plan.outcomes[part.mirror] = ""
        failed = [f"{name}: {why}" for name, why in plan.outcomes.items() if why]
        if failed:
            done = [name for name, why in plan.outcomes.items() if not why]
            raise RefusedError(
                " ".join(failed), hint=f"Done: {', '.join(done)}." if done else "Nothing was done."
            )


def _part(one: One, client: EngineApi) -> Part:
    if one.proposal is None or one.reason:
        return Part(one.mirror, None, None, one.reason)
    try:
        plan = one.proposal.plan(client)
    except MirrortuiError as error:
        return Part(one.mirror, None, None, error.what)
    if plan.refused:
        return Part(one.mirror, None, None, plan.refused)
    if plan.confirm == "name":
        return Part(one.mirror, None, None, "it wants a decision of its own: do it to this one alone")
    return Part(one.mirror, one.proposal, plan)


def _joint(what: str, parts: list[Part]) -> Joint:
    parts = sorted(parts, key=lambda part: part.plan is None)  # first what is done, in its order
    able = [(part.mirror, part.plan) for part in parts if part.plan]
    left = [f"{part.mirror} is left alone: {part.reason}" for part in parts if not part.plan]
    copies = [(name, plan.copies) for name, plan in able if plan.copies != "nothing"]
    return Joint(
        verb=able[0][1].verb if able else "check",
        mirror="",
        title=f"{what} {able[0][0]}" if len(able) == 1 else f"{what} {len(able)} mirrors",
        copies=_told(copies) or "nothing",
        erases=[f"{name}: {loss}" for name, plan in able for loss in plan.erases],
        meanwhile=_told([(name, plan.meanwhile) for name, plan in able]) or "nothing changes",
        afterwards=_told([(name, plan.afterwards) for name, plan in able]) or "as now",
        command="; ".join(plan.command for _, plan in able),
        confirm="yes",
        refused=None if able else "It can be done to none of them.",
        hint=" ".join(left) if not able else "",
        notes=[
            *(left if len(parts) > _IN_SIGHT else []),
            *(f"{name}: {note}" for name, plan in able for note in plan.notes),
        ],
        parts=parts,
        outcomes={},
    )


def _told(said: Sequence[tuple[str, str]]) -> str:
    """Once where it is the same of all, else of each."""
    if len({text for _, text in said}) == 1:
        return said[0][1]
    return "; ".join(f"{name}: {text}" for name, text in said)
