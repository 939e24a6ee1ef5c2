"""What the screen knows, and what it keeps when the engine goes away."""

from __future__ import annotations

import threading

import pytest
from msgspec.structs import replace

from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import MemberRequest
from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.testing.manual_clock import ManualClock
from mirrortui.tui.store import SAMPLES_KEPT, Store

WITHIN = 10.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def pair(state: str, clock: ManualClock) -> tuple[FakeEngine, Store]:
    engine = FakeEngine(state, clock)
    return engine, Store(engine, clock)


def test_a_picture_is_worst_first(clock: ManualClock) -> None:
    _, store = pair("several", clock)
    assert store.picture.taken is None
    picture = store.take()
    assert picture.mirrors[0].name == "vault"
    assert picture.mirror("mail") in picture.mirrors
    assert picture.mirror("nothing") is None
    assert picture.taken == clock.now()


def test_the_last_picture_stays_when_the_engine_goes(clock: ManualClock) -> None:
    engine, store = pair("healthy", clock)
    before = store.take()
    engine.lose()
    clock.advance(12)
    lost = store.take()
    assert lost.lost is not None
    assert (lost.mirrors, lost.events, lost.taken) == (before.mirrors, before.events, before.taken)
    assert lost.now == before.now + 12
    engine.come_back()
    assert store.take().lost is None


def test_events_are_asked_for_once(clock: ManualClock) -> None:
    engine, store = pair("healthy", clock)
    first = store.take().events
    engine.change("vault", "fail", MemberRequest(member="/dev/sdb", yes=True))
    second = store.take().events
    assert second[: len(first)] == first
    assert [event.kind for event in second[len(first) :]] == ["member-failed"]


def test_another_engines_journal_replaces_the_old_one(clock: ManualClock) -> None:
    engine, store = pair("rebuilding", clock)
    store.take()
    other = FakeEngine("empty", clock)
    engine._events = other._events
    assert [event.kind for event in store.take().events] == ["engine-started"]


def test_rates_are_sampled_once_a_second_and_bounded(clock: ManualClock) -> None:
    _, store = pair("healthy", clock)
    for _ in range(3):
        store.take()
    assert len(store.picture.rates["vault", None].read) == 1
    for _ in range(SAMPLES_KEPT + 5):
        clock.advance(1)
        store.take()
    assert len(store.picture.rates["vault", None].read) == SAMPLES_KEPT
    assert store.picture.rates["vault", "/dev/sdb"].write[-1] > 0


class Restarted(FakeEngine):
    """Its worker resumes at an older checkpoint."""

    back = 0

    def mirrors(self) -> list[Mirror]:
        return [
            replace(mirror, sync=replace(mirror.sync, completed=mirror.sync.completed - self.back))
            if mirror.sync
            else mirror
            for mirror in super().mirrors()
        ]


def test_progress_never_runs_back_within_a_sync(clock: ManualClock) -> None:
    engine = Restarted("rebuilding", clock)
    store = Store(engine, clock)

    def completed() -> int:
        vault = store.take().mirror("vault")
        assert vault and vault.sync
        return vault.sync.completed

    first = completed()
    engine.back = 1 << 30
    assert completed() == first
    clock.advance(60)
    assert completed() > first


def test_a_new_sync_starts_at_its_own_beginning(clock: ManualClock) -> None:
    engine, store = pair("rebuilding", clock)
    store.take()
    engine.change("vault", "fail", MemberRequest(member="/dev/sdc", yes=True))
    engine.change("vault", "re-add", MemberRequest(member="/dev/sdc"))
    vault = store.take().mirror("vault")
    assert vault and vault.sync and vault.sync.completed == 0


def test_an_event_wakes_the_taker_and_closing_ends_both(clock: ManualClock) -> None:
    engine, store = pair("healthy", clock)
    store.take()
    listener = threading.Thread(target=store.listen)
    listener.start()
    try:
        engine.change("vault", "fail", MemberRequest(member="/dev/sdb", yes=True))
        assert store.wait(WITHIN)
        picture = store.take()
        assert picture.mirror("vault") == engine.mirror("vault")
    finally:
        store.close()
        listener.join(WITHIN)
    assert not listener.is_alive()
    assert not store.wait(None)


def test_a_lost_engine_wakes_the_taker_too(clock: ManualClock) -> None:
    engine, store = pair("healthy", clock)
    store.take()
    listener = threading.Thread(target=store.listen)
    listener.start()
    try:
        engine.lose()
        assert store.wait(WITHIN)
        assert store.take().lost
    finally:
        store.close()
        listener.join(WITHIN)
    assert not listener.is_alive()


def test_progress_on_the_map_and_the_time_left_only_shrink(clock: ManualClock) -> None:
    engine, _ = pair("degraded", clock)
    engine.change("vault", "re-add", MemberRequest(member="/dev/sdb"))
    seen = []
    while (vault := engine.mirror("vault")).sync:
        recovered = next(member.recovered for member in vault.members if member.state == "recovering")
        left = vault.map.count("n") + vault.map.count("s")
        seen.append((recovered, -left, -(vault.sync.eta_s or 1e9)))
        clock.advance(10)
    assert len(seen) > 5
    for column in zip(*seen, strict=True):
        assert list(column) == sorted(column, key=float)


def test_many_calls_at_once_are_one(clock: ManualClock) -> None:
    _, store = pair("healthy", clock)
    store.wake()
    threading.Timer(0.01, store.wake).start()
    assert store.wait(WITHIN, at_least=0.2)
    assert not store._bell.is_set()
    threading.Timer(0.01, store.close).start()
    assert not store.wait(WITHIN, at_least=WITHIN)
