"""The screen on a fake engine, made to look the same on every machine and in every run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time

from textual import events
from textual.app import App
from textual.pilot import Pilot
from textual.worker import WorkerCancelled

from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.testing.manual_clock import ManualClock
from mirrortui.tui.app import MirrorApp
from mirrortui.tui.screens.home import HomeScreen

_SETTLES_WITHIN = 20.0
"""Seconds; reached only when something hangs."""
_QUIET_ROUNDS = 3
"""A message may lead to a message to somebody else: that many rounds without any, and there is none."""
_GLANCE = 0.001
"""Seconds between looks at a thread that cannot be awaited."""

_NAMES = {"/": "slash", ".": "full_stop", "-": "minus", " ": "space", "_": "underscore", "~": "tilde"}
_CHARACTERS = {name: character for character, name in _NAMES.items()}


def quiet_environment() -> None:
    """Undo what makes pictures differ: colours switched off or changed, a local time zone."""
    for name in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_ANIMATIONS", "TEXTUAL_COLOR_SYSTEM"):
        os.environ.pop(name, None)
    os.environ["TZ"] = "UTC"
    time.tzset()


def stage(state: str, *, history: int = 120, throwaway: bool = False) -> tuple[FakeEngine, MirrorApp]:
    """An app on a fake engine whose clock stands still, with `history` seconds of rates behind it.

    For the state "lost" the engine has been gone for twelve seconds; for "none" it never answered.
    """
    clock = ManualClock()
    engine = FakeEngine({"lost": "rebuilding", "none": "empty"}.get(state, state), clock)
    app = MirrorApp(engine, clock, every=None, throwaway=throwaway)
    if state == "none":
        engine.lose()
    for _ in range(history):
        app.store.take()
        clock.advance(1)
    if state == "lost":
        clock.advance(12)
        engine.lose()
    app.store.wake()  # the first picture is awaited, too
    return engine, app


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys, named as Textual names them or by their characters, and wait for what they lead to.

    Pilot's own waits until the process seems idle, some hundredths of a second a key.
    """
    for key in keys:
        name = _NAMES.get(key, key)
        pilot.app.post_message(events.Key(name, _CHARACTERS.get(name, name if len(name) == 1 else None)))
        await settle(pilot)


async def settle(pilot: Pilot[None]) -> None:
    """Wait until everything that was asked of the engine has come, and is drawn."""
    async with asyncio.timeout(_SETTLES_WITHIN):
        quiet = 0
        while quiet < _QUIET_ROUNDS:
            await pilot.pause(0)  # every widget has handled the messages it had
            quiet = 0 if await _goes_on(pilot.app) else quiet + 1


async def _goes_on(app: App[None]) -> bool:
    """Whether more is to come. Waits for the threads that were started."""
    questions = [worker for worker in app.workers if worker.group != "store" and not worker.is_finished]
    if questions:
        with contextlib.suppress(WorkerCancelled):
            await app.workers.wait_for_complete(questions)
        return True
    if isinstance(app, MirrorApp) and app.is_running and _stale(app):
        await asyncio.sleep(_GLANCE)
        return True
    screen = app.screen_stack[-1] if app.screen_stack else None
    pumps = [app, *(screen.walk_children(with_self=True) if screen else ())]
    return any(pump.message_queue_size for pump in pumps)


def _stale(app: MirrorApp) -> bool:
    """Whether a newer picture than the one that is shown is there, or on its way."""
    home = app.screen_stack[0]
    assert isinstance(home, HomeScreen)
    return app.store.behind or home.picture is not app.store.picture


def svg(app: MirrorApp, title: str = "mirrortui") -> str:
    """The screen as a picture, without what is random or fetched from the network, and every blank kept."""
    drawn = app.export_screenshot(title=title, simplify=True)
    drawn = re.sub(r"terminal-\d+", "screen", drawn).replace("<text ", '<text xml:space="preserve" ')
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
