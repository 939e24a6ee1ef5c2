"""What would happen if a member failed now, in numbers and in words."""

from __future__ import annotations

from collections.abc import Sequence

from mirrortui.api.answers import Forecast
from mirrortui.errors import RefusedError
from mirrortui.mirror.array import Member, State
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import spares
from mirrortui.mirror.verbs.manage import attached
from mirrortui.units import format_duration, format_size


def forecast(mirror: Mirror, path: str) -> Forecast:
    """What would happen if that member failed now. Raises NotFoundError; RefusedError for one that is out already."""
    array = mirror.array
    member = attached(array, path)
    if member.state is State.FAULTY:
        raise RefusedError(f"{path} is out of {array.label} already: {member.why}.")
    found = spares.if_fails(array, member)
    copied = array.size if found.spare else 0
    progress = mirror.sync.progress
    speed = progress.speed if progress.total else 0
    eta = copied / speed if copied and speed else None
    return Forecast(
        mirror=array.label,
        member=member.path,
        copies=[m.path for m in found.left],
        spare=found.spare.path if found.spare else None,
        copied=copied,
        eta_s=eta,
        lost=found.lost,
        text=" ".join([_what_is_left(mirror, member, found), *_what_is_copied(mirror, member, found, eta)]),
    )


def _what_is_left(mirror: Mirror, member: Member, found: spares.Forecast) -> str:
    array, path = mirror.array, member.path
    if not found.left:
        return f"{path} is the only copy in sync: the data of {array.label} would be lost with it."
    if member.state is not State.IN_SYNC:
        is_now = "a spare" if member.state is State.SPARE else "still being filled"
        return f"{path} is {is_now}: nothing would be lost, {_names(found.left)} would serve on."
    served = f"{_names(found.left)} would serve on, {len(found.left)} of {array.raid_disks} in sync"
    if found.lost:
        return f"{format_size(found.lost)} would be lost, which are bad on all other copies; {served}."
    return f"Nothing would be lost: {served}."


def _what_is_copied(mirror: Mirror, member: Member, found: spares.Forecast, eta: float | None) -> list[str]:
    array = mirror.array
    if not found.left or member.state is State.SPARE:
        return []
    if array.readonly:
        return ["It is read-only: no spare would take over."]
    if found.spare:
        about = f"in about {format_duration(eta)}" if eta else "in a time that is not known before it begins"
        told = (
            f"Spare {found.spare.path} would take its place at once: {format_size(array.size)} would be copied to it, "
            f"{about}."
        )
    elif any(m.state is State.SPARE for m in array.members):
        told = "No spare fits."
    else:
        told = f'There is no spare: "mirrortui add {array.label} MEMBER" would be up to you.'
    risk = "Until then one more failure would lose data." if len(found.left) == 1 else ""
    return [told, risk] if risk else [told]


def _names(members: Sequence[Member]) -> str:
    return " and ".join(m.path for m in members)
