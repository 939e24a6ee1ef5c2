"""`demo`: a throw-away mirror under live traffic, to try everything on."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import rich_click as click

from mirrortui.api.client import EngineClient
from mirrortui.api.launch import join, launch
from mirrortui.api.mirrors import Mirror
from mirrortui.api.paths import Paths, resolve
from mirrortui.api.requests import CreateRequest, MemberRequest, SpeedRequest, StopRequest
from mirrortui.cli.screen import screen_options, show
from mirrortui.cli.session import Session, print_json
from mirrortui.errors import MirrortuiError, NoEngineError
from mirrortui.units import MIB

SIZE = 256 * MIB
NAME = "demo"
SYNC_SPEED = 8 * MIB
"""A rebuild is to be watched."""
SPAN = 48 * MIB
"""The part that the traffic uses: a re-add copies that, and no more."""
_PAUSE = 0.002
"""Seconds between the traffic's requests: lively, and the screen stays quick."""
_LEAVES_WITHIN = 10.0

Traffic = subprocess.Popen[bytes]


@click.command()
@screen_options
@click.option(
    "--headless", is_flag=True, help="No screen: lose a member, replace it, and print what the client saw."
)
@click.option(
    "--seconds", type=click.FloatRange(min=1), default=10.0, show_default=True, help="With --headless."
)
@click.pass_obj
def demo(session: Session, headless: bool, seconds: float) -> int:
    """Run a two-way mirror on image files in a temporary directory, with a client that writes, reads back and compares.

    Everything is gone when the screen is left. A third image waits there, to replace the member that you fail.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal leaves nothing behind either
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    place = Path(tempfile.mkdtemp(prefix="mirrortui-demo-"))
    try:
        report = place / "traffic.ndjson"
        with _engine(place) as client, _traffic(_mirror(client, place), report) as traffic:
            if headless:
                _play(client, place, seconds)
                return _sum_up(client, traffic, report)
            show(session, client, throwaway=True)
            return 0
    finally:
        shutil.rmtree(place)


def _mirror(client: EngineClient, place: Path) -> str:
    """Create it, so slow that a rebuild can be watched; where it is served."""
    images = [place / f"{name}.img" for name in ("a", "b", "spare")]
    for image in images:
        image.touch()
        os.truncate(image, SIZE)
    uri = client.create(CreateRequest(name=NAME, members=[str(image) for image in images[:2]], lab=True)).uri
    client.set_speed(NAME, SpeedRequest(max=SYNC_SPEED))
    return uri


def _play(client: EngineClient, place: Path, seconds: float) -> None:
    """A member fails, a new one takes its place, and the client notices nothing."""
    client.set_speed(NAME, SpeedRequest(max=0))  # nobody watches
    time.sleep(seconds / 3)
    client.change(NAME, "fail", MemberRequest(member=str(place / "b.img"), yes=True))
    time.sleep(seconds / 3)
    client.change(NAME, "add", MemberRequest(member=str(place / "spare.img"), yes=True))
    time.sleep(seconds / 3)


def _sum_up(client: EngineClient, traffic: Traffic, report: Path) -> int:
    """Print what the client saw. Exit code 1 if any of it was wrong."""
    mirror = client.mirror(NAME)
    traffic.terminate()
    code = traffic.wait(_LEAVES_WITHIN)
    tally = msgspec.json.decode(report.read_bytes().splitlines()[-1])
    print_json({**tally, "state": mirror.state, "sync_action": mirror.sync_action})
    return int(code != 0)


@contextlib.contextmanager
def _engine(place: Path) -> Iterator[EngineClient]:
    """An engine of its own, gone afterwards with every mirror that it was given."""
    paths = resolve(str(place / "engine.sock"))
    try:
        yield launch(paths)
    finally:
        with contextlib.suppress(NoEngineError):
            _take_down(paths)


def _take_down(paths: Paths) -> None:
    """Stop every mirror, then the engine."""
    client, _ = join(
        paths
    )  # somebody may have killed it to see what happens: its mirrors run on, and must not
    pid = client.engine().pid
    ours = [mirror for mirror in client.mirrors() if mirror.driver == "mirrortui"]
    stuck = [worker for mirror in ours if (worker := _stop(client, mirror))]
    client.stop_engine()
    _await_end(pid)
    for worker in stuck:  # only now: the engine would have brought the mirror back
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def _stop(client: EngineClient, mirror: Mirror) -> int | None:
    """Stop a mirror; the worker of one that cannot be stopped."""
    with contextlib.suppress(MirrortuiError):
        if mirror.state != "stopped":
            client.stop(mirror.name, StopRequest(yes=True, force=True))
        return None
    return mirror.worker_pid


@contextlib.contextmanager
def _traffic(uri: str, report: Path) -> Iterator[Traffic]:
    """A client that works until the end of the block; its report grows by a line a second."""
    command = [
        sys.executable,
        "-m",
        "mirrortui.testing.traffic",
        uri,
        "--attached",
        "--pause",
        str(_PAUSE),
        "--span",
        str(SPAN),
    ]
    with (
        report.open("wb") as out,
        # Its stdin is a pipe that ends with us, however that comes about.
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, start_new_session=True) as traffic,
    ):
        try:
            yield traffic
        finally:
            traffic.terminate()


def _await_end(pid: int) -> None:
    """The engine is our child: leave when it has left, so that nothing is written behind us."""
    deadline = time.monotonic() + _LEAVES_WITHIN
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline and os.waitpid(pid, os.WNOHANG) == (0, 0):
            time.sleep(0.02)
