"""Errors on their way over a socket: to a Problem on one side, back to the same error on the other."""

from __future__ import annotations

from mirrortui.api.answers import Plan, Problem
from mirrortui.errors import ConfirmationError, MirrortuiError, from_code


class UnconfirmedError(ConfirmationError):
    """A plan wants a confirmation that the request did not carry."""

    def __init__(self, what: str, *, hint: str = "", plan: Plan | None = None) -> None:
        super().__init__(what, hint=hint)
        self.plan = plan


def to_problem(error: MirrortuiError) -> Problem:
    """What is sent."""
    plan = error.plan if isinstance(error, UnconfirmedError) else None
    return Problem(code=error.code, message=error.what, hint=error.hint, plan=plan)


def from_problem(problem: Problem) -> MirrortuiError:
    """What was raised over there."""
    if problem.plan is not None:
        return UnconfirmedError(problem.message, hint=problem.hint, plan=problem.plan)
    return from_code(problem.code, problem.message, problem.hint)
