"""The plans of a FakeEngine for the kernel's arrays, worded as the engine words its own."""

from __future__ import annotations

from typing import Literal

from mirrortui.api.answers import Plan
from mirrortui.api.consent import command
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import ReplaceRequest
from mirrortui.api.vocabulary import SyncVerb, Verb
from mirrortui.units import format_size


def replace_member(mirror: Mirror, request: ReplaceRequest) -> Plan:
    """The plan of `replace`."""
    new, old = request.replacement, request.member
    freed = " and can be removed" if mirror.driver == "kernel" else ", and free"
    return _plan(
        mirror,
        "replace",
        f"Replace {old} in {mirror.name} by {new}",
        command("replace", mirror.name, old, **{"with": new}, yes=True),
        copies=f"everything ({format_size(mirror.size)}) to {new}",
        meanwhile=f"{mirror.raid_disks} of {mirror.raid_disks} copies: {old} serves until {new} is filled",
        afterwards=f"{mirror.raid_disks} of {mirror.raid_disks} copies; {old} is out{freed}",
        confirm="yes",
        refused=None,
    )


def sync(mirror: Mirror, action: SyncVerb) -> Plan:
    """The plan of `check`, `repair`, `pause`, `resume` or `cancel`."""
    words = [action, mirror.name] if action in ("check", "repair") else ["sync", mirror.name, action]
    refused = None
    if action in ("check", "repair") and mirror.sync:
        refused = f"A {mirror.sync_action} runs on {mirror.name} already."
    return _plan(
        mirror,
        action,
        f"{action.capitalize()} {mirror.name}",
        command(*words),
        copies="where members differ, what the first has, to the others" if action == "repair" else "nothing",
        erases=["Where members differ, what the others hold."] if action == "repair" else [],
        meanwhile="all copies are read; clients come first",
        afterwards="all copies are equal"
        if action == "repair"
        else "the number of bytes that differ is known; nothing is changed",
        confirm="yes" if action == "repair" else "none",
        refused=refused,
    )


def handover(mirror: Mirror, loop: bool) -> Plan:
    """The plan of `handover`."""
    images = [member.path for member in mirror.members if not member.path.startswith("/dev/")]
    refused = None
    if images and not loop:
        refused = f"The kernel takes block devices only, and {', '.join(images)} are image files."
    if mirror.driver == "kernel":
        refused = f"The kernel runs {mirror.name} already, as {mirror.device}."
    return _plan(
        mirror,
        "handover",
        f"Hand {mirror.name} over to the kernel",
        command("handover", mirror.name, loop=loop, yes=True),
        meanwhile="it is stopped cleanly first: no data path until the kernel has started it",
        afterwards=f"the kernel serves it as /dev/md/{mirror.name}; there is no NBD address any more",
        confirm="yes",
        refused=refused,
        hint="With --loop they are put on loop devices." if refused and images else "",
        notes=["Linux 3.0 and later can assemble it.", *(f"Command: {line}" for line in assembling(mirror))],
    )


def takeover(mirror: Mirror) -> Plan:
    """The plan of `takeover`."""
    return _plan(
        mirror,
        "takeover",
        f"Take {mirror.name} over from the kernel, which runs it as {mirror.device}",
        command("takeover", mirror.device or mirror.name, yes=True),
        meanwhile=f"the kernel stops it cleanly first: {mirror.device} is gone",
        afterwards=f"mirrortui serves {mirror.name} over NBD",
        confirm="yes",
        refused=None if mirror.driver == "kernel" else f"{mirror.name} is mirrortui's own already.",
    )


def assembling(mirror: Mirror) -> list[str]:
    """The commands that have the kernel run it."""
    return [f"mdadm --assemble /dev/md/{mirror.name} {' '.join(member.path for member in mirror.members)}"]


def _plan(
    mirror: Mirror,
    verb: Verb,
    title: str,
    line: str,
    *,
    meanwhile: str,
    afterwards: str,
    confirm: Literal["none", "yes", "name"],
    refused: str | None,
    copies: str = "nothing",
    erases: list[str] | None = None,
    hint: str = "",
    notes: list[str] | None = None,
) -> Plan:
    return Plan(
        verb=verb,
        mirror=mirror.name,
        title=title,
        copies=copies,
        erases=erases or [],
        meanwhile=meanwhile,
        afterwards=afterwards,
        command=line,
        confirm=confirm,
        refused=refused,
        hint=hint,
        events=mirror.events,
        notes=notes or [],
    )
