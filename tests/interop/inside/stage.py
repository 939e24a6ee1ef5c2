"""The stage inside a guest: real arrays of the kernel's, the real command line, and what it left behind."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirrortui.api.launch import join
from mirrortui.api.paths import resolve
from mirrortui.cli.main import main
from mirrortui.nbd.client import NbdClient

MIB = 1 << 20
_SOCKET = "/run/engine.sock"
_PATIENCE = 60.0
"""Seconds; an emulated machine is slow."""


@dataclass(frozen=True)
class Outcome:
    """What a command line left behind."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """stdout as JSON."""
        return json.loads(self.out)


def play(scene: Callable[[], None]) -> None:
    """Run a scene; if it fails, the engine's log is shown, too."""
    os.environ["MIRRORTUI_SOCKET"] = _SOCKET
    try:
        join(resolve(_SOCKET))  # starts one
        scene()
    except BaseException:
        for log in Path("/run").rglob("*.log"):
            print(f"{log}:\n{log.read_text()}", flush=True)
        raise


def try_to(*words: str) -> Outcome:
    """Run the command line in this process, with nobody at a terminal, whatever comes of it."""
    out, err = _captured(), _captured()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(words))
    outcome = Outcome(code, _text(out), _text(err))
    print("$ mirrortui", *words, f"-> {code}\n{' '.join(outcome.out.split())} {outcome.err}", flush=True)
    return outcome


def _captured() -> io.TextIOWrapper:
    """A stream that takes bytes, too, as click wants it."""
    return io.TextIOWrapper(io.BytesIO(), write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def do(*words: str) -> Outcome:
    """Run the command line; it must succeed."""
    outcome = try_to(*words)
    assert outcome.code == 0, outcome
    return outcome


def refused(*words: str) -> str:
    """Run the command line; it must be refused. What it says."""
    outcome = try_to(*words)
    assert outcome.code == 1, outcome
    return outcome.err


def status(name: str) -> dict[str, Any]:
    """`status NAME --json`, which tells by its exit code how it is."""
    outcome = try_to("status", name, "--json")
    assert outcome.code in (0, 1, 2), outcome
    found: dict[str, Any] = outcome.data
    return found


def members(name: str) -> dict[str, str]:
    """State by device."""
    return {Path(member["path"]).name: member["state"] for member in status(name)["members"]}


def tool(*words: str) -> str:
    """Run a program; its stdout."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE)
    print("$", *words, f"-> {done.returncode}\n{done.stdout}{done.stderr}", flush=True)
    assert done.returncode == 0, done
    return done.stdout


def until(true: Callable[[], object], what: str) -> None:
    """Poll a condition that has no event to wait for."""
    deadline = time.monotonic() + _PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.05)


def md(attribute: str, device: str = "md0") -> str:
    """What sysfs says."""
    return Path(f"/sys/block/{device}/md/{attribute}").read_text().strip()


def create(*words: str, device: str = "/dev/md0", name: str = "vault") -> None:
    """An array of the kernel's, in sync."""
    tool("mdadm", "--create", device, "--run", "--level=1", f"--name={name}", *words)
    kernel = Path(device).resolve().name
    until(lambda: md("sync_action", kernel) == "idle", "the first resync has ended")


def pattern(seed: int, size: int = 64 << 10) -> bytes:
    """Content that tells where it comes from."""
    return bytes((seed * 37 + at * 11 + (at >> 8)) & 0xFF for at in range(1 << 10)) * (size >> 10)


def write(device: str, offset: int, data: bytes) -> None:
    """Through the kernel's block device, and to its members."""
    with Path(device).open("r+b", buffering=0) as file:
        file.seek(offset)
        file.write(data)
        os.fsync(file.fileno())


def read(device: str, offset: int, length: int) -> bytes:
    """Past the page cache of what was there before: the device is opened anew."""
    with Path(device).open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        file.seek(offset)
        found = b""
        while len(found) < length and (part := file.read(length - len(found))):
            found += part
        return found


def write_nbd(uri: str, offset: int, data: bytes) -> None:
    """Through a mirror of ours."""
    with NbdClient.connect(uri) as client:
        client.write(offset, data)
        client.flush()


def read_nbd(uri: str, offset: int, length: int) -> bytes:
    """From a mirror of ours."""
    with NbdClient.connect(uri) as client:
        return bytes(client.read(offset, length))
