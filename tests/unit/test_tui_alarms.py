"""What makes a noise, once, and what never does."""

from __future__ import annotations

from dataclasses import replace as copied
from itertools import pairwise

import pytest
from msgspec.structs import replace

from mirrortui.api.requests import MemberRequest
from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.testing.manual_clock import ManualClock
from mirrortui.testing.staging import settle
from mirrortui.tui.alarms import Alarm, alarms, on_desktop
from mirrortui.tui.app import MirrorApp
from mirrortui.tui.config import Notify
from mirrortui.tui.preferences import Preferences
from mirrortui.tui.store import Picture, Store


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine("healthy", ManualClock())


@pytest.fixture
def store(engine: FakeEngine) -> Store:
    return Store(engine, engine.clock)


def breaks(engine: FakeEngine, path: str = "/dev/sdb") -> None:
    """A member fails by itself."""
    vault = engine.mirror("vault")
    members = [
        replace(m, state="faulty", why="write error at 1.20 TiB") if m.path == path else m
        for m in vault.members
    ]
    gone = all(member.state == "faulty" for member in members)
    engine._mirrors["vault"] = replace(
        vault, members=members, state="failed" if gone else "degraded", why=f"{path} failed a write."
    )


def test_each_step_down_is_said_once(engine: FakeEngine, store: Store) -> None:
    pictures = [store.take()]
    for path in ("/dev/sdb", "/dev/sdc"):
        breaks(engine, path)
        pictures += [store.take(), store.take()]
    news = [alarms(before, now) for before, now in pairwise(pictures)]
    assert [[(a.title, a.severity, a.loud) for a in each] for each in news] == [
        [("vault is degraded", "warning", True)],
        [],
        [("vault has failed", "error", True)],
        [],
    ]


def test_nothing_is_said_at_the_start_nor_of_what_is_new(engine: FakeEngine, store: Store) -> None:
    nothing = Picture(now=0.0)
    breaks(engine)
    first = store.take()
    assert alarms(nothing, first) == []
    assert alarms(copied(first, mirrors=()), first) == []


def test_what_the_operator_did_is_no_noise(engine: FakeEngine, store: Store) -> None:
    before = store.take()
    engine.change("vault", "fail", MemberRequest(member="/dev/sdb", yes=True))
    assert alarms(before, store.take()) == []


def test_a_newcomer_that_fails_in_a_degraded_mirror_is_said(store: Store, engine: FakeEngine) -> None:
    breaks(engine)
    engine.change("vault", "add", MemberRequest(member="/dev/sdg", yes=True))
    before = store.take()
    breaks(engine, "/dev/sdg")
    assert [alarm.title for alarm in alarms(before, store.take())] == ["vault lost a member"]


def test_healthy_again_is_said_quietly(engine: FakeEngine, store: Store) -> None:
    well = engine.mirror("vault")
    breaks(engine)
    before = store.take()
    engine._mirrors["vault"] = well
    assert [(a.title, a.loud) for a in alarms(before, store.take())] == [("vault is healthy again", False)]


def test_what_the_terminal_is_sent_cannot_be_broken_out_of() -> None:
    alarm = Alarm("a;b", "x\x1b]0;evil\x07\nnext", "error", loud=True)
    assert on_desktop(alarm, "off") == ""
    assert on_desktop(alarm, "osc9") == "\x1b]9;a,b: x�]0,evil��next\x1b\\"
    assert on_desktop(alarm, "osc777") == "\x1b]777;notify;a,b;x�]0,evil��next\x1b\\"


@pytest.mark.parametrize("bell", [True, False])
async def test_the_bell_rings_once_and_only_if_it_may(
    engine: FakeEngine, bell: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(MirrorApp, "bell", lambda self: rung.append("ding"))
    app = MirrorApp(engine, engine.clock, every=None, preferences=Preferences(notify=Notify(bell=bell)))
    async with app.run_test() as pilot:
        await settle(pilot)
        assert rung == []
        breaks(engine)
        for _ in range(2):
            app.store.wake()
            await settle(pilot)
        assert rung == ["ding"] * bell
        assert [note.title for note in app._notifications] == ["vault is degraded"]
