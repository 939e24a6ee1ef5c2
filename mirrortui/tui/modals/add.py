"""Dialogs that give a mirror a new member: instead of one that is out, as a spare, or to replace one that serves."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

from mirrortui.api.interface import EngineApi
from mirrortui.api.schema import DeviceInfo, Member, Mirror
from mirrortui.tui.modals.devices import DevicesListed, device_rows, list_devices
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.proposals import ChangeMember, Proposal, Replace
from mirrortui.tui.widgets.path_entry import PathEntry, folder_of
from mirrortui.tui.widgets.row_list import RowList
from mirrortui.tui.widgets.tick import Tick


class AddDialog(PlanDialog):
    """Choose a device or an image file, or type a path. A path that was typed counts."""

    PROMPT = "Choose a device or an image file, or type the path of one."

    def __init__(self, client: EngineApi, mirror: Mirror, title: str = "Add a member to {}") -> None:
        super().__init__(client, title.format(mirror.name))
        self._mirror = mirror
        self._folder = folder_of(member.path for member in mirror.members)

    def compose_choice(self) -> ComposeResult:
        yield RowList(id="choice")
        with Horizontal(classes="field"):
            yield Static("or a path", classes="label")
            yield PathEntry(id="path", placeholder="/path/to/image", start=self._folder)
        with Horizontal(classes="field"):
            yield Tick("overwrite what it holds (--force)", id="force")

    def on_mount(self) -> None:
        self.query_one("#path").focus()
        self.run_worker(self._list_devices, thread=True, group="devices")

    def _list_devices(self) -> None:
        self.post_message(list_devices(self._client, self._folder))

    def on_devices_listed(self, event: DevicesListed) -> None:
        self.query_one(PathEntry).taken = event.taken
        present = {member.path for member in self._mirror.members}
        devices = [device for device in event.devices if device.path not in present]
        devices = [*self.spares(), *devices]
        choice = self.query_one(RowList)
        sizes = [member.size for member in self._mirror.members if member.size]
        choice.show(device_rows(devices, needed=self._mirror.size, enough=min(sizes, default=None)))
        choice.display = bool(devices)
        if any(not option.disabled for option in choice.options) and not self._typed():
            choice.action_first()
            choice.focus()

    def spares(self) -> list[DeviceInfo]:
        """Members of the mirror that may be chosen, too."""
        return []

    def proposal(self) -> Proposal | None:
        path = self._typed() or self.query_one(RowList).chosen
        return self.proposed(path, self.query_one("#force", Tick).value) if path else None

    def proposed(self, path: str, force: bool) -> Proposal:
        """What to do with the one that was chosen."""
        return ChangeMember(self._mirror.name, "add", path, force)

    def _typed(self) -> str | None:
        paths = self.query_one(PathEntry).paths
        return paths[0] if paths else None

    @on(Input.Changed, "#path")
    def _path_changed(self) -> None:
        self.propose_soon()


class ReplaceDialog(AddDialog):
    """The same, for the place of a member that serves until the new one is filled."""

    def __init__(self, client: EngineApi, mirror: Mirror, member: Member) -> None:
        super().__init__(client, mirror, f"Replace {member.path} in {{}}")
        self._member = member

    def spares(self) -> list[DeviceInfo]:
        spares = (member for member in self._mirror.members if member.state == "spare")
        return [DeviceInfo(path=member.path, size=member.size, model="spare") for member in spares]

    def proposed(self, path: str, force: bool) -> Proposal:
        return Replace(self._mirror.name, self._member.path, path, force)
