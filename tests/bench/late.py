"""What becomes of reads when members are slow: those that are late are asked of another, and all are shared."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from tests.bench import fio
from tests.bench.contenders import member
from tests.bench.rows import Row
from tests.bench.serve_late import Setting

SERVICE = 0.004
"""Seconds of a read, as a disk that turns would have it."""
_SITS_OUT = 6.0
"""Seconds until a member that is always slow is not read from."""
_RANDOM = Row("4K read qd1", "memory", False, "randread", "4k", 1)
_QUEUE = Row("4K read qd16", "memory", False, "randread", "4k", 16)


@dataclass(frozen=True)
class Late:
    """p99 of reads, in seconds."""

    words: str
    healthy: float
    unhedged: float
    hedged: float


def hedging(folder: Path, size: int, seconds: float) -> list[Late]:
    """One of two members holds some of its reads up for 50 ms; or all, and then it soon sits out."""
    found = []
    healthy = Setting(str(folder / "late"), [], service=SERVICE)
    for every, ramp in ((25, fio.RAMP_SECONDS), (40, fio.RAMP_SECONDS), (1, _SITS_OUT)):
        late = replace(healthy, stalls={1: every})
        settings = (healthy, replace(late, hedging=False), late)
        p99 = [_measure(folder, size, _RANDOM, setting, seconds, ramp).p99 for setting in settings]
        which = f"every {every}th read" if every > 1 else "every read"
        found.append(Late(f"{which} of one member 50 ms late", *p99))
    return found


def balancing(folder: Path, size: int, seconds: float) -> tuple[float, float]:
    """Reads a second, with as many in flight as keep both busy: of two members, and of one."""
    setting = Setting(str(folder / "late"), [], service=SERVICE)
    two = _measure(folder, size, _QUEUE, setting, seconds).iops
    return two, _measure(folder, size, _QUEUE, setting, seconds, alone=True).iops


def _measure(
    folder: Path,
    size: int,
    row: Row,
    setting: Setting,
    seconds: float,
    ramp: float = fio.RAMP_SECONDS,
    *,
    alone: bool = False,
) -> fio.Measured:
    members = [str(member(folder, name, size)) for name in ("late1", "late2")]
    with _served(replace(setting, members=members, alone=alone)) as uri:
        return fio.measure(uri, row, size, seconds, ramp)


@contextlib.contextmanager
def _served(setting: Setting) -> Iterator[str]:
    words = [sys.executable, "-m", "tests.bench.serve_late", msgspec.json.encode(setting).decode()]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(20)
