"""`events`: what happened, and what happens."""

from __future__ import annotations

import msgspec
import rich_click as click

from mirrortui.cli.session import Session, engine_options
from mirrortui.cli.text import event_line


@click.command()
@click.option("--follow", is_flag=True, help="Go on with what happens, until interrupted.")
@click.option(
    "--since", type=click.IntRange(min=0), default=0, metavar="SEQ", help="Only events after this number."
)
@engine_options
@click.pass_obj
def events(session: Session, follow: bool, since: int, as_json: bool) -> None:
    """Print the journal, oldest first; as JSON one event a line."""
    stream = session.running_engine().events(since, follow=follow)
    try:
        for event in stream:
            click.echo(msgspec.json.encode(event) if as_json else event_line(event))
    except KeyboardInterrupt:
        pass
    finally:
        stream.close()
