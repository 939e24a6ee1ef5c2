"""What a mirror keeps in mind of members that it does not have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """Why a slot is empty: what was found on a member that was left out."""

    path: str
    why: str
    since: float | None = None


@dataclass(frozen=True, slots=True)
class Departed:
    """A member as it was when it went out."""

    device: str
    """Its device UUID, in hex."""
    shows: tuple[tuple[int, int], ...]
    """(events, utime) of its superblock: as it was written last, and as it was being written when it went out. Every
    driver that uses it changes one or the other.
    """
    after: tuple[str, ...] = ()
    """Device UUIDs of members that were in sync then or later: they hold all that it holds, and went on."""
