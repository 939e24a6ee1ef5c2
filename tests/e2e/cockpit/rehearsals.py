"""What no real engine here can show, and what changes nothing but the screen: on the fake engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from textual.command import CommandPalette

from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.tui.views.events import EventsView
from mirrortui.tui.views.mirrors import MirrorsView
from mirrortui.tui.widgets.mirror_list import MirrorList
from tests.e2e.cockpit.hands import Hands
from tests.e2e.cockpit.play import Move, Rehearsal, agree, follow, write

_MD = "it wants a kernel with md and disks that it may take: tests/interop boots one, without a screen"
_SCREEN = "it changes the screen only, and no engine hears of it"


def _screen(
    action: str,
    effect: Callable[[Hands], object],
    *,
    state: str = "healthy",
    place: str = "",
    moves: Sequence[Move] = (),
) -> Rehearsal:
    return Rehearsal(action, state, moves, lambda engine, hands: effect(hands), _SCREEN, place)


def _place(action: str) -> Rehearsal:
    away = "help" if action == "mirrors" else ""
    return _screen(action, lambda hands: hands.home.situation.place == action, place=away)


def _driver(driver: str, name: str) -> Callable[[FakeEngine, Hands], object]:
    return lambda engine, hands: engine.mirror(name).driver == driver


def _mirrors(hands: Hands) -> MirrorsView:
    return hands.home.query_one(MirrorsView)


def _events(hands: Hands) -> EventsView:
    return hands.home.query_one(EventsView)


def _marks(hands: Hands) -> int:
    return len(hands.home.query_one(MirrorList).marks)


def _focus(hands: Hands) -> str | None:
    return hands.home.focused.id if hands.home.focused else None


async def _word(hands: Hands) -> None:
    await hands.type("photos")
    await hands.press("enter")


REHEARSALS = [
    Rehearsal("take_over", "kernel", [agree], _driver("mirrortui", "root"), _MD, on="root"),
    Rehearsal("hand_over", "kernel", [agree], _driver("kernel", "vault"), _MD, on="vault"),
    _screen("mark", lambda hands: _marks(hands) == 1),
    _screen("mark_all", lambda hands: _marks(hands) == 3),
    _screen("filter", lambda hands: _mirrors(hands).words == "photos", moves=[_word]),
    _screen("sort", lambda hands: _mirrors(hands).order == "by name"),
    _screen("severity", lambda hands: _events(hands).level != "all", place="events"),
    _screen("only_mirror", lambda hands: _events(hands).of_mirror, place="events"),
    _screen(
        "write_events",
        lambda hands: Path("events.txt").exists() and hands.at_home,
        place="events",
        moves=[write("#path", "events.txt"), follow("enter  write it", "enter")],
    ),
    _screen("freeze", lambda hands: hands.sees("frozen at")),
    _screen("next_mirror", lambda hands: hands.home.mirror is hands.home.picture.mirrors[1]),
    _screen("previous_mirror", lambda hands: hands.home.mirror is hands.home.picture.mirrors[-1]),
    _screen("next_pane", lambda hands: _focus(hands) == "members"),
    _screen("previous_pane", lambda hands: _focus(hands) == "event-list"),
    _screen("zoom", lambda hands: hands.home.has_class("-zoomed")),
    _screen("back", lambda hands: hands.home.situation.place == "mirrors", place="events"),
    _screen("colours", lambda hands: hands.app.theme == "mirror-day"),
    _screen("menu", lambda hands: isinstance(hands.screen, CommandPalette)),
    *(_place(action) for action in ("mirrors", "mirror", "devices", "events", "jobs", "help")),
    _screen(
        "leave",
        lambda hands: hands.app._exit,
        moves=[follow("y  leave the screen", "y")],
    ),
]
