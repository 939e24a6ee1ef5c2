"""The event loop: the order of a turn, descriptors, timers, signals."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from mirrortui.mirror.executor import sleep
from mirrortui.worker.loop import Loop


class Engine:
    """Writes down what is asked of it."""

    def __init__(self, log: list[str]) -> None:
        self.fd, self.far = os.pipe()
        self.log = log
        self.expired: list[float] = []

    def flush(self) -> None:
        self.log.append("flush")

    def reap(self) -> int:
        self.log.append("reap")
        return 0

    def expire(self, now: float) -> None:
        self.expired.append(now)

    def close(self) -> None:
        os.close(self.fd)
        os.close(self.far)


class Clock:
    """Stands still until told."""

    time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Setup:
    def __init__(self) -> None:
        self.log: list[str] = []
        self.engine = Engine(self.log)
        self.clock = Clock()
        self.loop = Loop(self.engine, self.clock)
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)

    def note(self, word: str) -> None:
        self.log.append(word)


@pytest.fixture
def world() -> Iterator[Setup]:
    made = Setup()
    yield made
    made.loop.close()
    made.engine.close()
    made.near.close()
    made.far.close()


def test_the_order_of_a_turn(world: Setup) -> None:
    loop, note = world.loop, world.note

    async def task() -> None:
        note("task")

    def read() -> None:
        world.near.recv(100)
        note("read")
        loop.executor.spawn(task())
        loop.finish(lambda: note("finish"))
        loop.post(lambda: note("next turn"))

    loop.add_reader(world.near.fileno(), read)
    loop.post(lambda: note("posted"))
    loop.call_later(0, lambda: note("timer"))
    world.far.send(b"x")
    loop.turn()
    assert world.log == ["read", "posted", "timer", "task", "flush", "reap", "finish", "flush"]
    world.log.clear()
    loop.turn()
    assert world.log[0] == "next turn"


def test_it_does_not_wait_while_there_is_something_to_do(world: Setup) -> None:
    async def task() -> None:
        world.note("task")

    world.loop.finish(lambda: world.loop.executor.spawn(task()))
    world.loop.turn()
    world.loop.turn()  # would wait for a second: the clock stands still
    assert "task" in world.log


def test_a_callback_that_removes_a_descriptor_ends_its_calls_in_the_same_turn(world: Setup) -> None:
    left, right = socket.socketpair()
    descriptors = {left: right, right: left}

    def read(mine: socket.socket) -> None:
        world.note("read")
        world.loop.remove(descriptors[mine].fileno())

    for mine, other in descriptors.items():
        other.send(b"x")
        world.loop.add_reader(mine.fileno(), lambda mine=mine: read(mine))  # type: ignore[misc]
    world.loop.turn()
    assert world.log.count("read") == 1
    left.close()
    right.close()


def test_readers_and_writers_come_and_go(world: Setup) -> None:
    loop, fd = world.loop, world.near.fileno()
    loop.add_writer(fd, lambda: world.note("write"))
    loop.turn()
    loop.add_reader(fd, lambda: world.note("read"))
    world.far.send(b"x")
    loop.turn()
    loop.remove_writer(fd)
    loop.turn()
    loop.remove_reader(fd)
    loop.remove_reader(fd)
    loop.remove(fd)
    loop.turn(0)
    assert [word for word in world.log if word in ("read", "write")] == ["write", "read", "write", "read"]


def test_hanging_up_wakes_the_reader_and_only_while_there_is_one(world: Setup) -> None:
    world.loop.add_reader(world.near.fileno(), lambda: world.note("read"))
    world.far.close()
    world.loop.turn()
    world.loop.remove_reader(world.near.fileno())
    world.loop.turn(0)
    assert world.log.count("read") == 1


def test_timers_fire_in_order_and_once(world: Setup) -> None:
    for seconds in (3, 1, 2, 1):
        world.loop.call_later(seconds, lambda seconds=seconds: world.note(str(seconds)))  # type: ignore[misc]
    world.loop.turn(0)
    assert not any(word.isdigit() for word in world.log)
    world.clock.time += 2
    world.loop.turn(0)
    world.clock.time += 10
    world.loop.turn(0)
    world.loop.turn(0)
    assert [word for word in world.log if word.isdigit()] == ["1", "1", "2", "3"]


def test_the_executor_sleeps_on_the_loops_timers(world: Setup) -> None:
    async def task() -> None:
        await sleep(5)
        world.note("slept")

    world.loop.executor.spawn(task())
    world.loop.turn(0)
    world.clock.time += 4
    world.loop.turn(0)
    assert "slept" not in world.log
    world.clock.time += 2
    world.loop.turn(0)
    assert "slept" in world.log


def test_overdue_operations_are_looked_for_several_times_a_second(world: Setup) -> None:
    """One that hangs is given up within a second after its time: it counts from one look, and ends with another."""
    for _ in range(80):
        world.clock.time += 0.125
        world.loop.turn(0)
    assert len(world.engine.expired) == 1 + 40


def test_signals_become_callbacks_and_are_given_back(world: Setup) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    world.loop.on_signal(signal.SIGUSR1, world.loop.stop)
    world.loop.post(lambda: os.kill(os.getpid(), signal.SIGUSR1))
    world.loop.run()
    world.loop.close()
    assert signal.getsignal(signal.SIGUSR1) == before
    assert signal.set_wakeup_fd(-1) == -1


def test_a_callback_that_raises_ends_the_run(world: Setup) -> None:
    world.loop.post(lambda: [][0])
    with pytest.raises(IndexError):
        world.loop.run()
