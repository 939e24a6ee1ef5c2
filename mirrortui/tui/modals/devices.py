"""What there is to make members of: block devices with why not, and image files that lie beside the members."""

from __future__ import annotations

import os
from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from stat import S_ISREG

from textual.content import Content
from textual.message import Message

from mirrortui.api.interface import EngineApi
from mirrortui.api.schema import DeviceInfo, Mirror
from mirrortui.errors import MirrortuiError
from mirrortui.tui.drawing import Fitted, cell, path_cell, row
from mirrortui.tui.widgets.path_entry import IMAGE_SUFFIXES, LISTED
from mirrortui.tui.widgets.row_list import Row
from mirrortui.tui.widgets.tick import CHOSEN, FREE, SPARE
from mirrortui.units import format_size

_IMAGES = 12
"""Image files that are offered; others are typed."""
_IMAGE = "image file"
_SHORTEST, _LONGEST = 16, 30
"""Cells for a path."""


@dataclass
class DevicesListed(Message):
    """What could become a member was looked for."""

    devices: list[DeviceInfo]
    """Image files first, where there are any."""
    taken: frozenset[str]
    """Real paths of what is a member already, of whichever mirror."""


def list_devices(client: EngineApi, place: str) -> DevicesListed:
    """What the engine knows, and the image files in `place`. Blocks; an engine that is lost knows nothing."""
    mirrors: list[Mirror] = []
    devices: list[DeviceInfo] = []
    try:
        mirrors = client.mirrors()
        devices = client.devices()
    except MirrortuiError:
        pass  # the plan will say why
    members = [member.path for mirror in mirrors for member in mirror.members if member.path]
    taken = frozenset(os.path.realpath(path) for path in members)
    suffixes = IMAGE_SUFFIXES | {Path(path).suffix for path in members if not path.startswith("/dev/")}
    return DevicesListed([*images_in(place, suffixes, taken), *devices], taken)


def images_in(place: str, suffixes: Collection[str], taken: Container[str]) -> list[DeviceInfo]:
    """Files with one of the suffixes that are no members; a dozen at most, none where there is no such place."""
    if not place:
        return []
    found = []
    try:
        for entry in sorted(islice(Path(place).iterdir(), LISTED)):
            known = os.path.realpath(entry) in taken
            if entry.suffix in suffixes and not entry.name.startswith(".") and not known:
                stat = entry.stat()
                if S_ISREG(stat.st_mode) and stat.st_size:
                    found.append(DeviceInfo(path=str(entry), size=stat.st_size, model=_IMAGE))
    except OSError:
        pass  # what was found before counts
    return found[:_IMAGES]


def device_rows(
    devices: Sequence[DeviceInfo],
    *,
    needed: int = 0,
    enough: int | None = None,
    marked: Container[str] | None = None,
    spares: Container[str] = (),
) -> list[Row]:
    """Choices, one below the other.

    Less than `needed` bytes are too few, and `enough` surely do; `marked`: those chosen, if several may be;
    `spares`: those chosen as such.
    """
    longest = max((_wanted(device) for device in devices), default=0)
    paths = max(_SHORTEST, min(_LONGEST, longest))
    return [_row(device, paths, needed, enough, _mark(device, marked, spares, needed)) for device in devices]


def _wanted(device: DeviceInfo) -> int:
    """Cells for its path; of an image file's the directory is no news."""
    return len(f"…/{Path(device.path).name}") if device.model == _IMAGE else len(device.path)


def _row(device: DeviceInfo, paths: int, needed: int, enough: int | None, mark: str) -> Row:
    why_not = device.why_not
    if why_not is None and device.size < needed:
        why_not = f"{format_size(needed - device.size)} too small"
    note, tone = (why_not, "") if why_not else _note(device, enough)

    def draw(width: int) -> Content:
        head = row(
            " ",
            (mark, "$accent bold"),
            path_cell(device.path, paths),
            "  ",
            cell(format_size(device.size), 8, align="right"),
            "  ",
            cell(
                " ".join(filter(None, (device.model, device.serial))),
                max(0, min(32, width - paths - 38)),
                "$quiet",
            ),
            "  ",
        )
        return row(head, cell(note, width - head.cell_length - 1, tone))

    return Row(device.path, Fitted(draw), disabled=why_not is not None)


def _mark(device: DeviceInfo, marked: Container[str] | None, spares: Container[str], needed: int) -> str:
    if marked is None:
        return ""
    if device.path in spares:
        return f"{SPARE} "
    if device.path in marked:
        return f"{CHOSEN} "
    return "  " if device.why_not or device.size < needed else f"{FREE} "


def _note(device: DeviceInfo, enough: int | None) -> tuple[str, str]:
    """What can be said before the engine looks: the plan says the rest."""
    fits = "fits" if enough is not None and device.size >= enough else ""
    if device.holds:
        return f"holds {device.holds}", "$attention"
    if device.model == _IMAGE:
        return fits, "$good"  # what is in it only the engine knows
    return "empty", "$quiet"
