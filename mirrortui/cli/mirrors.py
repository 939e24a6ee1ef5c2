"""`create`, `assemble`, `stop`: a mirror begins and ends."""

from __future__ import annotations

from pathlib import Path

import rich_click as click
from msgspec.structs import replace

from mirrortui.api.answers import Plan
from mirrortui.api.client import EngineClient
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import AssembleRequest, CreateRequest, StopRequest
from mirrortui.api.vocabulary import LONGEST_TIMEOUT, SHORTEST_TIMEOUT, TIMEOUT
from mirrortui.cli.confirm import confirmed, confirmed_plan, print_plan
from mirrortui.cli.session import Session, absolute, engine_options, print_json, to_bytes, to_name
from mirrortui.cli.text import summary
from mirrortui.errors import MirrortuiError, RequestError

MISSING = "missing"
"""In the place of a member, as mdadm has it."""

_plan_option = click.option("--plan", is_flag=True, help="Say what would be done, and do nothing.")
_yes_option = click.option("--yes", is_flag=True, help="Go ahead with what wants a confirmation.")
_direct_option = click.option("--direct", is_flag=True, help="O_DIRECT to the members, not the page cache.")
_timeout_option = click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.IntRange(SHORTEST_TIMEOUT, LONGEST_TIMEOUT),
    default=TIMEOUT,
    show_default=True,
    help="How long an operation on a member may take before the member is failed.",
)
_lab_option = click.option(
    "--lab",
    is_flag=True,
    help="With the fault lab, which breaks members on purpose: for data that may be lost.",
)


@click.command()
@click.argument("name")
@click.argument("members", metavar="MEMBER...", nargs=-1, required=True)
@click.option(
    "--bitmap-chunk",
    metavar="SIZE",
    callback=to_bytes,
    help="Bytes that a bit of the write-intent bitmap stands for.",
)
@click.option(
    "--spare",
    "spares",
    metavar="MEMBER",
    multiple=True,
    help="A device that waits, and takes the place of a member that fails. May be given again.",
)
@click.option("--assume-clean", is_flag=True, help="The members are equal already: copy nothing.")
@click.option("--size", metavar="SIZE", callback=to_bytes, help="Use this much of each member.")
@click.option("--force", is_flag=True, help="Overwrite what the members hold.")
@_direct_option
@_timeout_option
@_lab_option
@_yes_option
@_plan_option
@engine_options
@click.pass_obj
def create(
    session: Session,
    name: str,
    members: tuple[str, ...],
    spares: tuple[str, ...],
    bitmap_chunk: int | None,
    assume_clean: bool,
    size: int | None,
    force: bool,
    direct: bool,
    timeout: int,
    lab: bool,
    yes: bool,
    plan: bool,
    as_json: bool,
) -> int:
    """Make a mirror of images or block devices, start it, and print the NBD URI it is served at.

    The word missing in the place of a member keeps that vacant: the mirror is degraded until one is added. (A file of
    that name is ./missing.)
    """
    request = CreateRequest(
        name=name,
        members=[absolute(member) for member in members if member != MISSING],
        missing=members.count(MISSING),
        spares=[absolute(spare) for spare in spares],
        bitmap_chunk=bitmap_chunk,
        assume_clean=assume_clean,
        size=size,
        force=force,
        direct=direct,
        timeout=timeout,
        lab=lab,
    )
    client = session.engine()
    if plan:
        return print_plan(client.plan_create(request), as_json)
    mirror = confirmed(lambda sure, _: client.create(replace(request, yes=sure)), yes)
    return started(mirror, as_json)


@click.command()
@click.argument("arguments", metavar="[NAME] [MEMBER]...", nargs=-1)
@click.option("--scan", is_flag=True, help="Every mirror that is remembered or found on block devices.")
@click.option(
    "--run", is_flag=True, help="Start even if members are missing that were there when it last ran."
)
@click.option("--readonly", is_flag=True, help="Write nothing to the members.")
@click.option("--survivor", metavar="MEMBER", help="Of a split brain: the member whose content is kept.")
@click.option("--compare", is_flag=True, help="Of a split brain: find what differs by reading both in full.")
@click.option(
    "--save-loser", metavar="FILE", help="Of a split brain: keep what only the loser holds in a new file."
)
@_direct_option
@_timeout_option
@_lab_option
@_yes_option
@_plan_option
@engine_options
@click.pass_obj
def assemble(
    session: Session,
    arguments: tuple[str, ...],
    scan: bool,
    run: bool,
    readonly: bool,
    survivor: str | None,
    compare: bool,
    save_loser: str | None,
    direct: bool,
    timeout: int,
    lab: bool,
    yes: bool,
    plan: bool,
    as_json: bool,
) -> int:
    """Start a mirror from its members, and print the NBD URI it is served at.

    What has no slash and names no file in this directory is the mirror's name. Without members, those that are
    remembered for the name.
    """
    if scan == bool(arguments):
        raise RequestError("assemble wants a name or members, or --scan, and not both.")
    if plan and scan:
        raise RequestError("--plan is about one mirror.", hint="Name it, or its members.")
    if scan and survivor:
        raise RequestError("--survivor is about one mirror.", hint="Name it, or its members.")
    options = AssembleRequest(
        run=run,
        readonly=readonly,
        survivor=absolute(survivor) if survivor else None,
        compare=compare,
        save_loser=absolute(save_loser) if save_loser else None,
        direct=direct,
        timeout=timeout,
        lab=lab,
    )
    client = session.engine()
    if scan:
        return _assemble_all(client, options, yes, as_json)
    name, members = _split(arguments)
    request = replace(options, name=name, members=[absolute(member) for member in members])
    if plan:
        return print_plan(client.plan_assemble(request), as_json)

    def act(sure: bool, plan: Plan | None) -> Mirror:
        return client.assemble(replace(request, yes=sure, counts=plan.counts if plan else {}))

    return started(confirmed_plan(act, yes), as_json)


@click.command()
@click.argument("name", required=False, callback=to_name)
@click.option("--all", "everything", is_flag=True, help="Every mirror of mirrortui's own that runs.")
@click.option("--force", is_flag=True, help="Cut clients off that do not take their last replies.")
@_yes_option
@_plan_option
@engine_options
@click.pass_obj
def stop(
    session: Session, name: str | None, everything: bool, force: bool, yes: bool, plan: bool, as_json: bool
) -> int:
    """Stop a mirror cleanly: requests answered, members marked clean, so that the next assembly copies nothing."""
    if (name is None) != everything:
        raise RequestError("stop wants a mirror's name, or --all.")
    if plan and everything:
        raise RequestError("--plan is about one mirror.", hint="Name it.")
    client = session.engine()
    if name is None:
        return _stop_all(client, force, yes, as_json)
    if plan:
        return print_plan(client.plan_stop(name, StopRequest(force=force)), as_json)
    mirror = _stop(client, name, force, yes)
    if as_json:
        print_json(mirror)
    return 0


def _stop(client: EngineClient, name: str, force: bool, yes: bool) -> Mirror:
    mirror = confirmed(
        lambda sure, events: client.stop(name, StopRequest(force=force, yes=sure, events=events)), yes
    )
    click.echo(f"{name} is stopped.", err=True)
    return mirror


def _stop_all(client: EngineClient, force: bool, yes: bool, as_json: bool) -> int:
    """Each on its own: one that cannot be stopped does not keep the others up."""
    stopped, code = [], 0
    for found in client.mirrors():
        if found.state == "stopped" or found.driver == "kernel":  # the machine may live on the kernel's
            continue
        try:
            stopped.append(_stop(client, found.name, force, yes))
        except MirrortuiError as error:
            click.echo(f"mirrortui: {error}", err=True)
            code = error.exit_code
    if as_json:
        print_json(stopped)
    return code


def started(mirror: Mirror, as_json: bool) -> int:
    """Say where a mirror is served that was just started; the exit code."""
    if as_json:
        print_json(mirror)
    else:
        click.echo(mirror.uri)
        click.echo(summary(mirror), err=True)
    return 0


def _split(arguments: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Name and members: a word is a name unless it looks like a path or is one."""
    first = arguments[0]
    if "/" in first or Path(first).is_file() or Path(first).is_block_device():
        return None, arguments
    return first, arguments[1:]


def _assemble_all(client: EngineClient, options: AssembleRequest, yes: bool, as_json: bool) -> int:
    """Each on its own: one that cannot be assembled does not keep the others down."""
    started, code = [], 0
    for found in client.scan():
        request = replace(options, name=found.name, members=found.members, yes=yes)
        try:
            mirror = client.assemble(request)
        except MirrortuiError as error:
            click.echo(f"mirrortui: {error}", err=True)
            code = error.exit_code
        else:
            started.append(mirror)
            click.echo(summary(mirror), err=True)
    if as_json:
        print_json(started)
    elif started:
        click.echo("\n".join(mirror.uri for mirror in started))
    else:
        click.echo("mirrortui: found no mirror to assemble", err=True)
    return code
