"""What an operator sets on a running mirror and finds again in its superblocks: members' flags, and its name."""

from __future__ import annotations

from dataclasses import replace

from mirrortui.errors import MemberError, RefusedError, RequestError
from mirrortui.format import names
from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs.manage import attached, check_settled, check_unbroken, check_writable


def settable(array: Array, path: str) -> Member:
    """The member of that path, whose flags can be set. Raises NotFoundError; RefusedError for one that is out."""
    check_writable(array)
    member = attached(array, path)
    if member.state is State.FAULTY:
        raise RefusedError(
            f"{path} is out of {array.label}, and nothing is written to it.", hint="Re-add it first."
        )
    return member


async def set_flag(mirror: Mirror, path: str, flag: int, on: bool) -> None:
    """Set or clear a bit of a member's devflags, durably; reads follow at once.

    Raises what `settable` raises; MemberError if the member failed over it, RefusedError if the mirror broke down.
    """
    array = mirror.array
    member = settable(array, path)
    before = member.devflags
    member.devflags = before | flag if on else before & ~flag
    array.changed()
    if not await mirror.scribe.durable(mirror.scribe.want()):
        member.devflags = before
        _take_back(mirror)
    if member.state is State.FAULTY:
        raise MemberError(f"{path} failed when its flags were written: {member.why}.")


def _take_back(mirror: Mirror) -> None:
    """The last copy did not take it, and nothing is to be set by halves if it answers later. Raises RefusedError."""
    mirror.array.changed()
    mirror.scribe.want()
    check_unbroken(mirror.array)


async def set_write_behind(mirror: Mirror, writes: int) -> None:
    """Let write-mostly members lag by so many writes, 0 to 16383; 0: by none. Durable, kept in the bitmap.

    Raises RefusedError where there is no bitmap, or members cannot be changed now.
    """
    check_lag_settable(mirror.array)
    before = mirror.intent.header.write_behind
    if not await mirror.scribe.set_write_behind(writes):
        mirror.intent.stamp(replace(mirror.intent.header, write_behind=before))
        _take_back(mirror)
    mirror.array.changed()


def check_lag_settable(array: Array) -> None:
    """Raise RefusedError unless it can be said how far members may lag."""
    check_settled(array)
    if not array.has_bitmap:
        raise RefusedError(
            f"{array.label} has no write-intent bitmap, which write-behind needs: it knows what a member lacks.",
            hint=f"mirrortui set {array.label} bitmap internal",
        )


def check_renamable(array: Array, name: str) -> None:
    """Raise RequestError for a name that superblocks do not take as it is, RefusedError if they cannot change."""
    check_writable(array)
    read = names.label(names.renamed(array.set_name, name))
    if read != name:
        raise RequestError(
            f"{name!r} cannot name a mirror: whoever finds its superblocks would call it {read!r}.",
            hint="Use letters, digits, dots, dashes and underscores.",
        )


async def rename(mirror: Mirror, name: str) -> None:
    """Have the superblocks call it so, all of them in one round, and call it so here. The host that it was made on
    stays in front of the name where there is room, as mdadm has it.

    Raises RequestError for a name that would be read as another, RefusedError where members cannot be changed; if the
    mirror breaks down meanwhile it keeps its name here, and either may be on disk.
    """
    array = mirror.array
    check_renamable(array, name)
    before, array.set_name = array.set_name, names.renamed(array.set_name, name)
    array.changed()
    if not await mirror.scribe.durable(mirror.scribe.want()):
        array.set_name = before
        _take_back(mirror)
    array.label = name
