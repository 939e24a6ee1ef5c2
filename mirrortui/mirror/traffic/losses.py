"""Members whose bytes somebody takes away beneath them: an image file that is deleted, or cut.

No read of such a file fails for long: what was cut off comes back as zeroes once something is written behind it. So
whoever runs the mirror looks, and such a member is out. The last copy stays, and takes no more writes when it was cut.

What is read before that is noticed, a moment later, may be zeroes: nobody asks how long a file is before each read.
"""

from __future__ import annotations

from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.metadata.scribe import Scribe


class Losses:
    """Whoever runs the mirror calls `look` about four times a second."""

    def __init__(self, array: Array, scribe: Scribe) -> None:
        self._array = array
        self._scribe = scribe

    def look(self) -> None:
        """Who has lost something is out, or no longer trusted."""
        for member in list(self._array.members):
            if (loss := member.device.lost()) is None:
                continue
            if loss.already:
                self._array.cut.add(member.path)
            if member.state is State.FAULTY or self._scribe.fault(member, loss.why):
                continue
            if loss.already:
                self._array.break_down(f"{member.path}, the last copy: {loss.why}")
            elif not member.why:
                self._tell(member, loss.why)

    def _tell(self, member: Member, why: str) -> None:
        name = self._array.label
        member.why = f"{why}: when {name} is stopped, it is gone. Add a member, or copy what {name} serves"
        text = f"{member.path} is the last copy of {name}, and {member.why}."
        self._array.observer("member-deleted", "error", text, member.path)
