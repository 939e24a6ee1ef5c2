"""Plans on the command line: shown, and confirmed where they must be (I14)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import rich_click as click

from mirrortui.api.answers import Plan
from mirrortui.api.problems import UnconfirmedError
from mirrortui.cli.session import print_json
from mirrortui.errors import ConfirmationError

Answer = TypeVar("Answer")


def show(plan: Plan, *, err: bool) -> None:
    """Print a plan, a line for each of its answers."""
    click.echo(plan.title, err=err)
    lines = [("copies", plan.copies)]
    lines += [("erases", loss) for loss in plan.erases or ["nothing"]]
    lines += [("meanwhile", plan.meanwhile), ("afterwards", plan.afterwards)]
    lines += [("note", note) for note in plan.notes]
    lines += [("as command", plan.command)]
    if plan.refused:
        lines += [("refused", f"{plan.refused} {plan.hint}".rstrip())]
    for label, text in lines:
        click.echo(f"  {label:<10}  {text}", err=err)


def print_plan(plan: Plan, as_json: bool) -> int:
    """The answer to --plan: data. Exit code 1 if it would be refused."""
    if as_json:
        print_json(plan)
    else:
        show(plan, err=False)
    return 1 if plan.refused else 0


def confirmed(act: Callable[[bool, int | None], Answer], yes: bool) -> Answer:
    """What `act(yes, events)` answers, after the plan was confirmed as `confirmed_plan` does."""
    return confirmed_plan(lambda sure, plan: act(sure, plan.events if plan else None), yes)


def confirmed_plan(act: Callable[[bool, Plan | None], Answer], yes: bool) -> Answer:
    """What `act(yes, plan)` answers; `plan` is what was confirmed. If a confirmation is wanted, a person at the
    terminal is asked for it.

    Raises ConfirmationError, after the plan was printed, where there is nobody to ask, or the answer was no.
    """
    try:
        return act(yes, None)
    except UnconfirmedError as error:
        if error.plan is None:
            raise
        show(error.plan, err=True)
        if not sys.stdin.isatty():
            raise
        if not _ask(error.plan):
            raise ConfirmationError("Nothing was done.") from None
        return act(True, error.plan)


def _ask(plan: Plan) -> bool:
    if plan.confirm == "name":
        typed: str = click.prompt(f"Type {plan.mirror} to go ahead", default="", show_default=False, err=True)
        return typed.strip() == plan.mirror
    return click.confirm("Go ahead?", err=True)
