"""`handover`, `takeover`: a mirror between mirrortui and the kernel."""

from __future__ import annotations

import rich_click as click
from msgspec.structs import replace

from mirrortui.api.requests import HandoverRequest, TakeoverRequest
from mirrortui.cli.confirm import confirmed, print_plan
from mirrortui.cli.session import Session, engine_options, name_argument, print_json, to_name
from mirrortui.cli.text import summary

_yes_option = click.option("--yes", is_flag=True, help="Go ahead with what wants a confirmation.")
_plan_option = click.option("--plan", is_flag=True, help="Say what would be done, and do nothing.")


@click.command()
@name_argument
@click.option("--loop", is_flag=True, help="Put members that are image files on loop devices.")
@click.option("--force", is_flag=True, help="Cut clients off that do not take their last replies.")
@_yes_option
@_plan_option
@engine_options
@click.pass_obj
def handover(
    session: Session, name: str, loop: bool, force: bool, yes: bool, plan: bool, as_json: bool
) -> int:
    """Stop a mirror cleanly and let the kernel run it, and print its device.

    Where this machine's kernel has no md, the commands that assemble it elsewhere are printed instead.
    """
    client = session.engine()
    request = HandoverRequest(loop=loop, force=force)
    if plan:
        return print_plan(client.plan_handover(name, request), as_json)
    done = confirmed(
        lambda sure, events: client.handover(name, replace(request, yes=sure, events=events)), yes
    )
    if as_json:
        print_json(done)
        return 0
    mirror = done.mirror
    click.echo(mirror.device if mirror.driver == "kernel" else "\n".join(done.commands))
    click.echo(summary(mirror), err=True)
    return 0


@click.command()
@click.argument("device", metavar="/dev/mdX", callback=to_name)
@click.option("--direct", is_flag=True, help="O_DIRECT to the members, not the page cache.")
@_yes_option
@_plan_option
@engine_options
@click.pass_obj
def takeover(session: Session, device: str, direct: bool, yes: bool, plan: bool, as_json: bool) -> int:
    """Stop a kernel's array that nobody uses, run it here, and print the NBD URI it is served at."""
    client = session.engine()
    request = TakeoverRequest(direct=direct)
    if plan:
        return print_plan(client.plan_takeover(device, request), as_json)
    mirror = confirmed(
        lambda sure, events: client.takeover(device, replace(request, yes=sure, events=events)), yes
    )
    if as_json:
        print_json(mirror)
    else:
        click.echo(mirror.uri)
        click.echo(summary(mirror), err=True)
    return 0
