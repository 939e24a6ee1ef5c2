"""`zero-superblock`: erases what makes a device a member. Needs no engine."""

from __future__ import annotations

import rich_click as click

from mirrortui.api.answers import Plan
from mirrortui.api.consent import require
from mirrortui.cli.confirm import confirmed_plan, print_plan
from mirrortui.cli.session import absolute, print_json
from mirrortui.worker import unmark


@click.command()
@click.argument("member")
@click.option("--yes", is_flag=True, help="Go ahead.")
@click.option("--plan", is_flag=True, help="Say what is on it and would be erased, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def zero_superblock(member: str, yes: bool, plan: bool, as_json: bool) -> int:
    """Erase every MD superblock of a device or image that is in no running mirror, and nothing else.

    Afterwards neither this nor mdadm nor the kernel takes it for a member of anything.
    """
    path = absolute(member)
    found = unmark.plan(path)
    if plan:
        return print_plan(found, as_json)

    def act(sure: bool, _: Plan | None) -> None:
        require(found, sure)
        unmark.carry_out(found, path)

    confirmed_plan(act, yes)
    if as_json:
        print_json(found)
    click.echo(f"{path} has no MD superblock any more.", err=True)
    return 0
