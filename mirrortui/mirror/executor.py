"""The mirror's own executor: coroutines over device operations, with no thread, no socket and no clock of its own.

A task awaits one of four things: a list of operations (all of them), a Signal, a Ticket, or seconds. Whoever drives it
(the worker's loop, the simulator) calls `drain()` once per turn; nothing resumes inside another task's step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import Any, Protocol, TypeVar

from mirrortui.device.base import Device, Op
from mirrortui.device.buffers import Buffer

Task = Coroutine[Any, Any, Any]
Answer = TypeVar("Answer")


class Host(Protocol):
    """What the driver lends the executor."""

    def monotonic(self) -> float:
        """Seconds that never run back."""
        ...

    def now(self) -> float:
        """Wall seconds since 1970 UTC, for superblock times."""
        ...

    def uuid(self) -> bytes:
        """16 bytes that nobody else has, for a new array or member."""
        ...

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back once, that much later, between turns."""
        ...


class Operation:
    """One device operation, as data."""

    __slots__ = ("buffer", "device", "fua", "length", "offset", "op")

    def __init__(
        self,
        device: Device,
        op: Op,
        offset: int = 0,
        buffer: Buffer | None = None,
        length: int = 0,
        fua: bool = False,
    ) -> None:
        self.device = device
        self.op = op
        self.offset = offset
        self.buffer = buffer
        self.length = length
        self.fua = fua


class Signal:
    """Tasks wait, one call wakes them all; a waiter re-checks what it waited for."""

    __slots__ = ("_executor", "_waiting")

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._waiting: list[Step] = []

    def add(self, step: Step) -> None:
        """Called by the executor."""
        self._waiting.append(step)

    def fire(self) -> None:
        """Wake everybody, at the next drain."""
        waiting, self._waiting = self._waiting, []
        for step in waiting:
            self._executor.resume(step, None)

    def __await__(self) -> Generator[Any, Any, None]:
        yield self


class _Sleep:
    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __await__(self) -> Generator[Any, Any, None]:
        yield self


class _All:
    __slots__ = ("operations",)

    def __init__(self, operations: list[Operation]) -> None:
        self.operations = operations

    def __await__(self) -> Generator[Any, Any, list[int]]:
        results: list[int] = yield self
        return results


def wait(operations: Iterable[Operation]) -> _All:
    """Await it: the results, in order; bytes done or a negative errno. Nothing to wait for is a case: []."""
    return _All(list(operations))


def sleep(seconds: float) -> _Sleep:
    """Await it."""
    return _Sleep(seconds)


def run_at_once(task: Coroutine[Any, Any, Answer], perform: Callable[[Operation], int]) -> Answer:
    """What a task returns that waits for device operations only, each of them done while it waits."""
    results: list[int] | None = None
    try:
        while True:
            wanted = task.send(results)
            results = [perform(op) for op in wanted.operations]
    except StopIteration as end:
        answer: Answer = end.value
        return answer


class Step:
    """A running task and what it waits for."""

    __slots__ = ("_executor", "_left", "_results", "done", "task")

    def __init__(self, executor: Executor, task: Task, done: Callable[[Any], None] | None) -> None:
        self._executor = executor
        self.task = task
        self.done = done
        self._left = 0
        self._results: list[int] = []

    def start(self, operations: list[Operation]) -> None:
        """Submit them all."""
        self._left = len(operations)
        self._results = [0] * self._left
        for index, op in enumerate(operations):
            op.device.submit(op.op, op.offset, op.buffer, op.length, op.fua, self, index)

    def complete(self, index: int, result: int) -> None:
        """A device's answer (device.base.Waiter)."""
        self._results[index] = result
        self._left -= 1
        if not self._left:
            self._executor.resume(self, self._results)


class Executor:
    """Runs tasks to their next wait."""

    __slots__ = ("_host", "_ready", "tasks")

    def __init__(self, host: Host) -> None:
        self._host = host
        self._ready: deque[tuple[Step, Any]] = deque()
        self.tasks = 0
        """Tasks that have not ended."""

    def spawn(self, task: Task, done: Callable[[Any], None] | None = None) -> None:
        """Start a task at the next drain; `done` gets what it returns."""
        self.tasks += 1
        self._ready.append((Step(self, task, done), None))

    def resume(self, step: Step, value: Any) -> None:
        """Let a waiting task go on at the next drain."""
        self._ready.append((step, value))

    @property
    def idle(self) -> bool:
        """Nothing to do until a device or the clock answers."""
        return not self._ready

    def drain(self) -> None:
        """Run everything that can run."""
        ready = self._ready
        while ready:
            step, value = ready.popleft()
            self._run(step, value)

    def abandon(self) -> None:
        """Forget what was about to run: the power is gone, or a test is over."""
        while self._ready:
            self._ready.popleft()[0].task.close()

    def _run(self, step: Step, value: Any) -> None:
        try:
            wanted = step.task.send(value)
        except StopIteration as end:
            self.tasks -= 1
            if step.done:
                step.done(end.value)
            return
        if type(wanted) is _All:
            if wanted.operations:
                step.start(wanted.operations)
            else:
                self._ready.append((step, []))
        elif type(wanted) is _Sleep:
            self._host.call_later(wanted.seconds, lambda: self.resume(step, None))
        else:
            wanted.add(step)
