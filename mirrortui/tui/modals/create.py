"""Create a mirror."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, OptionList, Static

from mirrortui.api.interface import EngineApi
from mirrortui.api.schema import DeviceInfo
from mirrortui.tui.modals.devices import DevicesListed, device_rows, list_devices
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.proposals import Create
from mirrortui.tui.widgets.entry import Entry
from mirrortui.tui.widgets.path_entry import PathEntry, working_folder
from mirrortui.tui.widgets.row_list import RowList
from mirrortui.tui.widgets.tick import Tick


class CreateDialog(PlanDialog):
    """A name, and at least two of: devices, image files."""

    PROMPT = (
        "Type a name, and choose two members or more: mark them with space, or type their paths, separated by "
        "blanks. An image file is made with: truncate -s 64G FILE"
    )

    def __init__(self, client: EngineApi) -> None:
        super().__init__(client, "Create a mirror")
        self._folder = working_folder()
        self._devices: list[DeviceInfo] = []
        self._marked: list[str] = []

    def compose_choice(self) -> ComposeResult:
        with Horizontal(classes="field"):
            yield Static("name", classes="label")
            yield Entry(id="name", placeholder="vault")
        yield RowList(id="choice")
        with Horizontal(classes="field"):
            yield Static("or paths", classes="label")
            yield PathEntry(id="paths", placeholder="/srv/a.img /srv/b.img", start=self._folder)
        with Horizontal(classes="field"):
            yield Tick("overwrite what they hold (--force)", id="force")
            yield Tick("equal already (--assume-clean)", id="clean")

    def on_mount(self) -> None:
        self.query_one("#choice").display = False
        self.query_one("#name").focus()
        self.run_worker(self._list_devices, thread=True, group="devices")

    def _list_devices(self) -> None:
        self.post_message(list_devices(self._client, self._folder))

    def on_devices_listed(self, event: DevicesListed) -> None:
        self.query_one(PathEntry).taken = event.taken
        self._devices = sorted(event.devices, key=lambda device: device.why_not is not None)
        self.query_one("#choice").display = bool(self._devices)
        self._show_devices()

    def _show_devices(self) -> None:
        self.query_one(RowList).show(device_rows(self._devices, marked=self._marked))

    def proposal(self) -> Create | None:
        name = self.query_one("#name", Entry).value.strip()
        members = (*self._marked, *self.query_one(PathEntry).paths)
        if not name or len(members) < 2:
            return None
        force = self.query_one("#force", Tick).value
        return Create(name, members, force, self.query_one("#clean", Tick).value)

    @on(OptionList.OptionSelected, "#choice")
    def _mark(self, event: OptionList.OptionSelected) -> None:
        event.prevent_default()
        path = event.option_id or ""
        if path in self._marked:
            self._marked.remove(path)
        else:
            self._marked.append(path)
        self._show_devices()
        self.propose()

    @on(Input.Submitted, "#name")
    def _name_entered(self, event: Input.Submitted) -> None:
        event.prevent_default()
        self.focus_next()

    @on(Input.Changed, "#name, #paths")
    def _typing(self) -> None:
        self.propose_soon()
