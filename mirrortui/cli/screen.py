"""Opening the screen: what may be said about it on the command line."""

from __future__ import annotations

import rich_click as click

from mirrortui.api.client import EngineClient
from mirrortui.cli.session import Command, Session

THEMES = ("night", "day", "contrast", "colour-blind", "mono")
"""As the screen calls them, which is not imported for this."""


def _keep(ctx: click.Context, parameter: click.Parameter, value: str | bool | None) -> None:
    if value:
        setattr(ctx.ensure_object(Session), str(parameter.name), value)


def screen_options(command: Command) -> Command:
    """--theme and --ascii."""
    theme = click.option(
        "--theme",
        type=click.Choice(THEMES),
        expose_value=False,
        callback=_keep,
        help="Colours of the screen (else those of the last time).",
    )
    only_ascii = click.option(
        "--ascii",
        is_flag=True,
        expose_value=False,
        callback=_keep,
        help="Draw with ASCII only (by itself where the locale is not UTF-8).",
    )
    return theme(only_ascii(command))


def show(session: Session, client: EngineClient | None = None, *, throwaway: bool = False) -> None:
    """Open the screen until it is left. Raises RequestError for a configuration that is wrong."""
    from mirrortui.tui.app import run
    from mirrortui.tui.preferences import gather

    preferences = gather(session.theme, session.ascii)  # before an engine is started for nothing
    run(client or session.engine(), preferences, throwaway=throwaway)
