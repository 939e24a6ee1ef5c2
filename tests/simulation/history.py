"""What became of the mirror: one history as long as its members keep together, one more for whoever is left behind."""

from __future__ import annotations

from collections.abc import Iterable

from mirrortui.mirror.array import State
from mirrortui.mirror.mirror import Mirror
from tests.simulation.model import Model, WrongAnswerError


class History:
    """What reads may return, and which members may be believed. Grows with every answer that the mirror gives."""

    def __init__(self, model: Model, holders: Iterable[str]) -> None:
        self.model = model
        self.holders = set(holders)
        """Members that hold it, as far as their own superblocks call them whole."""
        self.out: set[str] = set()
        """Members whose failure was acknowledged, or that were left out: not to be believed."""
        self.may_be_out: set[str] = set()
        """Members that may rightly be left out at the next assembly: some superblock may have no place for them."""
        self.names = {"sim"}
        """What superblocks may call the mirror."""
        self.sizes: set[int] = set()
        """Bytes that it may have; empty: as at its birth."""
        self.heirs: dict[str, str] = {}
        """Who took whose place: one of the two holds everything, whatever became of the other."""

    def fork(self, holders: Iterable[str]) -> History:
        """For those who from now on go without the others."""
        twin = History(self.model.fork(), holders)
        twin.names, twin.sizes = set(self.names), set(self.sizes)
        return twin

    def believed(self, path: str) -> bool:
        """Nobody says that this member is out."""
        return path in self.holders and path not in self.out and path not in self.may_be_out

    def follow(self, mirror: Mirror, copies: set[str], paths: set[str]) -> None:
        """Take over the states: whose failure is on disk must not be believed, until it has recovered."""
        # A copy from a source that failed may also be one that timed out, and lands when the sync has long ended.
        landed = not any(m.device.zombies for m in mirror.array.targets())
        self.model.pinning = self.model.pinning or (landed and not mirror.sync.running)
        self.out -= copies
        if mirror.scribe.settled and not mirror.scribe.holding:
            if len(mirror.array.members) == len(paths):
                self.may_be_out -= copies
            filling = {m.path for m in mirror.array.members if m.state is State.RECOVERING}
            gone = paths - copies - filling
            self.out |= gone
            self.may_be_out |= gone


class Histories:
    """All that some disk still holds, and the one that grows now."""

    def __init__(self, first: History) -> None:
        self.current = first
        self.all = [first]
        self._given_up: set[int] = set()
        """Acknowledged writes that the administrator chose to lose."""

    def held_by(self, path: str) -> History | None:
        """What a disk holds as long as it calls itself whole."""
        return next((h for h in self.all if path in h.holders), None)

    def part(self, holders: set[str]) -> History:
        """These go without the others from now on, and hold what is known now."""
        self.current.holders -= holders
        parted = self.current.fork(holders)
        self.all.append(parted)
        return parted

    def note(self, kind: str, member: str | None, *, syncing: bool) -> None:
        """The mirror reported this."""
        model = self.current.model
        if kind in ("member-failed", "member-re-added", "member-added"):
            model.unpin()
            model.pinning = not syncing
        if kind == "member-failed" and member:
            self.current.may_be_out.add(member)
            if member in self.current.holders:
                self.part({member})

    def follow(self, mirror: Mirror, paths: set[str]) -> None:
        """Take over the states: who is in sync shares the present history."""
        copies = {m.path for m in mirror.array.members if m.state is State.IN_SYNC}
        if not copies <= self.current.holders:
            for history in self.all:
                history.holders -= copies
            self.current.holders |= copies
            self.all = [h for h in self.all if h.holders or h is self.current]
        for member in mirror.array.members:
            if member.state is State.FAULTY and member.path in self.current.holders:
                # It was replaced: nothing was wrong with it.
                self.current.heirs[member.path] = member.why.removesuffix(" took its place")
                self.current.may_be_out.add(member.path)
                self.part({member.path})
        self.current.follow(mirror, copies, paths)

    def go_on(self, copies: set[str], there: set[str], disks: set[str]) -> None:
        """A mirror starts with these copies, and with what else is there: which history is it, and what does it cost?
        `there` are whole by their own word.
        """
        candidates = [h for h in self.all if h.holders & copies]
        if not candidates:
            raise WrongAnswerError(f"{' and '.join(copies)} hold no history of this mirror")
        last = self.current
        self.current = last if last in candidates else candidates[0]
        present = [h for h in self.all if h.holders & there]
        for history in present:
            if lost := self.lost(history):
                raise WrongAnswerError(
                    f"{lost} acknowledged writes that only {' and '.join(history.holders)} had are gone"
                )
        for history in present:  # a round that gave it another name may have reached these only
            self.current.names |= history.names
        if len(present) > 1 or self.current is not last:
            self.current.may_be_out |= disks - self.current.holders
        if left := self.current.holders - copies:
            self.part(left)

    def lost(self, history: History) -> int:
        """Acknowledged writes of a history that the present one never had, and that nobody gave up."""
        return len(history.model.acknowledged - self.current.model.acknowledged - self._given_up)

    def give_up(self, history: History) -> None:
        """The administrator prefers the present one."""
        self._given_up |= history.model.acknowledged - self.current.model.acknowledged

    def choose(self, survivor: History) -> None:
        """The administrator wants this one to go on."""
        self.current = survivor
        self._given_up -= survivor.model.acknowledged

    def forget_all_but(self, whole: set[str]) -> None:
        """Who is not whole by its own word holds nothing any more."""
        for history in self.all:
            history.holders &= whole
        self.all = [h for h in self.all if h.holders or h is self.current]
