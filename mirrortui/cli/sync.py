"""`check`, `repair`, `sync`: what reads or copies a whole mirror."""

from __future__ import annotations

import rich_click as click
from msgspec.structs import replace

from mirrortui.api.client import EngineClient
from mirrortui.api.schema import Impact, ImpactRequest, Mirror, SpeedRequest, SyncRequest, SyncVerb
from mirrortui.cli.confirm import confirmed, print_plan
from mirrortui.cli.session import Session, engine_options, name_argument, print_json, to_name
from mirrortui.cli.text import common_speed, summary
from mirrortui.cli.wait import await_goal
from mirrortui.errors import RequestError
from mirrortui.units import format_size, parse_size

_yes_option = click.option("--yes", is_flag=True, help="Go ahead with what wants a confirmation.")
_plan_option = click.option("--plan", is_flag=True, help="Say what would be done, and do nothing.")
_wait_option = click.option("--wait", is_flag=True, help="Until it has ended. Exit code 1: members differ.")


@click.command()
@name_argument
@_wait_option
@_plan_option
@engine_options
@click.pass_obj
def check(session: Session, name: str, wait: bool, plan: bool, as_json: bool) -> int:
    """Read all copies and compare them; change nothing. Clients come first."""
    return _scrub(session.engine(), name, SyncRequest(action="check", plan=plan), False, wait, as_json)


@click.command()
@name_argument
@_wait_option
@_yes_option
@_plan_option
@engine_options
@click.pass_obj
def repair(session: Session, name: str, wait: bool, yes: bool, plan: bool, as_json: bool) -> int:
    """Read all copies, and make equal what differs: what most of them have wins, else the first member in sync."""
    return _scrub(session.engine(), name, SyncRequest(action="repair", plan=plan), yes, wait, as_json)


def _scrub(
    client: EngineClient, name: str, request: SyncRequest, yes: bool, wait: bool, as_json: bool
) -> int:
    if request.plan:
        return print_plan(client.plan_sync(name, request), as_json)
    mirror = _act(client, name, request, yes)
    if wait:
        mirror = await_goal(client, name, "idle")
    _report(mirror, as_json)
    if not wait:
        return 0
    differed = mirror.checks[0].differing if mirror.checks else mirror.mismatches
    unread = mirror.checks[0].unread if mirror.checks else 0
    missed = f"; {format_size(unread)} could not be compared" if unread else ""
    click.echo(f"{mirror.name}: {format_size(differed)} differed{missed}.", err=True)
    repaired = mirror.checks[0].repaired if mirror.checks else differed * (request.action == "repair")
    return int(differed > repaired)


def _act(client: EngineClient, name: str, request: SyncRequest, yes: bool) -> Mirror:
    return confirmed(lambda sure, events: client.sync(name, replace(request, yes=sure, events=events)), yes)


def _report(mirror: Mirror, as_json: bool) -> None:
    if as_json:
        print_json(mirror)
    else:
        click.echo(summary(mirror), err=True)


@click.command()
@click.option("--all", "everything", is_flag=True, help="speed only: of all mirrors together, from now on.")
@click.argument("words", metavar="NAME pause|resume|cancel|speed MIN MAX|impact low|balanced|max", nargs=-1)
@_plan_option
@engine_options
@click.pass_context
@click.pass_obj
def sync(
    session: Session, ctx: click.Context, everything: bool, words: tuple[str, ...], plan: bool, as_json: bool
) -> int:
    """Pause, resume or cancel what copies or checks a mirror, or say how fast it goes and what clients may notice.

    speed takes MIN and MAX in bytes per second, such as 10M 200M; 0 stands for no limit, or the default. With --all, in
    the place of NAME, they are for all mirrors together, and kept; the kernel's have their own. impact is low, balanced
    (the default) or max: how much of their speed clients give up for it.
    """
    if everything:
        return _set_common_speed(session.engine(), words, plan, as_json)
    if len(words) < 2:
        raise RequestError("sync wants a mirror's name and what to do.", hint="Such as: sync NAME pause")
    name, what, *values = to_name(ctx, ctx.command.params[0], words[0]) or "", *words[1:]
    return _do(session.engine(), name, what, tuple(values), plan, as_json)


def _set_common_speed(client: EngineClient, words: tuple[str, ...], plan: bool, as_json: bool) -> int:
    if words[:1] != ("speed",) or plan:
        raise RequestError(
            "--all is for speed MIN MAX, which has no plan.", hint="Name a mirror for the rest."
        )
    info = client.set_common_speed(_speeds(words[1:]))
    if as_json:
        print_json(info)
    else:
        click.echo(common_speed(info.speed), err=True)
    return 0


def _do(
    client: EngineClient, name: str, what: str, values: tuple[str, ...], plan: bool, as_json: bool
) -> int:
    if what in ("speed", "impact"):
        if plan:
            raise RequestError(f"{what} has no plan: it changes no data.")
        if what == "speed":
            mirror = client.set_speed(name, _speeds(values))
        else:
            mirror = client.set_impact(name, ImpactRequest(impact=_impact(values)))
        _report(mirror, as_json)
        return 0
    if values:
        raise RequestError(f"{what} takes no more words: {' '.join(values)}.")
    request = SyncRequest(action=_verb(what), plan=plan)
    if plan:
        return print_plan(client.plan_sync(name, request), as_json)
    _report(_act(client, name, request, True), as_json)
    return 0


def _verb(what: str) -> SyncVerb:
    match what:
        case "pause" | "resume" | "cancel":
            return what
        case _:
            raise RequestError(f"There is no {what!r}.", hint="Use pause, resume, cancel, speed or impact.")


def _impact(words: tuple[str, ...]) -> Impact:
    match words:
        case ("low" | "balanced" | "max" as impact,):
            return impact
        case _:
            raise RequestError("impact wants one word.", hint="Use low, balanced or max.")


def _speeds(words: tuple[str, ...]) -> SpeedRequest:
    if len(words) != 2:
        raise RequestError("speed wants MIN and MAX, in bytes per second.", hint="Such as: speed 10M 200M")
    try:
        least, most = (parse_size(word) for word in words)
    except ValueError as error:
        raise RequestError(f"{error}.") from None
    return SpeedRequest(min=least, max=most)
