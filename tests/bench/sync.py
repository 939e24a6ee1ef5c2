"""How fast a new member is filled, against dd between the same files, and two are compared, against cmp; and what an
enormous mirror weighs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from mirrortui.nbd.client import NbdClient
from mirrortui.units import MIB
from tests.bench.contenders import Ours, member, ours

_PIECE = 8 << 20
_LOOK_SECONDS = 0.01
_PATIENCE_SECONDS = 600.0


def recovery(folder: Path, size: int, rounds: int) -> list[tuple[float, float]]:
    """Bytes a second: recovery's and dd's, interleaved, O_DIRECT both, onto files that are new each time."""
    source, second = member(folder, "source", size), member(folder, "second", size)
    fill(source)
    found = []
    with ours(folder, [source, second], direct=True) as mirror:
        drop(mirror, second)
        for _ in range(rounds):
            new = member(folder, "new", size)
            seconds = _recover(mirror, new)
            drop(mirror, new)
            copied = mirror.status().size
            found.append((copied / seconds, copied / dd(source, member(folder, "copy", size), copied)))
    return found


def check(folder: Path, size: int, rounds: int, *, direct: bool) -> list[tuple[float, float]]:
    """Bytes a second of each copy: a check's and cmp's, interleaved, nothing of the files in the page cache."""
    one, other = member(folder, "one", size), member(folder, "other", size)
    fill(one)
    shutil.copyfile(one, other)
    os.sync()  # what is not on the disk yet stays in the cache, and is written while others read
    found = []
    with ours(folder, [one, other], direct=direct) as mirror:
        compared = mirror.status().size
        for _ in range(rounds):
            begun = time.monotonic()
            mirror.sync("check")
            _wait_until_idle(mirror)
            seconds = time.monotonic() - begun
            (run, *_) = mirror.status().checks
            if not run.complete or run.differing or run.unread:
                raise RuntimeError(f"the check went wrong: {run}")
            found.append((compared / seconds, compared / _cmp(one, other, compared, direct=direct)))
    return found


@dataclass(frozen=True)
class Weight:
    """Of a mirror of two sparse files."""

    size: int
    resident: int
    """Bytes of memory at most."""
    allocated: int
    """Bytes that both members take on disk, after the first resync and some writes."""
    seconds: float
    """Until the first resync was through."""


def large_mirror(folder: Path, size: int, writes: int = 1000) -> Weight:
    """Create a mirror of two empty files, let it come into sync, write to it all over."""
    members = [member(folder, name, size) for name in ("large1", "large2")]
    begun = time.monotonic()
    with ours(folder, members, direct=False, in_sync=False) as mirror:
        _wait_until_idle(mirror)
        seconds = time.monotonic() - begun
        with NbdClient.connect(mirror.uri) as client:
            for number in range(writes):
                client.write(client.size // writes * number // 4096 * 4096, b"x" * 4096)
            client.flush()
        resident = mirror.resident()
    allocated = sum(path.stat().st_blocks * 512 for path in members)
    return Weight(size, resident, allocated, seconds)


def _recover(mirror: Ours, new: Path) -> float:
    """Seconds until a new member is in sync."""
    begun = time.monotonic()
    mirror.verb("add", new)
    while True:
        (state,) = (one.state for one in mirror.status().members if one.path == str(new))
        if state == "in_sync":
            return time.monotonic() - begun
        pause(begun, f"{new} is {state}")


def _wait_until_idle(mirror: Ours) -> None:
    begun = time.monotonic()
    while (status := mirror.status()).sync_action != "idle":
        pause(begun, f"still {status.sync_action}")


def pause(begun: float, state: str) -> None:
    if time.monotonic() > begun + _PATIENCE_SECONDS:
        raise RuntimeError(f"waited for too long: {state}")
    time.sleep(_LOOK_SECONDS)


def drop(mirror: Ours, path: Path) -> None:
    mirror.verb("fail", path)
    mirror.verb("remove", path)


def dd(source: Path, target: Path, size: int) -> float:
    """Seconds to copy that many bytes and have them on disk."""
    command = [
        "dd", f"if={source}", f"of={target}", "bs=1M", f"count={size >> 20}", "iflag=direct", "oflag=direct",
        "conv=notrunc,fsync", "status=none",
    ]  # fmt: skip
    begun = time.monotonic()
    subprocess.run(command, check=True, timeout=_PATIENCE_SECONDS)
    return time.monotonic() - begun


def _cmp(one: Path, other: Path, size: int, *, direct: bool) -> float:
    """Seconds to compare that many bytes of the data; cmp has no O_DIRECT of its own, dd reads for it then."""
    for path in (one, other):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    command = f"cmp --ignore-initial={MIB} --bytes={size} {one} {other}"
    if direct:
        dd = f"dd bs=1M skip=1 count={size >> 20} iflag=direct status=none"
        command = f"cmp <({dd} if={one}) <({dd} if={other})"
    begun = time.monotonic()
    subprocess.run(["bash", "-c", command], check=True, timeout=_PATIENCE_SECONDS)
    return time.monotonic() - begun


def fill(path: Path) -> None:
    """No hole is left to be skipped."""
    with path.open("r+b") as file:
        left = path.stat().st_size
        while left:
            left -= file.write(os.urandom(min(_PIECE, left)))
        os.fsync(file.fileno())
