"""The answer to BLOCK_STATUS in base:allocation, gathered in bounded steps."""

from __future__ import annotations

from mirrortui.nbd.handshake import CONTEXT_ID
from mirrortui.nbd.protocol import EXTENT, STATE_HOLE, STATE_ZERO, U32
from mirrortui.nbd.target import Target

_FIRST_STEP = 16 << 20
"""Bytes asked of the target first; each further step is twice as long. A range in shreds ends the search early:
no request keeps the other clients waiting, and the protocol lets a reply cover less than was asked."""
_MOST = 512
"""Extents after which no further step is taken."""


def status_payload(target: Target, offset: int, length: int, only_first: bool) -> bytes:
    """The chunk's payload for a range: at least one extent, none beyond the range, neighbours different."""
    runs = _gather(target, offset, length, only_first)
    return U32.pack(CONTEXT_ID) + b"".join(
        EXTENT.pack(size, STATE_HOLE | STATE_ZERO if hole else 0) for size, hole in runs
    )


def _gather(target: Target, offset: int, length: int, only_first: bool) -> list[tuple[int, bool]]:
    runs: list[tuple[int, bool]] = []
    step = _FIRST_STEP
    while length and len(runs) < _MOST and not (only_first and len(runs) > 1):
        step = min(step, length)
        for extent in target.extents(offset, step):
            if runs and runs[-1][1] == extent.hole:
                runs[-1] = runs[-1][0] + extent.length, extent.hole
            else:
                runs.append((extent.length, extent.hole))
        offset += step
        length -= step
        step *= 2
    return runs[:1] if only_first else runs
