"""Both I/O engines under the same tests: every operation gets exactly one answer, whatever the kernel does."""

from __future__ import annotations

import contextlib
import os
import platform
import random
import select
import threading
import time
from collections.abc import Callable, Iterator
from errno import EAGAIN, EBADF, ECANCELED, EINTR, EIO, ENOSPC, ENXIO, ETIMEDOUT
from pathlib import Path
from typing import ClassVar

import pytest

from mirrortui.device.base import Op
from mirrortui.device.buffers import Pool
from mirrortui.device.ioengine import IoEngine, Request
from mirrortui.device.opening import open_engine
from mirrortui.device.threads import ThreadEngine
from tests.devices import Answers, Channel, needs_root, tiny_tmpfs, until, uring


def old_uring() -> IoEngine:
    """A ring as Linux before 6.1 makes it: completions come at any time."""
    if platform.machine() != "x86_64":
        pytest.skip("served by threads on this machine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mirrortui.device.uring._SETUP_BEST", 1 << 30)
        return uring()


ENGINES: dict[str, Callable[[], IoEngine]] = {
    "uring": uring,
    "uring of 2": lambda: uring(2),
    "old uring": old_uring,
    "threads": ThreadEngine,
}
BLOCK = 4096


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[IoEngine]:
    engine = ENGINES[request.param]()
    yield engine
    engine.close()


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    fd = os.open(tmp_path / "image", os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 1 << 20)
    yield Channel(fd)
    os.close(fd)


def test_five_hundred_at_once_all_arrive(engine: IoEngine, channel: Channel) -> None:
    pool, answers = Pool(), Answers()
    blocks = list(range(256))
    seed = random.randrange(1 << 32)
    print("seed", seed)
    random.Random(seed).shuffle(blocks)
    for index in blocks:
        buffer = pool.take(bytes([index]) * BLOCK)
        engine.submit(channel, Op.WRITE, index * BLOCK, buffer, BLOCK, False, answers, index)
    until(engine, lambda: len(answers.results) == 256)
    back = [pool.empty(BLOCK) for _ in blocks]
    for index in blocks:
        engine.submit(channel, Op.READ, index * BLOCK, back[index], BLOCK, False, answers, 256 + index)
    until(engine, lambda: len(answers.results) == 512)
    assert set(answers.results.values()) == {BLOCK}
    assert all(bytes(back[index].view) == bytes([index]) * BLOCK for index in blocks)
    assert engine.in_flight == 0


def test_nothing_completes_inside_submit_or_flush(engine: IoEngine, channel: Channel) -> None:
    answers = Answers()
    for index in range(5):
        engine.submit(channel, Op.FLUSH, 0, None, 0, False, answers, index)
        engine.flush()
        assert not answers.results
    until(engine, lambda: len(answers.results) == 5)
    assert set(answers.results.values()) == {0}


def test_the_descriptor_wakes_a_loop_and_is_quiet_after_reap(engine: IoEngine, channel: Channel) -> None:
    epoll = select.epoll()
    epoll.register(engine.fd, select.EPOLLIN)
    for round_ in range(20):
        answers, buffer = Answers(), Pool().empty(BLOCK)
        engine.submit(channel, Op.READ, 0, buffer, BLOCK, False, answers, 0)
        engine.submit(channel, Op.FLUSH, 0, None, 0, False, answers, 1)
        engine.flush()
        while len(answers.results) < 2:
            assert epoll.poll(10), f"no wake-up in round {round_}"
            engine.reap()
        assert any(engine.reap() == 0 and not epoll.poll(0) for _ in range(200)), "it keeps the loop awake"
    epoll.close()


def test_the_end_of_the_file_is_an_error(engine: IoEngine, channel: Channel) -> None:
    answers, buffer = Answers(), Pool().empty(2 * BLOCK)
    engine.submit(channel, Op.READ, 1 << 20, buffer, BLOCK, False, answers, 0)
    engine.submit(channel, Op.READ, (1 << 20) - BLOCK, buffer, 2 * BLOCK, False, answers, 1)
    until(engine, lambda: len(answers.results) == 2)
    assert answers.results == {0: -ENXIO, 1: -ENXIO}


def test_errors_of_the_kernel_arrive_as_they_are(engine: IoEngine, tmp_path: Path) -> None:
    (tmp_path / "image").touch()
    channel = Channel(os.open(tmp_path / "image", os.O_RDONLY))
    answers, buffer = Answers(), Pool().empty(BLOCK)
    engine.submit(channel, Op.WRITE, 0, buffer, BLOCK, False, answers, 0)
    engine.submit(channel, Op.ZERO, 0, None, BLOCK, False, answers, 1)
    until(engine, lambda: len(answers.results) == 2)
    assert answers.results == {0: -EBADF, 1: -EBADF}
    engine.release(channel)


@pytest.mark.parametrize("fua", [False, True])
@pytest.mark.parametrize("op", [Op.ZERO, Op.ZERO_KEEP])
def test_zeroing_reads_back_as_zeroes(engine: IoEngine, channel: Channel, op: Op, fua: bool) -> None:
    os.pwrite(channel.fd, b"\xff" * (3 * BLOCK), 0)
    answers = Answers()
    engine.submit(channel, op, BLOCK, None, BLOCK, fua, answers, 0)
    until(engine, lambda: bool(answers.results))
    assert answers.results == {0: 0}
    assert os.pread(channel.fd, 4 * BLOCK, 0) == b"\xff" * BLOCK + bytes(BLOCK) + b"\xff" * BLOCK + bytes(
        BLOCK
    )
    hole = os.lseek(channel.fd, 0, os.SEEK_HOLE)
    assert (hole == BLOCK) == (op is Op.ZERO or hole != 3 * BLOCK)


def test_a_large_write_arrives_whole(engine: IoEngine, channel: Channel) -> None:
    data = random.Random(1).randbytes(8 << 20)
    answers, buffer = Answers(), Pool().take(data)
    engine.submit(channel, Op.WRITE, 0, buffer, len(data), True, answers, 0)
    until(engine, lambda: bool(answers.results))
    assert answers.results == {0: len(data)}
    assert os.pread(channel.fd, len(data), 0) == data


@pytest.mark.interop
def test_a_full_disk_takes_a_part_and_then_says_so(engine: IoEngine, tmp_path: Path) -> None:
    needs_root()
    with tiny_tmpfs(tmp_path / "tiny", "1m") as tiny:
        channel = Channel(os.open(tiny / "image", os.O_RDWR | os.O_CREAT))
        answers, buffer = Answers(), Pool().take(b"x" * (2 << 20))
        engine.submit(channel, Op.WRITE, 0, buffer, 2 << 20, False, answers, 0)
        until(engine, lambda: bool(answers.results))
        assert answers.results == {0: -ENOSPC}
        assert os.fstat(channel.fd).st_size == 1 << 20, (
            "the first part was not written, so nothing was continued"
        )
        engine.release(channel)


def test_a_descriptor_is_closed_only_after_its_last_operation(engine: IoEngine, channel: Channel) -> None:
    answers, pool = Answers(), Pool()
    leaving = Channel(os.dup(channel.fd))
    for index in range(20):
        engine.submit(leaving, Op.WRITE, index * BLOCK, pool.take(b"z" * BLOCK), BLOCK, False, answers, index)
    engine.release(leaving)
    until(engine, lambda: len(answers.results) == 20)
    assert set(answers.results.values()) == {BLOCK}
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(leaving.fd)
    idle = Channel(os.dup(channel.fd))
    engine.release(idle)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(idle.fd)


class Hang:
    """Reads that do not come back until `let_go()`, on a descriptor of either engine."""

    def __init__(self, engine: IoEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        self._reader, writer = os.pipe()
        self._writer = os.fdopen(writer, "wb")
        self.channel = Channel(self._reader, timeout=5.0)
        self._threaded = isinstance(engine, ThreadEngine)
        self._begun = threading.Semaphore(0)
        self._gate = threading.Event()
        if self._threaded:  # preadv refuses a pipe; the ring reads it
            monkeypatch.setattr(os, "preadv", self._hang)
            self.channel.fd = os.memfd_create("hang")
            os.ftruncate(self.channel.fd, 1 << 20)

    def _hang(self, *_: object) -> int:
        self._begun.release()
        assert self._gate.wait(60)
        return 0

    def wait_for(self, count: int) -> None:
        """Until so many threads hang; the ring has them once it is flushed."""
        for _ in range(count if self._threaded else 0):
            assert self._begun.acquire(timeout=20)

    def let_go(self) -> None:
        """The end of the pipe: every read comes back."""
        self._writer.close()
        self._gate.set()

    def close(self) -> None:
        self.let_go()
        for fd in {self._reader, self.channel.fd}:
            with contextlib.suppress(OSError):  # a test may have left that to the engine
                os.close(fd)


@pytest.fixture
def hang(engine: IoEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hang]:
    hang = Hang(engine, monkeypatch)
    yield hang
    hang.close()


def test_what_hangs_is_given_up_and_its_buffer_kept(engine: IoEngine, hang: Hang, channel: Channel) -> None:
    answers, pool = Answers(), Pool()
    buffer = pool.empty(BLOCK)
    engine.submit(hang.channel, Op.READ, 0, buffer, BLOCK, False, answers, 7)
    engine.flush()
    hang.wait_for(1)
    engine.expire(1000.0)  # the first tick after submission starts the time, however late it comes
    engine.expire(1004.9)
    assert not answers.results
    engine.expire(1005.0)
    assert answers.results == {7: -ETIMEDOUT}
    assert (hang.channel.zombies, channel.zombies) == (1, 0)
    buffer.drop()
    assert buffer.refs == 1, "the kernel may still write there"
    assert pool.empty(BLOCK) is not buffer
    engine.expire(2000.0)
    assert hang.channel.zombies == 1, "given up once, not twice"

    hang.let_go()
    until(engine, lambda: hang.channel.zombies == 0)
    assert answers.results == {7: -ETIMEDOUT}, "the late result is nobody's"
    assert buffer.refs == 0
    assert engine.in_flight == 0


def test_the_descriptor_of_what_hangs_stays_open_until_it_comes_back(engine: IoEngine, hang: Hang) -> None:
    """Its number would be another file's, and what was not begun would be written there."""
    answers, pool = Answers(), Pool()
    fd = hang.channel.fd = os.dup(hang.channel.fd)
    engine.submit(hang.channel, Op.READ, 0, pool.empty(BLOCK), BLOCK, False, answers, 0)
    engine.flush()
    hang.wait_for(1)
    engine.release(hang.channel)
    engine.expire(1000.0)
    engine.expire(1005.0)
    assert answers.results == {0: -ETIMEDOUT}
    os.fstat(fd)
    hang.let_go()
    until(engine, lambda: hang.channel.zombies == 0)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_who_waits_may_go_on_after_the_release(engine: IoEngine, channel: Channel) -> None:
    """As zeroing does, piece by piece."""
    leaving = Channel(os.dup(channel.fd))
    data = Pool().take(b"z" * BLOCK)

    class Pieces:
        results: ClassVar[list[int]] = []

        def complete(self, index: int, result: int) -> None:
            self.results.append(result)
            if index:
                engine.submit(leaving, Op.WRITE, index * BLOCK, data, BLOCK, False, self, index - 1)

    engine.submit(leaving, Op.WRITE, 0, data, BLOCK, False, Pieces(), 5)
    engine.release(leaving)
    until(engine, lambda: len(Pieces.results) == 6)
    assert set(Pieces.results) == {BLOCK}
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(leaving.fd)


def test_a_hanging_member_does_not_hold_up_its_neighbour(
    engine: IoEngine, hang: Hang, channel: Channel
) -> None:
    """I16. With more operations hanging than either engine has threads by default."""
    answers, pool = Answers(), Pool()
    for index in range(64):
        engine.submit(hang.channel, Op.READ, 0, pool.empty(BLOCK), BLOCK, False, answers, index)
    engine.flush()
    for index in range(100, 120):
        engine.submit(channel, Op.WRITE, 0, pool.take(b"n" * BLOCK), BLOCK, True, answers, index)
        engine.submit(channel, Op.FLUSH, 0, None, 0, False, answers, index + 100)
    until(engine, lambda: len(answers.results) == 40)
    assert set(answers.results) == {*range(100, 120), *range(200, 220)}
    hang.wait_for(8)
    engine.expire(0.5)
    engine.expire(5.5)
    assert [answers.results[index] for index in range(64)] == [-ETIMEDOUT] * 64
    expected = 8 if isinstance(engine, ThreadEngine) else 64
    assert hang.channel.zombies == expected, "what no thread had begun cannot land late"
    hang.let_go()
    until(engine, lambda: hang.channel.zombies == 0)


class Scripted(IoEngine):
    """An engine whose kernel is a list of answers: what the real one says too seldom to wait for."""

    def __init__(self, *answers: int) -> None:
        super().__init__()
        self._answers = list(answers)
        self._queued: list[Request] = []
        self.seen: list[tuple[Op, int, int]] = []

    def _start(self, request: Request) -> None:
        self.seen.append((request.op, request.offset, request.length))
        self._queued.append(request)

    def _withdraw(self, request: Request) -> bool:
        return False

    def flush(self) -> None:
        pass

    def reap(self) -> int:
        if self._queued and self._answers:
            self._ended(self._queued.pop(0), self._answers.pop(0))
            return 1
        return 0

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("answers", "result", "seen"),
    [
        ((-EAGAIN, -EINTR, -ECANCELED, 8192), 8192, [(Op.WRITE, 0, 8192)] * 4),
        (
            (512, 4096, -EAGAIN, 3584),
            8192,
            [(Op.WRITE, 0, 8192), (Op.WRITE, 512, 7680), *[(Op.WRITE, 4608, 3584)] * 2],
        ),
        ((4096, -ENOSPC), -ENOSPC, [(Op.WRITE, 0, 8192), (Op.WRITE, 4096, 4096)]),
        ((4096, 0), -ENXIO, [(Op.WRITE, 0, 8192), (Op.WRITE, 4096, 4096)]),
    ],
)
def test_parts_and_interruptions_are_continued(
    answers: tuple[int, ...], result: int, seen: list[tuple[Op, int, int]]
) -> None:
    engine, told = Scripted(*answers), Answers()
    engine.submit(Channel(-1), Op.WRITE, 0, Pool().empty(8192), 8192, False, told, 3)
    while engine.reap():
        pass
    assert (told.results, engine.seen) == ({3: result}, seen)


def test_a_durable_zero_is_a_zero_and_then_a_flush() -> None:
    engine, told = Scripted(0, 0), Answers()
    engine.submit(Channel(-1), Op.ZERO, 4096, None, 8192, True, told, 0)
    engine.reap()
    assert not told.results
    engine.reap()
    assert told.results == {0: 0}
    assert engine.seen == [(Op.ZERO, 4096, 8192), (Op.FLUSH, 4096, 0)]


@pytest.mark.parametrize("late", [512, -EAGAIN, -EIO, 8192])
def test_what_was_given_up_is_not_continued(late: int) -> None:
    engine, told, channel = Scripted(), Answers(), Channel(-1, timeout=1.0)
    engine.submit(channel, Op.WRITE, 0, Pool().empty(8192), 8192, False, told, 0)
    engine.expire(1.0)
    engine.expire(2.0)
    assert (told.results, channel.zombies) == ({0: -ETIMEDOUT}, 1)
    engine._answers.append(late)
    engine.reap()
    assert (told.results, channel.zombies, engine.in_flight) == ({0: -ETIMEDOUT}, 0, 0)
    assert len(engine.seen) == 1


def test_a_loop_that_stood_still_blames_nobody(engine: IoEngine, channel: Channel) -> None:
    channel.timeout = 5.0
    answers, buffer = Answers(), Pool().empty(BLOCK)
    engine.submit(channel, Op.READ, 0, buffer, BLOCK, False, answers, 0)
    engine.flush()
    engine.expire(1.0)
    until_done = time.monotonic() + 5
    poll = select.poll()
    poll.register(engine.fd, select.POLLIN)
    while not answers.results and time.monotonic() < until_done:
        poll.poll(100)
        engine.expire(1000.0)  # late, but the answer is there: it must be taken before anybody is blamed
    assert answers.results == {0: BLOCK}


def test_an_engine_closes_twice_and_leaves_no_descriptor(channel: Channel) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    for make in ENGINES.values():
        engine = make()
        engine.close()
        engine.close()
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_auto_takes_threads_where_io_uring_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirrortui.device.uring.syscall", lambda *_: -1)
    engine = open_engine("auto")
    assert engine.name == "threads"
    engine.close()
    with pytest.raises(PermissionError):
        open_engine("uring")
