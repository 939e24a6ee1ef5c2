"""What the verbs on a kernel's array would do, in words, before they do it (I14)."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from mirrortui.api.answers import Plan
from mirrortui.api.consent import command
from mirrortui.api.vocabulary import Verb
from mirrortui.device import usage
from mirrortui.device.probe import Probe
from mirrortui.errors import InUseError, NotFoundError, RefusedError
from mirrortui.kernel.describe import member_state
from mirrortui.kernel.lookout import Seen
from mirrortui.kernel.sysfs import KernelArray, KernelMember
from mirrortui.units import format_duration, format_size
from mirrortui.worker.candidates import deliberation, losses


def attached(seen: Seen, path: str) -> KernelMember:
    """The member of that path. Raises NotFoundError, with those there are."""
    if member := seen.array.find(path):
        return member
    there = ", ".join(member.path for member in seen.array.members)
    raise NotFoundError(f"{seen.name} has no member {path}.", hint=f"Its members: {there}.")


def fail(seen: Seen, path: str) -> Plan:
    """Raises NotFoundError; RefusedError for the last copy and for what is out already."""
    array, member = seen.array, attached(seen, path)
    if member.faulty:
        raise RefusedError(f"{path} is out of {seen.name} already.")
    left = sum(copy is not member for copy in array.copies)
    if member.in_sync and not left:
        raise RefusedError(
            f"{path} is the last member of {seen.name} that is in sync: without it the data is gone.",
            hint="Add another member and let it recover first.",
        )
    notes = [f"It is {_word(member)} now."]
    if member.in_sync and array.bitmap_chunk:
        notes = [f"{notes[0]} What is written from then on is kept in mind: a re-add copies only that."]
    return plan(
        seen,
        "fail",
        path,
        title=f"Fail {path} in {seen.name}",
        afterwards=redundancy(array, left),
        confirm=_weight(member, left),
        notes=notes,
    )


def _weight(member: KernelMember, left: int) -> Literal["none", "yes", "name"]:
    """The last redundancy goes only by name."""
    if member.slot is None:
        return "none"
    return "name" if member.in_sync and left == 1 else "yes"


def remove(seen: Seen, path: str) -> Plan:
    """Raises NotFoundError; RefusedError for a member that takes writes."""
    member = attached(seen, path)
    if member.in_sync or member.filling:
        raise RefusedError(
            f"{path} is {_word(member)} in {seen.name}.",
            hint=f'Fail it first: "{command("fail", seen.name, path)}".',
        )
    return plan(
        seen,
        "remove",
        path,
        title=f"Remove {path} from {seen.name}",
        afterwards=redundancy(seen.array, len(seen.array.copies)),
        notes=["Nothing is written to it."],
    )


def add(seen: Seen, newcomer: Probe, force: bool) -> Plan:
    """What filling a new member, or keeping it as a spare, takes and loses."""
    array, path = seen.array, newcomer.path
    spare = not _vacant(array)
    return plan(
        seen,
        "add",
        path,
        title=f"Add {path} to {seen.name}" + (" as a spare" if spare else ""),
        copies="nothing: it waits as a spare" if spare else amount(seen, path),
        erases=losses(newcomer),
        meanwhile=redundancy(array, len(array.copies)),
        afterwards=redundancy(array, len(array.copies) + (not spare)),
        confirm=deliberation(newcomer),
        force=force,
    )


def re_add(seen: Seen, path: str, chunks: int) -> Plan:
    """What taking a former member back copies: so many chunks."""
    array = seen.array
    return plan(
        seen,
        "re-add",
        path,
        title=f"Re-add {path} to {seen.name}",
        copies=amount(seen, path, chunks),
        meanwhile=redundancy(array, len(array.copies)),
        afterwards=redundancy(array, len(array.copies) + 1),
    )


def replace(seen: Seen, member: KernelMember, newcomer: Probe | None, replacement: str, force: bool) -> Plan:
    """What filling a replacement takes and loses. `newcomer`: it is no spare of the array yet."""
    array = seen.array
    return plan(
        seen,
        "replace",
        member.path,
        title=f"Replace {member.path} in {seen.name} by {replacement}",
        copies=amount(seen, replacement),
        erases=losses(newcomer) if newcomer else [],
        meanwhile=f"{redundancy(array, len(array.copies))}: {member.path} serves until {replacement} is filled",
        afterwards=f"{redundancy(array, len(array.copies))}; {member.path} is out and can be removed",
        confirm=deliberation(newcomer) if newcomer else "yes",
        force=force,
        replacement=replacement,
    )


def check(seen: Seen) -> Plan:
    """Reading and comparing everything."""
    return plan(
        seen,
        "check",
        title=f"Check {seen.name}",
        meanwhile=f"all copies are read, {format_size(seen.array.size)} each; clients come first",
        afterwards="the number of bytes that differ is known; nothing is changed",
    )


def repair(seen: Seen) -> Plan:
    """Reading everything, and making equal what differs."""
    array = seen.array
    first = array.copies[0].path
    return plan(
        seen,
        "repair",
        title=f"Repair {seen.name}",
        copies=f"where members differ, what {first} has, to the others",
        erases=[f"Where members differ, what the others hold: {first} wins, be it right or wrong."],
        meanwhile=f"all copies are read, {format_size(array.size)} each; clients come first",
        afterwards="all copies are equal",
        confirm="yes",
        notes=["A check says first how much differs."],
    )


def control(seen: Seen, verb: Literal["pause", "resume", "cancel"], what: str, *notes: str) -> Plan:
    """Pause, resume or cancel `what` runs."""
    endings = {
        "pause": "nothing is copied or checked until it is resumed",
        "resume": "it goes on from where it was",
        "cancel": "it has ended, wherever it was",
    }
    return plan(
        seen,
        verb,
        title=f"{verb.capitalize()} the {what} of {seen.name}",
        meanwhile=redundancy(seen.array, len(seen.array.copies)),
        afterwards=endings[verb],
        notes=notes,
    )


def stop(seen: Seen) -> Plan:
    """Raises InUseError for an array that is mounted, held or open."""
    check_unused(seen.array)
    return plan(
        seen,
        "stop",
        title=f"Stop {seen.name}, which the kernel runs as {seen.array.path}",
        meanwhile="everything is flushed, and the members are marked clean",
        afterwards=f"{seen.array.path} is gone; its members can be assembled here or by mdadm",
        notes=["What is being copied goes on from a checkpoint when it is assembled again."]
        if seen.array.position
        else [],
    )


def check_unused(array: KernelArray) -> None:
    """Raises InUseError, which says by whom (I12)."""
    try:
        found = Path(array.path).stat()
    except OSError:
        return  # without a node nobody opened it by its name; what holds it, md itself knows
    if not stat.S_ISBLK(found.st_mode):
        return
    if use := usage.use_of(found):
        raise InUseError(f"{array.path} {use.reason}.", hint=use.hint)
    if users := usage.openers(found):
        raise InUseError(f"{array.path} is open in {', '.join(users)}.", hint="End these first.")


def plan(
    seen: Seen,
    verb: Verb,
    *members: str,
    title: str,
    afterwards: str,
    copies: str = "nothing",
    meanwhile: str = "clients notice nothing",
    confirm: Literal["none", "yes", "name"] = "none",
    erases: Sequence[str] = (),
    notes: Sequence[str] = (),
    force: bool = False,
    replacement: str | None = None,
) -> Plan:
    """A plan; whoever hands it out fills in the events."""
    return Plan(
        verb=verb,
        mirror=seen.name,
        title=title,
        copies=copies,
        erases=list(erases),
        meanwhile=meanwhile,
        afterwards=afterwards,
        command=line(verb, seen.name, *members, replacement=replacement, force=force, yes=confirm != "none"),
        confirm=confirm,
        refused=None,
        notes=list(notes),
    )


def line(
    verb: Verb,
    name: str,
    *members: str,
    replacement: str | None = None,
    force: bool = False,
    yes: bool = False,
) -> str:
    """The command line that does the same."""
    if verb in ("pause", "resume", "cancel"):
        return command("sync", name, verb)
    return command(verb, name, *members, **{"with": replacement}, force=force, yes=yes)


def redundancy(array: KernelArray, copies: int) -> str:
    """How many copies there are, and what that means."""
    if copies == 1:
        return f"1 of {array.raid_disks} copies: if that one fails, the data is lost"
    return f"{copies} of {array.raid_disks} copies"


def amount(seen: Seen, target: str, chunks: int | None = None) -> str:
    """How much goes to the target, and about how long that takes; without `chunks` everything."""
    array = seen.array
    source = array.copies[0].path if array.copies else "nowhere"
    if chunks == 0:
        return "nothing: no chunk has changed"
    count = array.size if chunks is None else min(array.size, chunks * array.bitmap_chunk)
    what = "everything"
    if chunks is not None:
        what = f"{chunks} of {-(-array.size // array.bitmap_chunk)} chunks"
    about = f", about {format_duration(count / array.speed)}" if array.speed else ""
    return f"{what} ({format_size(count)}) from {source} to {target}{about}"


def _vacant(array: KernelArray) -> bool:
    """A role that nobody fills, nor is being filled for."""
    taken = {member.slot for member in array.members if member.slot is not None}
    return len(taken) < array.raid_disks


def _word(member: KernelMember) -> str:
    return member_state(member).replace("_", " ")


def same_path(one: str, other: str) -> bool:
    """They name the same storage."""
    return os.path.realpath(one) == os.path.realpath(other)
