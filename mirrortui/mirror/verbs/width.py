"""How many members a running mirror is to have: more, which spares or newcomers fill, or fewer, once they are out."""

from __future__ import annotations

from mirrortui.errors import RefusedError, RequestError
from mirrortui.mirror.array import Array
from mirrortui.mirror.birth.create import LEAST_MEMBERS, MOST_MEMBERS
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs.manage import check_unbroken, check_writable


def check_width(array: Array, count: int) -> None:
    """Raise RequestError for an impossible number, RefusedError where the mirror cannot have that many members now."""
    check_writable(array)
    if not LEAST_MEMBERS <= count <= min(MOST_MEMBERS, len(array.roles)):
        raise RequestError(f"A mirror has {LEAST_MEMBERS} to {MOST_MEMBERS} members, not {count}.")
    if count == array.raid_disks:
        raise RefusedError(f"{array.label} is a mirror of {count} members already.")
    if new := [m.path for m in array.members if m.replacement]:
        raise RefusedError(
            f"{', '.join(new)} is to replace a member of {array.label}.",
            hint="Wait until it has, or fail it.",
        )
    active = [m.path for m in array.by_role() if m.active]
    if len(active) > count:
        raise RefusedError(
            f"{array.label} has {len(active)} members at work, and is to have {count}: {', '.join(active)}.",
            hint="Fail and remove those that are to go first.",
        )


async def set_width(mirror: Mirror, count: int) -> None:
    """Have that many members from now on, durably. Spares take places that this makes; where it takes some away, the
    members that are left move up in their order, so that whose version counts stays the same.

    Raises what `check_width` raises, and RefusedError if the mirror breaks down.
    """
    array = mirror.array
    check_width(array, count)
    active = [m for m in array.by_role() if m.active]
    if any((m.role or 0) >= count for m in active):
        for role, member in enumerate(active):
            member.role = role
    array.raid_disks = count
    array.changed()
    goal = mirror.scribe.want()
    mirror.fill_vacancy()
    await mirror.scribe.durable(goal)
    check_unbroken(array)
