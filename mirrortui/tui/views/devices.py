"""Every block device of this machine, and why it can or cannot be a member."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from msgspec.structs import replace
from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import OptionList

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.mirrors import Mirror
from mirrortui.tui.drawing import cell
from mirrortui.tui.inventory import Inventory
from mirrortui.tui.store import Picture
from mirrortui.tui.views.view import View, quiet
from mirrortui.tui.widgets.device_tree import DeviceTree, columns, explanation, header, images, tree
from mirrortui.tui.widgets.drawn import Drawn
from mirrortui.tui.widgets.lines import Lines
from mirrortui.tui.widgets.row_list import RowList
from mirrortui.tui.words import counted


class _Explained(Drawn):
    """The device under the cursor."""

    shown: reactive[tuple[DeviceInfo, float] | None] = reactive(None, repaint=False)
    """The device, and the time now."""

    def watch_shown(self) -> None:
        self.look_again()

    def _draw(self, width: int) -> Content:
        return explanation(*self.shown, width) if self.shown else cell("", width)


class DevicesView(View):
    """Looks again when something was plugged in, mounted or taken into a mirror."""

    FIRST: ClassVar[str] = "#device-list"
    _listed: tuple[DeviceInfo, ...] = ()

    def __init__(self, inventory: Inventory, *, id: str) -> None:  # noqa: A002 (Textual's word)
        super().__init__(id=id)
        self._inventory = inventory
        self._picture: Picture | None = None

    def compose(self) -> ComposeResult:
        yield Lines(id="device-header")
        yield DeviceTree(id="device-list")
        yield _Explained()

    def show(self, picture: Picture, mirror: Mirror | None) -> None:
        self._picture = picture
        self._draw()
        self.run_worker(self._look, thread=True, exclusive=True, group="inventory")

    def _look(self) -> None:
        """In a thread: the engine reads all devices."""
        if self._picture and self._inventory.look(self._picture.mirrors):
            self.app.call_from_thread(self._found)

    def _found(self) -> None:
        self._draw()
        self.post_message(self.Changed())

    def _draw(self) -> None:
        if not self._inventory.looked:
            return
        stock = self._inventory.stock
        mirrors = self._picture.mirrors if self._picture else ()
        known = {device.path for device in stock.devices}
        newer = {
            member.path: member.drives for mirror in mirrors for member in mirror.members if member.drives
        }
        found = [replace(device, drives=newer.get(device.path, device.drives)) for device in stock.devices]
        found += [image for image in images(mirrors) if image.path not in known]
        self._listed = tuple(device for device in found if self.words in _all_words(device))
        branches = tree(self._listed)
        self.query_one(DeviceTree).draw(branches)
        self.query_one("#device-header", Lines).say(partial(header, columns(branches)))
        self._explain()

    def _explain(self) -> None:
        device = self._under_cursor
        now = self._picture.now if self._picture else 0.0
        self.query_one(_Explained).shown = (device, now) if device else None

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._explain()

    @on(OptionList.OptionSelected)
    @on(RowList.MenuWanted)
    def _selected(self, event: Message) -> None:
        """A device that is a member leads to its mirror; of others, what can be done with them is asked."""
        event.stop()
        path = self.query_one(DeviceTree).key
        for mirror in self._picture.mirrors if self._picture else ():
            if any(member.path == path for member in mirror.members):
                self.post_message(self.MirrorChosen(self, mirror.name, True))
                return
        if device := self._under_cursor:
            self.post_message(self.DeviceChosen(device))

    @property
    def _under_cursor(self) -> DeviceInfo | None:
        key = self.query_one(DeviceTree).key
        return next((device for device in self._listed if device.path == key), None)

    @property
    def device(self) -> str | None:
        found = self._under_cursor
        return found.path if found and found.why_not is None else None

    @property
    def note(self) -> Content:
        if not self._inventory.looked:
            return quiet("looking at them …")
        if lost := self._inventory.stock.lost:
            return Content(lost).stylize("$attention")
        free = sum(device.why_not is None for device in self._listed)
        return quiet(f"{counted(len(self._listed), 'device')}, {free} free")


def _all_words(device: DeviceInfo) -> str:
    parts = (
        device.path,
        device.model,
        device.serial,
        device.transport,
        device.holds,
        device.why_not or "can be",
    )
    return " ".join(parts).lower()
