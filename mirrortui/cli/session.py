"""What the verbs share: which engine they talk to, the options that all of them take, and how answers are printed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, TypeVar

import msgspec
import rich_click as click

from mirrortui.api.client import EngineClient
from mirrortui.api.launch import join
from mirrortui.api.paths import SOCKET_VARIABLE, Paths, resolve
from mirrortui.errors import RequestError
from mirrortui.units import parse_size

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class Session:
    """One invocation."""

    socket: str | None = None
    theme: str | None = None
    """Of the screen; None: as it was last."""
    ascii: bool = False
    """The screen draws with nothing else."""

    @property
    def paths(self) -> Paths:
        """Where the engine keeps its files."""
        return resolve(self.socket)

    def running_engine(self) -> EngineClient:
        """The engine, which may not answer."""
        return EngineClient(self.paths.socket)

    def engine(self) -> EngineClient:
        """The engine that answers; if none does, one is started in the background."""
        client, started = join(self.paths)
        if started:
            click.echo(f"mirrortui: started an engine in the background, on {client.path}", err=True)
        return client


def _keep_socket(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value:
        ctx.ensure_object(Session).socket = value


def socket_option(command: Command) -> Command:
    """--socket, before or after the verb."""
    return click.option(
        "--socket",
        metavar="PATH",
        expose_value=False,
        callback=_keep_socket,
        help=f"The engine's socket (else ${SOCKET_VARIABLE}, else your own engine's).",
    )(command)


def engine_options(command: Command) -> Command:
    """--json and --socket."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(socket_option(command))


def print_json(content: object) -> None:
    """Data on stdout. What in a path is no UTF-8 is escaped as Python does it, and comes back so."""
    try:
        text = msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(content), indent=2)
    click.echo(text)


def absolute(path: str) -> str:
    """A path as the engine, which lives elsewhere, must be given it. Raises RequestError for what is no UTF-8,
    and for one from a folder that is gone.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        raise RequestError(
            f"{path!r} is not UTF-8, and cannot be told to the engine.", hint="Use a symbolic link to it."
        ) from None
    try:
        return os.path.abspath(path)  # noqa: PTH100 - lexical, as resolve() is not: a member keeps the name it was given
    except FileNotFoundError:
        raise RequestError(
            f"{path} is no path from here: the folder that you are in was removed.",
            hint="Change to another one.",
        ) from None


def to_name(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Option callback: a mirror's name; a kernel's array is known by its device, too: /dev/md/vault is md127."""
    if value is None or not value.startswith("/dev/"):
        return value
    return PurePath(os.path.realpath(value)).name


def name_argument(command: Command) -> Command:
    """NAME: of a mirror, or a device of the kernel's."""
    return click.argument("name", callback=to_name)(command)


def to_bytes(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """Option callback: a number of bytes, written as 64K or 1.5G."""
    if value is None:
        return None
    try:
        return parse_size(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
