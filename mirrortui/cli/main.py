"""`mirrortui`: finds the verb, runs it, and turns errors into one sentence on stderr and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import rich_click as click

import mirrortui
from mirrortui.cli.screen import screen_options, show
from mirrortui.cli.session import Session, socket_option
from mirrortui.errors import MirrortuiError, RequestError

_VERBS = {
    "status": "status",
    "create": "mirrors",
    "adopt": "adopt",
    "assemble": "mirrors",
    "stop": "mirrors",
    "fail": "members",
    "remove": "members",
    "add": "members",
    "re-add": "members",
    "replace": "members",
    "set": "settings",
    "grow": "settings",
    "readonly": "settings",
    "readwrite": "settings",
    "rename": "settings",
    "zero-superblock": "zero_superblock",
    "check": "sync",
    "repair": "sync",
    "mismatches": "mismatches",
    "sync": "sync",
    "badblocks": "badblocks",
    "handover": "exchange",
    "takeover": "exchange",
    "export": "export",
    "wait": "wait",
    "events": "events",
    "devices": "devices",
    "metrics": "metrics",
    "examine": "examine",
    "engine": "engine",
    "lab": "lab",
    "demo": "demo",
    "keys": "keys",
}
"""Each verb's module in this package, imported when the verb is used."""
_PYTHON = {"set": "set_flag"}
"""Verbs that are other words in Python."""
_INTERRUPTED = 130


class _Verbs(click.RichGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        module = importlib.import_module(f"mirrortui.cli.{_VERBS[cmd_name]}")
        command: click.Command = getattr(module, _PYTHON.get(cmd_name, cmd_name.replace("-", "_")))
        return command


@click.group(
    cls=_Verbs, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@socket_option
@screen_options
@click.option("--serve", is_flag=True, help="Show the screen in a browser on this machine, behind a token.")
@click.option("--port", type=click.IntRange(1, 65535), default=8765, show_default=True, help="With --serve.")
@click.version_option(mirrortui.__version__, prog_name="mirrortui")
@click.pass_obj
@click.pass_context
def cli(ctx: click.Context, session: Session, serve: bool, port: int) -> None:
    """RAID-1 in user space, on Linux MD's own format.

    Without a verb, the screen opens. Exit codes: 0 done, 1 refused or failed (status: degraded), 2 wrong usage
    (status: failed), 3 not found, 4 no engine, 5 timeout.
    """
    if ctx.invoked_subcommand is not None:
        return
    if serve:
        from mirrortui.cli.serve import serve as serve_screen

        serve_screen(session, port)
    else:
        show(session)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; the exit code."""
    try:
        code: Any = cli.main(arguments, prog_name="mirrortui", standalone_mode=False, obj=Session())
    except MirrortuiError as error:
        return _report(error)
    except click.UsageError as error:
        return _report(_usage(error))
    except click.Abort:
        return _INTERRUPTED
    except click.ClickException as error:
        return _report(MirrortuiError(error.format_message()))
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0


def _report(error: MirrortuiError) -> int:
    click.echo(f"mirrortui: {error.what}", err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)
    return error.exit_code


def _usage(error: click.UsageError) -> RequestError:
    where = error.ctx.command_path if error.ctx else "mirrortui"
    return RequestError(error.format_message(), hint=f'"{where} --help" shows how it is meant.')


if __name__ == "__main__":
    sys.exit(main())
