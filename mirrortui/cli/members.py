"""`fail`, `remove`, `add`, `re-add`, `replace`: what a mirror is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rich_click as click
from msgspec.structs import replace as changed

from mirrortui.api.interface import MemberVerb
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import MemberRequest, ReplaceRequest
from mirrortui.cli.confirm import confirmed, print_plan
from mirrortui.cli.session import Session, absolute, engine_options, name_argument, print_json
from mirrortui.cli.text import summary
from mirrortui.errors import RequestError

Command = Callable[..., Any]


def _force_option(there: bool) -> Callable[[Command], Command]:
    if not there:
        return lambda command: command
    return click.option("--force", is_flag=True, help="Overwrite what the member holds.")


def _verb(verb: MemberVerb, text: str, *, overwrites: bool = False) -> click.Command:
    @click.command(verb, help=text)
    @name_argument
    @click.argument("member")
    @_force_option(overwrites)
    @click.option("--yes", is_flag=True, help="Go ahead with what wants a confirmation.")
    @click.option("--plan", is_flag=True, help="Say what would be done, and do nothing.")
    @engine_options
    @click.pass_obj
    def run(
        session: Session, name: str, member: str, yes: bool, plan: bool, as_json: bool, force: bool = False
    ) -> int:
        client = session.engine()
        path = absolute(member)
        if plan:
            return print_plan(
                client.plan_change(name, verb, MemberRequest(member=path, force=force)), as_json
            )

        def act(sure: bool, events: int | None) -> None:
            request = MemberRequest(member=path, force=force, yes=sure, events=events)
            mirror = client.change(name, verb, request)
            if as_json:
                print_json(mirror)
            else:
                click.echo(summary(mirror), err=True)

        confirmed(act, yes)
        return 0

    return run


fail = _verb("fail", "Take a member out of the mirror, as if it had failed.")
remove = _verb("remove", "Let go of a member that is faulty or a spare.")
add = _verb(
    "add",
    "Give the mirror a new member; it is filled if one is missing, and a spare otherwise.",
    overwrites=True,
)
re_add = _verb("re-add", "Take a member back that was here before, copying only what changed meanwhile.")


@click.command()
@name_argument
@click.argument("member")
@click.option("--with", "new", metavar="NEW", help="A new device, or a spare; without it the largest spare.")
@click.option("--force", is_flag=True, help="Overwrite what the new device holds.")
@click.option("--yes", is_flag=True, help="Go ahead with what wants a confirmation.")
@click.option("--plan", is_flag=True, help="Say what would be done, and do nothing.")
@engine_options
@click.pass_obj
def replace(
    session: Session,
    name: str,
    member: str,
    new: str | None,
    force: bool,
    yes: bool,
    plan: bool,
    as_json: bool,
) -> int:
    """Fill a new member while the old one serves, and the mirror stays whole; then the old one is out."""
    client = session.engine()
    replacement = absolute(new) if new else _spare(client.mirror(name))
    request = ReplaceRequest(member=absolute(member), replacement=replacement, force=force)
    if plan:
        return print_plan(client.plan_replace(name, request), as_json)
    mirror = confirmed(
        lambda sure, events: client.replace(name, changed(request, yes=sure, events=events)), yes
    )
    if as_json:
        print_json(mirror)
    else:
        click.echo(summary(mirror), err=True)
    return 0


def _spare(mirror: Mirror) -> str:
    """The largest. Raises RequestError where there is none."""
    spares = [member for member in mirror.members if member.state == "spare"]
    if not spares:
        raise RequestError(
            f"{mirror.name} has no spare that could take the place; nothing was done.",
            hint="Name the device that is to: --with NEW.",
        )
    return max(spares, key=lambda member: member.size).path
