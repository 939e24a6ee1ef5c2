"""What somebody who knows would do to make a mirror whole: steps in order, each with its reason."""

from __future__ import annotations

from msgspec.structs import asdict

from mirrortui.api.answers import DeviceInfo, Plan
from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Member, Mirror
from mirrortui.errors import ChangedError, MirrortuiError, RefusedError
from mirrortui.tui import keymap
from mirrortui.tui.actions import refusals
from mirrortui.tui.drives import failing
from mirrortui.tui.errands import Retest
from mirrortui.tui.proposals import ChangeMember, Proposal, Replace, SetBitmap, Sync
from mirrortui.units import format_size

_TIRED = 3
"""Errors after which a member with bad blocks is replaced, not tried again."""
_DELIBERATE = ("none", "yes", "name")
"""Confirmations, the strongest last."""


class Step(Plan, frozen=True, kw_only=True):
    """A plan that is one of several."""

    proposal: Proposal
    reason: str


class Course(Plan, frozen=True, kw_only=True):
    """Several plans as one; `steps` are done in order."""

    steps: list[Step] = []  # noqa: RUF012 (a struct copies it)
    wants_device: bool = False
    """A place stays empty, because nothing was found that may simply be overwritten."""


class Search:
    """Looks for what is wrong with a mirror that runs, and asks the engine what could be done. Blocks."""

    def __init__(self, client: EngineApi, mirror: Mirror) -> None:
        self._client = client
        self._mirror = mirror
        self._devices: list[DeviceInfo] | None = None
        self.steps: list[Step] = []
        """In the order in which they are done: redundancy first."""
        self.remarks: list[str] = []
        """What is not done now, and why."""
        self.wants_device = False

    def run(self) -> Course:
        """Find all steps."""
        if self._mirror.paused:
            self._add(Sync(self._mirror.name, "resume"), "It is paused: nothing is copied until it goes on.")
        self._fill()
        self._relieve()
        self._evacuate()
        self._forget()
        self._remember()
        self._compare()
        return _course(self._mirror, self.steps, self.remarks, self.wants_device)

    def _add(self, proposal: Proposal, reason: str) -> str | None:
        """Take a step in, unless the engine refuses it: then answers why."""
        plan = proposal.plan(self._client)
        if plan.refused is None:
            self.steps.append(Step(**asdict(plan), proposal=proposal, reason=reason))
        return plan.refused

    def _fill(self) -> None:
        """Places without a member: former members first, which copy least; then new ones."""
        mirror = self._mirror
        vacant = mirror.raid_disks - len({m.slot for m in mirror.members if refusals.is_active(m)})
        if vacant > 0 and (waiting := sum(member.state == "spare" for member in mirror.members)):
            vacant -= waiting
            self.remarks.append("A spare takes a place by itself.")
        for member in filter(refusals.is_out, mirror.members):
            if vacant > 0 and member.path:
                why = self._add(ChangeMember(mirror.name, "re-add", member.path), _why_again(member))
                vacant -= why is None
                if why:
                    self.remarks.append(f"{member.path} cannot be re-added: {why}")
        while vacant > 0 and (device := self._newcomer()):
            reason = f"A place is empty, and {device.path} is, too: {_describe(device)}."
            if self._add(ChangeMember(mirror.name, "add", device.path), reason) is None:
                vacant -= 1
        self.wants_device = vacant > 0

    def _relieve(self) -> None:
        """Members whose bad-block logs list something."""
        mirror = self._mirror
        for member in mirror.members:
            if not (member.bad and refusals.is_in_sync(member)) or mirror.driver == "kernel":
                continue
            listed = f"{member.path} lists {format_size(member.bad)} as bad"
            errors = member.read_errors + member.write_errors
            if errors >= _TIRED and (device := self._newcomer()):
                reason = (
                    f"{listed}, after {errors} errors: it wears out. It serves until {device.path} is filled."
                )
                if self._add(Replace(mirror.name, member.path, device.path), reason) is None:
                    continue
            self._add(
                Retest(mirror.name, member.path),
                f"{listed}: rewritten from another member they may be good again.",
            )
            if errors >= _TIRED:
                by_hand = f"{keymap.key('replace', 'R')} replaces it"
                self.remarks.append(f"{member.path} wears out, and no free device fits: {by_hand}.")

    def _evacuate(self) -> None:
        """Members whose disks say that they fail: they serve until others are filled."""
        mirror = self._mirror
        for member in filter(refusals.is_in_sync, mirror.members):
            drive = failing(member.drives)
            if drive is None or any(isinstance(step.proposal, Replace) for step in self.steps):
                continue
            said = f"{drive.name} says that it is failing ({drive.health})"
            if mirror.sync is None and (device := self._newcomer()):
                reason = f"{said}. {member.path} serves until {device.path} is filled."
                if self._add(Replace(mirror.name, member.path, device.path), reason) is None:
                    continue
            self.remarks.append(
                f"{said}: {keymap.key('replace', 'R')} replaces {member.path} by what you have."
            )

    def _newcomer(self) -> DeviceInfo | None:
        """The smallest device that is free, empty, and large enough; each is proposed once."""
        if self._devices is None:
            known = {member.path for member in self._mirror.members}
            fit = [
                device
                for device in self._client.devices()
                if not (device.why_not or device.holds or device.path in known)
                and device.size >= self._mirror.size
            ]
            self._devices = sorted(fit, key=lambda device: -device.size)
        return self._devices.pop() if self._devices else None

    def _forget(self) -> None:
        """Members that are out, and whose places are taken."""
        mirror = self._mirror
        if refusals.short_of_members(mirror) or mirror.sync:
            return
        for member in filter(refusals.is_out, mirror.members):
            if member.path:
                reason = "It is out, and its place is taken: nothing keeps it here."
                self._add(ChangeMember(mirror.name, "remove", member.path), reason)

    def _remember(self) -> None:
        if self._mirror.bitmap is None and self._mirror.driver != "kernel":
            reason = "It has no bitmap: after a crash all of it would be copied, not only what changed."
            self._add(SetBitmap(self._mirror.name, "internal"), reason)

    def _compare(self) -> None:
        """What a check found to differ."""
        mirror = self._mirror
        if not mirror.mismatches or mirror.sync_action == "repair":
            return
        found = f"A check found {format_size(mirror.mismatches)} to differ"
        copies = sum(map(refusals.is_in_sync, mirror.members))
        if self.steps or mirror.sync or copies < 2:
            self.remarks.append(f"{found}: {keymap.key('fix', 'F')} again when the rest is done.")
            return
        wins = (
            "what most members have wins"
            if copies > 2
            else f"there is no majority of two: {keymap.key('mismatches', 'D')} shows what differs first"
        )
        if why := self._add(Sync(mirror.name, "repair"), f"{found}; {wins}."):
            self.remarks.append(f"{found}, and it cannot be repaired now: {why}")


def _why_again(member: Member) -> str:
    """Why a member that is out comes back."""
    least = "what changed meanwhile is all that is copied"
    if member.write_errors or member.read_errors:
        return f"It is out ({member.why}); {least}. If it fails again, replace it."
    return f"It is out, and {least}."


def _describe(device: DeviceInfo) -> str:
    about = " ".join(filter(None, (device.model, device.serial)))
    return f"{format_size(device.size)}{', ' if about else ''}{about}"


def _course(mirror: Mirror, steps: list[Step], remarks: list[str], wants_device: bool) -> Course:
    """The steps as one plan."""
    if wants_device:
        remarks = [
            *remarks,
            f"A place stays empty: no device is free, empty and large enough; {keymap.key('add', 'a')} adds another.",
        ]
    copied = [step.copies for step in steps if not step.copies.startswith("nothing")]
    sure = max((_DELIBERATE.index(step.confirm) for step in steps), default=0)
    nothing = " ".join(remarks) or f"Nothing is to be done for {mirror.name}."
    return Course(
        verb=steps[0].verb if steps else "re-add",
        mirror=mirror.name,
        title=f"Fix {mirror.name}" if len(steps) == 1 else f"Fix {mirror.name} in {len(steps)} steps",
        copies="; ".join(copied) or "nothing",
        erases=[loss for step in steps for loss in step.erases],
        meanwhile=steps[0].meanwhile if steps else "nothing changes",
        afterwards=steps[-1].afterwards if steps else "as now",
        command=" && ".join(step.command for step in steps),
        confirm="name" if sure == _DELIBERATE.index("name") else "yes",
        refused=None if steps else nothing,
        notes=remarks if steps else [],
        steps=steps,
        wants_device=wants_device,
    )


def carry_out(client: EngineApi, course: Course) -> None:
    """Do every step. Raises what a step raises, and says what was done before it."""
    for number, step in enumerate(course.steps):
        try:
            _take(client, step)
        except MirrortuiError as error:
            done = "; ".join(each.title for each in course.steps[:number])
            told = f"Done so far: {done}. " if done else "Nothing was done. "
            raise RefusedError(f"{told}“{step.title}” is not: {error.what}", hint=error.hint) from error


def _take(client: EngineApi, step: Step) -> None:
    """Do a step, if it still is what was confirmed."""
    now = step.proposal.plan(client)
    if now.refused:
        raise RefusedError(now.refused, hint=now.hint)
    stronger = _DELIBERATE.index(now.confirm) > _DELIBERATE.index(step.confirm)
    if stronger or not set(now.erases) <= set(step.erases):
        raise ChangedError("It would do more now than was confirmed.", hint="Look at it again, then decide.")
    step.proposal.act(client, now)
