"""The bad-block log of a kernel's member, as sysfs shows it."""

from __future__ import annotations

from mirrortui.api.answers import BadBlocks, BadRange
from mirrortui.errors import RefusedError
from mirrortui.kernel import plans
from mirrortui.kernel.lookout import Seen
from mirrortui.kernel.sysfs import Sysfs
from mirrortui.units import SECTOR


def bad_blocks(seen: Seen, path: str, sysfs: Sysfs) -> BadBlocks:
    """What it lists. Raises NotFoundError for an unknown member, RefusedError where the kernel does not tell."""
    member = plans.attached(seen, path)
    log = sysfs.bad_blocks(member)
    if log is None:
        raise RefusedError(
            f"The kernel does not tell which blocks of {member.path} are bad.",
            hint=f'"mirrortui examine {member.path}" reads its log from the disk.',
        )
    return BadBlocks(
        mirror=seen.name,
        member=member.path,
        ranges=[
            BadRange(
                start=sector * SECTOR - log.data_offset,
                length=length * SECTOR,
                sector=sector,
                sectors=length,
            )
            for sector, length in log.ranges
        ],
    )
