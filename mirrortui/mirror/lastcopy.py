"""The last copy of a mirror, when it does not do what it is told: it is never failed (I5), but may not be believed.

After a flush or a write of metadata that failed the mirror takes no more writes: what else is lost nobody knows, and a
second flush would not tell. One that only was too late may still come to a good end: until then clients are told EIO in
time (I16), and then the mirror goes on by itself.
"""

from __future__ import annotations

import errno

from mirrortui.mirror.array import Array, Member


def distrust(array: Array, member: Member, why: str, result: int) -> None:
    """A flush or a write of metadata ended with that on the last copy (a negative errno, or too few bytes)."""
    late = result == -errno.ETIMEDOUT
    array.break_down(f"{member.path}, the last copy: {why}", member if late else None)


def answers_again(array: Array) -> bool:
    """Everything that the last copy owed has ended well. True: the mirror is not broken any more."""
    member = array.unanswered
    if member is None or member.device.zombies:
        return False
    if member.device.failed_late:
        array.break_down(f"{member.path}, the last copy: a flush that was late failed in the end")
        return False
    array.mend()
    text = f"{member.path} answers again: {array.label} takes writes."
    array.observer("mirror-recovered", "good", text, member.path)
    return True


def remedy(array: Array) -> str:
    """What to do about a mirror that is broken."""
    if array.unanswered is not None:
        return f"It goes on by itself when {array.unanswered.path} answers."
    return "Stop it, see to the member, and assemble it again."
