"""A split brain: which sides there are, the evidence, and who loses to the survivor (I10). Pure.

That there is one, format.parting tells from the tables of roles.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from mirrortui.errors import DivergedError, RefusedError
from mirrortui.format import bitmap, parting
from mirrortui.mirror.assembly.differences import amount, chunk_of, cleared_apart, doubt, is_whole, unreadable
from mirrortui.mirror.assembly.found import Found


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
        total = bitmap.count_bits(self.head.superblock.size, chunk_of(self.head))
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


def sides(found: Sequence[Found], older: Container[str] = ()) -> list[Side]:
    """Those who have a copy and are not merely stale, by who accepts whom; empty where they all go together. `older`:
    paths of those who are known to be stale.
    """
    able = [f for f in found if parting.claims(f)]
    if not parting.parted_pairs(able, older):
        return []
    rest = [f for f in able if parting.successor(f, able) is None and f.path not in older] or able
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
    if (
        not head.header
        or unreadable(head)
        or is_whole(head)
        or any(cleared_apart(head, other) for other in others)
    ):
        return None
    return frozenset(head.dirty)


def refusal(found: Sequence[Found], older: Container[str] = ()) -> DivergedError:
    """The evidence, and what to do next. `older` as for `sides`."""
    a, b = parting.parted_pairs(found, older)[0]
    told = f"{parting.testimony(a, b)}, {parting.testimony(b, a)}"
    there = sides(found, older)
    sure = not any(parting.absent_peers(one, found) for one in (a, b))
    return DivergedError(
        f"{a.label} {'has' if sure else 'may have'} diverged: {told}; {_who_wrote(there)}{_parted_at(a, b)} "
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


def choose(
    found: Sequence[Found], rest: Sequence[Found], survivor: str | None, older: Container[str] = ()
) -> list[Found]:
    """Those of `rest`, who are not stale, that have diverged from the survivor; empty when nobody has. `older`: paths
    of those whom no superblock needs to explain.

    Raises DivergedError, with the evidence, for want of a survivor, or of one that can be it; RefusedError where nobody
    has diverged and the survivor would be left out.
    """
    kept = next((f for f in found if survivor and _same_path(f.path, survivor)), None)
    if not parting.parted_pairs(found, older):
        if kept and kept not in rest:
            raise RefusedError(
                f"{kept.path} cannot be the survivor: {_no_survivor(kept, rest)}. Nothing was written.",
                hint=f"Leave --survivor out, and the others go on; {kept.path} alone, with --readonly --run, shows "
                "what it has.",
            )
        return []
    if survivor is None:
        raise refusal(found, older)
    if kept is None:
        names = ", ".join(f.path for f in found)
        raise DivergedError(f"The survivor {survivor} is not among the members: {names}.")
    if why := _no_survivor(kept, rest):
        raise DivergedError(
            f"{kept.path} cannot be the survivor: {why}. Nothing was written.",
            hint="One of these can: " + ", ".join(side.head.path for side in sides(found, older)) + ".",
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
    """None of these copies is who fills it: such a one has heard of all that it has, but for the last round."""
    last = filled.superblock.events - 1
    return not any(copy.superblock.events >= last and parting.accepts(filled, copy, among) for copy in copies)


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
