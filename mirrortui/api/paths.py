"""Where an engine keeps its sockets, its logs and its memory. The socket's path decides everything else."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mirrortui.errors import RequestError

SOCKET_VARIABLE = "MIRRORTUI_SOCKET"
_LONGEST = 107
"""Bytes of a Unix socket's path that the kernel takes."""


@dataclass(frozen=True, slots=True)
class Paths:
    """One engine's places. Two engines with different sockets share none of them."""

    socket: Path
    """The engine's API."""
    runtime: Path
    """Sockets and logs: gone after a reboot, and rightly so."""
    memory: Path
    """What must outlive the engine."""

    @property
    def lock(self) -> Path:
        """Held by the engine for as long as it runs."""
        return self.runtime / "engine.lock"

    @property
    def state(self) -> Path:
        """Which mirrors there are."""
        return self.memory / "state.json"

    @property
    def journal(self) -> Path:
        """What happened."""
        return self.memory / "events.ndjson"

    @property
    def engine_log(self) -> Path:
        """The stderr of an engine that was started in the background."""
        return self.runtime / "engine.log"

    @property
    def workers(self) -> Path:
        """Control sockets, by which an engine finds the workers that outlived its predecessor."""
        return self.runtime / "workers"

    def control(self, mirror: str) -> Path:
        """A worker's control socket."""
        return checked(self.workers / f"{mirror}.sock")

    def checks(self, mirror: str) -> Path:
        """What a mirror's checks found."""
        return self.memory / f"{mirror}.checks.json"

    def departed(self, mirror: str) -> Path:
        """Who went out of a mirror, as it was then."""
        return self.memory / f"{mirror}.departed.json"

    def worker_log(self, mirror: str) -> Path:
        """A worker's stderr."""
        return self.workers / f"{mirror}.log"

    def export(self, mirror: str) -> Path:
        """The NBD socket that every mirror is served at."""
        return checked(self.runtime / f"{mirror}.nbd")

    def make(self) -> None:
        """Create the directories, for this user only. Raises RequestError if one belongs to somebody else."""
        for place in (self.runtime, self.workers, self.memory):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            if place.stat().st_uid != os.geteuid():
                raise RequestError(
                    f"{place} belongs to another user, so it cannot be trusted with the engine's sockets.",
                    hint=f"Choose another place with --socket or {SOCKET_VARIABLE}.",
                )


def checked(path: Path) -> Path:
    """The path itself, if a Unix socket can be bound there. Raises RequestError."""
    if len(os.fsencode(path)) > _LONGEST:
        raise RequestError(
            f"{path} is too long for a Unix socket: {len(os.fsencode(path))} bytes; at most {_LONGEST} fit.",
            hint=f"Choose a shorter place with --socket or {SOCKET_VARIABLE}.",
        )
    return path


def resolve(
    socket: str | None = None, environ: Mapping[str, str] = os.environ, uid: int | None = None
) -> Paths:
    """Places for the socket given (--socket), else the one in MIRRORTUI_SOCKET, else this user's own engine.

    A given socket keeps its files in a directory beside it: /tmp/x.sock in /tmp/x.sock.d. Raises RequestError for a
    path that is too long.
    """
    own = _own(environ, os.geteuid() if uid is None else uid)
    given = socket or environ.get(SOCKET_VARIABLE)
    path = checked(Path(given).absolute() if given else own.socket)
    if path == own.socket:
        return own
    beside = path.with_name(f"{path.name}.d")
    return Paths(path, beside, beside)


def _own(environ: Mapping[str, str], uid: int) -> Paths:
    if uid == 0:
        runtime, memory = Path("/run/mirrortui"), Path("/var/lib/mirrortui")
    else:
        from platformdirs import user_state_path

        given = environ.get("XDG_RUNTIME_DIR")
        runtime = Path(given, "mirrortui") if given else Path(tempfile.gettempdir(), f"mirrortui-{uid}")
        memory = user_state_path("mirrortui")
    return Paths(runtime / "engine.sock", runtime, memory)
