"""`status`: how the mirrors are, worst first."""

from __future__ import annotations

import rich_click as click

from mirrortui.api.client import EngineClient
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import ForecastRequest
from mirrortui.cli.session import Session, absolute, engine_options, print_json, to_name
from mirrortui.cli.text import mirror_lines
from mirrortui.errors import NoEngineError, RequestError

HEALTHY, DEGRADED, FAILED = 0, 1, 2


@click.command()
@click.argument("name", required=False, callback=to_name)
@click.option(
    "--if-fails",
    metavar="MEMBER",
    help="Tell what would happen if that member failed now; nothing is changed.",
)
@engine_options
@click.pass_obj
def status(session: Session, name: str | None, if_fails: str | None, as_json: bool) -> int:
    """Show one mirror, or all of them, worst first.

    Exit code: 0 healthy, 1 degraded, 2 failed (no data path), 3 no such mirror, 4 no engine (and no array that the
    kernel runs, which are shown all the same). A stopped mirror counts
    as failed when it is asked for by name, and not at all otherwise. With --if-fails: 0, or 1 if data would be lost.
    """
    client = session.running_engine()
    if if_fails is not None:
        return _forecast(client, name, if_fails, as_json)
    try:
        mirrors = client.mirrors() if name is None else [client.mirror(name)]
    except NoEngineError as error:
        mirrors = _of_the_kernel(name, error)
    if as_json:
        print_json(mirrors if name is None else mirrors[0])
    else:
        _print(mirrors)
    if name is not None:
        return _code(mirrors[0])
    return max((_code(mirror) for mirror in mirrors if mirror.state != "stopped"), default=HEALTHY)


def _of_the_kernel(name: str | None, error: NoEngineError) -> list[Mirror]:
    """What there is without an engine. Raises the error if that is nothing."""
    from mirrortui.engine.unattended import kernel_mirrors  # hardly ever needed

    found = kernel_mirrors(name)
    if not found:
        raise error
    click.echo(f"mirrortui: {error.what} The kernel's own arrays are shown.", err=True)
    return found


def _forecast(client: EngineClient, name: str | None, member: str, as_json: bool) -> int:
    if name is None:
        raise RequestError("--if-fails is about a member of one mirror.", hint="Name the mirror.")
    found = client.forecast(name, ForecastRequest(member=absolute(member)))
    if as_json:
        print_json(found)
    else:
        click.echo(found.text)
    return int(found.lost > 0)


def _print(mirrors: list[Mirror]) -> None:
    if not mirrors:
        click.echo('mirrortui: there is no mirror yet; "mirrortui create NAME MEMBER..." makes one', err=True)
    click.echo("\n\n".join("\n".join(mirror_lines(mirror)) for mirror in mirrors), nl=bool(mirrors))


def _code(mirror: Mirror) -> int:
    if mirror.state in ("failed", "stopped"):
        return FAILED
    in_sync = sum(member.state == "in_sync" for member in mirror.members)
    return DEGRADED if mirror.state == "degraded" or in_sync < mirror.raid_disks else HEALTHY
