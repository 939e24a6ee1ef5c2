"""What a device can be used for: create, add, adopt. Where there is one use only, that one's dialog opens at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Mirror
from mirrortui.tui.actions import refusals
from mirrortui.tui.drawing import Fitted, cell, row
from mirrortui.tui.modals.add import AddDialog
from mirrortui.tui.modals.adopt import AdoptDialog
from mirrortui.tui.modals.create import CreateDialog
from mirrortui.tui.modals.devices import overwritable
from mirrortui.tui.mouse import Dialog, subtitle
from mirrortui.tui.widgets.row_list import ChoiceList, Row
from mirrortui.tui.words import in_sync
from mirrortui.units import format_size

_LABEL = 24


@dataclass(frozen=True, slots=True)
class Use:
    """Something that can be done with a device."""

    key: str
    label: str
    about: str
    dialog: Callable[[], Screen[Any]]


def uses(client: EngineApi, device: DeviceInfo, mirrors: Sequence[Mirror]) -> list[Use]:
    """What can be done with a device, most urgent first; empty where nothing can."""
    if device.why_not is None:
        wanting = [mirror for mirror in mirrors if _wants(mirror, device)]
        return [*(_add(client, device, mirror) for mirror in wanting), _create(client, device, mirrors)]
    if not overwritable(device):
        return []
    create = _create(client, device, mirrors, "of it, and what it holds is overwritten")
    return [create] if "MD " in device.holds else [_adopt(client, device), create]


def dialog_for_device(client: EngineApi, device: DeviceInfo, mirrors: Sequence[Mirror]) -> Screen[Any] | None:
    """The dialog of the only use, or the choice among several; None where there is none."""
    match uses(client, device, mirrors):
        case []:
            return None
        case [use]:
            return use.dialog()
        case several:
            return DeviceMenu(device, several)


def _wants(mirror: Mirror, device: DeviceInfo) -> bool:
    return (
        mirror.state == "degraded" and refusals.short_of_members(mirror) and device.size >= mirror.size
    ) and mirror.driver == "mirrortui"


def _add(client: EngineApi, device: DeviceInfo, mirror: Mirror) -> Use:
    about = f"degraded, {in_sync(mirror)} of {mirror.raid_disks} in sync"
    return Use(
        f"add {mirror.name}",
        f"add it to {mirror.name}",
        about,
        lambda: AddDialog(client, mirror, chosen=device.path),
    )


def _adopt(client: EngineApi, device: DeviceInfo) -> Use:
    about = f"a mirror of it; {device.holds} on it stays where it is"
    return Use("adopt", "adopt it", about, lambda: AdoptDialog(client, device.path))


def _create(
    client: EngineApi,
    device: DeviceInfo,
    mirrors: Sequence[Mirror],
    about: str = "of it, and of others that you choose",
) -> Use:
    names = [mirror.name for mirror in mirrors]
    return Use("create", "create a mirror", about, lambda: CreateDialog(client, device.path, names))


class DeviceMenu(Dialog[None]):
    """Choose one of the uses."""

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", priority=True, show=False)]

    def __init__(self, device: DeviceInfo, found: Sequence[Use]) -> None:
        super().__init__()
        self._device = device
        self._uses = {use.key: use for use in found}

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog", classes="menu") as dialog:
            about = " ".join(filter(None, (format_size(self._device.size), self._device.model)))
            dialog.border_title = f"{self._device.path}, {about}".replace("[", r"\[")
            yield ChoiceList(id="uses")
            dialog.border_subtitle = f"enter goes on; {subtitle(('esc leaves', 'leave'))}"

    def on_mount(self) -> None:
        listed = self.query_one(ChoiceList)
        listed.show([_row(use) for use in self._uses.values()])
        listed.action_first()
        listed.focus()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.app.switch_screen(self._uses[event.option_id or ""].dialog())

    def action_leave(self) -> None:
        self.dismiss()


def _row(use: Use) -> Row:
    def draw(width: int) -> Content:
        label = max(_LABEL, len(use.label) + 2)
        return row("  ", cell(use.label, label), cell(use.about, max(0, width - label - 3), "$quiet"))

    return Row(use.key, Fitted(draw))
