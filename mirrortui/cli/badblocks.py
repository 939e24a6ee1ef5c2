"""`badblocks`: what a member's bad-block log lists."""

from __future__ import annotations

import rich_click as click

from mirrortui.api.answers import BadBlocks
from mirrortui.api.requests import BadBlocksRequest
from mirrortui.cli.session import Session, absolute, engine_options, name_argument, print_json
from mirrortui.units import format_size


@click.command()
@name_argument
@click.argument("member")
@click.option(
    "--retest",
    is_flag=True,
    help="First rewrite what is listed from another member and read it back; what is good then is struck off.",
)
@engine_options
@click.pass_obj
def badblocks(session: Session, name: str, member: str, retest: bool, as_json: bool) -> int:
    """List the ranges of a member that hold no valid data: they are read from other members.

    A range that no other member has stays listed even if it can be read again, because what is there may be old: a
    write there makes it good. Exit code 1 if the log lists something (still, after --retest), 0 if not. For the
    kernel's arrays too, without --retest.
    """
    request = BadBlocksRequest(member=absolute(member), retest=retest)
    found = session.engine().bad_blocks(name, request)
    if as_json:
        print_json(found)
    else:
        for bad in found.ranges:
            click.echo(
                f"bytes {bad.start} to {bad.start + bad.length - 1} of {found.mirror} ({format_size(bad.length)}), "
                f"sectors {bad.sector} to {bad.sector + bad.sectors - 1} of {found.member}"
            )
        click.echo(summary(found), err=True)
    return int(bool(found.ranges))


def summary(found: BadBlocks) -> str:
    """In a sentence or two, for stderr."""
    said = [f"{format_size(found.healed)} were bad and are good again."] if found.healed else []
    left = sum(bad.length for bad in found.ranges)
    if left:
        said.append(f"{format_size(left)} of {found.member} are bad.")
    elif found.logged:
        said.append(f"The bad-block log of {found.member} is empty.")
    else:
        said.append(
            f"{found.member} has no bad-block log: it fails when it cannot be read and does not take a rewrite."
        )
    if found.readable:
        said.append(
            f"{format_size(found.readable)} can be read, but no other member has them, and what is there may be old: "
            "a write there makes them good."
        )
    return " ".join(said)
