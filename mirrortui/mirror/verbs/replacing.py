"""Replace while redundant: a new member is filled while the one whose place it is to take still serves.

It takes every write meanwhile, and what it lacks is copied like in any recovery; the superblocks say which of the two
with one role is only its replacement. How it ends, succession.py tells. If the replaced member fails before, the
replacement goes on as an ordinary member that is being filled. If the replacement fails, the best spare takes up what
it failed to do; without one nothing has changed.
"""

from __future__ import annotations

from mirrortui.device.base import Device
from mirrortui.errors import RefusedError
from mirrortui.format.layout import Layout
from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.chunks import ChunkSet
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage
from mirrortui.units import SECTOR, format_size


def replaceable(array: Array, path: str) -> Member:
    """The member in sync that a replacement may be filled for. Raises NotFoundError or RefusedError."""
    manage.check_writable(array)
    member = manage.attached(array, path)
    if member.state is not State.IN_SYNC:
        raise RefusedError(
            f"{path} is {member.state.value.replace('_', ' ')} in {array.label}: there is nothing to replace.",
            hint="mirrortui add fills a vacant place; mirrortui fail makes one.",
        )
    if twin := array.twin(member):
        raise RefusedError(
            f"{path} is being replaced by {twin.path} already.", hint=f"To stop that, fail {twin.path}."
        )
    return member


def usable_spare(array: Array, path: str) -> Member | None:
    """The spare of that path that can be the replacement; None: it is no member. Raises RefusedError."""
    spare = array.find(path)
    if spare is None:
        return None
    if spare.state is not State.SPARE:
        raise RefusedError(
            f"{path} is {spare.state.value.replace('_', ' ')} in {array.label} already.",
            hint="Remove it first." if spare.state is State.FAULTY else "Name a new device, or a spare.",
        )
    room = spare.superblock.data_size * SECTOR
    if room < array.size:
        raise RefusedError(
            f"{path} is too small for {array.label}: it has room for {format_size(room)} of {format_size(array.size)}."
        )
    if spare.device.zombies:
        raise RefusedError(f"{path} does not answer now.", hint="Wait until it does, or name another.")
    return spare


async def replace(mirror: Mirror, path: str, device: Device, where: Layout | None = None) -> None:
    """Fill a new device to take the place of a member in sync. `where` lays it out; None: mdadm's rules.

    Raises NotFoundError, RefusedError; MemberError if the device is too small, or failed at once: it is there as a
    faulty member then, or not at all.
    """
    replaceable(mirror.array, path)
    newcomer = await manage.take_in(mirror, device, where)
    try:
        member = replaceable(mirror.array, path)  # it may have failed meanwhile
    except RefusedError:
        mirror.array.detach(newcomer)
        raise
    await _begin(mirror, member, newcomer)


async def replace_by_spare(mirror: Mirror, path: str, spare_path: str) -> None:
    """The same with a spare. Raises NotFoundError, RefusedError; MemberError if the spare failed at once."""
    member = replaceable(mirror.array, path)
    spare = usable_spare(mirror.array, spare_path)
    if spare is None:
        raise RefusedError(f"{spare_path} is no spare of {mirror.array.label} any more.")
    await _begin(mirror, member, spare)


async def _begin(mirror: Mirror, member: Member, newcomer: Member) -> None:
    array, role = mirror.array, member.role
    assert role is not None
    mirror.fill(newcomer, role, ChunkSet.full(array.chunks), replacement=True)
    await manage.record(mirror, newcomer)
    text = f"{newcomer.path} is to replace {member.path} in {array.label}, which serves until it is filled."
    array.observer("member-replacing", "info", text, member.path)
    mirror.sync.kick(f"{newcomer.path} replaces {member.path}: full copy")


def under_way(array: Array) -> list[Member]:
    """Replacements that are being filled."""
    return [m for m in array.targets() if m.replacement]


async def cancel(mirror: Mirror) -> list[str]:
    """Give all replacements up: they are out, and who was to be replaced stays. Returns their paths."""
    given_up = under_way(mirror.array)
    for member in given_up:
        old = mirror.array.twin(member)
        member.replacement = False  # no spare takes up what the operator ends
        mirror.scribe.fault(member, "its filling was cancelled by the operator")
        if old:
            text = f"{old.path} of {mirror.array.label} is not replaced: {member.path} was given up."
            mirror.array.observer("sync-cancelled", "info", text, old.path)
    await mirror.book.acknowledge()
    return [member.path for member in given_up]
