"""Memory, and the filters before it: the device's contract for each, then what each is for."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from errno import EIO, ENOSPC, ETIMEDOUT

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrortui.device.base import Device, Extent, Op
from mirrortui.device.buffers import Pool
from mirrortui.device.filters.crash import CrashFilter, PowerCut
from mirrortui.device.filters.delay import DelayFilter
from mirrortui.device.filters.fault import Effect, Fault, FaultFilter, scattered, script
from mirrortui.device.filters.sectors import BadSectorFilter
from mirrortui.device.filters.stats import StatsFilter, Tally
from mirrortui.device.memory import MemoryDevice
from tests.devices import Answers

SIZE = 64 << 10
BLOCK = 4096


class Turns:
    """A loop whose time goes as fast as it is asked to."""

    def __init__(self) -> None:
        self.time = 0.0
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()

    def monotonic(self) -> float:
        return self.time

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (self.time + seconds, next(self._count), callback))

    def post(self, callback: Callable[[], None]) -> None:
        self.call_later(0, callback)

    def run(self, seconds: float = 0.0) -> None:
        """Everything that is due within so many seconds."""
        end = self.time + seconds
        while self._timers and self._timers[0][0] <= end:
            self.time, _, callback = heapq.heappop(self._timers)
            callback()
        self.time = end


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def memory(turns: Turns) -> MemoryDevice:
    return MemoryDevice("memory", SIZE, turns.post)


MAKERS: dict[str, Callable[[Device, Turns], Device]] = {
    "memory": lambda device, turns: device,
    "delay": lambda device, turns: DelayFilter(device, 0.5, turns.call_later),
    "crash": lambda device, turns: CrashFilter(device, 1000),
    "stats": lambda device, turns: StatsFilter(device, turns.monotonic),
    "fault": lambda device, turns: FaultFilter(device, [], turns.call_later),
    "sectors": lambda device, turns: BadSectorFilter(device, turns.call_later),
    "all": lambda device, turns: DelayFilter(
        StatsFilter(CrashFilter(FaultFilter(device, [], turns.call_later), 1000), turns.monotonic),
        0.5,
        turns.call_later,
    ),
}


@pytest.fixture(params=MAKERS)
def device(request: pytest.FixtureRequest, memory: MemoryDevice, turns: Turns) -> Device:
    return MAKERS[request.param](memory, turns)


def test_contract(device: Device, turns: Turns) -> None:
    pool, answers = Pool(), Answers()
    data = random.Random(5).randbytes(2 * BLOCK)
    todo: list[tuple[Op, int, int]] = [
        (Op.WRITE, BLOCK, 2 * BLOCK),
        (Op.FLUSH, 0, 0),
        (Op.READ, BLOCK, 2 * BLOCK),
        (Op.ZERO, BLOCK, 100),
        (Op.ZERO_KEEP, BLOCK + 100, 100),
        (Op.READ, 0, SIZE),
    ]
    buffers = []
    for index, (op, offset, length) in enumerate(todo):
        buffers.append(pool.take(data) if op is Op.WRITE else pool.empty(SIZE))
        payload = buffers[-1] if op in (Op.READ, Op.WRITE) else None
        device.submit(op, offset, payload, length, False, answers, index)
        assert index not in answers.results, "completed inside submit"
        turns.run(1.0)
    assert answers.results == {0: 2 * BLOCK, 1: 0, 2: 2 * BLOCK, 3: 0, 4: 0, 5: SIZE}
    assert bytes(buffers[2].view[: 2 * BLOCK]) == data
    assert bytes(buffers[5].view) == bytes(BLOCK + 200) + data[200:] + bytes(SIZE - 3 * BLOCK)
    assert device.extents(0, SIZE) == [
        Extent(0, BLOCK, hole=True),
        Extent(BLOCK, 2 * BLOCK, hole=False),
        Extent(3 * BLOCK, SIZE - 3 * BLOCK, hole=True),
    ]
    assert (device.path, device.size, device.atom, device.zombies) == ("memory", SIZE, 512, 0)
    if device.pwrite and device.pread:
        back = bytearray(5)
        assert device.pwrite(memoryview(b"hello"), SIZE - 5) == 5
        assert device.pread(memoryview(back), SIZE - 5) == 5
        assert back == b"hello"
    device.close()
    device.close()
    assert device.pwrite is None and device.pread is None


@given(
    written=st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(1, 9000)), max_size=4),
    offset=st.integers(0, SIZE - 1),
    length=st.integers(0, SIZE),
)
def test_extents_cover_any_range_exactly(written: list[tuple[int, int]], offset: int, length: int) -> None:
    memory = MemoryDevice("memory", SIZE, lambda callback: None)
    for at, size in written:
        memory.content[at : at + size] = b"x" * min(size, SIZE - at)
    length = min(length, SIZE - offset)
    found = memory.extents(offset, length)
    at = offset
    for extent in found:
        assert extent.offset == at and extent.length > 0
        at += extent.length
        assert not extent.hole or not any(memory.content[extent.offset : at])
    assert at == offset + length
    assert all(one.hole != other.hole for one, other in itertools.pairwise(found))


def test_memory_does_not_grow(memory: MemoryDevice) -> None:
    with pytest.raises(ValueError, match="not inside"):
        memory.submit(Op.WRITE, SIZE - 1, Pool().take(b"ab"), 2, False, Answers(), 0)
    assert memory.pwrite
    assert memory.pwrite(memoryview(b"ab"), SIZE - 1) == 1
    assert len(memory.content) == SIZE


def run(device: Device, turns: Turns, *ops: tuple[Op, int]) -> list[int]:
    """Results of operations on a block each, one after the other."""
    results = []
    pool = Pool()
    for op, offset in ops:
        answers = Answers()
        buffer = pool.empty(BLOCK) if op in (Op.READ, Op.WRITE) else None
        device.submit(op, offset, buffer, 0 if op is Op.FLUSH else BLOCK, False, answers, 0)
        turns.run(60.0)
        results.append(answers.results[0])
    return results


def test_delay(memory: MemoryDevice, turns: Turns) -> None:
    device, answers = DelayFilter(memory, 0.25, turns.call_later), Answers()
    device.submit(Op.FLUSH, 0, None, 0, False, answers, 0)
    device.submit(Op.FLUSH, 0, None, 0, False, answers, 1)
    turns.run(0.24)
    assert not answers.results
    turns.run(0.02)
    assert answers.results == {0: 0, 1: 0}, "two at once are late together"


def test_power_goes_at_the_chosen_operation_and_stays_away(memory: MemoryDevice, turns: Turns) -> None:
    device, pool, answers = CrashFilter(memory, 2), Pool(), Answers()
    for index in range(2):
        device.submit(Op.WRITE, index * BLOCK, pool.take(b"x" * BLOCK), BLOCK, False, answers, index)
    for _ in range(2):
        with pytest.raises(PowerCut, match="memory: at WRITE of 4096 bytes at 8192"):
            device.submit(Op.WRITE, 2 * BLOCK, pool.take(b"x" * BLOCK), BLOCK, False, answers, 2)
    turns.run(1.0)
    assert not answers.results, "nobody is there to be told"
    assert memory.content.count(b"x") == 2 * BLOCK


def test_a_power_cut_is_not_an_error_to_handle() -> None:
    assert not issubclass(PowerCut, Exception)


def test_stats(memory: MemoryDevice, turns: Turns) -> None:
    slow = DelayFilter(
        FaultFilter(memory, [Fault(EIO, Op.READ, nth=2)], turns.call_later), 0.5, turns.call_later
    )
    device = StatsFilter(slow, turns.monotonic)
    answers = Answers()
    device.submit(Op.FLUSH, 0, None, 0, False, answers, 0)
    assert device.in_flight == 1
    turns.run(1)
    run(device, turns, (Op.WRITE, 0), (Op.READ, 0), (Op.READ, 0))
    assert device.in_flight == 0
    assert device.tallies[Op.WRITE] == Tally(operations=1, bytes=BLOCK, errors=0, latency=0.5)
    assert device.tallies[Op.READ] == Tally(operations=2, bytes=BLOCK, errors=1, latency=0.5)
    slow.seconds = 2.1
    run(device, turns, (Op.WRITE, 0))
    assert device.tallies[Op.WRITE].latency == pytest.approx(0.6)
    assert device.tallies[Op.ZERO] == Tally()


@pytest.mark.parametrize(
    ("fault", "results"),
    [
        (Fault(EIO), [-EIO, BLOCK, BLOCK, 0, BLOCK]),
        (Fault(EIO, nth=2, times=2), [BLOCK, -EIO, -EIO, 0, BLOCK]),
        (Fault(ENOSPC, Op.WRITE), [BLOCK, -ENOSPC, BLOCK, 0, BLOCK]),
        (Fault(EIO, Op.FLUSH), [BLOCK, BLOCK, BLOCK, -EIO, BLOCK]),
        (Fault(EIO, start=BLOCK, end=2 * BLOCK, times=9), [BLOCK, -EIO, BLOCK, 0, BLOCK]),
        (Fault(EIO, start=BLOCK - 1, end=BLOCK), [-EIO, BLOCK, BLOCK, 0, BLOCK]),
        (Fault("short", Op.READ), [2048, BLOCK, BLOCK, 0, BLOCK]),
        (Fault("hang", Op.WRITE), [BLOCK, -ETIMEDOUT, BLOCK, 0, BLOCK]),
    ],
)
def test_rules(memory: MemoryDevice, turns: Turns, fault: Fault, results: list[int]) -> None:
    device = FaultFilter(memory, [fault], turns.call_later)
    ops = [(Op.READ, 0), (Op.WRITE, BLOCK), (Op.READ, 2 * BLOCK), (Op.FLUSH, 0), (Op.WRITE, 3 * BLOCK)]
    assert run(device, turns, *ops) == results


def test_a_failed_write_writes_nothing_and_clear_ends_it(memory: MemoryDevice, turns: Turns) -> None:
    device = FaultFilter(memory, [Fault(EIO, times=99)], turns.call_later)
    answers, buffer = Answers(), Pool().take(b"x" * BLOCK)
    device.submit(Op.WRITE, 0, buffer, BLOCK, False, answers, 0)
    assert not answers.results, "completed inside submit"
    turns.run(1)
    assert answers.results == {0: -EIO}
    assert memory.content == bytes(SIZE)
    device.clear()
    assert run(device, turns, (Op.WRITE, 0)) == [BLOCK]


def test_what_hangs_is_given_up_and_lands_late(memory: MemoryDevice, turns: Turns) -> None:
    device = FaultFilter(memory, [Fault("hang")], turns.call_later, timeout=3.0)
    answers, buffer = Answers(), Pool().take(b"late" * 1024)
    device.submit(Op.WRITE, 0, buffer, BLOCK, False, answers, 0)
    turns.run(2.9)
    assert not answers.results
    turns.run(0.2)
    assert (answers.results, device.zombies) == ({0: -ETIMEDOUT}, 1)
    buffer.drop()
    assert buffer.refs == 1
    device.let_go()
    turns.run(1)
    assert (answers.results, device.zombies, buffer.refs) == ({0: -ETIMEDOUT}, 0, 0)
    assert memory.content[:BLOCK] == b"late" * 1024


def test_what_is_let_go_in_time_was_only_slow(memory: MemoryDevice, turns: Turns) -> None:
    device = FaultFilter(memory, [Fault("hang")], turns.call_later, timeout=3.0)
    answers = Answers()
    device.submit(Op.READ, 0, Pool().empty(BLOCK), BLOCK, False, answers, 0)
    turns.run(1)
    device.let_go()
    turns.run(60)
    assert (answers.results, device.zombies) == ({0: BLOCK}, 0)


def test_a_script_is_a_letter_an_operation(memory: MemoryDevice, turns: Turns) -> None:
    device = FaultFilter(memory, script("..EN.HS"), turns.call_later)
    expected = [BLOCK, BLOCK, -EIO, -ENOSPC, BLOCK, -ETIMEDOUT, 2048, BLOCK]
    assert run(device, turns, *[(Op.WRITE, 0)] * 8) == expected
    with pytest.raises(ValueError, match=r"expected only \. E N H S, found x y"):
        script("Exy")


@pytest.mark.parametrize("effects", [(EIO,), (EIO, "hang", "short")])
def test_scattered_faults_are_those_of_the_seed(effects: tuple[Effect, ...]) -> None:
    faults = scattered(7, 0.1, 1000, effects)
    assert faults == scattered(7, 0.1, 1000, effects)
    assert faults != scattered(8, 0.1, 1000, effects)
    assert 60 < len(faults) < 140
    assert {fault.effect for fault in faults} == set(effects)


def test_bad_sectors_are_read_again_once_they_were_written(memory: MemoryDevice, turns: Turns) -> None:
    device, answers = BadSectorFilter(memory, turns.call_later), Answers()
    device.places = {(2 * BLOCK, 3 * BLOCK)}
    buffer = Pool().empty(SIZE)
    todo = [
        (Op.READ, BLOCK, BLOCK),
        (Op.READ, BLOCK, 2 * BLOCK),
        (Op.WRITE, 2 * BLOCK, 2048),  # a part of it
        (Op.READ, 2 * BLOCK, BLOCK),
        (Op.WRITE, 2 * BLOCK, BLOCK),
        (Op.READ, 2 * BLOCK, BLOCK),
    ]
    for index, (op, offset, length) in enumerate(todo):
        device.submit(op, offset, buffer, length, False, answers, index)
        turns.run(1.0)
    assert answers.results == {0: BLOCK, 1: -EIO, 2: 2048, 3: -EIO, 4: BLOCK, 5: BLOCK}
