"""`export`: serve a mirror at one more address; or one member's data by itself, read-only and without an engine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from mirrortui.api.requests import ExportRequest
from mirrortui.cli.session import Session, absolute, engine_options, print_json
from mirrortui.errors import NotFoundError, RequestError
from mirrortui.units import format_moment, format_size

if TYPE_CHECKING:
    from mirrortui.worker.rescue import Serving


@click.command()
@click.argument("name", metavar="NAME|MEMBER")
@click.option("--unix", metavar="PATH", help="A Unix socket.")
@click.option("--tcp", metavar="HOST:PORT", help="A TCP port on a loopback address.")
@click.option("--readonly", is_flag=True, help="Clients there cannot write.")
@engine_options
@click.pass_obj
def export(
    session: Session, name: str, unix: str | None, tcp: str | None, readonly: bool, as_json: bool
) -> None:
    """Serve over NBD, and print the URI.

    A mirror, by its NAME: at one more address, now and whenever it runs.

    With --readonly one MEMBER of a RAID-1, by a path with a slash in it: the data that it has by itself, for as long
    as the command runs. Nothing is written to it, no engine is needed, and to read what it has no good copy of is an
    error.
    """
    request = ExportRequest(unix=absolute(unix) if unix else None, tcp=tcp, readonly=readonly)
    if "/" in name:
        _export_member(name, request, as_json)
        return
    if bool(unix) == bool(tcp):
        raise RequestError("export wants either --unix PATH or --tcp HOST:PORT.", hint=_by_path(name))
    try:
        mirror = session.engine().export(name, request)
    except NotFoundError as error:
        raise NotFoundError(error.what, hint=_by_path(name) or error.hint) from None
    if as_json:
        print_json(mirror)
    else:
        click.echo(mirror.exports[-1].uri)


def _by_path(name: str) -> str:
    return f"If the member is meant: mirrortui export ./{name} --readonly" if Path(name).exists() else ""


def _export_member(path: str, request: ExportRequest, as_json: bool) -> None:
    from mirrortui.worker.rescue import serve_copy

    if not request.readonly:
        raise RequestError(
            "A member by itself is only ever served read-only.", hint="Say so with --readonly."
        )
    if request.unix and request.tcp:
        raise RequestError("export wants either --unix PATH or --tcp HOST:PORT.")

    def ready(serving: Serving) -> None:
        for line in _words(path, serving):
            click.echo(line, err=True)
        if as_json:
            print_json({"uri": serving.uri, "size": serving.size, "unreadable": serving.unreadable})
        else:
            click.echo(serving.uri)

    with tempfile.TemporaryDirectory(prefix="mirrortui-export-") as place:
        if not request.unix and not request.tcp:
            request = ExportRequest(unix=f"{place}/nbd.sock", readonly=True)
        serve_copy(path, request, ready)


def _words(path: str, serving: Serving) -> Iterator[str]:
    from mirrortui.device.probe import Peek
    from mirrortui.format.inspect import examine
    from mirrortui.format.superblock import seconds

    sb = serving.superblock
    yield f"mirrortui: serving {format_size(serving.size)} of {sb.label} from {path}, read-only, until interrupted"
    warning = click.style("▲", fg="yellow")
    others = "; another member may hold newer data" if sb.raid_disks > 1 else ""
    yield f"  {warning} This is the data of {format_moment(seconds(sb.utime))}, events {sb.events}{others}."
    with Peek(path) as peek:
        for told in examine(peek.read, peek.size, path).warnings:
            yield f"  {warning} {told}"
    if serving.unreadable:
        lost = format_size(serving.unreadable)
        yield f"  {warning} {lost} cannot be read from this member: its clients get an error there."
