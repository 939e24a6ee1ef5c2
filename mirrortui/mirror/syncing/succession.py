"""How a replacement that is filled takes the place of the member that served until then.

In two steps, each of which a power cut may follow. First its own superblock says that it has everything, as the
checkpoint of a recovery at its end: whoever finds it so need only finish. Then, in one update, it is in sync, and the
other one out as if it had failed. Nobody counts on that one any more before the answer to a write that it did not get
(I4), and the replacement is told first: a cut in between leaves it the freshest, never a mirror with one copy less.
"""

from __future__ import annotations

from collections.abc import Callable

from mirrortui.mirror.array import Array, Member
from mirrortui.mirror.assembly.departed import keep_in_mind
from mirrortui.mirror.metadata.scribe import Scribe


class Succession:
    """The sync's last word on replacements."""

    def __init__(self, array: Array, scribe: Scribe) -> None:
        self._array = array
        self._scribe = scribe
        self.replaced: Callable[[Member], None] = lambda member: None
        """Called with a member that is not in the mirror any more: nothing more is done with its device."""

    def source(self, targets: list[Member]) -> Member | None:
        """Whom these are to be copied from if that can be: a replacement from the one that it replaces."""
        replaced = {self._array.twin(m) if m.replacement else None for m in targets}
        return replaced.pop() if len(replaced) == 1 else None

    async def prepare(self, member: Member) -> bool:
        """First step: what it holds is durable, and its superblock is to say so. False: not now."""
        member.recovered = self._array.size
        return await self._scribe.durable(self._scribe.want())

    def take_over(self, member: Member) -> Member | None:
        """Second step, in memory: called when the member becomes a copy. Returns who was replaced, if anybody was."""
        old = self._array.twin(member) if member.replacement else None
        if old:
            member.told = False  # so that it is the first to hear of it
            self._scribe.retire(old, f"{member.path} took its place")
        return old

    def conclude(self, member: Member, old: Member) -> None:
        """That is on disk: the replaced one goes."""
        array = self._array
        if old not in array.members:
            return  # it was removed by hand meanwhile
        keep_in_mind(array)
        array.detach(old)
        self._scribe.want()
        text = f"{member.path} has taken the place of {old.path} in {array.label}; {old.path} was removed."
        array.observer("member-replaced", "good", text, old.path)
        self.replaced(old)
