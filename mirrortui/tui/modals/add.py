"""Dialogs that give a mirror a new member: instead of one that is out, as a spare, or to replace one that serves."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, OptionList, Static

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Member, Mirror
from mirrortui.tui.actions import refusals
from mirrortui.tui.drawing import row
from mirrortui.tui.modals.devices import DevicesListed, Looking, device_rows, list_devices
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.modals.members import member_row
from mirrortui.tui.proposals import Proposal, Replace, TakeIn
from mirrortui.tui.widgets.confirm import Confirm
from mirrortui.tui.widgets.member_table import member_key
from mirrortui.tui.widgets.path_entry import PathEntry, folder_of
from mirrortui.tui.widgets.row_list import ChoiceList, PlanList
from mirrortui.tui.widgets.tick import Tick


class AddDialog(PlanDialog):
    """Choose a device or an image file, or type a path. A path that was typed counts."""

    PROMPT = "Choose a device or an image file, or type the path of one."

    def __init__(
        self,
        client: EngineApi,
        mirror: Mirror,
        title: str = "Add a member to {}",
        chosen: str | None = None,
    ) -> None:
        """`chosen`: a device that has the cursor first."""
        super().__init__(client, title.format(mirror.name))
        self._preferred = chosen
        self._listed = False
        self._mirror = mirror
        self._folder = folder_of(member.path for member in mirror.members)

    def compose_choice(self) -> ComposeResult:
        with Vertical(id="new"):
            yield PlanList(id="choice")
            yield Looking()
            with Horizontal(classes="field"):
                yield Static("or a path", classes="label")
                yield PathEntry(id="path", placeholder="/path/to/image", start=self._folder)
            with Horizontal(classes="field"):
                yield Tick("overwrite what it holds (--force)", id="force")

    def on_mount(self) -> None:
        self.focus_choice()
        self.run_worker(self._list_devices, thread=True, group="devices")

    def _list_devices(self) -> None:
        for listed in list_devices(self._client, self._folder):
            self.post_message(listed)

    def on_devices_listed(self, event: DevicesListed) -> None:
        self.query_one(Looking).display = not event.complete
        self.query_one(PathEntry).taken = event.taken
        present = {member.path for member in self._mirror.members}
        devices = [device for device in event.devices if device.path not in present]
        devices = [*self.spares(), *devices]
        choice = self.query_one("#choice", ChoiceList)
        sizes = [member.size for member in self._mirror.members if member.size]
        choice.show(device_rows(devices, needed=self._mirror.size, enough=min(sizes, default=None)))
        choice.display = bool(devices)
        if not self._listed:
            self.focus_choice()
        self._listed = self._listed or bool(devices)

    def focus_choice(self) -> None:
        """Put the cursor on the first that can be chosen, unless a path was typed."""
        choice = self.query_one("#choice", ChoiceList)
        if any(not option.disabled for option in choice.options) and not self._typed():
            if self._preferred in [option.id for option in choice.options]:
                choice.put_cursor(self._preferred)
                self._preferred = None
            elif choice.chosen is None:
                choice.action_first()
            choice.focus()
        else:
            self.query_one("#path").focus()

    def spares(self) -> list[DeviceInfo]:
        """Members of the mirror that may be chosen, too."""
        return []

    def proposal(self) -> Proposal | None:
        path = self._typed() or self.query_one("#choice", ChoiceList).chosen
        return self.proposed(path, self.query_one("#force", Tick).value) if path else None

    def proposed(self, path: str, force: bool) -> Proposal:
        """What to do with the one that was chosen."""
        return TakeIn(self._mirror.name, path, force)

    def _typed(self) -> str | None:
        paths = self.query_one(PathEntry).paths
        return paths[0] if paths else None

    @on(Input.Changed, "#path")
    def _path_changed(self) -> None:
        self.propose_soon()


class ReplaceDialog(AddDialog):
    """The same, for the place of a member that serves until the new one is filled. Which, is asked first."""

    PROMPT = "Choose what takes its place: a spare, a device or an image file; or type the path of one."

    def __init__(self, client: EngineApi, mirror: Mirror, member: Member | None) -> None:
        """`member`: the one to replace; where none is given, or it does not serve, it is chosen first."""
        self._member = member if member and not refusals.not_in_sync(member) else None
        super().__init__(client, mirror, _replacing(self._member))
        self._asked = self._member is None

    def compose_choice(self) -> ComposeResult:
        yield Static(
            row(" Which member is to go? It serves until its place is filled. Enter goes on."), id="which"
        )
        yield ChoiceList(id="old")
        yield from super().compose_choice()

    def on_mount(self) -> None:
        rows = [member_row(member, refusals.not_in_sync(member)) for member in self._mirror.members]
        self.query_one("#old", ChoiceList).show(rows)
        self._turn(self._member)

    def _turn(self, member: Member | None) -> None:
        """Ask for the member, or for what replaces it."""
        self._member = member
        self.query_one("#dialog").border_title = _replacing(member).format(self._mirror.name)
        for widget in self.query("#which, #old, #new, #plan"):
            widget.display = (widget.id in ("which", "old")) == (member is None)
        self.query_one(Confirm).way_out = "esc goes back" if self._asked and member else "esc leaves"
        if member is None:
            old = self.query_one("#old", ChoiceList)
            old.action_first()
            old.focus()
        else:
            self.call_after_refresh(self.focus_choice)
        self.propose()

    def focus_choice(self) -> None:
        if self._member:
            super().focus_choice()

    @on(OptionList.OptionSelected, "#old")
    def _chosen_old(self, event: OptionList.OptionSelected) -> None:
        event.prevent_default()
        self._turn(next(member for member in self._mirror.members if member_key(member) == event.option_id))

    def action_leave(self) -> None:
        """Escape: back to which member, if that was asked."""
        if self._asked and self._member and not self._acting:
            self._turn(None)
        else:
            super().action_leave()

    def spares(self) -> list[DeviceInfo]:
        spares = (member for member in self._mirror.members if member.state == "spare")
        return [DeviceInfo(path=member.path, size=member.size, model="spare") for member in spares]

    def proposal(self) -> Proposal | None:
        return super().proposal() if self._member else None

    def proposed(self, path: str, force: bool) -> Proposal:
        assert self._member
        return Replace(self._mirror.name, self._member.path, path, force)


def _replacing(member: Member | None) -> str:
    return f"Replace {member.path} in {{}}" if member else "Replace a member of {}"
