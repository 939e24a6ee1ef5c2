"""What a re-add copies, against dd of as much; and what clients notice of a recovery, against none."""

from __future__ import annotations

import os
import time
from pathlib import Path

from mirrortui.api.vocabulary import Impact
from mirrortui.nbd.client import NbdClient
from mirrortui.units import MIB, TIB
from tests.bench import fio
from tests.bench.contenders import Ours, member, ours
from tests.bench.rows import Row
from tests.bench.sync import dd, drop, fill, pause

READS = Row("4K read qd1", "disk", True, "randread", "4k", 1)
_PIECE = 8 * MIB


def re_add(folder: Path, dirty: int, rounds: int, size: int = TIB) -> list[tuple[float, float]]:
    """Bytes a second of `dirty` bytes in whole chunks all over a sparse mirror: a re-add's and dd's, interleaved,
    O_DIRECT.
    """
    one, other = member(folder, "sparse1", size), member(folder, "sparse2", size)
    source = member(folder, "source", dirty)
    fill(source)
    found = []
    with ours(folder, [one, other], direct=True) as mirror:
        for _ in range(rounds):
            mirror.verb("fail", other)
            _write_chunks(mirror, dirty)
            begun = time.monotonic()
            mirror.verb("re-add", other)
            _until_in_sync(mirror, other)
            seconds = time.monotonic() - begun
            copied = dd(source, member(folder, "copy", dirty), dirty)
            found.append((dirty / seconds, dirty / copied))
    return found


def _write_chunks(mirror: Ours, dirty: int) -> None:
    """Whole chunks of something that is no hole, as far from each other as can be."""
    bitmap = mirror.status().bitmap
    assert bitmap
    wanted = max(1, dirty // bitmap.chunk)
    data = os.urandom(_PIECE)
    with NbdClient.connect(mirror.uri) as client:
        for number in range(wanted):
            start = bitmap.chunks // wanted * number * bitmap.chunk
            for at in range(start, start + bitmap.chunk, _PIECE):
                client.write(at, data)
        client.flush()


def _until_in_sync(mirror: Ours, path: Path) -> None:
    begun = time.monotonic()
    while True:
        (state,) = (one.state for one in mirror.status().members if one.path == str(path))
        if state == "in_sync":
            return
        pause(begun, f"{path} is {state}")


def reads_beside_a_recovery(
    folder: Path, impact: Impact, size: int, rounds: int, seconds: float, ramp: float
) -> list[tuple[float, float]]:
    """99 of 100 reads take so many seconds at most: beside a recovery, and with nothing else going on, interleaved."""
    members = [member(folder, f"beside{number}", size) for number in (1, 2, 3)]
    for path in members[:2]:
        fill(path)
    found = []
    with ours(folder, members[:2], direct=True) as mirror:
        served = mirror.status().size
        mirror.impact(impact)
        for _ in range(rounds):
            idle = fio.measure(mirror.uri, READS, served, seconds, ramp)
            drop(mirror, members[1])
            new = members[2]
            os.truncate(new, 0)
            os.truncate(new, members[0].stat().st_size)
            mirror.verb("add", new)
            beside = fio.measure(mirror.uri, READS, served, seconds, ramp)
            if mirror.status().sync_action != "recover":
                raise RuntimeError("the recovery ended before the reads: make the mirror larger (--size)")
            members[1], members[2] = new, members[1]
            mirror.impact("max")
            _until_in_sync(mirror, new)
            mirror.impact(impact)
            found.append((beside.p99, idle.p99))
    return found
