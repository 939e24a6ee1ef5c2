"""A mirror's life by keys: the screen before a real engine, real workers, and a client that verifies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from mirrortui.api.schema import Mirror
from mirrortui.tui.app import MirrorApp
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.screens.home import HomeScreen
from mirrortui.tui.widgets.headline import Headline
from mirrortui.tui.widgets.plan_view import PlanView
from mirrortui.units import MIB
from tests.e2e.conftest import PATIENCE, World, data_areas

_KEYS = {"/": "slash", ".": "full_stop", "-": "minus", " ": "space", "_": "underscore"}


class Operator:
    """Somebody who looks at the screen and presses keys."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self._pilot = pilot
        self.seen: list[int] = []
        """Bytes of the sync that were shown as done, in the order they were shown."""

    @property
    def _home(self) -> HomeScreen:
        home = self._pilot.app.screen_stack[0]
        assert isinstance(home, HomeScreen)
        return home

    @property
    def vault(self) -> Mirror | None:
        """As it is shown."""
        return self._home.picture.mirror("vault")

    @property
    def headline(self) -> str:
        return self._home.query_one(Headline)._draw(200).plain

    async def sees(self, what: Callable[[], object]) -> None:
        """Wait until it is on the screen."""
        async with asyncio.timeout(PATIENCE):
            while not what():
                if self.vault and self.vault.sync:
                    self.seen.append(self.vault.sync.completed)
                await self._pilot.pause(0.02)

    async def press(self, *keys: str) -> None:
        await self._pilot.press(*keys)

    async def type(self, text: str) -> None:
        await self.press(*(_KEYS.get(character, character) for character in text))

    async def confirm(self) -> None:
        """Read the plan, and say yes as it wants to be told."""
        dialog = self._pilot.app.screen
        assert isinstance(dialog, PlanDialog)
        view = dialog.query_one(PlanView)
        await self.sees(lambda: dialog._plan is not None or view.problem)
        assert view.plan and not view.plan.refused, (view.plan, view.problem)
        await self.press("enter")
        match view.plan.confirm:
            case "yes":
                await self.press("y")
            case "name":
                await self.type(view.plan.mirror)
                await self.press("enter")
            case "none":
                pass
        await self.sees(lambda: self._pilot.app.screen is self._home or view.problem)
        assert not view.problem, view.problem


def state(mirror: Mirror | None, path: object) -> str | None:
    return (
        next((member.state for member in mirror.members if member.path == str(path)), None)
        if mirror
        else None
    )


@pytest.mark.slow
async def test_create_fail_add_and_rebuild_by_keys(world: World) -> None:
    a, b, c = (world.image(name, 64 * MIB) for name in ("a.img", "b.img", "c.img"))
    world.do("devices")  # starts the engine
    async with MirrorApp(world.client).run_test(size=(120, 40)) as pilot:
        operator = Operator(pilot)
        await operator.sees(lambda: "no mirror yet" in operator.headline)

        await operator.press("c")
        await operator.type("vault")
        await operator.press("enter")
        pilot.app.screen.query_one("#paths").focus()
        await operator.type(f"{a} {b}")
        await operator.confirm()
        await operator.sees(lambda: operator.vault and operator.vault.state in ("clean", "active"))
        await operator.sees(lambda: operator.vault and not operator.vault.sync)
        assert operator.vault
        assert "vault is healthy" in operator.headline
        traffic = world.traffic(operator.vault.uri, seed=7)
        await asyncio.to_thread(traffic.goes_on)

        await operator.press("f")
        await operator.confirm()
        await operator.sees(lambda: state(operator.vault, a) == "faulty")
        assert "1 of 2 in sync, F fixes it" in operator.headline
        await asyncio.to_thread(traffic.goes_on)

        await operator.press("a")
        pilot.app.screen.query_one("#path").focus()
        await operator.type(str(c))
        await operator.confirm()
        await operator.sees(lambda: state(operator.vault, c) == "in_sync")
        assert operator.seen == sorted(operator.seen)

        await operator.press("d")
        await operator.sees(lambda: state(operator.vault, a) is None)
        await operator.sees(lambda: "vault is healthy" in operator.headline)
        await asyncio.to_thread(traffic.goes_on)
        tally = await asyncio.to_thread(traffic.end)
        assert (tally["errors"], tally["mismatches"]) == (0, 0), tally

        await operator.press("s")
        await operator.confirm()
        await operator.sees(lambda: operator.vault and operator.vault.state == "stopped")
    assert len(set(data_areas(b, c))) == 1


@pytest.mark.slow
async def test_the_screen_outlives_its_engine(world: World) -> None:
    world.create()
    async with MirrorApp(world.client).run_test(size=(80, 24)) as pilot:
        operator = Operator(pilot)
        await operator.sees(lambda: "vault is healthy" in operator.headline)
        await asyncio.to_thread(world.do, "engine", "stop")
        await operator.sees(lambda: "the engine is lost" in operator.headline)
        assert operator.vault and operator.vault.state in ("clean", "active")
        await asyncio.to_thread(world.do, "devices")
        await operator.sees(lambda: "vault is healthy" in operator.headline)
