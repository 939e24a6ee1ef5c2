"""`set`, `readonly`, `readwrite`, `rename`: what is settled for a mirror while it runs."""

from __future__ import annotations

from collections.abc import Callable

import rich_click as click
from msgspec.structs import replace

from mirrortui.api.schema import AccessRequest, MemberFlag, Mirror, Plan, RenameRequest, SetRequest
from mirrortui.cli.confirm import confirmed, print_plan
from mirrortui.cli.session import Session, absolute, engine_options, name_argument, print_json
from mirrortui.cli.text import summary
from mirrortui.errors import RequestError

_yes_option = click.option("--yes", is_flag=True, help="Go ahead with what wants a confirmation.")
_plan_option = click.option("--plan", is_flag=True, help="Say what would be done, and do nothing.")


@click.command("set")
@name_argument
@click.argument("member")
@click.argument("flag", metavar="write-mostly|failfast")
@click.argument("value", metavar="on|off")
@_yes_option
@_plan_option
@engine_options
@click.pass_obj
def set_flag(
    session: Session, name: str, member: str, flag: str, value: str, yes: bool, plan: bool, as_json: bool
) -> int:
    """Set or clear a flag of a member; it is kept in its superblock.

    write-mostly: read from it only where no other member can serve. failfast: for the kernel, which then does not
    retry on it.
    """
    request = SetRequest(member=absolute(member), flag=_flag(flag), on=_is_on(value))
    client = session.engine()
    return _run(
        lambda: client.plan_set_flag(name, request),
        lambda sure, events: client.set_flag(name, replace(request, yes=sure, events=events)),
        yes,
        plan,
        as_json,
    )


def _flag(word: str) -> MemberFlag:
    match word:
        case "write-mostly" | "failfast":
            return word
        case _:
            raise RequestError(f"There is no flag {word!r}.", hint="Use write-mostly or failfast.")


def _is_on(word: str) -> bool:
    if word not in ("on", "off"):
        raise RequestError(f"A flag is on or off, not {word!r}.")
    return word == "on"


def _access(verb: str, text: str) -> click.Command:
    @click.command(verb, help=text)
    @name_argument
    @_yes_option
    @_plan_option
    @engine_options
    @click.pass_obj
    def run(session: Session, name: str, yes: bool, plan: bool, as_json: bool) -> int:
        request = AccessRequest(readonly=verb == "readonly")
        client = session.engine()
        return _run(
            lambda: client.plan_set_access(name, request),
            lambda sure, events: client.set_access(name, replace(request, yes=sure, events=events)),
            yes,
            plan,
            as_json,
        )

    return run


readonly = _access(
    "readonly", "Refuse writes from now on, and copy nothing; its members are flushed and marked clean."
)
readwrite = _access("readwrite", "Take writes again, and go on with what was to be copied.")


@click.command()
@name_argument
@click.argument("new")
@_yes_option
@_plan_option
@engine_options
@click.pass_obj
def rename(session: Session, name: str, new: str, yes: bool, plan: bool, as_json: bool) -> int:
    """Give a mirror another name, here and in its superblocks, and print the NBD URI it is served at then.

    Clients that are connected stay; its old address is gone.
    """
    request = RenameRequest(name=new)
    client = session.engine()

    def act(sure: bool, events: int | None) -> Mirror:
        mirror = client.rename(name, replace(request, yes=sure, events=events))
        if not as_json:
            click.echo(mirror.uri)
        return mirror

    return _run(lambda: client.plan_rename(name, request), act, yes, plan, as_json)


def _run(
    ask: Callable[[], Plan], act: Callable[[bool, int | None], Mirror], yes: bool, plan: bool, as_json: bool
) -> int:
    if plan:
        return print_plan(ask(), as_json)
    mirror = confirmed(act, yes)
    if as_json:
        print_json(mirror)
    else:
        click.echo(summary(mirror), err=True)
    return 0
