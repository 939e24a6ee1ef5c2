"""Image files through both engines, with and without the page cache."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from errno import ENOTCONN, ENXIO
from pathlib import Path

import pytest

from mirrortui.device import kernel
from mirrortui.device.base import Extent, Loss, Op
from mirrortui.device.file import FileDevice, seek
from mirrortui.device.ioengine import IoEngine
from mirrortui.device.opening import open_engine, open_member
from mirrortui.device.threads import ThreadEngine
from mirrortui.errors import MemberError
from tests.devices import Answers, Driver, uring

SIZE = 4 << 20


@pytest.fixture(params=["uring", "threads"])
def engine(request: pytest.FixtureRequest) -> Iterator[IoEngine]:
    engine = uring() if request.param == "uring" else ThreadEngine()
    yield engine
    engine.close()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.touch()
    os.truncate(path, SIZE)
    return path


@pytest.fixture(params=[False, True], ids=["page cache", "direct"])
def device(request: pytest.FixtureRequest, image: Path, engine: IoEngine) -> Iterator[FileDevice]:
    try:
        device = open_member(str(image), engine, direct=request.param)
    except MemberError as error:
        pytest.skip(str(error))
    yield device
    device.close()


@pytest.fixture
def driver(engine: IoEngine, device: FileDevice) -> Driver:
    return Driver(engine, device)


def test_what_is_written_is_read(driver: Driver, device: FileDevice, image: Path) -> None:
    data = random.Random(1).randbytes(3 * device.atom)
    assert driver.write(device.atom, data) == len(data)
    assert driver.write(0, data[: device.atom], fua=True) == device.atom
    assert driver.run(Op.FLUSH) == 0
    assert driver.read(device.atom, len(data)) == data
    assert image.read_bytes() == data[: device.atom] + data + bytes(SIZE - 4 * device.atom)


def test_random_operations_leave_what_a_model_has(driver: Driver, device: FileDevice, image: Path) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    model = bytearray(SIZE)
    for _ in range(150):
        offset = chance.randrange(SIZE) // device.block_size * device.block_size
        most = min(SIZE - offset, 200_000) // device.block_size
        length = chance.randint(1, most) * device.block_size
        part = slice(offset, offset + length)
        op, fua = chance.choice(list(Op)), chance.random() < 0.2
        if op is Op.READ:
            assert driver.read(offset, length) == bytes(model[part])
        elif op is Op.WRITE:
            model[part] = chance.randbytes(length)
            assert driver.write(offset, bytes(model[part]), fua) == length
        elif op is Op.FLUSH:
            assert driver.run(op) == 0
        else:
            model[part] = bytes(length)
            assert driver.run(op, offset, None, length, fua) == 0
        for extent in device.extents(offset, length):
            assert not extent.hole or not any(model[extent.offset : extent.offset + extent.length])
    assert image.read_bytes() == model


def test_geometry_fits_the_way_it_was_opened(device: FileDevice) -> None:
    assert device.size == SIZE
    assert device.atom in (512, 4096)
    if device.block_size == 1:
        assert device.pread and device.pwrite
    else:
        assert device.block_size == device.atom
        assert (device.pread, device.pwrite) == (None, None)


@pytest.mark.parametrize("fua", [False, True])
@pytest.mark.parametrize("op", [Op.ZERO, Op.ZERO_KEEP])
@pytest.mark.parametrize("helpless", [False, True], ids=["fallocate", "no fallocate"])
def test_zeroes(driver: Driver, device: FileDevice, op: Op, fua: bool, helpless: bool) -> None:
    """Also where the file system knows neither call, and over more than one piece."""
    if helpless:
        device.unsupported |= {Op.ZERO, Op.ZERO_KEEP}
    data = random.Random(2).randbytes(SIZE)
    driver.write(0, data)
    start, length = device.atom, 2 * (1 << 20) + device.atom
    assert driver.run(op, start, None, length, fua) == 0
    assert driver.read(0, SIZE) == data[:start] + bytes(length) + data[start + length :]
    assert device.zombies == 0


def test_zeroing_learns_what_the_file_system_cannot(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def refuse(fd: int, mode: int, offset: int, length: int) -> int:
        asked.append(mode)
        return -95

    monkeypatch.setattr(kernel, "fallocate", refuse)
    engine = ThreadEngine()
    device = open_member(str(image), engine)
    assert not device.can_punch
    asked.clear()
    driver = Driver(engine, device)
    driver.write(0, b"x" * 8192)
    assert driver.run(Op.ZERO, 0, None, 4096) == 0
    assert driver.run(Op.ZERO, 4096, None, 4096) == 0
    assert len(asked) == 1, "asked once and remembered"
    assert image.read_bytes() == bytes(SIZE)
    device.close()
    engine.close()


def test_punching_gives_space_back(driver: Driver, device: FileDevice, image: Path) -> None:
    if not device.can_punch:
        pytest.skip("this file system does not punch holes")
    driver.write(0, b"x" * SIZE, fua=True)
    before = image.stat().st_blocks
    assert driver.run(Op.ZERO, 0, None, SIZE // 2) == 0
    assert image.stat().st_blocks <= before // 2 + 8
    assert image.stat().st_size == SIZE


def test_probing_for_holes_changes_nothing(image: Path, engine: IoEngine) -> None:
    image.write_bytes(b"x" * SIZE)
    open_member(str(image), engine).close()
    assert image.read_bytes() == b"x" * SIZE


def test_extents_cover_the_range_exactly(driver: Driver, device: FileDevice, image: Path) -> None:
    driver.write(1 << 20, b"x" * (1 << 20), fua=True)
    found = device.extents(0, SIZE)
    assert found == [
        Extent(0, 1 << 20, hole=True),
        Extent(1 << 20, 1 << 20, hole=False),
        Extent(2 << 20, 2 << 20, hole=True),
    ]
    assert device.extents((1 << 20) - 512, 1024) == [
        Extent((1 << 20) - 512, 512, hole=True),
        Extent(1 << 20, 512, hole=False),
    ]
    assert device.extents(0, 0) == []


def test_nobody_is_asked_again_where_there_was_data(
    driver: Driver, device: FileDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a question takes a thread, which a copy would start for each piece, under clients who wait meanwhile."""
    driver.write(1 << 20, b"x" * (1 << 20), fua=True)
    assert device.extents(1 << 20, 4096) == [Extent(1 << 20, 4096, hole=False)]
    asked: list[int] = []

    def counted(fd: int, at: int, whence: int, end: int) -> int:
        asked.append(at)
        return seek(fd, at, whence, end)

    monkeypatch.setattr("mirrortui.device.file.seek", counted)
    for at in range(1 << 20, 2 << 20, 1 << 18):
        assert device.extents(at, 1 << 18) == [Extent(at, 1 << 18, hole=False)]
    assert not asked
    assert device.extents(0, 4096) == [Extent(0, 4096, hole=True)]
    driver.run(Op.ZERO, 1 << 20, None, 4096)
    device.extents(1 << 20, 4096)
    assert len(asked) > 1, "it may be a hole now"


def test_what_a_dead_file_system_says_of_holes_is_nothing(
    device: FileDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon of a FUSE file system is gone, or a server took the file away."""

    def gone(fd: int, at: int, whence: int, end: int) -> int:
        raise OSError(ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr("mirrortui.device.file.seek", gone)
    assert device.extents(4096, 8192) == [Extent(4096, 8192, hole=False)]
    assert device.extents(0, 0) == []


def test_a_file_cut_off_underneath_is_an_error_not_zeroes(
    driver: Driver, device: FileDevice, image: Path
) -> None:
    os.truncate(image, SIZE // 2)
    assert driver.read(SIZE // 2, 4096) == -ENXIO
    assert driver.read(SIZE // 2 - 4096, 8192) == -ENXIO
    assert device.extents(SIZE // 2 - 4096, 8192)[-1] == Extent(SIZE // 2, 4096, hole=False)
    if device.pread:
        assert device.pread(memoryview(bytearray(4096)), SIZE // 2) in (0, -1)


def _loss(device: FileDevice) -> Loss | None:
    """What it says of itself, once a question that it was asked from now on is answered."""
    for _ in range(2):
        device.lost()
        while device._watch.busy:
            time.sleep(0.001)
    return device.lost()


@pytest.mark.parametrize("local", [True, False])
def test_a_file_that_is_deleted_or_cut_is_noticed(
    device: FileDevice, image: Path, local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_local", local)
    assert _loss(device) is None
    os.truncate(image, SIZE + 4096)
    assert _loss(device) is None
    os.truncate(image, SIZE // 2)
    assert _loss(device) == Loss("its file was cut to 2.00 MiB", already=True)
    os.truncate(image, SIZE)
    assert _loss(device) is None
    image.unlink()
    assert _loss(device) == Loss("its file was deleted", already=False)


def test_a_file_system_that_hangs_says_nothing_of_its_files_and_holds_nobody_up(
    device: FileDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, asked = threading.Event(), []

    def hang() -> None:
        asked.append(1)
        go_on.wait(30)

    monkeypatch.setattr(device, "_find_loss", hang)
    monkeypatch.setattr(device, "_local", False)
    assert [device.lost() for _ in range(3)] == [None] * 3
    assert device._watch.busy
    assert len(asked) <= 1, "one question at a time"
    go_on.set()


def test_what_does_not_fit_is_never_sent(driver: Driver, device: FileDevice, image: Path) -> None:
    buffer = driver.pool.empty(8192)
    wrong = [(-device.atom, 4096), (SIZE, 4096), (SIZE - 4096, 8192), (0, -4096)]
    if device.block_size > 1:
        wrong += [(1, device.atom), (0, device.atom - 1)]
    for offset, length in wrong:
        with pytest.raises(ValueError, match=r"not inside the|blocks of"):
            driver.run(Op.WRITE, offset, buffer, length)
    with pytest.raises(ValueError, match="nothing"):
        driver.run(Op.ZERO, 0, None, 0)
    assert image.stat().st_size == SIZE
    assert driver.engine.in_flight == 0


def test_inline_doors_meet_the_submitted_ones(image: Path, engine: IoEngine) -> None:
    device = open_member(str(image), engine)
    assert device.pwrite and device.pread
    assert device.pwrite(memoryview(b"inline"), 1000) == 6
    assert Driver(engine, device).read(1000, 6) == b"inline"
    back = bytearray(6)
    assert device.pread(memoryview(back), 1000) == 6
    assert back == b"inline"
    device.close()


def test_a_closed_device_has_no_doors(image: Path, engine: IoEngine) -> None:
    device = open_member(str(image), engine)
    device.close()
    assert device.pread is None and device.pwrite is None


def test_nothing_is_sent_to_a_descriptor_that_was_given_back(driver: Driver, device: FileDevice) -> None:
    """Its number may be another file's by then."""
    device.close()
    with pytest.raises(ValueError, match=r"FLUSH on .* after it was closed"):
        device.submit(Op.FLUSH, 0, None, 0, False, Answers(), 0)
    assert driver.engine.in_flight == 0


def test_an_inline_read_does_not_wait_for_the_disk(tmp_path: Path, engine: IoEngine) -> None:
    path = tmp_path / "cold"
    path.write_bytes(random.Random(3).randbytes(1 << 20))
    device = open_member(str(path), engine)
    os.fsync(device.fd)
    if device.pread is None or kernel.is_memory(device.fd):
        pytest.skip("no disk under the tests' directory, or no RWF_NOWAIT on it")
    pread = device.pread

    def is_cold() -> bool:
        """The kernel drops what nobody is just about to look at, and no more."""
        os.posix_fadvise(device.fd, 0, 0, os.POSIX_FADV_DONTNEED)
        return pread(memoryview(bytearray(4096)), 512 << 10) == -1

    assert any(is_cold() for _ in range(1000))
    assert Driver(engine, device).read(512 << 10, 4096) == path.read_bytes()[512 << 10 :][:4096]
    assert device.pread(memoryview(bytearray(4096)), 512 << 10) == 4096
    device.close()


def test_read_only_is_read_only(image: Path, engine: IoEngine) -> None:
    image.chmod(0o444)
    device = open_member(str(image), engine, readonly=True)
    driver = Driver(engine, device)
    assert device.pwrite is None and not device.can_punch
    assert driver.read(0, 512) == bytes(512)
    assert driver.write(0, b"x" * 512) == -9
    assert image.read_bytes() == bytes(SIZE)
    device.close()


def test_a_size_is_whole_sectors(tmp_path: Path, engine: IoEngine) -> None:
    path = tmp_path / "odd"
    path.write_bytes(bytes(4096 + 700))
    device = open_member(str(path), engine)
    assert device.size == 4096 + 512
    device.close()


def test_a_closed_device_gives_its_claim_back_after_the_last_operation(image: Path, engine: IoEngine) -> None:
    device = open_member(str(image), engine)
    driver = Driver(engine, device)
    assert driver.write(0, b"x" * 4096) == 4096
    device.close()
    device.close()
    open_member(str(image), engine).close()


def test_where_o_direct_is_not_offered_the_error_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "image"
    path.write_bytes(bytes(8192))
    monkeypatch.setattr(kernel, "direct_alignment", lambda fd: 0)
    engine = open_engine()
    with pytest.raises(MemberError, match="does not offer O_DIRECT") as caught:
        open_member(str(path), engine, direct=True)
    assert str(path) in caught.value.what and "nothing was written" in caught.value.what
    open_member(str(path), engine).close()  # the claim was given back
    engine.close()


def test_a_file_system_that_does_not_say_what_is_a_hole_does_not_stop_the_loop(
    image: Path, engine: IoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()

    def hang(fd: int, at: int, whence: int, end: int) -> int:
        answer.wait(10)
        return end

    monkeypatch.setattr(kernel, "is_local", lambda fd: False)
    device = open_member(str(image), engine)
    assert device.pread is device.pwrite is None, "inline calls would hang with it"
    assert device.extents(0, SIZE) == [Extent(0, SIZE, hole=True)]
    with monkeypatch.context() as patched:
        patched.setattr("mirrortui.device.file.seek", hang)
        assert device.extents(0, SIZE) == device.extents(0, SIZE) == [Extent(0, SIZE, hole=False)]
        answer.set()
    device.close()
