"""From a plan to a deed (I14): what is refused, what must be confirmed, and how that is said."""

from __future__ import annotations

import shlex

from mirrortui.api.answers import Plan
from mirrortui.api.problems import UnconfirmedError
from mirrortui.api.vocabulary import Verb
from mirrortui.errors import MirrortuiError, RefusedError


def command(verb: str, *words: str, **flags: object) -> str:
    """The command line that does the same: flags that are true, and those with a value."""
    parts = ["mirrortui", verb, *words]
    for name, value in flags.items():
        if value is not None and value is not False:
            parts += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    return shlex.join(parts)


def refusal(verb: Verb, mirror: str, title: str, line: str, error: MirrortuiError) -> Plan:
    """The plan of something that cannot be done, and why."""
    return Plan(
        verb=verb,
        mirror=mirror,
        title=title,
        copies="nothing",
        erases=[],
        meanwhile="nothing changes",
        afterwards="as now",
        command=line,
        confirm="none",
        refused=error.what,
        hint=error.hint,
    )


def require(plan: Plan, yes: bool) -> None:
    """Let the plan run. Raises RefusedError if it cannot, UnconfirmedError if it wants a yes that was not given."""
    if plan.refused:
        raise RefusedError(plan.refused, hint=plan.hint)
    if plan.confirm != "none" and not yes:
        what = " ".join(plan.erases) or f"Afterwards: {plan.afterwards}."
        raise UnconfirmedError(
            f"{plan.title}: this wants a confirmation. {what}", hint="Add --yes to go ahead.", plan=plan
        )
