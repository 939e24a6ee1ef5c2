"""`keys`: what can be done on the screen, by which keys, and how to have others."""

from __future__ import annotations

import rich_click as click

from mirrortui.cli.session import print_json
from mirrortui.cli.text import table


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def keys(as_json: bool) -> None:
    """List the actions of the screen: their ids and their keys.

    Other keys are given to them in the section [keys] of the configuration file: fail = "ctrl+x".
    """
    from mirrortui.tui import keymap
    from mirrortui.tui.actions import ACTIONS
    from mirrortui.tui.config import config_path, load

    path = config_path()
    given = keymap.parse(load(path).keys, ACTIONS, str(path))
    held = {action.id: given.get(action.id, action.keys) for action in ACTIONS}
    if as_json:
        print_json([{"id": action.id, "keys": held[action.id], "title": action.title} for action in ACTIONS])
        return
    rows = [("id", "keys", "what it does")]
    rows += [(a.id, " ".join(map(keymap.written, held[a.id])), a.title) for a in ACTIONS]
    click.echo("\n".join(table(rows)))
    click.echo(f'\nOther keys: {path}, with [keys] and a line such as fail = "ctrl+x".')
