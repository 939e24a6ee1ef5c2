"""Block devices, partitions below their disks, and what each is good for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from textual.content import Content

from mirrortui.api.schema import DeviceInfo, Mirror
from mirrortui.tui import keymap
from mirrortui.tui.drawing import Fitted, cell, lines, path_cell, printable, row
from mirrortui.tui.widgets.row_list import Row, RowList
from mirrortui.units import format_size

CAN, CANNOT, IS = "✔", "-", "●"
"""It can be a member; it cannot; it is one."""
IMAGE = "image file"


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
        DeviceInfo(path=member.path, size=member.size, model=IMAGE, why_not=f"member of {mirror.name}")
        for mirror in mirrors
        for member in mirror.members
        if member.path and not member.path.startswith("/dev/")
    ]


class DeviceTree(RowList):
    """One row a device."""

    def draw(self, branches: Sequence[Branch]) -> None:
        """Show these."""
        longest = max((len(branch.limb + branch.device.path) for branch in branches), default=0)
        self.show([Row(b.device.path, Fitted(partial(_draw, b, longest))) for b in branches])


def verdict(device: DeviceInfo) -> tuple[str, str, str]:
    """Whether it can be a member: a glyph, a tone, and words."""
    if device.why_not is None:
        return CAN, "good", f"can be a member; on it: {device.holds}" if device.holds else "can be a member"
    if device.why_not.startswith("member of "):
        return IS, "working", f"is a {device.why_not}"
    return CANNOT, "quiet", f"no: {device.why_not}"


def _draw(branch: Branch, longest: int, width: int) -> Content:
    device = branch.device
    glyph, tone, words = verdict(device)
    paths = min(longest, 20 if width < 100 else 40)
    head = row(
        " ",
        (branch.limb, "$line"),
        path_cell(device.path, paths - len(branch.limb), "bold" if tone == "good" else ""),
        "  ",
        cell(format_size(device.size), 8, "$quiet", "right"),
        "  ",
        cell(device.model or device.transport or "-", 16 if width < 100 else 26, "$quiet"),
        "  ",
    )
    if width >= 100:
        head = row(
            head,
            cell(device.serial or "-", 16, "$quiet"),
            "  ",
            cell(device.transport or "-", 8, "$quiet"),
            "  ",
        )
    said = words if tone != "quiet" else words.removeprefix("no: ")
    room = width - head.cell_length - 3
    return row(head, (glyph, f"${tone}"), " ", cell(said, max(0, room), "" if tone == "good" else "$quiet"))


def explanation(device: DeviceInfo, width: int) -> Content:
    """All that is known of one, in two lines."""
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
            create, add = keymap.key("create", "c"), keymap.key("add", "a")
            what = f"It can be a member as it is: {create} creates a mirror, {add} adds it to one."
        case "working":
            what = f"It {words}."
        case _:
            what = f"It cannot be a member: {printable(device.why_not or '')}."
    return lines(
        [
            row(" ", cell(" · ".join(part for part in known if part), width - 2, "$quiet")),
            row(" ", (glyph, f"${tone}"), " ", cell(what, width - 4)),
        ]
    )
