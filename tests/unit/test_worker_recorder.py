"""A worker's record: numbered, bounded, and no flood."""

from __future__ import annotations

from collections.abc import Callable

from mirrortui.worker.messages import WorkerEvent
from mirrortui.worker.rates import STEP, Rates
from mirrortui.worker.recorder import BURST, KEEP, SPAN, Recorder


class Host:
    """Timers that fire when time is told to pass."""

    def __init__(self) -> None:
        self.time = 100.0
        self._timers: list[tuple[float, Callable[[], None]]] = []

    def uuid(self) -> bytes:
        return bytes(16)

    def monotonic(self) -> float:
        return self.time

    def now(self) -> float:
        return self.time

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        self._timers.append((self.time + seconds, callback))

    def pass_time(self, seconds: float) -> None:
        end = self.time + seconds
        while due := [timer for timer in self._timers if timer[0] <= end]:
            first = min(due, key=lambda timer: timer[0])
            self._timers.remove(first)
            self.time = first[0]
            first[1]()
        self.time = end


def test_events_are_numbered_and_passed_on() -> None:
    recorder = Recorder(Host())
    heard: list[WorkerEvent] = []
    recorder.listener = heard.append
    recorder.observe("member-failed", "error", "b.img is out.", "/b.img")
    recorder.observe("recovery-started", "info", "It begins.")
    assert [(event.number, event.kind, event.member) for event in heard] == [
        (1, "member-failed", "/b.img"),
        (2, "recovery-started", None),
    ]
    assert recorder.events == heard
    assert len({event.worker for event in heard}) == 1


def test_a_flood_is_told_as_a_number() -> None:
    host = Host()
    recorder = Recorder(host)
    for number in range(1000):
        recorder.observe("read-error", "warning", f"Error {number}.", "/b.img")
    recorder.observe("read-error", "warning", "Another member.", "/a.img")
    assert [event.text for event in recorder.events] == [f"Error {n}." for n in range(BURST)] + [
        "Another member."
    ]
    host.pass_time(SPAN)
    assert recorder.events[-1].text == f"Error 999. ({1000 - BURST} like it in 10 s)"
    host.pass_time(SPAN)
    recorder.observe("read-error", "warning", "Later.", "/b.img")
    assert recorder.events[-1].text == "Later."
    assert len(recorder.events) == BURST + 3


def test_it_is_bounded() -> None:
    host = Host()
    recorder = Recorder(host)
    for number in range(2 * KEEP):
        recorder.observe(f"kind-{number}", "info", "Something.")
    assert [event.number for event in recorder.events] == list(range(KEEP + 1, 2 * KEEP + 1))


def test_rates_are_those_of_late() -> None:
    host = Host()
    counter = 0
    rates = Rates(host, lambda: {"": (counter, 7)} | ({"late": (counter,)} if counter > 200 else {}))
    assert rates.of("") == [0, 0]
    assert rates.of("late") == []
    for _ in range(4):
        counter += 100
        host.pass_time(STEP)
    assert rates.of("") == [200, 0]
    assert rates.of("late") == [200]
    host.pass_time(10.0)
    assert rates.of("") == [0, 0]
