"""A mirror's life by keys: the screen before a real engine, real workers, and a client that verifies."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from mirrortui.api.mirrors import Mirror
from mirrortui.api.problems import UnconfirmedError
from mirrortui.api.requests import ZeroRequest
from mirrortui.errors import ChangedError, InUseError
from mirrortui.tui.app import MirrorApp
from mirrortui.tui.modals.assemble import AssembleDialog
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.modals.fix import FixDialog
from mirrortui.tui.modals.mismatches import MismatchScreen
from mirrortui.tui.modals.wizard import Wizard
from mirrortui.tui.screens.home import HomeScreen
from mirrortui.tui.widgets.divergence import Divergence
from mirrortui.tui.widgets.headline import Headline
from mirrortui.tui.widgets.hex_view import HexView
from mirrortui.tui.widgets.plan_view import PlanView
from mirrortui.units import KIB, MIB
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
        while isinstance(dialog, Wizard) and not dialog.last:
            await self.press("enter")
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


@pytest.mark.nightly
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
        operator.seen.clear()
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


@pytest.mark.nightly
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


@pytest.mark.nightly
async def test_a_difference_is_looked_at_and_repaired(world: World) -> None:
    world.create()
    with (world.place / "b.img").open("r+b") as image:
        image.seek(MIB + 2 * MIB + 100)  # its data begins at 1 MiB
        image.write(b"rotten")
    world.try_to("check", "vault", "--wait")
    async with MirrorApp(world.client).run_test(size=(120, 40)) as pilot:
        operator = Operator(pilot)
        await operator.sees(lambda: operator.vault and operator.vault.mismatches)
        await operator.press("D")
        await operator.sees(lambda: isinstance(pilot.app.screen, MismatchScreen))
        view = pilot.app.screen.query_one(HexView)
        await operator.sees(lambda: view.page)
        assert view.page
        assert view.page.offset + view.at == 2 * MIB + 100
        assert view.differing == [(100, 106)]
        await operator.press("H")
        await operator.sees(lambda: isinstance(pilot.app.screen, PlanDialog))
        dialog = pilot.app.screen
        assert isinstance(dialog, PlanDialog)
        await operator.sees(lambda: dialog._plan)
        await operator.press("y")
        await operator.sees(lambda: isinstance(pilot.app.screen, MismatchScreen))
        await operator.press("escape")
        await operator.sees(lambda: operator.vault and not operator.vault.mismatches)
    world.do("wait", "vault", "--for", "idle")
    world.do("stop", "vault", "--yes")
    assert len(set(data_areas(world.place / "a.img", world.place / "b.img"))) == 1


@pytest.mark.nightly
async def test_of_two_the_one_that_is_named_is_right(world: World) -> None:
    world.create()
    a, b = world.place / "a.img", world.place / "b.img"
    for place in (2 * MIB, 5 * MIB):
        with b.open("r+b") as image:
            image.seek(MIB + place)  # its data begins at 1 MiB
            image.write(b"b is right")
    world.try_to("check", "vault", "--wait")
    async with MirrorApp(world.client).run_test(size=(80, 24)) as pilot:
        operator = Operator(pilot)
        await operator.sees(lambda: operator.vault and operator.vault.mismatches)
        await operator.press("D")
        await operator.sees(lambda: isinstance(pilot.app.screen, MismatchScreen))
        explorer = pilot.app.screen
        assert isinstance(explorer, MismatchScreen)
        await operator.sees(lambda: explorer.query_one(HexView).page)
        for keys, left in ((("w", "down", "down"), 1), (("W", "down"), 0)):
            await operator.press(*keys)
            dialog = pilot.app.screen
            assert isinstance(dialog, PlanDialog)
            await operator.sees(lambda dialog=dialog: dialog._plan)  # type: ignore[misc]
            await operator.press("y")
            await operator.sees(lambda left=left: explorer.is_active and len(explorer._ranges) == left)  # type: ignore[misc]
        await operator.press("escape")
        await operator.sees(lambda: operator.vault and not operator.vault.mismatches)
    world.do("stop", "vault", "--yes")
    assert len(set(data_areas(a, b))) == 1
    with a.open("rb") as image:
        image.seek(MIB + 2 * MIB)
        assert image.read(10) == b"b is right"
        image.seek(MIB + 5 * MIB)
        assert image.read(10) == bytes(10)


@pytest.mark.nightly
async def test_what_is_marked_is_checked_paused_and_stopped_together(world: World) -> None:
    world.create()
    world.do("create", "photos", world.image("c.img"), world.image("d.img"), "--assume-clean", "--yes")
    async with MirrorApp(world.client).run_test(size=(80, 24)) as pilot:
        operator = Operator(pilot)
        await operator.sees(lambda: len(operator._home.picture.mirrors) == 2)
        await operator.press("asterisk", "C")
        await operator.confirm()
        runs = world.client.mismatches
        await operator.sees(
            lambda: all(runs(name) and runs(name)[0].complete for name in ("vault", "photos"))
        )
        await operator.press("s")
        await operator.confirm()
        await operator.sees(lambda: {m.state for m in operator._home.picture.mirrors} == {"stopped"})
        await operator.press("A")
        await operator.confirm()
        await operator.sees(lambda: operator.vault and operator.vault.state == "clean")
        await operator.sees(lambda: "stopped" not in {m.state for m in operator._home.picture.mirrors})


@pytest.mark.nightly
async def test_a_member_is_replaced_and_the_mirror_fixed_by_keys(world: World) -> None:
    world.create()
    a, b, c = world.place / "a.img", world.place / "b.img", world.image("c.img")
    async with MirrorApp(world.client).run_test(size=(80, 24)) as pilot:
        operator = Operator(pilot)
        await operator.sees(lambda: "vault is healthy" in operator.headline)
        await operator.press("R", "down", "enter")
        pilot.app.screen.query_one("#path").focus()
        await operator.press("ctrl+u")
        await operator.type(str(c))
        await operator.confirm()
        await operator.sees(
            lambda: state(operator.vault, c) == "in_sync" and state(operator.vault, b) is None
        )

        await operator.press("f")
        await operator.confirm()
        await operator.sees(lambda: state(operator.vault, a) == "faulty")
        await operator.press("F")
        await operator.sees(lambda: isinstance(pilot.app.screen, FixDialog))
        await operator.confirm()
        await operator.sees(lambda: state(operator.vault, a) == "in_sync")
        await operator.sees(lambda: "vault is healthy" in operator.headline)


@pytest.mark.nightly
async def test_two_histories_are_shown_and_one_is_kept(world: World) -> None:
    world.create()
    world.do("stop", "vault")
    a, b = world.place / "a.img", world.place / "b.img"
    elsewhere = World(
        Path(tempfile.mkdtemp(prefix="mt-"))
    )  # an engine that knows nothing of this one's memory
    try:
        for path, chunks in ((a, (1, 2)), (b, (2, 3))):
            with elsewhere.connected(elsewhere.do("assemble", path, "--run").out.strip()) as client:
                for chunk in chunks:
                    client.write(chunk * 64 * KIB, path.name.encode().ljust(4096, b"\0"))
            elsewhere.do("stop", "vault")
    finally:
        elsewhere.kill_all()
        shutil.rmtree(elsewhere.place)
    async with MirrorApp(world.client).run_test(size=(80, 24)) as pilot:
        operator = Operator(pilot)
        await operator.sees(lambda: operator.vault and operator.vault.state == "stopped")
        await operator.press("A")
        dialog = pilot.app.screen
        assert isinstance(dialog, AssembleDialog)
        shown = dialog.query_one(Divergence)
        await operator.sees(lambda: shown.histories)
        one, other = shown.histories
        assert (one.members, other.members) == ([str(a)], [str(b)])
        assert one.changed == other.changed == 128 * KIB
        assert (one.map[:4], other.map[:4]) == (".dd.", "..dd")
        await operator.press("down")
        await operator.confirm()
        await operator.sees(lambda: operator.vault and operator.vault.state in ("clean", "active"))
    world.do("wait", "vault", "--for", "in-sync")
    world.do("stop", "vault", "--yes")
    assert len(set(data_areas(a, b))) == 1


@pytest.mark.nightly
def test_a_superblock_is_erased_over_the_socket_only_of_what_runs_nowhere(world: World) -> None:
    world.create()
    a = world.place / "a.img"
    plan = world.client.plan_zero_superblock(ZeroRequest(member=str(a)))
    assert plan.refused and "which runs" in plan.refused
    with pytest.raises(InUseError):
        world.client.zero_superblock(ZeroRequest(member=str(a), yes=True))
    world.do("stop", "vault", "--yes")
    plan = world.client.plan_zero_superblock(ZeroRequest(member=str(a)))
    assert not plan.refused and "a member of vault" in plan.erases[0]
    with pytest.raises(UnconfirmedError):
        world.client.zero_superblock(ZeroRequest(member=str(a)))
    with pytest.raises(ChangedError):
        world.client.zero_superblock(ZeroRequest(member=str(a), yes=True, counts={str(a): 0}))
    before = a.read_bytes()
    world.client.zero_superblock(ZeroRequest(member=str(a), yes=True, counts=plan.counts))
    after = a.read_bytes()
    assert after != before
    assert after[MIB:] == before[MIB:]
    assert world.client.plan_zero_superblock(ZeroRequest(member=str(a))).refused
