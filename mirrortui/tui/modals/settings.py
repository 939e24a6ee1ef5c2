"""Dialogs about what is settled for a mirror while it runs."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Mirror
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.proposals import Grow, Rename, SetAccess, SetBitmap
from mirrortui.tui.widgets.entry import Entry
from mirrortui.units import format_size, parse_size


class AccessDialog(PlanDialog):
    """Make a mirror read-only, or writable again."""

    def __init__(self, client: EngineApi, mirror: Mirror, *, readonly: bool) -> None:
        super().__init__(client, f"Make {mirror.name} {'read-only' if readonly else 'writable'}")
        self._access = SetAccess(mirror.name, readonly)
        self.decided = True

    def proposal(self) -> SetAccess:
        return self._access


class BitmapDialog(PlanDialog):
    """Give a mirror a write-intent bitmap if it has none; else take it away."""

    def __init__(self, client: EngineApi, mirror: Mirror) -> None:
        verb, bitmap = ("Take the bitmap from", "none") if mirror.bitmap else ("Give a bitmap to", "internal")
        super().__init__(client, f"{verb} {mirror.name}")
        self._bitmap = SetBitmap(mirror.name, "none" if bitmap == "none" else "internal")
        self.decided = True

    def proposal(self) -> SetBitmap:
        return self._bitmap


class RenameDialog(PlanDialog):
    """Type another name."""

    PROMPT = "Type the new name. Clients that are connected stay; the address changes."

    def __init__(self, client: EngineApi, mirror: Mirror) -> None:
        super().__init__(client, f"Rename {mirror.name}")
        self._mirror = mirror.name

    def compose_choice(self) -> ComposeResult:
        with Horizontal(classes="field"):
            yield Static("new name", classes="label")
            yield Entry(id="name", placeholder=self._mirror)

    def on_mount(self) -> None:
        self.query_one("#name").focus()

    def proposal(self) -> Rename | None:
        name = self.query_one("#name", Entry).value.strip()
        return Rename(self._mirror, name) if name else None

    @on(Input.Changed, "#name")
    def _typing(self) -> None:
        self.propose_soon()


class GrowDialog(PlanDialog):
    """Type how many members it is to have."""

    PROMPT = "Type how many members it is to have. Spares and newcomers take places that are added."

    def __init__(self, client: EngineApi, mirror: Mirror) -> None:
        super().__init__(client, f"Members of {mirror.name}: {mirror.raid_disks} now")
        self._mirror = mirror

    def compose_choice(self) -> ComposeResult:
        with Horizontal(classes="field"):
            yield Static("members", classes="label")
            yield Entry(id="members", placeholder=str(self._mirror.raid_disks + 1))

    def on_mount(self) -> None:
        self.query_one("#members").focus()

    def proposal(self) -> Grow | None:
        typed = self.query_one("#members", Entry).value.strip()
        return Grow(self._mirror.name, int(typed)) if typed.isdecimal() and len(typed) < 4 else None

    @on(Input.Changed, "#members")
    def _typing(self) -> None:
        self.propose_soon()


class SizeDialog(PlanDialog):
    """Type how large it is to be."""

    PROMPT = "Type a size such as 2T, or max for all that there is room for. Clients see it when they connect again."

    def __init__(self, client: EngineApi, mirror: Mirror) -> None:
        super().__init__(client, f"Size of {mirror.name}: {format_size(mirror.size)} now")
        self._mirror = mirror.name

    def compose_choice(self) -> ComposeResult:
        with Horizontal(classes="field"):
            yield Static("size", classes="label")
            yield Entry(id="size", placeholder="max")

    def on_mount(self) -> None:
        self.query_one("#size").focus()

    def proposal(self) -> Grow | None:
        typed = self.query_one("#size", Entry).value.strip()
        if typed == "max":
            return Grow(self._mirror, size="max")
        try:
            size = parse_size(typed)
        except ValueError:
            return None
        return Grow(self._mirror, size=size) if size else None

    @on(Input.Changed, "#size")
    def _typing(self) -> None:
        self.propose_soon()
