"""`engine run|stop|status`: the process behind it all."""

from __future__ import annotations

import fcntl
import time

import rich_click as click

from mirrortui.cli.session import Session, engine_options, print_json, socket_option
from mirrortui.cli.text import common_speed
from mirrortui.errors import WaitTimeoutError

_LEAVES_WITHIN = 20.0


@click.group()
def engine() -> None:
    """The engine: it watches the mirrors' workers and answers all other verbs."""


@engine.command()
@socket_option
@click.pass_obj
def run(session: Session) -> None:
    """Run an engine in the foreground, for a service manager. SIGTERM ends it; the mirrors run on."""
    from mirrortui import log
    from mirrortui.engine.server import serve

    log.to_stderr()
    paths = session.paths
    serve(paths, lambda: click.echo(f"mirrortui: the engine answers on {paths.socket}", err=True))


@engine.command()
@engine_options
@click.pass_obj
def status(session: Session, as_json: bool) -> None:
    """Tell which engine answers. Exit code 4: none does."""
    info = session.running_engine().engine()
    if as_json:
        print_json(info)
        return
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(info.started))
    click.echo(
        f"version {info.version}, pid {info.pid}, since {since}, on {info.socket}; mirrors: {info.mirrors}"
    )
    if info.speed.min or info.speed.max:
        click.echo(common_speed(info.speed))


@engine.command()
@engine_options
@click.pass_obj
def stop(session: Session, as_json: bool) -> None:
    """End the engine. Mirrors that run go on running, and the next engine finds them."""
    client = session.running_engine()
    info = client.engine()
    client.stop_engine()
    deadline = time.monotonic() + _LEAVES_WITHIN
    while _lives(session):
        if time.monotonic() > deadline:
            raise WaitTimeoutError(f"The engine (pid {info.pid}) was told to end, and still lives.")
        time.sleep(0.05)
    if as_json:
        print_json(info)
    running = (
        ' Mirrors that ran go on; "mirrortui stop --all" would have stopped them.' if info.mirrors else ""
    )
    click.echo(f"The engine has ended.{running}", err=True)


def _lives(session: Session) -> bool:
    """The engine holds its lock to the end, longer than it answers."""
    with session.paths.lock.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
