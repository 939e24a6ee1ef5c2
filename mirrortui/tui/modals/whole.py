"""Dialogs about a mirror as a whole, with little to choose."""

from __future__ import annotations

from textual.app import ComposeResult

from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Mirror
from mirrortui.api.vocabulary import SyncVerb
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.proposals import HandOver, Stop, Sync, TakeOver
from mirrortui.tui.widgets.tick import Tick


class StopDialog(PlanDialog):
    """Stop a mirror cleanly."""

    def __init__(self, client: EngineApi, mirror: Mirror) -> None:
        super().__init__(client, f"Stop {mirror.name}")
        self._mirror = mirror.name
        self.decided = True

    def proposal(self) -> Stop:
        return Stop(self._mirror)


class SyncDialog(PlanDialog):
    """Check or repair; pause, resume or cancel what runs."""

    def __init__(self, client: EngineApi, mirror: Mirror, verb: SyncVerb) -> None:
        super().__init__(client, f"{verb.capitalize()} {mirror.name}")
        self._sync = Sync(mirror.name, verb)
        self.decided = True

    def proposal(self) -> Sync:
        return self._sync


class HandOverDialog(PlanDialog):
    """Let the kernel run a mirror of ours."""

    def __init__(self, client: EngineApi, mirror: Mirror) -> None:
        super().__init__(client, f"Hand {mirror.name} over to the kernel")
        self._mirror = mirror
        self.decided = True

    def compose_choice(self) -> ComposeResult:
        if not all(member.path.startswith("/dev/") for member in self._mirror.members):
            yield Tick("put image files on loop devices (--loop)", id="loop")

    def proposal(self) -> HandOver:
        return HandOver(self._mirror.name, any(tick.value for tick in self.query(Tick)))


class TakeOverDialog(PlanDialog):
    """Run an array of the kernel's here."""

    def __init__(self, client: EngineApi, mirror: Mirror) -> None:
        super().__init__(client, f"Take {mirror.name} over from the kernel")
        self._mirror = mirror.name
        self.decided = True

    def proposal(self) -> TakeOver:
        return TakeOver(self._mirror)
