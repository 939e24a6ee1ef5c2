"""What the disks under members say of themselves, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mirrortui.api.mirrors import Drive, Member, Mirror
from mirrortui.tui.themes import Tone
from mirrortui.tui.wording import names_in

_FRESH = 15 * 60
"""Seconds for which an answer counts as one about now."""

Said = tuple[str, Tone]


def failing(drives: Iterable[Drive] | None) -> Drive | None:
    """The first that says that it fails."""
    return next((drive for drive in drives or () if drive.failing), None)


def worried(mirror: Mirror) -> Member | None:
    """The first member that serves from a disk which says that it fails."""
    serving = (member for member in mirror.members if member.state in ("in_sync", "recovering", "replacing"))
    return next((member for member in serving if failing(member.drives)), None)


def worry(mirror: Mirror) -> str:
    """Of such a member, in a sentence without full stop; empty where there is none."""
    member = worried(mirror)
    drive = failing(member.drives) if member else None
    return (
        f"{_whose(mirror, member, drive)} says that it is failing ({drive.health})"
        if member and drive
        else ""
    )


def short_worry(mirror: Mirror) -> str:
    """The same where there is no room for the reason."""
    member = worried(mirror)
    drive = failing(member.drives) if member else None
    return f"{_whose(mirror, member, drive)} is failing" if member and drive else ""


def _whose(mirror: Mirror, member: Member, drive: Drive) -> str:
    name = names_in(mirror).get(member.path, member.path)
    return name if name == f"/dev/{drive.name}" else f"{drive.name}, the disk of {name},"


def told(drives: Sequence[Drive] | None, now: float, *, named: bool) -> list[Said]:
    """A part for each thing that is known, or why it is not. `named`: which disk they are about is said elsewhere."""
    said: list[Said] = []
    for drive in drives or ():
        prefix = "" if named and len(drives or ()) == 1 else f"{drive.name} "
        said += _told(drive, prefix, now)
    return said


def _told(drive: Drive, prefix: str, now: float) -> list[Said]:
    if drive.asked is None:
        return (
            [(f"{prefix}being asked", "quiet")]
            if not drive.health
            else [(prefix + drive.health, "attention")]
        )
    old = f" {(now - drive.asked) / 60:.0f} min ago" if now - drive.asked > _FRESH else ""
    if drive.temperature is not None:
        warmth = f"{drive.temperature} °C{old}"
    else:
        warmth = f"no temperature ({drive.no_temperature})"
    return [(prefix + warmth, "quiet"), _health(drive)]


def _health(drive: Drive) -> Said:
    match drive.failing:
        case True:
            return f"SMART: failing, {drive.health}", "bad"
        case False:
            return "SMART: well", "quiet"
        case None:
            return f"no SMART ({drive.health})", "quiet"
