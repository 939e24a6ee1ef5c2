"""Dialogs that change something: choose, see the plan, confirm."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

from mirrortui.api.interface import EngineApi
from mirrortui.tui.actions import Situation
from mirrortui.tui.modals.add import AddDialog, ReplaceDialog
from mirrortui.tui.modals.adopt import AdoptDialog
from mirrortui.tui.modals.assemble import AssembleDialog, GatherDialog
from mirrortui.tui.modals.create import CreateDialog
from mirrortui.tui.modals.elsewhere import ScanDialog, ZeroDialog
from mirrortui.tui.modals.export import ExportDialog
from mirrortui.tui.modals.fix import FixDialog
from mirrortui.tui.modals.lab import LabDialog
from mirrortui.tui.modals.members import (
    BadBlocksDialog,
    FailDialog,
    FailfastDialog,
    ForecastDialog,
    ReAddDialog,
    RemoveDialog,
    WriteMostlyDialog,
)
from mirrortui.tui.modals.menu import ActionMenu
from mirrortui.tui.modals.mismatches import MismatchScreen
from mirrortui.tui.modals.pace import PaceDialog
from mirrortui.tui.modals.settings import AccessDialog, BitmapDialog, GrowDialog, RenameDialog, SizeDialog
from mirrortui.tui.modals.several import dialog_for_several
from mirrortui.tui.modals.whole import (
    HandOverDialog,
    StopDialog,
    SyncDialog,
    TakeOverDialog,
)

__all__ = ["dialog_for", "dialog_for_several"]


def dialog_for(action: str, client: EngineApi, now: Situation) -> Screen[Any]:
    """The dialog of an action, about what is under the cursor. Raises ValueError where there is none."""
    match action, now.mirror:
        case "create", _:
            return CreateDialog(client, now.device, [mirror.name for mirror in now.picture.mirrors])
        case "add", mirror if mirror:
            return AddDialog(client, mirror, chosen=now.device)
        case "fail", mirror if mirror:
            return FailDialog(client, mirror, now.member)
        case "remove", mirror if mirror:
            return RemoveDialog(client, mirror, now.member)
        case "re_add", mirror if mirror:
            return ReAddDialog(client, mirror, now.member)
        case "stop", mirror if mirror:
            return StopDialog(client, mirror)
        case "assemble", mirror if mirror:
            return AssembleDialog(client, mirror)
        case "replace", mirror if mirror:
            return ReplaceDialog(client, mirror, now.member)
        case "more", _:
            return ActionMenu(now)
        case "gather", _:
            return GatherDialog(client)
        case "scan", _:
            return ScanDialog(client)
        case "zero_superblock", _:
            return ZeroDialog(client)
        case "failfast", mirror if mirror:
            return FailfastDialog(client, mirror, now.member)
        case "forecast", mirror if mirror:
            return ForecastDialog(client, mirror, now.member)
        case "bad_blocks", mirror if mirror:
            return BadBlocksDialog(client, mirror, now.member)
        case "mismatches", mirror if mirror:
            return MismatchScreen(client, mirror)
        case "pace", mirror if mirror:
            return PaceDialog(client, mirror)
        case "adopt", _:
            return AdoptDialog(client)
        case "size", mirror if mirror:
            return SizeDialog(client, mirror)
        case "lab", mirror if mirror:
            return LabDialog(client, mirror, now.member)
        case "export", mirror if mirror:
            return ExportDialog(client, mirror)
        case ("check" | "repair" | "pause" | "resume" | "cancel") as verb, mirror if mirror:
            return SyncDialog(client, mirror, verb)
        case "write_mostly", mirror if mirror:
            return WriteMostlyDialog(client, mirror, now.member)
        case ("readonly" | "readwrite") as verb, mirror if mirror:
            return AccessDialog(client, mirror, readonly=verb == "readonly")
        case "grow", mirror if mirror:
            return GrowDialog(client, mirror)
        case "bitmap", mirror if mirror:
            return BitmapDialog(client, mirror)
        case "rename", mirror if mirror:
            return RenameDialog(client, mirror)
        case "hand_over", mirror if mirror:
            return HandOverDialog(client, mirror)
        case "take_over", mirror if mirror:
            return TakeOverDialog(client, mirror)
        case "fix", mirror if mirror:
            whole = mirror.state in ("stopped", "failed")
            return AssembleDialog(client, mirror) if whole else FixDialog(client, mirror)
    raise ValueError(f"{action} has no dialog, or there is no mirror under the cursor")
