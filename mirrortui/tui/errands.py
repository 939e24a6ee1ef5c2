"""Proposals that the engine has no plan for, because they overwrite nothing that counts: planned here, in its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from mirrortui.api.answers import BadBlocks, Plan
from mirrortui.api.consent import command
from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import (
    BadBlocksRequest,
    ExportRequest,
    ForecastRequest,
    ImpactRequest,
    LabRequest,
    SpeedRequest,
    ZeroRequest,
)
from mirrortui.api.vocabulary import Impact, Mishap, Verb
from mirrortui.errors import MirrortuiError
from mirrortui.tui import keymap
from mirrortui.units import format_duration, format_rate, format_size

_LISTED = 8
"""Bad ranges that are listed in a plan."""


@dataclass(frozen=True, slots=True)
class AddExport:
    """Serve a mirror at one more address."""

    mirror: str
    address: str
    """HOST:PORT, or the path of a Unix socket."""
    readonly: bool = False

    def plan(self, client: EngineApi) -> Plan:
        del client  # it is asked when it is to be done
        what = {"unix": self._unix, "tcp": self._tcp, "readonly": self.readonly}
        who = "who can reach that port" if self._tcp else "who may open that socket"
        return _plan(
            "export",
            self.mirror,
            f"Serve {self.mirror} at {self.address}",
            meanwhile="clients at other addresses notice nothing",
            afterwards=f"{who} can {'read' if self.readonly else 'read and write'} it, now and whenever it runs",
            line=command("export", self.mirror, **what),
            confirm="yes",
        )

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        request = ExportRequest(unix=self._unix, tcp=self._tcp, readonly=self.readonly)
        return client.export(self.mirror, request)

    @property
    def _unix(self) -> str | None:
        return self.address if "/" in self.address else None

    @property
    def _tcp(self) -> str | None:
        return None if "/" in self.address else self.address


@dataclass(frozen=True, slots=True)
class SetPace:
    """How much clients may notice of a sync, and how fast it may be at most."""

    mirror: str
    impact: Impact
    limit: int | None = None
    """Bytes per second; 0: none; None: as it is."""

    def plan(self, client: EngineApi) -> Plan:
        del client
        lines = [command("sync", self.mirror, "impact", self.impact)]
        after = _IMPACTS[self.impact]
        if self.limit is not None:
            lines.append(command("sync", self.mirror, "speed", "0", str(self.limit)))
            after += (
                f", and is never faster than {format_rate(self.limit)}"
                if self.limit
                else ", and has no limit"
            )
        return _plan(
            "impact",
            self.mirror,
            f"Set the pace of {self.mirror} to {self.impact}",
            meanwhile="what runs goes on",
            afterwards=f"{after}, until it is stopped",
            line=" && ".join(lines),
        )

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        mirror = client.set_impact(self.mirror, ImpactRequest(impact=self.impact))
        if self.limit is None:
            return mirror
        return client.set_speed(self.mirror, SpeedRequest(max=self.limit))


_IMPACTS: dict[Impact, str] = {
    "low": "a sync takes only what clients leave",
    "balanced": "a sync and the clients share",
    "max": "a sync goes as fast as the disks, and clients wait for it",
}


@dataclass(frozen=True, slots=True)
class IfFails:
    """A question, not a deed: what would happen if a member failed now."""

    mirror: str
    member: str

    def plan(self, client: EngineApi) -> Plan:
        found = client.forecast(self.mirror, ForecastRequest(member=self.member))
        about = f", about {format_duration(found.eta_s)}" if found.eta_s else ""
        copies = (
            f"{format_size(found.copied)} to the spare {found.spare}{about}"
            if found.spare
            else "nothing: no spare waits"
        )
        left = f"{len(found.copies)} {'copy' if len(found.copies) == 1 else 'copies'}"
        return _plan(
            "fail",
            self.mirror,
            f"If {self.member} fails now",
            copies=copies,
            erases=[f"{format_size(found.lost)} that nobody else holds."] if found.lost else [],
            meanwhile=found.text,
            afterwards=f"{left} and the one on {found.spare}"
            if found.spare
            else f"{left}, until a member is added",
            line=command("status", self.mirror, if_fails=self.member),
        )

    def act(self, client: EngineApi, plan: Plan) -> None:
        """There is nothing to do."""


@dataclass(frozen=True, slots=True)
class Retest:
    """Try again what a member's bad-block log lists."""

    mirror: str
    member: str

    def plan(self, client: EngineApi) -> Plan:
        found = client.bad_blocks(self.mirror, BadBlocksRequest(member=self.member))
        listed = sum(bad.length for bad in found.ranges)
        refused = None
        if not found.logged:
            refused = f"{self.member} has no bad-block log: it fails where it takes no rewrite."
        elif not found.ranges:
            refused = f"The bad-block log of {self.member} is empty: all of it is good."
        return _plan(
            "badblocks",
            self.mirror,
            f"Test the bad blocks of {self.member} again",
            copies=f"{format_size(listed)} that it lists as bad, from other members to it, and reads them back",
            meanwhile="clients notice nothing; what is listed is read from other members",
            afterwards="what reads back well is struck from the log; the rest stays listed",
            line=command("badblocks", self.mirror, self.member, retest=True),
            confirm="yes",
            refused=refused,
            notes=_ranges(found),
        )

    def act(self, client: EngineApi, plan: Plan) -> BadBlocks:
        return client.bad_blocks(self.mirror, BadBlocksRequest(member=self.member, retest=True))


def _ranges(found: BadBlocks) -> list[str]:
    told = [
        f"Listed: {format_size(bad.length)} at {format_size(bad.start)} of the mirror, sectors {bad.sector} to "
        f"{bad.sector + bad.sectors - 1} of the device."
        for bad in found.ranges[:_LISTED]
    ]
    more = len(found.ranges) - len(told)
    return [*told, f"And {more} more."] if more else told


MISHAPS: tuple[tuple[Mishap, str, str, str], ...] = (
    (
        "pull",
        "its cable is pulled: nothing answers any more",
        "clients notice nothing",
        "it is out; mend plugs it in, re-add takes it back",
    ),
    (
        "slow",
        "every operation takes 50 ms longer",
        "reads go to the others, writes wait for it",
        "mend makes it fast again",
    ),
    (
        "hang",
        "it answers nothing, not even an error",
        "writes wait until it is given up",
        "it is out; mend lets it go on, re-add takes it back",
    ),
    (
        "bad-sectors",
        "some sectors cannot be read until they are written",
        "they are read from another copy",
        "each is rewritten when it is met, by a read or by a check",
    ),
    (
        "rot",
        "bits flip on it, and it does not know",
        "nobody notices; clients may read them",
        "a check finds them; of three copies it names the odd one",
    ),
    (
        "power-cut",
        "the mirror's process dies in the midst of what it does",
        "clients are cut off, and come back",
        "it is assembled again; only chunks in flight are copied",
    ),
    (
        "mend",
        "what was done to it ends; what rotted stays rotten",
        "clients notice nothing",
        "re-add takes it back if it is out",
    ),
)
"""What can happen: in a sentence, what of it is noticed, and what becomes of it."""


@dataclass(frozen=True, slots=True)
class Suffer:
    """A mishap in the fault lab. The mirror was started for that: nothing is asked."""

    mirror: str
    member: str
    """Empty for a power cut, which hits all."""
    mishap: Mishap

    def plan(self, client: EngineApi) -> Plan:
        del client
        _, _, meanwhile, afterwards = next(each for each in MISHAPS if each[0] == self.mishap)
        whom = (self.member,) if self.member else ()
        return _plan(
            "lab",
            self.mirror,
            f"{self.mishap} {self.member}".strip(),
            meanwhile=meanwhile,
            afterwards=afterwards,
            line=command("lab", self.mirror, self.mishap, *whom),
        )

    def act(self, client: EngineApi, plan: Plan) -> Mirror:
        return client.suffer(self.mirror, LabRequest(member=self.member, mishap=self.mishap))


@dataclass(frozen=True, slots=True)
class ZeroSuperblock:
    """Erase what makes a device a member."""

    member: str

    def plan(self, client: EngineApi) -> Plan:
        return client.plan_zero_superblock(ZeroRequest(member=self.member))

    def act(self, client: EngineApi, plan: Plan) -> Plan:
        request = ZeroRequest(member=self.member, yes=plan.confirm != "none", counts=plan.counts)
        return client.zero_superblock(request)


@dataclass(frozen=True, slots=True)
class AssembleAll:
    """Start every mirror that can be found. One that cannot does not keep the others down."""

    def plan(self, client: EngineApi) -> Plan:
        found = [client.plan_assemble(request) for request in client.scan()]
        able = [plan for plan in found if not plan.refused]
        harmless = [plan for plan in able if plan.confirm == "none"]
        notes = [f"{plan.mirror} is left alone: {_why_alone(plan)}" for plan in found if plan.refused]
        notes += [
            f"{plan.mirror} is left alone: it wants a decision; {keymap.key('assemble', 'A')} on it asks."
            for plan in able
            if plan not in harmless
        ]
        refused = None
        if not found:
            refused = (
                "There is nothing to assemble: no mirror is stopped, and no device bears an unknown one."
            )
        elif not harmless:
            refused = "None of what was found can be assembled as it is."
        return _plan(
            "assemble",
            "",
            "Assemble " + (", ".join(plan.mirror for plan in harmless) or "what is found"),
            copies="; ".join(f"{plan.mirror}: {plan.copies}" for plan in harmless) or "nothing",
            meanwhile="each can be used at once",
            afterwards="; ".join(f"{plan.mirror}: {plan.afterwards}" for plan in harmless) or "as now",
            line=command("assemble", scan=True),
            confirm="yes",
            refused=refused,
            hint=" ".join(notes) if refused else "",
            notes=notes,
        )

    def act(self, client: EngineApi, plan: Plan) -> list[Mirror]:
        """Raises MirrortuiError, for all together, if one could not be started."""
        started, problems = [], []
        for request in client.scan():
            planned = client.plan_assemble(request)
            if planned.refused or planned.confirm != "none":
                continue  # as it was told
            try:
                started.append(client.assemble(replace(request, counts=planned.counts)))
            except MirrortuiError as error:
                problems.append(str(error))
        if problems:
            told = f"{', '.join(mirror.name for mirror in started)} started; " if started else ""
            raise MirrortuiError(told + " ".join(problems))
        return started


def _why_alone(plan: Plan) -> str:
    asks = f"it has two histories; {keymap.key('assemble', 'A')} on it shows them."
    return asks if plan.survivors else plan.refused or ""


def _plan(
    verb: Verb,
    mirror: str,
    title: str,
    *,
    meanwhile: str,
    afterwards: str,
    line: str,
    copies: str = "nothing",
    erases: list[str] | None = None,
    confirm: Literal["none", "yes", "name"] = "none",
    refused: str | None = None,
    hint: str = "",
    notes: list[str] | None = None,
) -> Plan:
    return Plan(
        verb=verb,
        mirror=mirror,
        title=title,
        copies=copies,
        erases=erases or [],
        meanwhile=meanwhile,
        afterwards=afterwards,
        command=line,
        confirm=confirm,
        refused=refused,
        hint=hint,
        notes=notes or [],
    )
