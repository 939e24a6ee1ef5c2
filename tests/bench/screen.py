"""What the screen costs: until something is seen, and then for each second in which nothing happens.

``python -m tests.bench.screen`` opens it on a pseudo-terminal, before an engine of its own with idle mirrors.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mirrortui.api.client import EngineClient
from mirrortui.api.launch import launch
from mirrortui.api.paths import Paths, resolve
from mirrortui.api.requests import CreateRequest, StopRequest
from mirrortui.units import MIB

FIRST_PAINT_WITHIN = 1.0
"""Seconds from the start of the process."""
CPU_AT_MOST = 0.02
"""Of a core."""
_SETTLES = 4.0
"""Seconds after the first paint that are not measured."""
_PATIENCE = 30.0


@dataclass(frozen=True)
class Measured:
    """One size of the terminal, one screen."""

    first_paint: float
    cpu_until_then: float
    """Seconds; on a busy machine this tells more."""
    bytes_per_second: float
    cpu: float


def main() -> int:
    options = _options()
    print("| terminal | screen | first paint, s | CPU until then, s | idle bytes/s | idle CPU, % of a core |")
    print("|---|---|---|---|---|---|")
    well = True
    with _engine(options.mirrors) as paths:
        for columns, rows in ((80, 24), (120, 40), (200, 60)):
            for keys in options.screens:
                seen = measure(paths, columns, rows, options.seconds, keys)
                well = well and seen.first_paint <= FIRST_PAINT_WITHIN and seen.cpu <= CPU_AT_MOST
                print(
                    f"| {columns}x{rows} | {keys} | {seen.first_paint:.2f} | {seen.cpu_until_then:.2f} "
                    f"| {seen.bytes_per_second:.0f} | {seen.cpu * 100:.2f} |",
                    flush=True,
                )
    return 0 if well else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.screen", description=__doc__)
    parser.add_argument("--mirrors", type=int, default=8, help="idle ones (default 8)")
    parser.add_argument("--seconds", type=float, default=20.0, help="that are measured (default 20)")
    parser.add_argument("--screens", default="12", help="keys of the screens (default 12)")
    return parser.parse_args()


@contextlib.contextmanager
def _engine(mirrors: int) -> Iterator[Paths]:
    """An engine with that many mirrors, all gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mirrortui-bench-") as folder:
        paths = resolve(str(Path(folder, "engine.sock")))
        client = launch(paths)
        try:
            for number in range(mirrors):
                _create(client, Path(folder), f"mirror-{number}")
            yield paths
        finally:
            for mirror in client.mirrors():
                if mirror.driver == "mirrortui":
                    client.stop(mirror.name, StopRequest(yes=True))
            client.stop_engine()
            os.waitpid(-1, 0)


def _create(client: EngineClient, folder: Path, name: str) -> None:
    images = [folder / f"{name}-{side}.img" for side in "ab"]
    for image in images:
        image.touch()
        os.truncate(image, 64 * MIB)
    client.create(
        CreateRequest(name=name, members=[str(image) for image in images], assume_clean=True, yes=True)
    )


def measure(paths: Paths, columns: int, rows: int, seconds: float, keys: str) -> Measured:
    """Open the screen, go to one of its screens, and let nothing happen."""
    begun = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", LANG="C.UTF-8")
        os.environ["XDG_STATE_HOME"] = os.environ["XDG_CONFIG_HOME"] = str(paths.runtime)
        os.execv(sys.executable, [sys.executable, "-m", "mirrortui.cli.main", "--socket", str(paths.socket)])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    try:
        _read_until(terminal, b"healthy", begun + _PATIENCE)
        first_paint, cpu_until_then = time.monotonic() - begun, _cpu(pid)
        os.write(terminal, keys.encode())
        _read_for(terminal, _SETTLES)
        cpu, start = _cpu(pid), time.monotonic()
        count = _read_for(terminal, seconds)
        took = time.monotonic() - start
        return Measured(first_paint, cpu_until_then, count / took, (_cpu(pid) - cpu) / took)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def _read_until(terminal: int, wanted: bytes, deadline: float) -> None:
    seen = b""
    while wanted not in seen:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{wanted!r} was never shown; the last of what was: {seen[-2000:]!r}")
        seen += _read(terminal, 0.05)


def _read_for(terminal: int, seconds: float) -> int:
    """Bytes that came."""
    count, deadline = 0, time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        count += len(_read(terminal, left))
    return count


def _read(terminal: int, seconds: float) -> bytes:
    ready, _, _ = select.select([terminal], [], [], seconds)
    return os.read(terminal, 1 << 16) if ready else b""


def _cpu(pid: int) -> float:
    """Seconds that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
