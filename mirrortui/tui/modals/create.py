"""Create a mirror: of what, how, and what that does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import count
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.interface import EngineApi
from mirrortui.api.vocabulary import MemberFlag
from mirrortui.tui.drawing import row
from mirrortui.tui.modals.devices import DevicesListed, Looking, device_rows, list_devices, overwritable
from mirrortui.tui.modals.wizard import Wizard
from mirrortui.tui.mouse import link
from mirrortui.tui.proposals import Create
from mirrortui.tui.widgets.entry import Entry
from mirrortui.tui.widgets.path_entry import PathEntry, working_folder
from mirrortui.tui.widgets.pick import Pick
from mirrortui.tui.widgets.row_list import ChoiceList, MarkList
from mirrortui.tui.widgets.several import Several
from mirrortui.tui.widgets.tick import Tick
from mirrortui.tui.wording import short_names
from mirrortui.units import parse_size

_BY_SIZE = "by size"
_FLAGS: tuple[MemberFlag, ...] = ("write-mostly", "failfast")
_CHUNKS = (_BY_SIZE, "4 MiB", "16 MiB", "64 MiB", "256 MiB")
_ABOUT = {
    "chunk": "After a crash, or when a member comes back, only pieces that changed are copied. Small ones: less to "
    "copy. Large ones: fewer extra writes. By size is right for most.",
    "write-mostly": "These are read only where no other can serve: good for those that are slow, or far away.",
    "failfast": "For the kernel, should it run this mirror one day: it then does not retry on these, and lets the "
    "others serve. Nothing changes here.",
    "direct": "Members are read and written past the page cache (O_DIRECT), which leaves memory to others and makes "
    "small reads slower. Off is right for most.",
    "clean": "▲ Nothing is copied at the start. If the members are not equal to the last byte, a read answers now this "
    "and now that, and no error says so. Only for members that were just zeroed, or copied from each other.",
    "force": "▲ What the members hold is overwritten. See below what that is.",
}
"""What each option means, by its id; shown for the one with the cursor."""


class CreateDialog(Wizard):
    """A name, and devices or image files; beside one alone a place is kept. Then options, beside the plan that they
    make.
    """

    STEPS = ("name and members", "options and plan")
    PROMPT = "asking the engine …"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("s", "spare", show=False)]

    def __init__(self, client: EngineApi, chosen: str | None = None, taken: Collection[str] = ()) -> None:
        """`chosen`: a device that is to be a member; `taken`: names of other mirrors."""
        super().__init__(client, "Create a mirror")
        self._suggested = next(name for name in _names() if name not in taken)
        self._folder = working_folder()
        self._devices: list[DeviceInfo] = []
        self._marked: list[str] = [chosen] if chosen else []
        self._spares: list[str] = []

    def compose_step(self, step: int) -> Iterable[Widget]:
        if step == 0:
            yield _field("name", Entry(id="name", placeholder=self._suggested))
            yield MarkList(id="choice")
            yield Looking()
            yield _field(
                "or paths", PathEntry(id="paths", placeholder="/srv/a.img /srv/b.img", start=self._folder)
            )
            yield _field(
                "spares", PathEntry(id="spares", placeholder="none: paths of what waits for a member to fail")
            )
            yield Static(id="hint")
        else:
            yield Pick("bitmap chunk", _CHUNKS, id="chunk")
            yield Several("write-mostly", id="write-mostly")
            yield Several("failfast", id="failfast")
            yield Tick("past the page cache (--direct)", id="direct")
            yield Tick("they are equal already: copy nothing (--assume-clean)", id="clean")
            yield Tick("overwrite what they hold (--force)", id="force")
            yield Static(id="about")

    def on_mount(self) -> None:
        spare = link("s marks a spare", "spare")
        hint = row("space, or a click, marks a member; ", spare, "\n")
        self.query_one("#hint", Static).update(row(hint, "An image file is made with: truncate -s 64G FILE"))
        self.run_worker(self._list_devices, thread=True, group="devices")

    def _list_devices(self) -> None:
        for listed in list_devices(self._client, self._folder):
            self.post_message(listed)

    def on_devices_listed(self, event: DevicesListed) -> None:
        self.query_one(Looking).display = not event.complete
        for entry in self.query(PathEntry):
            entry.taken = event.taken
        self._devices = sorted(event.devices, key=_obstacle)
        self.query_one("#choice").display = bool(self._devices) or not event.complete
        self._show_devices()

    def _show_devices(self) -> None:
        rows = device_rows(self._devices, marked=self._marked, spares=self._spares)
        self.query_one(ChoiceList).show(rows)

    @property
    def _members(self) -> tuple[str, ...]:
        return (*self._marked, *self.query_one("#paths", PathEntry).paths)

    def missing(self) -> str:
        if not self.query_one("#name", Entry).value.strip():
            return f"first a name; enter takes {self._suggested}"
        return "" if self._members else "members to choose"

    def onward(self) -> str:
        alone = len(self._members) == 1
        return f"{super().onward()}{', with one member for now' * alone}"

    def proposal(self) -> Create | None:
        if self.missing():
            return None
        chunk = self.query_one("#chunk", Pick)
        return Create(
            self.query_one("#name", Entry).value.strip(),
            self._members,
            missing=1 if len(self._members) == 1 else 0,
            force=self.query_one("#force", Tick).value,
            assume_clean=self.query_one("#clean", Tick).value,
            spares=(*self._spares, *self.query_one("#spares", PathEntry).paths),
            bitmap_chunk=parse_size(chunk.word) if chunk.at else None,
            direct=self.query_one("#direct", Tick).value,
            flags=tuple(self._flags()),
        )

    def _flags(self) -> Iterator[tuple[str, MemberFlag]]:
        """Which member is to have which."""
        for flag in _FLAGS:
            chosen = self.query_one(f"#{flag}", Several).chosen
            yield from ((path, flag) for at, path in enumerate(self._members) if at in chosen)

    def go(self, step: int) -> None:
        if step == 1:
            names = short_names(self._members)
            for listed in self.query(Several):
                listed.offer([names.get(path, path) for path in self._members])
        super().go(step)

    @on(OptionList.OptionSelected, "#choice")
    def _mark(self, event: OptionList.OptionSelected) -> None:
        event.prevent_default()
        self._toggle(event.option_id or "", self._marked, self._spares)

    def action_spare(self) -> None:
        """Mark what is under the cursor as a spare."""
        listed = self.query_one(ChoiceList)
        if self.step == 0 and listed.chosen:
            self._toggle(listed.chosen, self._spares, self._marked)

    def _toggle(self, path: str, there: list[str], not_there: list[str]) -> None:
        if path in not_there:
            not_there.remove(path)
        if path in there:
            there.remove(path)
        else:
            there.append(path)
        self._show_devices()
        self.propose()

    def on_descendant_focus(self) -> None:
        about = _ABOUT.get(self.focused.id or "", "") if self.focused else ""
        self.query_one("#about", Static).update(about)

    @on(Input.Submitted, "#name")
    def _name_entered(self, event: Input.Submitted) -> None:
        event.prevent_default()
        self.go_on()

    def go_on(self) -> None:
        """To the members. Whoever leaves the name empty wants the one that shows."""
        name = self.query_one("#name", Entry)
        if not name.value.strip():
            name.value = self._suggested
            name.cursor_position = len(name.value)
        self.query_one("#choice").focus()

    @on(Pick.Changed)
    @on(Several.Changed)
    def _picked(self) -> None:
        self.propose()

    @on(Input.Changed, "#name, #paths, #spares")
    def _typing(self) -> None:
        self.propose_soon()


def _names() -> Iterator[str]:
    """What a mirror may be called."""
    yield "vault"
    yield from (f"vault-{number}" for number in count(2))


def _obstacle(device: DeviceInfo) -> int:
    """Sort key: what can be a member, what can if its content goes, what cannot."""
    return 0 if device.why_not is None else 1 if overwritable(device) else 2


def _field(label: str, entry: Widget) -> Horizontal:
    return Horizontal(Static(label, classes="label"), entry, classes="field")
