"""The screen on a fake engine, with somebody before it who presses keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from mirrortui.api.mirrors import Mirror
from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.testing.manual_clock import ManualClock
from mirrortui.testing.staging import press, settle, stage
from mirrortui.tui.app import MirrorApp
from mirrortui.tui.screens.home import HomeScreen
from mirrortui.tui.widgets.mirror_list import MirrorList
from mirrortui.tui.widgets.plan_view import PlanView


@dataclass
class Stage:
    """A running screen and the engine behind it."""

    engine: FakeEngine
    app: MirrorApp
    pilot: Pilot[None]

    async def press(self, *keys: str) -> None:
        await press(self.pilot, *keys)

    async def type(self, text: str) -> None:
        await press(self.pilot, *text)

    @property
    def home(self) -> HomeScreen:
        home = self.app.screen_stack[0]
        assert isinstance(home, HomeScreen)
        return home

    @property
    def screen(self) -> Screen[object]:
        return self.app.screen

    @property
    def at_home(self) -> bool:
        return self.app.screen is self.home

    def pass_time(self, seconds: float) -> None:
        """Let the clock move, and the screen look at once."""
        assert isinstance(self.engine.clock, ManualClock)
        self.engine.clock.advance(seconds)
        self.app.store.wake()

    @property
    def vault(self) -> Mirror:
        return self.engine.mirror("vault")

    def state(self, path: str) -> str | None:
        return next((member.state for member in self.vault.members if member.path == path), None)

    def text(self) -> str:
        """What the topmost screen's plain widgets say."""
        return "\n".join(str(widget.render()) for widget in self.screen.query(Static))

    def plan(self) -> str:
        """The command of the plan on the screen."""
        plan = self.screen.query_one(PlanView).plan
        assert plan is not None
        return plan.command


@asynccontextmanager
async def playing(
    state: str, *, size: tuple[int, int] = (80, 24), throwaway: bool = False, notices: bool = False
) -> AsyncIterator[Stage]:
    """`notices`: they are drawn, too."""
    engine, app = stage(state, history=2, throwaway=throwaway)
    async with app.run_test(size=size, notifications=notices) as pilot:
        await settle(pilot)
        stage_ = Stage(engine, app, pilot)
        if state != "empty":
            stage_.home.query_one(MirrorList).put_cursor("vault")
            await settle(pilot)
        yield stage_
