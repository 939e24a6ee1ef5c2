"""`metrics`: the mirrors' state for a monitoring system."""

from __future__ import annotations

import rich_click as click

from mirrortui.cli.session import Session, socket_option


@click.command()
@socket_option
@click.pass_obj
def metrics(session: Session) -> None:
    """Print the mirrors' state in Prometheus's text format. The engine answers the same at /metrics on its socket."""
    click.echo(session.engine().metrics(), nl=False)
