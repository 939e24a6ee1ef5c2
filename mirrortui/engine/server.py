"""An engine's life: alone on its socket, which is this user's only; then serving until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import stat
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

import mirrortui
from mirrortui.api.answers import EngineInfo
from mirrortui.api.mirrors import Drive
from mirrortui.api.paths import Paths
from mirrortui.clock import Clock, SystemClock
from mirrortui.engine.coordinator import Coordinator
from mirrortui.engine.drives import DriveWatch, Failing
from mirrortui.engine.house import House
from mirrortui.engine.journal import Journal
from mirrortui.engine.kernel import KernelArrays
from mirrortui.engine.service import Service
from mirrortui.engine.spawn import WORKER
from mirrortui.engine.state import State
from mirrortui.engine.supervisor import Supervisor
from mirrortui.errors import RefusedError
from mirrortui.kernel.sysfs import Sysfs
from mirrortui.log import logger

LEAVE_WITHIN = 2
"""Seconds that open connections get when the engine ends."""


def serve(
    paths: Paths,
    ready: Callable[[], None] = lambda: None,
    *,
    worker: Sequence[str] = WORKER,
    clock: Clock | None = None,
    sysfs: Sysfs | None = None,
) -> None:
    """Run an engine until SIGTERM, SIGINT or a request to end; `ready` is called once it answers.

    Raises RefusedError if another engine has the socket, MirrortuiError if its memory cannot be used.
    """
    paths.make()
    with _alone(paths), _listening(paths.socket) as listener:
        asyncio.run(_run(paths, listener, ready, worker, clock or SystemClock(), sysfs or Sysfs()))


async def _run(
    paths: Paths,
    listener: socket.socket,
    ready: Callable[[], None],
    worker: Sequence[str],
    clock: Clock,
    sysfs: Sysfs,
) -> None:
    journal = Journal(paths.journal, clock)
    house = House(paths, State(paths.state), journal, worker)
    kernel = KernelArrays(journal, clock, sysfs)
    supervisor = Supervisor(house, kernel)
    started = clock.now()

    def info() -> EngineInfo:
        return EngineInfo(
            version=mirrortui.__version__,
            pid=os.getpid(),
            started=started,
            socket=str(paths.socket),
            mirrors=supervisor.count,
            last_seq=journal.last_seq,
            speed=house.state.speed,
        )

    def end() -> None:
        server.should_exit = True
        journal.end_followers()

    drives = DriveWatch(clock, _to_journal(journal))
    service = Service(supervisor, journal, drives, info, end)
    config = uvicorn.Config(
        service.app(),
        http=_OwnUserOnly,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=LEAVE_WITHIN,
    )
    server = _Server(config, ready)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    journal.add("", "engine-started", "info", f"The engine started (version {mirrortui.__version__}).")
    try:
        await supervisor.begin()
        turns = Coordinator(house.state, lambda: supervisor.wards, kernel.mirrors)
        coordinator = asyncio.create_task(turns.run())
        watch = asyncio.create_task(drives.run(supervisor.mirrors))
        await server.serve(sockets=[listener])
        coordinator.cancel()
        watch.cancel()
    finally:
        await supervisor.close()
        journal.close()


def _to_journal(journal: Journal) -> Failing:
    """Files that a disk says it fails: told by another thread."""
    loop = asyncio.get_running_loop()

    def file(mirror: str, member: str, drive: Drive) -> None:
        text = (
            f"{drive.name}, the disk of {member} in {mirror}, says that it is failing: {drive.health}. "
            f'"mirrortui replace {mirror} {member} --with NEW" fills another one while it still serves.'
        )
        loop.call_soon_threadsafe(journal.add, mirror, "drive-failing", "warning", text, member)

    return file


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the engine's own business: the parent would raise them again at the end."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


class _OwnUserOnly(H11Protocol):
    """HTTP for root and the engine's own user; the socket's mode says so too, this holds if somebody changes it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        peer: socket.socket = transport.get_extra_info("socket")
        _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid not in (0, os.geteuid()):
            logger.warning("refused a connection from uid %d", uid)
            transport.abort()
        super().connection_made(transport)


@contextlib.contextmanager
def _alone(paths: Paths) -> Iterator[TextIO]:
    """Hold the engine's lock. Raises RefusedError if another engine does."""
    with paths.lock.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise RefusedError(
                f"Another engine (pid {lock.read().strip() or 'unknown'}) already serves {paths.socket}.",
                hint='Use that one, stop it with "mirrortui engine stop", or name another socket with --socket.',
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield lock


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """A socket at `path` that only this user may join. A stale one is replaced; anything else there is left alone."""
    _clear(path)
    with socket.socket(socket.AF_UNIX) as listener:
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        except OSError as error:
            raise RefusedError(
                f"The engine cannot listen on {path}: {error.strerror}.",
                hint="Name another place with --socket.",
            ) from error
        finally:
            os.umask(before)
        listener.listen(128)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _clear(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise RefusedError(f"{path} exists and is not a socket.", hint="Name another place with --socket.")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            logger.info("removed the stale socket %s", path)
            path.unlink()
            return
        except OSError:
            pass  # no room in its queue, no permission: somebody is there
    raise RefusedError(f"Another program answers on {path}.", hint="Name another place with --socket.")
