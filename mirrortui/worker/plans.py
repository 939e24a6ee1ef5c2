"""What the verbs on a running mirror would do, in words, before they do it (I14)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from mirrortui.api.answers import Plan
from mirrortui.api.consent import command, refusal
from mirrortui.api.requests import ReplaceRequest
from mirrortui.api.vocabulary import SyncVerb, Verb
from mirrortui.device.probe import Probe
from mirrortui.errors import ChangedError, MirrortuiError, RefusedError
from mirrortui.mirror.array import Array, Member, State
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import replacing, spares
from mirrortui.mirror.verbs.manage import ReAdd, attached, check_writable
from mirrortui.units import format_duration, format_size
from mirrortui.worker.candidates import deliberation, losses


class Precondition:
    """Whether a mirror is still what a plan was made for.

    The events count grows also when a mirror only falls idle or wakes up. A plan made at a count is good until the
    members' states change after it: that counts as one more, also before superblocks say so.
    """

    def __init__(self, array: Array) -> None:
        self._array = array
        self._seen = _standing(array)
        self._since = array.events

    def note(self) -> None:
        """Look at the members' states; to be called at least as often as plans are made and run."""
        now = _standing(self._array)
        if now != self._seen:
            self._seen = now
            self._since = self.count + 1

    @property
    def count(self) -> int:
        """What a plan that is made now carries."""
        return max(self._array.events, self._since)

    def check(self, events: int | None) -> None:
        """Raises ChangedError if the plan made at this count is out of date. None: there was no plan."""
        self.note()
        if events is not None and events < self._since:
            raise ChangedError(
                f"{self._array.label} has changed since this was planned.",
                hint="Look at it again, then decide.",
            )


def _standing(array: Array) -> tuple[object, ...]:
    return array.broken, array.readonly, tuple((m.path, m.state, m.role) for m in array.members)


def fail(mirror: Mirror, path: str) -> Plan:
    """Raises NotFoundError; RefusedError for the last copy and for what is out already."""
    array = mirror.array
    member = attached(array, path)
    if member.state is State.FAULTY:
        raise RefusedError(f"{path} is out of {array.label} already: {member.why}.")
    copies = [m for m in array.in_sync() if m is not member]
    if not copies:
        raise RefusedError(
            f"{path} is the last member of {array.label} that is in sync: without it the data is gone.",
            hint="Add another member and let it recover first.",
        )
    was = "spare" if member.state is State.SPARE else member.state.value.replace("_", " ")
    return _plan(
        mirror,
        "fail",
        path,
        title=f"Fail {path} in {array.label}",
        copies="nothing",
        meanwhile="clients notice nothing",
        afterwards=_redundancy(array, len(copies)),
        confirm=_weight(member.state, len(copies)),
        notes=_what_follows(array, member, was),
    )


def _what_follows(array: Array, member: Member, was: str) -> list[str]:
    """Of failing it."""
    if twin := array.twin(member):
        if member.replacement:
            return [f"It was to replace {twin.path}, which stays and serves on."]
        return [f"{twin.path}, which was to replace it, takes its place when it is filled."]
    notes = []
    spare = spares.if_fails(array, member).spare
    if array.has_bitmap and member.state is State.IN_SYNC:
        until = f", until {spare.path} is filled" if spare else ""
        notes.append(
            f"It is {was} now. What is written from then on is kept in mind{until}: a re-add copies only that."
        )
    if spare:
        notes.append(f"Spare {spare.path} takes its place at once, and is filled.")
    return notes


def _weight(state: State, left: int) -> Literal["none", "yes", "name"]:
    """The last redundancy goes only by name."""
    if state is State.SPARE:
        return "none"
    return "name" if state is State.IN_SYNC and left == 1 else "yes"


def remove(mirror: Mirror, path: str, absent: bool) -> Plan:
    """`absent`: it is not attached, only named. Raises NotFoundError; RefusedError for a member that takes writes,
    and where nothing can be written down.
    """
    array = mirror.array
    if not absent:
        member = attached(array, path)
        if member.active:
            raise RefusedError(
                f"{path} is {member.state.value.replace('_', ' ')} in {array.label}.",
                hint=f'Fail it first: "{command("fail", array.label, path)}".',
            )
        check_writable(array)
    return _plan(
        mirror,
        "remove",
        path,
        title=f"Remove {path} from {array.label}",
        copies="nothing",
        meanwhile="clients notice nothing",
        afterwards=_redundancy(array, len(array.in_sync())),
        confirm="none",
        notes=["Nothing is written to it."],
    )


def add(mirror: Mirror, newcomer: Probe, force: bool) -> Plan:
    """What filling a new member, or keeping it as a spare, takes and loses."""
    array, path = mirror.array, newcomer.path
    spare = array.vacant_role() is None
    source = array.in_sync()[0].path
    return _plan(
        mirror,
        "add",
        path,
        title=f"Add {path} to {array.label}" + (" as a spare" if spare else ""),
        copies="nothing: it waits as a spare" if spare else _amount(mirror, array.chunks, source, path),
        erases=losses(newcomer),
        meanwhile=_redundancy(array, len(array.in_sync())),
        afterwards=_redundancy(array, len(array.in_sync()) + (not spare)),
        confirm=deliberation(newcomer),
        force=force,
    )


def replace_member(mirror: Mirror, member: Member, request: ReplaceRequest, newcomer: Probe | None) -> Plan:
    """What filling a replacement takes and loses. `newcomer`: it is no spare of the mirror yet."""
    array, new = mirror.array, request.replacement
    confirm = deliberation(newcomer) if newcomer else "yes"
    copies = _redundancy(array, len(array.in_sync()))
    plan = _plan(
        mirror,
        "replace",
        member.path,
        title=f"Replace {member.path} in {array.label} by {new}",
        copies=_amount(mirror, array.chunks, member.path, new),
        erases=losses(newcomer) if newcomer else [],
        meanwhile=f"{copies}: {member.path} serves until {new} is filled",
        afterwards=f"{copies}; {member.path} is out, and free",
        confirm=confirm,
        notes=["What cannot be read there is copied from another member."]
        if len(array.in_sync()) > 1
        else [],
    )
    return replace(plan, command=_replace_command(mirror, request, yes=confirm != "none"))


def no_replacement(mirror: Mirror, request: ReplaceRequest, error: MirrortuiError) -> Plan:
    """The plan of one that is refused."""
    title = f"Replace {request.member} in {mirror.array.label} by {request.replacement}"
    return refusal("replace", mirror.array.label, title, _replace_command(mirror, request), error)


def _replace_command(mirror: Mirror, request: ReplaceRequest, *, yes: bool = False) -> str:
    options = {"with": request.replacement, "force": request.force, "yes": yes}
    return command("replace", mirror.array.label, request.member, **options)


def re_add(mirror: Mirror, path: str, how: ReAdd) -> Plan:
    """What taking a former member back copies."""
    array = mirror.array
    source = array.in_sync()[0].path
    return _plan(
        mirror,
        "re-add",
        path,
        title=f"Re-add {path} to {array.label}",
        copies=_amount(mirror, how.need.count, source, path),
        meanwhile=_redundancy(array, len(array.in_sync())),
        afterwards=_redundancy(array, len(array.in_sync()) + 1),
        confirm="none",
    )


def stop(mirror: Mirror, clients: Sequence[str], force: bool = False) -> Plan:
    """What stopping takes from whom."""
    array = mirror.array
    users = ", ".join(clients)
    notes = [f"Connected now, and cut off then: {users}."] if clients else []
    if mirror.sync.running:
        notes.append("What is being copied goes on from a checkpoint at the next assembly.")
    deleted = [m.path for m in array.in_sync() if (loss := m.device.lost()) and not loss.already]
    last = len(deleted) == len(array.in_sync())
    return _plan(
        mirror,
        "stop",
        title=f"Stop {array.label}",
        copies="nothing",
        meanwhile="requests under way are answered, and everything is flushed",
        afterwards=f"{array.label} has no data path until it is assembled again",
        confirm="name" if last else "yes" if clients else "none",
        erases=[f"All that {array.label} holds: the file of {path} was deleted." for path in deleted if last],
        notes=notes,
        force=force,
    )


def sync(mirror: Mirror, verb: SyncVerb) -> Plan:
    """Check, repair, and what can be done to what runs."""
    array = mirror.array
    copies = array.in_sync()
    size, each = format_size(array.size), "both" if len(copies) == 2 else f"all {len(copies)}"
    reading = f"{each} copies are read, {size} each; clients come first"
    most = "what most of them have" if len(copies) > 2 else f"what {copies[0].path} has"
    told: dict[SyncVerb, tuple[str, str, str]] = {
        "check": (
            f"Check {array.label}",
            reading,
            f'"mirrortui mismatches {array.label}" lists what differs',
        ),
        "repair": (f"Repair {array.label}", reading, "all copies are equal"),
        "pause": (f"Pause {array.label}", "", "nothing is copied or checked until it is resumed"),
        "resume": (f"Resume {array.label}", "", "it goes on from where it was"),
        "cancel": (f"Cancel the check of {array.label}", "", "it has ended; what it found so far is kept"),
    }
    if verb == "cancel" and (given_up := replacing.under_way(array)) and not mirror.checker.running:
        out = " and ".join(m.path for m in given_up)
        kept = " and ".join(twin.path for m in given_up if (twin := array.twin(m)))
        afterwards = f"{out} {'is' if len(given_up) == 1 else 'are'} out; {kept} serves on"
        told["cancel"] = (f"Cancel the replacement of {kept} in {array.label}", "", afterwards)
    title, meanwhile, afterwards = told[verb]
    plan = _plan(
        mirror,
        verb,
        title=title,
        copies=f"where copies differ, {most}, to the others" if verb == "repair" else "nothing",
        erases=[f"Where copies differ, what the others hold: {most} wins, be it right or wrong."]
        if verb == "repair"
        else [],
        meanwhile=meanwhile or _redundancy(array, len(copies)),
        afterwards=afterwards,
        confirm="yes" if verb == "repair" else "none",
        notes=["A check says first what differs, and where."] if verb == "repair" else [],
    )
    return replace(plan, command=sync_command(array.label, verb))


def sync_command(name: str, verb: SyncVerb) -> str:
    """The command line that does the same."""
    if verb in ("check", "repair"):
        return command(verb, name, yes=verb == "repair")
    return command("sync", name, verb)


def _plan(
    mirror: Mirror,
    verb: Verb,
    *members: str,
    title: str,
    copies: str,
    meanwhile: str,
    afterwards: str,
    confirm: Literal["none", "yes", "name"],
    erases: Sequence[str] = (),
    notes: Sequence[str] = (),
    force: bool = False,
) -> Plan:
    name = mirror.array.label
    return Plan(
        verb=verb,
        mirror=name,
        title=title,
        copies=copies,
        erases=list(erases),
        meanwhile=meanwhile,
        afterwards=afterwards,
        command=command(verb, name, *members, force=force, yes=confirm != "none"),
        confirm=confirm,
        refused=None,
        events=mirror.array.events,
        notes=list(notes),
    )


def _redundancy(array: Array, copies: int) -> str:
    if copies == 1:
        return f"1 of {array.raid_disks} copies: if that one fails, the data is lost"
    return f"{copies} of {array.raid_disks} copies"


def _amount(mirror: Mirror, chunks: int, source: str, target: str) -> str:
    """How much goes where, and about how long that takes if it was measured before."""
    array = mirror.array
    if not chunks:
        return "nothing: no chunk has changed"
    count = min(array.size, chunks << array.chunk_shift)
    progress = mirror.sync.progress
    speed = progress.speed if progress.total else 0
    about = f", about {format_duration(count / speed)}" if speed else ""
    what = f"{chunks} of {array.chunks} chunks" if chunks < array.chunks else f"all {chunks} chunks"
    return f"{what} ({format_size(count)}) from {source} to {target}{about}"
