"""Start a worker so that it outlives whoever started it, and hear how that went."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from mirrortui.api.client import HANGS, SAVE_WITHIN
from mirrortui.api.mirrors import Mirror
from mirrortui.api.problems import from_problem
from mirrortui.errors import MirrortuiError
from mirrortui.worker.messages import LONGEST_LINE, Job, Started

WORKER = (sys.executable, "-m", "mirrortui.worker")
START_WITHIN = 120.0
"""Seconds until the mirror runs, beside what members that hang are waited for."""
_REAP_WITHIN = 1.0

LARGEST_LOG = 1 << 20
"""Bytes; a longer one is begun anew."""

Process = subprocess.Popen[bytes]


def spawn(
    job: Job,
    log: Path,
    command: Sequence[str] = WORKER,
    told: Callable[[int, str], None] = lambda process, progress: None,
) -> tuple[Process, Mirror]:
    """A worker in its own session, and its mirror as it runs. Blocks until then; `told` hears its process's
    number and what it is at.

    Raises what the worker raised, or MirrortuiError when it died or was too slow; nothing is left running then.
    """
    keep = log.exists() and log.stat().st_size < LARGEST_LOG
    with log.open("ab" if keep else "wb") as stderr:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd="/",
            start_new_session=True,
        )
    assert process.stdin and process.stdout
    try:
        with process.stdin as stdin:
            stdin.write(msgspec.json.encode(job))
        with process.stdout as stdout:
            started = _answer(stdout.fileno(), _patience(job), lambda word: told(process.pid, word))
    except (OSError, TimeoutError, msgspec.MsgspecError) as error:
        process.kill()
        reap(process)
        raise MirrortuiError(
            f"The worker of {job.name} did not start: {last_words(log) or error}.", hint=f"Its log is {log}."
        ) from error
    if started.mirror:
        return process, started.mirror
    process.wait()
    assert started.problem
    raise from_problem(started.problem)


def _patience(job: Job) -> float:
    """Seconds until the worker must have answered."""
    if job.assemble and job.assemble.save_loser is not None:
        return SAVE_WITHIN
    options = job.assemble or job.create
    return START_WITHIN + (HANGS * options.timeout if options else 0)


def reap(process: Process) -> None:
    """Wait for the end of a process that was killed. One that hangs in the kernel, on a member that does not answer,
    ends when that lets go of it, and is waited for no longer.
    """
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_REAP_WITHIN)


def last_words(log: Path) -> str:
    """The last line of a log, without its full stop."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip().rstrip(".") for line in reversed(lines) if line.strip()), "")


def ending(process: Process | None) -> str:
    """How a process ended, in words that follow its name."""
    code = process.poll() if process else None
    if code is None:
        return "went away"
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _answer(descriptor: int, seconds: float, told: Callable[[str], None]) -> Started:
    """The last of its words; each must come within so many seconds of the one before."""
    early = b""
    while True:
        line, _, early = _line(descriptor, seconds, early).partition(b"\n")
        started = msgspec.json.decode(line, type=Started)
        if not started.progress:
            return started
        told(started.progress)


def _line(descriptor: int, seconds: float, line: bytes) -> bytes:
    """At least one line, of which the first bytes may have come already."""
    deadline = time.monotonic() + seconds
    while b"\n" not in line:
        if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError(f"no word from it in {seconds:.0f} s")
        part = os.read(descriptor, 65536)
        if not part or len(line) > LONGEST_LINE:
            raise OSError("it ended without a word")
        line += part
    return line
