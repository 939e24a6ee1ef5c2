"""`adopt`: a disk with data on it becomes a mirror's first member."""

from __future__ import annotations

import rich_click as click
from msgspec.structs import replace

from mirrortui.api.requests import AdoptRequest
from mirrortui.cli.confirm import confirmed, print_plan
from mirrortui.cli.mirrors import started
from mirrortui.cli.session import Session, absolute, engine_options, to_bytes


@click.command()
@click.argument("name")
@click.argument("disk")
@click.argument("new", required=False)
@click.option(
    "--into",
    metavar="NEW",
    help="Write nothing to DISK: copy all of it into NEW, slightly larger, which is the member then.",
)
@click.option("--tail-is-free", is_flag=True, help="Take your word that nothing at its end is needed.")
@click.option("--extend", is_flag=True, help="Make an image file longer, if its end is not free.")
@click.option(
    "--bitmap-chunk",
    metavar="SIZE",
    callback=to_bytes,
    help="Bytes that a bit of the write-intent bitmap stands for.",
)
@click.option("--force", is_flag=True, help="Overwrite what NEW holds.")
@click.option("--direct", is_flag=True, help="O_DIRECT to the members, not the page cache.")
@click.option("--yes", is_flag=True, help="Go ahead with what wants a confirmation.")
@click.option("--plan", is_flag=True, help="Say what would be done, and do nothing.")
@engine_options
@click.pass_obj
def adopt(
    session: Session,
    name: str,
    disk: str,
    new: str | None,
    into: str | None,
    tail_is_free: bool,
    extend: bool,
    bitmap_chunk: int | None,
    force: bool,
    direct: bool,
    yes: bool,
    plan: bool,
    as_json: bool,
) -> int:
    """Make a mirror of a DISK with data on it, which stay where they are; fill NEW from it; print the NBD URI.

    Only the end of the disk is written to: 128 KiB or a little more, which must be free. --plan says which bytes. If it
    is not free, --into copies the disk, and status says meanwhile how far that is.
    """
    request = AdoptRequest(
        name=name,
        disk=absolute(disk),
        new=absolute(new) if new else None,
        into=absolute(into) if into else None,
        tail_is_free=tail_is_free,
        extend=extend,
        bitmap_chunk=bitmap_chunk,
        force=force,
        direct=direct,
    )
    client = session.engine()
    if plan:
        return print_plan(client.plan_adopt(request), as_json)
    return started(confirmed(lambda sure, _: client.adopt(replace(request, yes=sure)), yes), as_json)
