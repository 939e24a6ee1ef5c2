"""More members, or a larger mirror: what that would do, and how it is done."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal

from mirrortui.api.answers import Plan
from mirrortui.api.consent import command
from mirrortui.api.requests import GrowRequest
from mirrortui.errors import RequestError
from mirrortui.mirror.array import Array, Observer, State
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import size, spares, width
from mirrortui.mirror.verbs.size import Growth
from mirrortui.units import format_size

Act = Callable[[], Coroutine[Any, Any, None]]


def prepare(mirror: Mirror, asked: GrowRequest, users: str, observe: Observer) -> tuple[Plan, Act]:
    """The plan, and the deed. `users`: who is connected now. Raises RequestError, RefusedError."""
    match asked:
        case GrowRequest(members=int(count), size=None):
            return _members(mirror, count, observe)
        case GrowRequest(members=None, size=int() | "max" as wanted):
            return _size(mirror, None if wanted == "max" else wanted, users, observe)
        case _:
            raise RequestError("grow wants a number of members, or a size; one of them.")


def _members(mirror: Mirror, count: int, observe: Observer) -> tuple[Plan, Act]:
    array = mirror.array
    width.check_width(array, count)
    copies = len(array.in_sync())
    vacant = count - len(array.targets())
    taken = spares.ranked(array)[:vacant]

    async def act() -> None:
        await width.set_width(mirror, count)
        text = f"{array.label} is a mirror of {count} members now: {len(array.in_sync())} in sync."
        observe("mirror-grown", "info", text, None)

    notes = [f"Spare {spare.path} takes a place, and is filled." for spare in taken]
    if vacant > len(taken):
        left = vacant - len(taken)
        places = "1 place stays" if left == 1 else f"{left} places stay"
        notes.append(f"{places} vacant, and it is degraded, until members are added.")
    gone = [m.path for m in array.members if m.state is State.FAULTY]
    if count < array.raid_disks and gone:
        notes.append(f"{', '.join(gone)} would come back as a spare only.")
    plan = _plan(
        array,
        ["--members", str(count)],
        title=f"Have {count} members in {array.label}, not {array.raid_disks}",
        copies="; ".join(f"{format_size(array.size)} to {spare.path}" for spare in taken) or "nothing",
        meanwhile="clients notice nothing",
        afterwards=f"{copies} of {count} copies" + (f", {len(taken)} being filled" if taken else ""),
        confirm="yes" if count < array.raid_disks else "none",
        notes=notes,
    )
    return plan, act


def _size(mirror: Mirror, wanted: int | None, users: str, observe: Observer) -> tuple[Plan, Act]:
    array = mirror.array
    growth = size.plan_size(array, wanted)
    old = array.size

    async def act() -> None:
        await size.set_size(mirror, wanted)
        text = f"{array.label} has {format_size(mirror.size)} now, {format_size(mirror.size - old)} more."
        observe("mirror-grown", "info", text, None)

    others = [m.path for m in array.targets() if m is not array.in_sync()[0]]
    new = format_size(growth.size - old)
    forgets = growth.exchanged and array.degraded()
    plan = _plan(
        array,
        ["--size", "max" if wanted is None else str(wanted)],
        title=f"Have {format_size(growth.size)} in {array.label}, not {format_size(old)}",
        copies=f"{new}, what is new, from {array.in_sync()[0].path} to {', '.join(others)}"
        if others
        else "nothing",
        meanwhile="clients' writes wait for a moment; then it can be used at once",
        afterwards=f"{new} more; what is inside is enlarged by its own tool, such as resize2fs",
        confirm="yes" if forgets else "none",
        notes=_notes(array, growth, users, forgets=forgets),
    )
    return plan, act


def _notes(array: Array, growth: Growth, users: str, *, forgets: bool) -> list[str]:
    notes = []
    if users:
        notes.append(f"Connected now: {users}. NBD tells them the new size when they connect again.")
    if growth.place and growth.exchanged:
        notes.append(
            f"Its write-intent bitmap has no room to grow: one with chunks of {format_size(growth.place.chunk)} takes "
            "its place."
        )
    if forgets:
        notes.append("Members that are out now can then be filled in full only: what they lack is forgotten.")
    small = [m.path for m in array.members if m.state is State.FAULTY and size.room(m) < growth.size]
    if small:
        notes.append(f"{', '.join(small)} could not come back: there is no room on it for so much.")
    return notes


def _plan(
    array: Array,
    words: Sequence[str],
    *,
    title: str,
    copies: str,
    meanwhile: str,
    afterwards: str,
    confirm: Literal["none", "yes"],
    notes: Sequence[str],
) -> Plan:
    return Plan(
        verb="grow",
        mirror=array.label,
        title=title,
        copies=copies,
        erases=[],
        meanwhile=meanwhile,
        afterwards=afterwards,
        command=command("grow", array.label, *words, yes=confirm != "none"),
        confirm=confirm,
        refused=None,
        events=array.events,
        notes=list(notes),
    )
