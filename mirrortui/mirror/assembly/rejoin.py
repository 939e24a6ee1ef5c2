"""How the loser of a split brain becomes a copy of the survivor again (I10). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mirrortui.format import bitmap, parting
from mirrortui.mirror.assembly.differences import Amount, amount, comparable, doubt
from mirrortui.mirror.assembly.found import Found


@dataclass(frozen=True)
class Rejoin:
    """How a loser is filled again."""

    kept: str
    lost: str
    how: Literal["union", "compare", "full"]
    """union: where either side wrote. compare: read on both, written where they differ. full: as for a newcomer."""
    certain: bool
    """The bitmaps tell all that differs."""
    why: str
    """Why they do, or do not."""
    evidence: str
    """What shows that the two were used apart."""
    need: frozenset[int]
    """Chunks to copy, or to compare."""
    total: Amount
    """The same."""
    only_kept: Amount
    """What is marked on the survivor's side alone."""
    only_lost: Amount
    both: Amount

    @property
    def what(self) -> str:
        """What is copied, in words."""
        match self.how:
            case "union":
                return f"the {self.total} that either side changed"
            case "compare":
                return f"what differs, found by comparing all {self.total}"
            case "full":
                return f"all {self.total}"

    @property
    def reason(self) -> str:
        """Why it is copied."""
        return f"{self.lost} was used apart from {self.kept}: {self.what}"

    @property
    def summary(self) -> str:
        """What was decided, and what follows."""
        why = "" if self.certain else f", because {self.why}"
        return f"{self.kept} survives, and {self.lost}, which was used apart, gets {self.what}{why}"

    @property
    def marked(self) -> str:
        """Where each side wrote, in words; empty where the bitmaps do not tell."""
        if not self.certain:
            return ""
        return f"only on {self.kept}: {self.only_kept}; only on {self.lost}: {self.only_lost}; on both: {self.both}"

    @property
    def loss(self) -> str:
        """How much of the loser's own goes, in words."""
        if not self.certain:
            return "how much is not known"
        lost = Amount(*(a + b for a, b in zip(self.only_lost, self.both, strict=True)))
        return str(lost) if lost.chunks else "nothing"

    @property
    def certainty(self) -> str:
        """Whether what is copied is exact, a sentence."""
        match self.how:
            case "union":
                return f"That is exact: {self.why}."
            case "compare":
                return (
                    "Everything is compared, as it was asked for."
                    if self.certain
                    else f"Everything is compared, because {self.why}."
                )
            case "full":
                return f"Everything is copied, because {self.why}."


def rejoin(kept: Found, dirty: set[int], lost: Found, *, chunk: int, compare: bool) -> Rejoin:
    """What must be copied to the loser. `dirty`: chunks marked on any copy of the survivor's side, of `chunk` bytes."""
    why = doubt(kept, lost)
    theirs = lost.dirty if comparable(kept, lost) else set()
    how: Literal["union", "compare", "full"] = "compare" if why or compare else "union"
    if lost.superblock.recovering:
        how = "full"
    everything = set(range(bitmap.count_bits(kept.superblock.size, chunk)))
    need = dirty | theirs if how == "union" else everything
    return Rejoin(
        kept=kept.path,
        lost=lost.path,
        how=how,
        certain=not why,
        why=why or _certain(kept),
        evidence=f"{parting.testimony(kept, lost)}; {parting.testimony(lost, kept)}",
        need=frozenset(need),
        total=amount(kept, need, chunk),
        only_kept=amount(kept, dirty - theirs, chunk),
        only_lost=amount(kept, theirs - dirty, chunk),
        both=amount(kept, dirty & theirs, chunk),
    )


def _certain(kept: Found) -> str:
    assert kept.header
    return (
        "each side was degraded since they parted and so forgot nothing: bits were last cleared at events "
        f"{kept.header.events_cleared}, before that"
    )
