"""Block devices, partitions below their disks, and what each is good for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from textual.content import Content

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.mirrors import Mirror
from mirrortui.tui import drives
from mirrortui.tui.drawing import Fitted, cell, lines, path_cell, printable, row
from mirrortui.tui.widgets.row_list import Row, RowList
from mirrortui.units import format_size

CAN, CANNOT, IS = "✔", "-", "●"
"""It can be a member; it cannot; it is one."""
IMAGE = "image file"
_WIDE = 100
"""Cells from which on all is shown."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A device and its place in the tree."""

    device: DeviceInfo
    limb: str = ""
    """What leads to it from its parent."""


def tree(devices: Sequence[DeviceInfo]) -> list[Branch]:
    """Each device after its parent; those whose parent is not there stand for themselves."""
    known = {device.path for device in devices}
    below: dict[str, list[DeviceInfo]] = {}
    for device in sorted(devices, key=lambda device: _natural(device.path)):
        beneath = device.parent in known and device.parent != device.path
        below.setdefault(device.parent if beneath else "", []).append(device)
    return _grow(below, "", "")


def _grow(below: dict[str, list[DeviceInfo]], parent: str, trunk: str) -> list[Branch]:
    grown = []
    children = below.pop(parent, [])
    for number, device in enumerate(children, 1):
        last = number == len(children)
        limb = f"{trunk}{'└ ' if last else '├ '}" if parent else ""
        grown.append(Branch(device, limb))
        grown += _grow(below, device.path, f"{trunk}{'  ' if last else '│ '}" if parent else " ")
    return grown


def _natural(path: str) -> list[tuple[bool, int, str]]:
    """sda2 comes before sda10."""
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", path)]


def images(mirrors: Sequence[Mirror]) -> list[DeviceInfo]:
    """Members that are no devices, as if they were."""
    return [
        DeviceInfo(
            path=member.path,
            size=member.size,
            model=IMAGE,
            why_not=f"member of {mirror.name}",
            drives=member.drives,
        )
        for mirror in mirrors
        for member in mirror.members
        if member.path and not member.path.startswith("/dev/")
    ]


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide what is known must be for all to fit."""

    path: int
    model: int
    serial: int
    transport: int
    holds: int

    def at(self, width: int) -> Columns:
        """What a terminal has room for: the verdict matters more than the rest."""
        if width >= _WIDE:
            return self
        return replace(
            self, path=min(self.path, 20), model=min(self.model, 16), serial=0, transport=0, holds=0
        )


def columns(branches: Sequence[Branch]) -> Columns:
    """The widths for these."""

    def longest(title: str, most: int, texts: Iterable[str]) -> int:
        return min(most, max(len(title), *(len(text) for text in texts), 0))

    devices = [branch.device for branch in branches]
    return Columns(
        longest("device", 40, [branch.limb + branch.device.path for branch in branches]),
        longest("model", 26, [device.model or device.transport for device in devices]),
        longest("serial", 20, [device.serial for device in devices]),
        longest("bus", 13, [device.transport for device in devices]),
        longest("on it", 26, [device.holds for device in devices]),
    )


def header(shape: Columns, width: int) -> Content:
    """Above the rows."""
    wide = shape.at(width)
    titles = [
        cell("device", wide.path),
        cell("size", 8, align="right"),
        *_cells(
            ("model", wide.model), ("serial", wide.serial), ("bus", wide.transport), ("on it", wide.holds)
        ),
        Content("a member?"),
    ]
    return row(" ", Content("  ").join(titles)).truncate(width).stylize("$quiet")


def _cells(*texts: tuple[str, int]) -> list[Content]:
    """Those that have room."""
    return [cell(text or "-", width, "$quiet") for text, width in texts if width]


class DeviceTree(RowList):
    """One row a device."""

    def draw(self, branches: Sequence[Branch]) -> None:
        """Show these."""
        shape = columns(branches)
        self.show([Row(b.device.path, Fitted(partial(_draw, b, shape))) for b in branches])


def verdict(device: DeviceInfo) -> tuple[str, str, str]:
    """Whether it can be a member: a glyph, a tone, and words."""
    if device.why_not is None:
        return CAN, "good", "can be one"
    if device.why_not.startswith("member of "):
        return IS, "working", device.why_not
    return CANNOT, "quiet", device.why_not


def _draw(branch: Branch, shape: Columns, width: int) -> Content:
    device, wide = branch.device, shape.at(width)
    glyph, tone, words = verdict(device)
    holds = device.holds if tone != "working" else ""
    parts = [
        row((branch.limb, "$line"), path_cell(device.path, wide.path - len(branch.limb), _weight(tone))),
        cell(format_size(device.size), 8, "$quiet", "right"),
        *_cells(
            (device.model or device.transport, wide.model),
            (device.serial, wide.serial),
            (device.transport, wide.transport),
            (holds, wide.holds),
        ),
    ]
    head = row(" ", Content("  ").join(parts), "  ", (glyph, f"${tone}"), " ")
    return row(head, cell(words, max(0, width - head.cell_length), "" if tone == "good" else "$quiet"))


def _weight(tone: str) -> str:
    return "bold" if tone == "good" else ""


def explanation(device: DeviceInfo, now: float, width: int) -> Content:
    """All that is known of one, in three lines."""
    known = [
        device.path,
        format_size(device.size),
        device.model,
        f"serial {device.serial}" if device.serial else "",
        device.transport,
        f"sectors of {device.sector} bytes" if device.model != IMAGE else "",
        f"on it: {device.holds}" if device.holds else "",
    ]
    glyph, tone, words = verdict(device)
    match tone:
        case "good":
            what = "It can be a member as it is: enter makes a mirror of it, or adds it."
        case "working":
            what = f"It is a {words}."
        case _ if (device.why_not or "").startswith("holds "):
            what = f"It {printable(device.why_not or '')}: enter keeps that and mirrors it, or overwrites it."
        case _:
            what = f"It cannot be a member: {printable(device.why_not or '')}."
    return lines(
        [
            row(" ", cell(" · ".join(part for part in known if part), width - 2, "$quiet")),
            row(" ", (glyph, f"${tone}"), " ", cell(what, width - 4)),
            row("   ", _of_drives(device, now)).truncate(width, ellipsis=True),
        ]
    )


def _of_drives(device: DeviceInfo, now: float) -> Content:
    own = device.path.startswith("/dev/") and not device.parent
    said = drives.told(device.drives, now, named=own)
    parts = [Content(printable(words)).stylize(f"${tone}") for words, tone in said]
    return Content(" · ").stylize("$quiet").join(parts)
