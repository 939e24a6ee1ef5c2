"""A split brain: which sides there are, what each wrote, and how a loser becomes a copy of the survivor (I10). Pure.

That there is one, format.parting tells from the tables of roles. What it takes to heal it, the bitmaps may tell:

- When the sides parted, the copies differed at most where bits were set, on both sides alike (I2: a bit is on every
  member before the data; I3: it goes only after the data is everywhere).
- From then on each side sets a bit before it writes, and clears none as long as it is degraded.

So what differs now is within the union of both bitmaps, *if neither side cleared a bit since*. A side clears bits once
all its roles are filled, by members that it took in instead of those it lost. It then notes the present events count as
`events_cleared`, before the first bit goes, which is above the count at which the sides parted; and, where we run it,
which members were there, as both sides may clear bits at the same count by chance. Both sides agreeing on both, below
what either counts now, thus means that neither cleared since, with two exceptions which no superblock shows:

- The kernel notes `events_cleared` at the first write to the whole array, but the bits of what a recovery copied go
  without it: an array that got a replacement, was not written to until it lost that again, and ran on, has forgotten
  what changed before. (Its own --re-add loses data then.) A side that is still whole is not trusted for that reason.
- The kernel does not note which members were there: two sides that it ran, each of which got a replacement and lost it
  again, may have cleared at the same count.

For those there is `compare`, which reads everything and believes nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from mirrortui.errors import DivergedError
from mirrortui.format import bitmap, parting
from mirrortui.format.superblock import ROLE_FAULTY
from mirrortui.mirror.found import Found
from mirrortui.units import SECTOR, format_size

_WRITE_ERROR = 4
"""In a bitmap's `state`: the kernel could not write some of it."""


class Amount(NamedTuple):
    """How much of an array."""

    chunks: int
    bytes: int

    def __str__(self) -> str:
        return f"{self.chunks} {'chunk' if self.chunks == 1 else 'chunks'} ({format_size(self.bytes)})"


def amount(array: Found, chunks: AbstractSet[int], chunk: int | None = None) -> Amount:
    """How much these chunks of its are: the last one of an array may be short. `chunk` in bytes; its bitmap's
    where none is given.
    """
    size, chunk = array.superblock.size * SECTOR, chunk or _chunk(array)
    return Amount(len(chunks), sum(min(chunk, size - number * chunk) for number in chunks))


@dataclass(frozen=True)
class Side:
    """Members that went on together, without the others."""

    members: tuple[Found, ...]
    """The freshest first."""
    changed: frozenset[int] | None
    """Chunks that it wrote since it parted, and perhaps some from before; None where its bitmap does not tell."""

    @property
    def head(self) -> Found:
        """The one that speaks for it."""
        return self.members[0]

    @property
    def changes(self) -> str:
        """How much it changed, in words."""
        if self.changed is None:
            return "what changed since is not known"
        if not self.changed:
            return "nothing changed since"
        return f"{amount(self.head, self.changed)} changed since"

    def cells(self, count: int) -> str:
        """The array in that many cells: "d" where it wrote since, "." elsewhere; empty where that is not known."""
        if self.changed is None or not self.head.header:
            return ""
        total = bitmap.count_bits(self.head.superblock.size, _chunk(self.head))
        cells = ["."] * min(count, total)
        for number in self.changed:
            cells[number * len(cells) // total] = "d"
        return "".join(cells)

    @property
    def idle(self) -> bool:
        """It was started apart, but nothing was written."""
        return self.changed is not None and not self.changed and self.head.superblock.clean

    @property
    def story(self) -> str:
        """What there is to it, in words."""
        return (
            f"{' and '.join(m.path for m in self.members)}: events {self.head.superblock.events}, "
            f"last written {parting.when(self.head)}, {self.changes}"
        )


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


def sides(found: Sequence[Found]) -> list[Side]:
    """Those who have a copy and are not merely stale, by who accepts whom; empty where they all go together."""
    able = [f for f in found if parting.claims(f)]
    if not parting.parted_pairs(able):
        return []
    rest = [f for f in able if parting.successor(f, able) is None] or able
    gathered: list[list[Found]] = []
    for f in sorted(rest, key=lambda f: (f.superblock.recovering, -f.superblock.events, f.superblock.role)):
        home = next((side for side in gathered if not any(parting.parted(f, m, able) for m in side)), None)
        if home is not None:
            home.append(f)
        elif not f.superblock.recovering:
            gathered.append([f])
    heads = [members[0] for members in gathered]
    return [Side(tuple(members), _changed(members[0], heads)) for members in gathered]


def _changed(head: Found, heads: Sequence[Found]) -> frozenset[int] | None:
    others = [h for h in heads if h is not head and h.header]
    if not head.header or _unreadable(head) or _whole(head) or any(_cleared(head, other) for other in others):
        return None
    return frozenset(head.dirty)


def refusal(found: Sequence[Found]) -> DivergedError:
    """The evidence, and what to do next."""
    a, b = parting.parted_pairs(found)[0]
    told = f"{parting.testimony(a, b)}, {parting.testimony(b, a)}"
    there = sides(found)
    return DivergedError(
        f"{a.label} has diverged: {told}; {_who_wrote(there)}{_parted_at(a, b)} "
        "Joining them would mix two histories. Nothing was written.",
        hint=_next_step(found, there),
        survivors=[side.head.path for side in there],
        sides=there,
    )


def _who_wrote(there: Sequence[Side]) -> str:
    """Who has something of its own, as far as the bitmaps tell."""
    told = ", ".join(f"{side.changes} on {side.head.path}" for side in there)
    if any(side.changed is None or side.idle for side in there):
        return f"{told}."
    return f"{'both' if len(there) == 2 else 'all'} were written since: {told}."


def _parted_at(a: Found, b: Found) -> str:
    """When, by the events count: not before bits were cleared for both, and before either counted on alone."""
    if doubt(a, b) or not a.header:
        return ""
    first, last = a.header.events_cleared, min(a.superblock.events, b.superblock.events) - 1
    return f" They parted at events {f'{first} to {last}' if first < last else last}."


def _next_step(found: Sequence[Found], there: Sequence[Side]) -> str:
    hint = "Look at each with --readonly --run, then name the one to keep: --survivor MEMBER."
    idle = [side for side in there if side.idle]
    wrote = [side for side in there if not side.idle]
    if idle and len(wrote) == 1 and not doubt(wrote[0].head, idle[0].head):
        hint = f"Name the one to keep: --survivor {wrote[0].head.path} loses nothing."
    for side in there:
        if absent := parting.absent_peers(side.head, found):
            slots = " and ".join(map(str, absent))
            hint += (
                f" {side.head.path} last ran with the member of slot {slots}: give that too, and it may turn out "
                "that one is only older."
            )
    return hint


def choose(found: Sequence[Found], rest: Sequence[Found], survivor: str | None) -> list[Found]:
    """Those of `rest`, who are not stale, that have diverged from the survivor; empty when nobody has.

    Raises DivergedError, with the evidence, for want of a survivor, or of one that can be it.
    """
    if not parting.parted_pairs(found):
        return []
    if survivor is None:
        raise refusal(found)
    kept = next((f for f in found if _same_path(f.path, survivor)), None)
    if kept is None:
        names = ", ".join(f.path for f in found)
        raise DivergedError(f"The survivor {survivor} is not among the members: {names}.")
    if why := _no_survivor(kept, rest):
        raise DivergedError(
            f"{kept.path} cannot be the survivor: {why}. Nothing was written.",
            hint="One of these can: " + ", ".join(side.head.path for side in sides(found)) + ".",
        )
    losers = [f for f in rest if parting.parted(kept, f, found)]
    copies = [f for f in rest if f not in losers and not f.superblock.recovering]
    # One that was being filled has no history to lose: it does not part those who keep together.
    losers += [
        f
        for f in rest
        if f not in (*losers, *copies)
        and (_filled_elsewhere(f, copies, found) or any(parting.parted(f, copy, found) for copy in copies))
    ]
    if parting.parted_pairs(still := [f for f in rest if f not in losers]):
        raise refusal(still)
    return losers


def _filled_elsewhere(filled: Found, copies: Sequence[Found], among: Sequence[Found]) -> bool:
    """None of these copies is who fills it."""
    return not any(parting.accepts(filled, copy, among) for copy in copies)


def _no_survivor(kept: Found, rest: Sequence[Found]) -> str:
    if not parting.claims(kept):
        return "it is a spare and holds no copy"
    if kept.superblock.recovering:
        return "it was being filled and does not hold the whole data"
    return "" if kept in rest else "another went on without it, so that it is only older"


def _same_path(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()


def in_order(kept: Found, losers: Sequence[Found]) -> list[Found]:
    """Who comes first where there is no place for all: copies, then those whose bitmaps tell what to copy."""

    def rank(lost: Found) -> tuple[bool, bool, int, int, bytes]:
        sb = lost.superblock
        return sb.recovering, bool(doubt(kept, lost)), -sb.events, sb.dev_number, sb.device_uuid

    return sorted(losers, key=rank)


def rejoin(kept: Found, dirty: set[int], lost: Found, *, chunk: int, compare: bool) -> Rejoin:
    """What must be copied to the loser. `dirty`: chunks marked on any copy of the survivor's side, of `chunk` bytes."""
    why = doubt(kept, lost)
    theirs = lost.dirty if _comparable(kept, lost) else set()
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


def doubt(kept: Found, lost: Found) -> str:
    """Why the union of both bitmaps may not be all that differs; empty if it is."""
    if lost.superblock.recovering:
        return f"{lost.path} was being filled and never held the whole data"
    for one in (kept, lost):
        if why := _unreadable(one):
            return f"{one.path} {why}"
    if kept.superblock.size != lost.superblock.size:
        return "they are of different sizes"
    if kept.superblock.raid_disks != lost.superblock.raid_disks:
        return "one was given another number of members since"
    if _chunk(kept) != _chunk(lost):
        return f"their chunks differ, {format_size(_chunk(kept))} and {format_size(_chunk(lost))}"
    if min(parting.place(kept, lost), parting.place(lost, kept)) < ROLE_FAULTY:
        return "the slot of one was given to another member since"
    for one in (kept, lost):
        if _whole(one):
            return (
                f"{one.path} got members for all its roles since, and may have forgotten what changed before"
            )
    return _cleared(kept, lost)


def _comparable(kept: Found, lost: Found) -> bool:
    """Both have bits, of the same chunks."""
    same = kept.superblock.size == lost.superblock.size
    return same and bool(kept.header and lost.header) and _chunk(kept) == _chunk(lost)


def _chunk(one: Found) -> int:
    """Bytes that a bit of its bitmap stands for."""
    assert one.header
    return one.header.chunksize


def _unreadable(one: Found) -> str:
    """Why its bitmap says nothing."""
    if one.header is None:
        return "has a bitmap that cannot be read" if one.opaque else "has no write-intent bitmap"
    if one.header.out_of_date(one.superblock.events):
        return "has a bitmap that is out of date"
    return "has a bitmap that could not be written in full" if one.header.state & _WRITE_ERROR else ""


def _whole(one: Found) -> bool:
    sb = one.superblock
    return len({role for role in sb.dev_roles if role < min(sb.raid_disks, ROLE_FAULTY)}) == sb.raid_disks


def _cleared(kept: Found, lost: Found) -> str:
    """Whether bits were cleared after they parted: not at a count that both know of and both have passed."""
    assert kept.header and lost.header
    last, early = sorted((kept, lost), key=lambda f: f.header.events_cleared if f.header else 0, reverse=True)
    assert last.header and early.header
    cleared = last.header.events_cleared
    if cleared >= min(kept.superblock.events, lost.superblock.events):
        return f"{last.path} cleared bits at events {cleared}, after they parted"
    if cleared != early.header.events_cleared:
        return (
            f"{last.path} cleared bits at events {cleared}, {early.path} at {early.header.events_cleared}: "
            "one may have done so after they parted"
        )
    if kept.header.cleared_by != lost.header.cleared_by:
        return f"each cleared bits at events {cleared}, but with other members: one did so after they parted"
    return ""
