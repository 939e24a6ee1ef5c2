"""`check`, `repair`, `sync`: what reads or copies a whole mirror."""

from __future__ import annotations

import time
from collections.abc import Sequence

import rich_click as click
from msgspec.structs import replace

from mirrortui.api.client import EngineClient
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import ByteRange, ImpactRequest, SpeedRequest, SyncRequest
from mirrortui.api.vocabulary import Impact, SyncVerb
from mirrortui.cli.confirm import confirmed, print_plan
from mirrortui.cli.session import Session, absolute, engine_options, name_argument, print_json, to_name
from mirrortui.cli.text import common_speed, summary
from mirrortui.cli.wait import await_goal
from mirrortui.errors import RequestError
from mirrortui.units import format_size, parse_size

_PATIENCE, _LOOK = 5.0, 0.05
"""Seconds: for what was cancelled to end, and between looks."""

_yes_option = click.option("--yes", is_flag=True, help="Go ahead with what wants a confirmation.")
_plan_option = click.option("--plan", is_flag=True, help="Say what would be done, and do nothing.")


def _to_ranges(ctx: click.Context, parameter: click.Parameter, values: Sequence[str]) -> list[ByteRange]:
    """Option callback: OFFSET+LENGTH, each a number of bytes, also in hex."""
    return [_to_range(value) for value in values]


def _to_range(value: str) -> ByteRange:
    offset, _, length = value.partition("+")
    try:
        return ByteRange(offset=_amount(offset), length=_amount(length))
    except ValueError as error:
        raise click.BadParameter(f"{value} is no range such as 1M+4K or 0x100000+4096: {error}") from None


def _amount(text: str) -> int:
    return int(text, 16) if text.lower().startswith("0x") else parse_size(text)


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
@click.option(
    "--winner",
    metavar="MEMBER",
    help="It is right: repair what the last check found, or each --range, from it.",
)
@click.option(
    "--range",
    "ranges",
    metavar="OFFSET+LENGTH",
    multiple=True,
    callback=_to_ranges,
    help="Only there, such as 1M+4K; may be given again. Needs --winner.",
)
@_wait_option
@_yes_option
@_plan_option
@engine_options
@click.pass_obj
def repair(
    session: Session,
    name: str,
    winner: str | None,
    ranges: list[ByteRange],
    wait: bool,
    yes: bool,
    plan: bool,
    as_json: bool,
) -> int:
    """Read all copies, and make equal what differs: what most of them have wins, else the first member in sync.

    With --winner only what is listed by "mirrortui mismatches", or named, is read and repaired, and that member wins.
    """
    client = session.engine()
    path = _member(client, name, winner) if winner else ""
    request = SyncRequest(action="repair", winner=path, ranges=ranges, plan=plan)
    return _scrub(client, name, request, yes, wait, as_json)


def _member(client: EngineClient, name: str, given: str) -> str:
    """A member by its path; as the mirror calls it, if it does, which need not be a file here."""
    paths = {member.path for member in client.mirror(name).members}
    return given if given in paths else absolute(given)


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
    repaired = mirror.checks[0].repaired if mirror.checks else differed * (request.action == "repair")
    missed = (
        f"; {format_size(unread)} could not be {'settled' if request.winner else 'compared'}"
        if unread
        else ""
    )
    equal = f", {format_size(repaired)} are equal now" if request.winner else ""
    click.echo(f"{mirror.name}: {format_size(differed)} differed{equal}{missed}.", err=True)
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
    mirror = _act(client, name, request, True)
    _report(_given_up(client, name, mirror) if what == "cancel" else mirror, as_json)
    return 0


def _given_up(client: EngineClient, name: str, mirror: Mirror) -> Mirror:
    """The mirror once what was cancelled has ended, which takes as long as what is in flight."""
    action, deadline = mirror.sync_action, time.monotonic() + _PATIENCE
    while mirror.sync_action == action != "idle" and time.monotonic() < deadline:
        time.sleep(_LOOK)
        mirror = client.mirror(name)
    return mirror


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
