"""`lab`: break a member on purpose, and watch."""

from __future__ import annotations

from typing import get_args

import msgspec
import rich_click as click

from mirrortui.api.requests import LabRequest
from mirrortui.api.vocabulary import Mishap
from mirrortui.cli.session import Session, absolute, engine_options, name_argument, print_json
from mirrortui.cli.text import summary
from mirrortui.errors import RequestError


@click.command()
@name_argument
@click.argument("mishap", type=click.Choice(get_args(Mishap)))
@click.argument("member", required=False)
@engine_options
@click.pass_obj
def lab(session: Session, name: str, mishap: str, member: str | None, as_json: bool) -> int:
    """Have something happen to a member of a mirror that was started with --lab, as the one of `demo` is.

    pull: it is gone. slow: 50 ms more for each operation. hang: it answers nothing. bad-sectors: some cannot be read
    until they are written. rot: some bits flip unseen. power-cut (of the whole mirror): its process is killed in the
    midst of what it does. mend ends what was done, except rot.
    """
    if (mishap == "power-cut") == bool(member):
        raise RequestError("power-cut is for the whole mirror, everything else for one member.")
    request = msgspec.convert(
        {"mishap": mishap, "member": absolute(member) if member else ""}, type=LabRequest
    )
    mirror = session.engine().suffer(name, request)
    if as_json:
        print_json(mirror)
    else:
        click.echo(summary(mirror), err=True)
    return 0
