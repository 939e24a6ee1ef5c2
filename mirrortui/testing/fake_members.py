"""What becomes of a fake mirror when a member leaves or comes."""

from __future__ import annotations

from msgspec.structs import replace

from mirrortui.api.mirrors import Member, Mirror
from mirrortui.testing.fake_mirrors import recovering


def fail(mirror: Mirror, member: Member, now: float) -> Mirror:
    """The mirror without that copy; the member is still shown."""
    faulty = replace(
        member,
        state="faulty",
        slot=None,
        since=now,
        why="failed by the operator",
        recovered=None,
        latency=None,
        read_rate=0,
        write_rate=0,
    )
    left = sum(one.state == "in_sync" and one.path != member.path for one in mirror.members)
    return replace(
        mirror,
        members=[faulty if one.path == member.path else one for one in mirror.members],
        state="degraded",
        sync_action="idle",
        sync=None,
        since=now,
        why=f"{member.path} was failed by the operator; {left} of {mirror.raid_disks} in sync.",
    )


def remove(mirror: Mirror, path: str) -> Mirror:
    """The mirror without that member."""
    return replace(mirror, members=[member for member in mirror.members if member.path != path])


def take_in(mirror: Mirror, path: str, size: int, total: int, now: float) -> Mirror:
    """A device of `size` bytes takes a free slot, with `total` bytes to copy; without a free one it is a spare."""
    taken = {member.slot for member in mirror.members}
    slot = next((slot for slot in range(mirror.raid_disks) if slot not in taken), None)
    others = [member for member in mirror.members if member.path != path]
    if slot is None:
        spare = Member(path=path, slot=None, state="spare", size=size, since=now)
        return replace(mirror, members=[*others, spare])
    new = Member(
        path=path, slot=slot, state="recovering", size=size, recovered=mirror.size - total, since=now
    )
    members = sorted([*others, new], key=lambda member: 99 if member.slot is None else member.slot)
    what = "full copy" if total == mirror.size else "copies what changed"
    reason = f"{path} was added: {what}"
    return replace(recovering(mirror, path, total=total, reason=reason), members=members)
