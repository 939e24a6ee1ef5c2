"""Bad-block logs in the words of the API."""

from __future__ import annotations

from mirrortui.api.answers import BadBlocks, BadRange
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.syncing.retest import retest
from mirrortui.mirror.verbs.manage import attached
from mirrortui.units import SECTOR


def listed(mirror: Mirror, path: str, *, healed: int = 0, readable: int = 0) -> BadBlocks:
    """What a member's log lists now. Raises NotFoundError."""
    member = attached(mirror.array, path)
    return BadBlocks(
        mirror=mirror.array.label,
        member=member.path,
        ranges=[
            BadRange(
                start=lo,
                length=hi - lo,
                sector=(member.data + lo) // SECTOR,
                sectors=-(-(hi - lo) // SECTOR),
            )
            for lo, hi in member.bad
        ],
        logged=member.has_log,
        healed=healed,
        readable=readable,
    )


async def retested(mirror: Mirror, path: str) -> BadBlocks:
    """What is left after it was tried again. Raises NotFoundError, or RefusedError where nothing may be written."""
    found = await retest(mirror, path)
    return listed(mirror, path, healed=found.healed, readable=found.readable)
