"""`wait`: until a mirror is as it should be."""

from __future__ import annotations

import time

import rich_click as click

from mirrortui.api.client import EngineClient
from mirrortui.api.mirrors import Mirror
from mirrortui.cli.session import Session, engine_options, name_argument, print_json
from mirrortui.cli.text import in_sync, summary
from mirrortui.errors import MirrortuiError, WaitTimeoutError

_SHORTEST, _LONGEST = 0.05, 1.0
"""Seconds between looks: eager at first, then sparing the worker."""


@click.command()
@name_argument
@click.option(
    "--for",
    "goal",
    type=click.Choice(["idle", "in-sync"]),
    default="idle",
    show_default=True,
    help="What to wait for.",
)
@click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="S", help="Give up after so many seconds (code 5)."
)
@engine_options
@click.pass_obj
def wait(session: Session, name: str, goal: str, timeout: float | None, as_json: bool) -> None:
    """Wait until nothing is being copied (idle), or until every member is in sync."""
    mirror = await_goal(session.running_engine(), name, goal, timeout)
    if as_json:
        print_json(mirror)


def await_goal(client: EngineClient, name: str, goal: str, timeout: float | None = None) -> Mirror:
    """The mirror when it is "idle" or "in-sync". Raises WaitTimeoutError after so many seconds, MirrortuiError if it
    will not come to that by itself.
    """
    deadline = time.monotonic() + timeout if timeout is not None else None
    pause = _SHORTEST
    while not _reached(mirror := client.mirror(name), goal):
        if deadline is not None and time.monotonic() >= deadline:
            raise WaitTimeoutError(f"Waited {timeout:g} s in vain: {summary(mirror)}")
        time.sleep(pause if deadline is None else max(0.0, min(pause, deadline - time.monotonic())))
        pause = min(_LONGEST, pause * 1.5)
    return mirror


def _reached(mirror: Mirror, goal: str) -> bool:
    """Raises MirrortuiError if it will not come to that by itself."""
    if mirror.state in ("failed", "stopped"):
        raise MirrortuiError(
            f"{mirror.name} is {mirror.state}. {mirror.why}".rstrip(), hint="Nothing to wait for."
        )
    if mirror.paused:
        raise MirrortuiError(
            f"{mirror.name} is paused.", hint=f'"mirrortui sync {mirror.name} resume" lets it go on.'
        )
    if mirror.sync_action != "idle":
        return False
    if goal == "idle" or in_sync(mirror) == mirror.raid_disks:
        return True
    if any(member.state in ("recovering", "spare") for member in mirror.members):
        return False
    raise MirrortuiError(
        f"{mirror.name} will not be in sync by itself: {in_sync(mirror)} of {mirror.raid_disks} are, and nothing is "
        "being copied.",
        hint=f'Bring a member with "mirrortui add {mirror.name} MEMBER".',
    )
