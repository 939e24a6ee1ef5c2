"""`examine --scan`: superblocks anywhere on a device, and the command by which each could be read."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import rich_click as click

from mirrortui.device.probe import Peek
from mirrortui.format.foreign import level_name
from mirrortui.format.inspect import ROLES
from mirrortui.format.names import printable
from mirrortui.format.scan import Hit, Scan
from mirrortui.format.superblock import Superblock, format_uuid
from mirrortui.units import format_size


@dataclass(frozen=True)
class Result:
    """What one device held."""

    path: str
    hits: list[Hit]
    unreadable: int
    """Bytes."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON: places and sizes in bytes."""
        return {"scan": [_dict(hit, self.path) for hit in self.hits], "unreadable": self.unreadable}

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"  scanned: {len(self.hits)} superblock{'s' * (len(self.hits) != 1)} found"
        for hit in self.hits:
            yield from _lines(hit, self.path)
        if self.unreadable:
            yield f"  {format_size(self.unreadable)} could not be read, and may hold more"


def scan(peek: Peek) -> Result:
    """Look at all of it; how far that has come is shown on a terminal."""
    if not sys.stderr.isatty():
        return _scan(peek, None)
    with click.progressbar(length=peek.size, file=sys.stderr, label=peek.path) as bar:
        return _scan(peek, bar)


def _scan(peek: Peek, bar: Any) -> Result:
    def progress(position: int) -> None:
        if bar is not None:
            bar.update(position - bar.pos)

    scanning = Scan(peek.read, peek.data_ranges(), peek.size, peek.path, progress)
    hits = list(scanning)
    return Result(peek.path, hits, scanning.unreadable)


def _lines(hit: Hit, path: str) -> Iterator[str]:
    found = hit.found
    place = "where it belongs" if hit.regular else "where examine does not look for one"
    yield f"  ● byte {found.offset}, {place}: version {found.version}, {_soundness(hit)}"
    if (sb := found.reading) is None:
        return
    role = ROLES.get(sb.role, f"role {sb.role}")
    name = printable(sb.set_name) or "no name"
    yield f"      {name}, {format_uuid(sb.set_uuid)}, {level_name(sb.level)}, {role}, events {sb.events}"
    if hit.start is not None and not hit.regular:
        yield f"      its member begins at byte {hit.start}" + " of what would be in front of this" * (
            hit.start < 0
        )
    if hit.data:
        first, length = hit.data
        gone = f"; {format_size(hit.missing)} of it are not on this device" if hit.missing else ""
        yield f"      its data begins at byte {first}, {format_size(length)}{gone}"
    for what, command in _commands(hit, path):
        yield f"      {what}: {command}"


def _soundness(hit: Hit) -> str:
    flaws = hit.found.flaws
    if not flaws:
        return "in order, its checksum is right"
    if hit.found.only_checksum:
        return "its checksum is wrong, everything else makes sense"
    return f"damaged: {flaws[0]}"


def _commands(hit: Hit, path: str) -> Iterator[tuple[str, str]]:
    """What each command is for, and the command. They need root, and a file or device that stays as it is."""
    if hit.member and not hit.regular:
        yield "as a member", _losetup(path, *hit.member)
    sb = hit.found.reading
    if hit.data and sb and sb.level == 1:
        first, length = hit.data
        yield "its data alone", _losetup(path, first, length - hit.missing)


def _losetup(path: str, offset: int, length: int) -> str:
    options = ["--read-only", "--find", "--show", "--offset", str(offset), "--sizelimit", str(length)]
    return shlex.join(["losetup", *options, path])


def _dict(hit: Hit, path: str) -> dict[str, Any]:
    found, sb = hit.found, hit.found.reading
    return {
        "version": found.version,
        "offset": found.offset,
        "regular": hit.regular,
        "sound": not found.flaws,
        "checksum": not any(flaw.field == "sb_csum" for flaw in found.flaws),
        "problem": found.problem,
        **(_identity(sb) if sb else {}),
        "member_offset": hit.start,
        "data_offset": hit.data[0] if hit.data else None,
        "data_size": hit.data[1] if hit.data else None,
        "data_missing": hit.missing,
        "commands": [command for _, command in _commands(hit, path)],
    }


def _identity(sb: Superblock) -> dict[str, Any]:
    return {
        "name": printable(sb.set_name),
        "uuid": format_uuid(sb.set_uuid),
        "level_name": level_name(sb.level),
        "role": ROLES.get(sb.role, sb.role),
        "events": sb.events,
    }
