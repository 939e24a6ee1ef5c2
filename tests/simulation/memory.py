"""What an engine remembers of its mirror, and gives to the next assembly: who was a member when it last heard of it."""

from __future__ import annotations

from mirrortui.mirror.array import Array
from mirrortui.testing.simulated import SimDisk

_GONE = ("member-removed", "member-replaced")


class Memory:
    """Paths. Whoever was removed or replaced is forgotten, though its disk may still be there."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def assembled(self, array: Array, there: list[SimDisk]) -> None:
        """It runs: of those that were given it knows whom it has, and whom it left out and why."""
        self._known -= {disk.path for disk in there}
        self._known |= {note.path for note in array.left_out}
        self.see(array)

    def see(self, array: Array) -> None:
        """Who is attached, or about to be."""
        self._known |= {member.path for member in array.members} | array.arriving

    def hear(self, kind: str, member: str | None) -> None:
        """The mirror reported this."""
        if kind in _GONE and member:
            self._known.discard(member)

    def remembers(self, disk: SimDisk) -> bool:
        """It is given to the next assembly; before the first one all are."""
        return not self._known or disk.path in self._known
