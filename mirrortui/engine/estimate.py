"""How long a new mirror's first copy may take, and what that guess rests on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mirrortui.device import pace
from mirrortui.device.physical import disks
from mirrortui.device.probe import Probe
from mirrortui.units import format_rate, roughly

_FASTEST = 800 << 20
"""Bytes a second that one sync copies at best, on whatever disks."""
_BRACES = str.maketrans({"{": "{{", "}": "}}"})
_REMEMBERED = 300
"""Seconds that a measurement holds: a plan is made anew with every key."""


@dataclass(frozen=True, slots=True)
class _Pace:
    """Of one member."""

    speed: int
    """Bytes a second."""
    basis: str
    """With a place for how fast that is."""


def filled(found: Sequence[Probe], size: int) -> int:
    """Bytes that may have to be copied: what is no hole, on the member that has most."""
    return max(size if one.kind == "block device" else min(size, one.allocated) for one in found)


def first_copy(found: Sequence[Probe], amount: int) -> str:
    """How long so many bytes take: "about 25 min at 143 MiB/s (...)". Reads from them for a moment; never writes."""
    known = [one for one in map(_pace_of, found) if one]
    if not known:
        return "how long that takes is not known before it begins"
    slowest = min(known, key=lambda one: one.speed)
    shared = _sharing(found)
    speed = min(_FASTEST, slowest.speed // shared)
    split = f", shared by {shared} members on one disk" if shared > 1 else ""
    fast = "that fast" if speed == slowest.speed else f"at {format_rate(slowest.speed)}"
    return f"{roughly(amount / speed)} at {format_rate(speed)} ({slowest.basis.format(fast)}{split})"


def _pace_of(one: Probe) -> _Pace | None:
    if speed := _measured(one.real, int(time.monotonic() / _REMEMBERED)):
        return _Pace(speed, f"{one.path.translate(_BRACES)} was just read {{}}")
    if not (usual := pace.usual(one.real)):
        return None
    return _Pace(usual[0], f"{usual[1]} is usually {{}}; not measured")


@lru_cache(64)
def _measured(path: str, period: int) -> int | None:
    """`period`: when; another one asks anew."""
    del period
    return pace.measure(path)


def _sharing(found: Sequence[Probe]) -> int:
    """Members on the disk that bears most of them."""
    return max(Counter(disk for one in found for disk in disks(one.path)).values(), default=1)
