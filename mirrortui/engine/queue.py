"""Several syncs on one disk take turns: who copies now, who waits behind whom, and what speed each has of the whole.

Pure: from what is known of the mirrors to what each worker is told. Redundancy comes first: what copies goes before
what only checks, and what copies already goes on. The kernel's arrays are told nothing and wait for nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mirrortui.api.requests import SpeedRequest
from mirrortui.worker.messages import Turn


@dataclass(frozen=True, slots=True)
class Wish:
    """A mirror that has something to copy or to check, and is not paused."""

    name: str
    copies: bool
    """False: it is only checked, or repaired."""
    queued: bool
    """It waits now."""
    since: float
    """When the engine saw it first."""
    disks: Mapping[int, str]
    """Those that its members lie on."""
    kernel: bool = False
    """The kernel runs it."""


def turns(wishes: Sequence[Wish], speed: SpeedRequest) -> dict[str, Turn]:
    """What each is told."""
    theirs, ours = [w for w in wishes if w.kernel], [w for w in wishes if not w.kernel]
    running: list[Wish] = []
    held: dict[str, str] = {}
    for wish in sorted(ours, key=lambda w: (not w.copies, w.queued, w.since, w.name)):
        # What only checks there holds no copy up: nobody can make it wait.
        before = [w for w in theirs if w.copies or not wish.copies] + running
        if reason := _reason(wish, before):
            held[wish.name] = reason
        else:
            running.append(wish)
    share = max(1, len(running))
    given = Turn(least=speed.min // share, most=-(-speed.max // share))
    return {wish.name: Turn(queued=held[wish.name]) if wish.name in held else given for wish in ours}


def _reason(wish: Wish, running: Sequence[Wish]) -> str:
    """Behind whom it waits; empty: behind nobody."""
    for other in running:
        if shared := sorted(wish.disks.keys() & other.disks.keys()):
            verb = "copy" if wish.copies and other.copies else "read"
            return f"queued behind {other.name}: both {verb} on {wish.disks[shared[0]]}"
    return ""
