"""What was decided of the members that were found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.rejoin import Rejoin
from mirrortui.mirror.notes import Departed


@dataclass(frozen=True)
class Place:
    """A member that takes part."""

    found: Found
    role: int | None
    """None: a spare."""
    recovering: bool
    guided: bool
    need: frozenset[int]
    """Chunks of its copy that must be copied first."""
    told: bool
    """Its own superblock knows that, or will when it is levelled with the freshest. False: with the next update."""
    rejoin: Rejoin | None = None
    """It is the loser of a split brain."""
    replacement: bool = False
    """Another has the role until this one is filled."""


@dataclass(frozen=True)
class LeftOut:
    """A member that does not take part, and why."""

    path: str
    why: str


@dataclass
class Verdict:
    """What to make of the members."""

    freshest: Found
    places: list[Place]
    left_out: list[LeftOut]
    dirty: set[int]
    """Chunks whose bits must stay set, on all members alike."""
    clean: bool
    chunk: int
    """Bytes of a chunk: the bitmap's, or what serves in memory without one."""
    events: int
    """The count to go on from."""
    missing: list[int] = field(default_factory=list)
    """Roles that the freshest superblock counts on and nobody fills."""
    counts: dict[str, int] = field(default_factory=dict)
    """Events counts of all that were looked at, by path."""
    losers: Sequence[Found] = ()
    """Of a split brain: those whose history is not kept."""
    departed: tuple[Departed, ...] = ()
    """What is known from now on of who is out. Beside losers what the copies vouch for is kept."""

    @property
    def rejoins(self) -> list[Rejoin]:
        """How the losers of a split brain are filled."""
        return [place.rejoin for place in self.places if place.rejoin]
