"""Arrays that are not ours to run: by name, and what may be done with their members all the same.

A RAID-1 keeps its data in one plain piece on every member, whatever lies beside it. So what only the bookkeeping
differs in can be read; where data may lie otherwise nothing is done.
"""

from __future__ import annotations

from collections.abc import Iterator

from mirrortui.errors import RefusedError
from mirrortui.format.superblock import ROLE_JOURNAL, Feature, Superblock

_LEVELS = {-1: "linear", -4: "multipath", -5: "faulty", -100: "container"}

USABLE_FEATURES = (
    Feature.BITMAP
    | Feature.RECOVERY_OFFSET
    | Feature.BAD_BLOCKS
    | Feature.REPLACEMENT
    | Feature.RECOVERY_BITMAP
)
"""All that a RAID-1 writes; a member with any other bit is not written to."""

_FOREIGN = {
    Feature.RESHAPE: "a reshape under way",
    Feature.RESHAPE_BACKWARDS: "a reshape that runs backwards",
    Feature.NEW_OFFSET: "data that is moving to a new offset",
    Feature.CLUSTERED: "a clustered bitmap",
    Feature.JOURNAL: "a write journal",
    Feature.PPL: "a partial parity log",
    Feature.MULTIPLE_PPLS: "several partial parity logs",
    Feature.RAID0_LAYOUT: "a RAID-0 layout",
}
"""Known features that no RAID-1 has, or that this engine does not do."""


def level_name(level: int) -> str:
    """ "RAID-1", "linear"; "level 7" for what nobody knows."""
    known = "RAID-" if level in (0, 1, 4, 5, 6, 10) else "level "
    return _LEVELS.get(level, f"{known}{level}")


def check_usable(sb: Superblock, path: str = "") -> None:
    """Raise RefusedError, which names every reason, when a RAID-1 engine must not write to this set."""
    reasons = [*_elsewhere(sb), *_bookkeeping(sb)]
    if not reasons:
        return
    readable = not list(_unreadable(sb))
    hint = "assemble --readonly, or export --readonly of one member, reads it; mdadm runs it."
    raise RefusedError(
        f"{path or 'This member'} is of an array that only the kernel can run: {', '.join(reasons)}.",
        hint=f"Nothing was written to it; {hint if readable else 'use mdadm.'}",
    )


def check_readable(sb: Superblock, path: str = "") -> None:
    """Raise RefusedError, which names every reason, when even the data of this member is not where a RAID-1 has it."""
    if reasons := list(_unreadable(sb)):
        raise RefusedError(
            f"{path or 'This member'} cannot be read as a mirror's: its array has {', '.join(reasons)}.",
            hint="Nothing was written to it; use mdadm.",
        )


def peculiarities(sb: Superblock) -> list[str]:
    """All that makes an array one that is not ours: "RAID-5", "a write journal". Empty for a mirror of ours."""
    return [*_elsewhere(sb), *_bookkeeping(sb)]


def _unreadable(sb: Superblock) -> Iterator[str]:
    yield from _elsewhere(sb)
    if Feature.CLUSTERED in sb.feature_map and sb.recovering:
        # What is filled is known to the node that fills it.
        yield "a clustered bitmap while this member is being filled"


def _elsewhere(sb: Superblock) -> Iterator[str]:
    """Why the data may lie otherwise than in one piece at `data_offset`."""
    if sb.level != 1:
        yield level_name(sb.level)
    for feature, name in _FOREIGN.items():
        if feature in sb.feature_map and feature is not Feature.CLUSTERED:
            yield name
    if sb.role == ROLE_JOURNAL and Feature.JOURNAL not in sb.feature_map:
        yield _FOREIGN[Feature.JOURNAL]
    unknown = int(sb.feature_map) & ~int(USABLE_FEATURES) & ~sum(_FOREIGN)
    if unknown:
        yield f"unknown feature bits {unknown:#x}"


def _bookkeeping(sb: Superblock) -> Iterator[str]:
    """What is beside the data that we do not write."""
    if sb.major_version == 0:
        yield "metadata of version 0.90"
    if Feature.CLUSTERED in sb.feature_map:
        yield _FOREIGN[Feature.CLUSTERED]
    if sb.logical_block_size:
        yield f"a logical block size of {sb.logical_block_size} bytes in its superblock (Linux 6.19 and later)"
