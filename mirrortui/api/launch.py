"""Have an engine: join the one that answers, or start one in the background."""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

from mirrortui.api.client import EngineClient
from mirrortui.api.paths import Paths
from mirrortui.errors import NoEngineError

START_WITHIN = 30.0
"""Seconds: an engine that finds mirrors to assemble waits for them, but not that long."""
_LOOK_AGAIN = 0.05


def launch(paths: Paths) -> EngineClient:
    """Start an engine that outlives the caller, and wait until it answers.

    Where two callers start one at once, both get the one that won. Raises NoEngineError, with the last words of an
    engine that could not start.
    """
    paths.make()
    with paths.engine_log.open("ab") as log:
        before = log.tell()
        pid, ready = _spawn(paths.socket, log.fileno())
    try:
        started = bool(select.select([ready], [], [], START_WITHIN)[0]) and bool(os.read(ready, 16))
    finally:
        os.close(ready)
    if not started:
        os.waitpid(pid, os.WNOHANG)
        _await_winner(paths, before)
    return EngineClient(paths.socket)


def join(paths: Paths) -> tuple[EngineClient, bool]:
    """The engine that answers, else one that is started; and whether it was. Raises NoEngineError."""
    client = EngineClient(paths.socket)
    try:
        client.engine()
    except NoEngineError:
        return launch(paths), True
    return client, False


def _spawn(socket: Path, log: int) -> tuple[int, int]:
    """The process, and a descriptor that is readable when it answers or has ended.

    Not by subprocess: that mourns a child which outlives its parent.
    """
    ready, its_stdout = os.pipe()
    try:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "mirrortui.engine", str(socket)],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, its_stdout, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setsid=True,
        )
    finally:
        os.close(its_stdout)
    return pid, ready


def _await_winner(paths: Paths, log_from: int) -> None:
    """Our engine ended without a word: another may have been faster, and be about to answer."""
    deadline = time.monotonic() + 1.0
    while True:
        try:
            EngineClient(paths.socket).engine()
            return
        except NoEngineError:
            if time.monotonic() > deadline:
                break
            time.sleep(_LOOK_AGAIN)
    with paths.engine_log.open("rb") as log:
        log.seek(log_from)
        said = log.read().decode(errors="replace").strip().rpartition("\n")[2]
    raise NoEngineError(
        f"An engine was started for {paths.socket}, but it ended: {said or 'it said nothing'}",
        hint=f"Its log is {paths.engine_log}.",
    )
