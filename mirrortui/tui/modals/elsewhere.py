"""Dialogs about what is no running mirror: all that can be started, and devices that were members."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.interface import EngineApi
from mirrortui.tui.errands import AssembleAll, ZeroSuperblock
from mirrortui.tui.modals.devices import DevicesListed, Looking, device_rows, list_devices
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.widgets.path_entry import PathEntry, working_folder
from mirrortui.tui.widgets.row_list import ChoiceList, PlanList


class ScanDialog(PlanDialog):
    """Start every mirror that is remembered or found on block devices."""

    def __init__(self, client: EngineApi) -> None:
        super().__init__(client, "Assemble every mirror that is found")
        self.decided = True

    def proposal(self) -> AssembleAll:
        return AssembleAll()


class ZeroDialog(PlanDialog):
    """Choose a device that is in no running mirror, or type a path."""

    PROMPT = (
        "Choose a device, or type the path of one. What makes it a member is erased, so that neither this nor mdadm "
        "nor the kernel takes it for one. Its data is not touched."
    )

    def __init__(self, client: EngineApi) -> None:
        super().__init__(client, "Erase the superblock of a former member")
        self._folder = working_folder()

    def compose_choice(self) -> ComposeResult:
        yield PlanList(id="choice")
        yield Looking()
        with Horizontal(classes="field"):
            yield Static("or a path", classes="label")
            yield PathEntry(id="path", placeholder="/path/to/image", start=self._folder)

    def on_mount(self) -> None:
        self.query_one("#choice").display = False
        self.query_one("#path").focus()
        self.run_worker(self._list_devices, thread=True, group="devices")

    def _list_devices(self) -> None:
        for listed in list_devices(self._client, self._folder):
            self.post_message(listed)

    def on_devices_listed(self, event: DevicesListed) -> None:
        self.query_one(Looking).display = not event.complete
        self.query_one(PathEntry).taken = event.taken
        choice = self.query_one(ChoiceList)
        choice.show(device_rows([device for device in event.devices if _may_be(device)]))
        choice.highlighted = None
        choice.display = bool(choice.options)

    def proposal(self) -> ZeroSuperblock | None:
        typed = self.query_one(PathEntry).paths
        path = typed[0] if typed else self.query_one(ChoiceList).chosen
        return ZeroSuperblock(path) if path else None

    @on(Input.Changed, "#path")
    def _typing(self) -> None:
        self.propose_soon()


def _may_be(device: DeviceInfo) -> bool:
    """It may bear a superblock: what is in other use does not."""
    known = device.why_not or device.holds
    return not known or "member" in known or "raid" in known.lower()
