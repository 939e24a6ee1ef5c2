"""fio's nbd engine as a measuring stick."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.rows import Row

RAMP_SECONDS = 1.5
"""Not counted, by default. The first write to each clean chunk waits for its bit to be durable: with 2048 chunks and
one request in flight that is most of the first second. What is compared is the steady state."""


@dataclass(frozen=True)
class Measured:
    """One run."""

    iops: float
    p99: float
    """Seconds."""


def fill(uri: str, size: int) -> None:
    """Write it all once: no later run meets a hole."""
    _fio(uri, "--rw=write", "--bs=1m", "--iodepth=8", f"--size={size}")


def measure(uri: str, row: Row, size: int, seconds: float, ramp: float) -> Measured:
    """Play a row's load for a while, after `ramp` seconds that are not counted."""
    words = [
        f"--rw={row.rw}", f"--bs={row.block}", f"--iodepth={row.depth}", f"--numjobs={row.jobs}", f"--size={size}",
        "--time_based", f"--runtime={_milliseconds(seconds)}", f"--ramp_time={_milliseconds(ramp)}",
        "--group_reporting",
    ]  # fmt: skip
    if row.fsync:
        words.append(f"--fsync={row.fsync}")
    (job,) = _fio(uri, *words)["jobs"]
    side = job["read" if "read" in row.rw else "write"]
    if not side["total_ios"]:
        raise RuntimeError(
            f"{row.words}: nothing was completed in {seconds:g} s; measure for longer (--seconds)"
        )
    return Measured(side["iops"], side["clat_ns"]["percentile"]["99.000000"] / 1e9)


def _milliseconds(seconds: float) -> str:
    """fio takes whole numbers only: it reads 0.2 as no limit at all."""
    return f"{seconds * 1000:.0f}ms"


def _fio(uri: str, *words: str) -> dict[str, Any]:
    command = [
        "fio",
        "--name=bench",
        "--ioengine=nbd",
        f"--uri={uri}",
        "--randrepeat=0",
        "--output-format=json",
        *words,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=Path("/tmp"))
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return found
