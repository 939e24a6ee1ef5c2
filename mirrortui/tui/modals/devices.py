"""What there is to make members of: block devices with why not, and image files that lie beside the members."""

from __future__ import annotations

import os
from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from stat import S_ISREG

from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Mirror
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
_LEAST_NOTE, _MOST_NOTE = 12, 28
"""Cells for what is said of a device."""
_HINDRANCE = ""
"""The style of why a device is no choice: that of a row that cannot be chosen."""


@dataclass
class DevicesListed(Message):
    """What could become a member was looked for."""

    devices: list[DeviceInfo]
    """Image files first, where there are any."""
    taken: frozenset[str]
    """Real paths of what is a member already, of whichever mirror."""
    complete: bool = True
    """There is no more to come."""


class Looking(Static):
    """Says that devices are still looked for: one that sleeps, or hangs, takes its time."""

    def __init__(self) -> None:
        super().__init__(" looking at the devices …", classes="looking")


def list_devices(client: EngineApi, place: str) -> Iterator[DevicesListed]:
    """The image files in `place` first, then also what the engine knows. Blocks on every device of the machine.

    An engine that is lost knows nothing.
    """
    mirrors: list[Mirror] = []
    devices: list[DeviceInfo] = []
    try:
        mirrors = client.mirrors()
        images, taken = _images(mirrors, place)
        yield DevicesListed(images, taken, complete=False)
        devices = client.devices()
    except MirrortuiError:
        pass  # the plan will say why
    images, taken = _images(mirrors, place)
    yield DevicesListed([*images, *devices], taken)


def _images(mirrors: Sequence[Mirror], place: str) -> tuple[list[DeviceInfo], frozenset[str]]:
    """Image files that may be chosen, and the members there are."""
    members = [member.path for mirror in mirrors for member in mirror.members if member.path]
    taken = frozenset(os.path.realpath(path) for path in members)
    suffixes = IMAGE_SUFFIXES | {Path(path).suffix for path in members if not path.startswith("/dev/")}
    return images_in(place, suffixes, taken), taken


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
    notes = [_note(device, needed, enough) for device in devices]
    widest = max(_LEAST_NOTE, min(_MOST_NOTE, max((len(note) for note, _ in notes), default=0)))
    return [
        _row(device, paths, note, widest, _mark(device, marked, spares, needed))
        for device, note in zip(devices, notes, strict=True)
    ]


def overwritable(device: DeviceInfo) -> bool:
    """Nothing but what is on it keeps it from being a member: by the operator's word that goes."""
    return (device.why_not or "").startswith("holds ")


def _wanted(device: DeviceInfo) -> int:
    """Cells for its path; of an image file's the directory is no news."""
    return len(f"…/{Path(device.path).name}") if device.model == _IMAGE else len(device.path)


def _row(device: DeviceInfo, paths: int, note: tuple[str, str], widest: int, mark: str) -> Row:
    about = " ".join(filter(None, (device.model, device.serial)))

    def draw(width: int) -> Content:
        head = row(
            " ",
            (mark, "$accent bold"),
            path_cell(device.path, paths),
            "  ",
            cell(format_size(device.size), 8, align="right"),
            "  ",
            cell(about, max(0, min(32, width - paths - widest - len(mark) - 16)), "$quiet"),
            "  ",
        )
        return row(head, cell(note[0], width - head.cell_length - 1, note[1]))

    return Row(device.path, Fitted(draw), disabled=note[1] == _HINDRANCE)


def _mark(device: DeviceInfo, marked: Container[str] | None, spares: Container[str], needed: int) -> str:
    if marked is None:
        return ""
    if device.path in spares:
        return f"{SPARE} "
    if device.path in marked:
        return f"{CHOSEN} "
    return "  " if _note(device, needed, None)[1] == _HINDRANCE else f"{FREE} "


def _note(device: DeviceInfo, needed: int, enough: int | None) -> tuple[str, str]:
    """What can be said before the engine looks, and how it looks: the plan says the rest."""
    if device.why_not and not overwritable(device):
        return device.why_not, _HINDRANCE
    if device.size < needed:
        return f"{format_size(needed - device.size)} too small", _HINDRANCE
    if device.why_not or device.holds:
        return device.why_not or f"holds {device.holds}", "$attention"
    if device.model == _IMAGE:  # what is in it only the engine knows
        return "fits" if enough is not None and device.size >= enough else "", "$good"
    return "empty", "$quiet"
