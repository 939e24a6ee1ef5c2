"""Real block devices, with 512 and 4096-byte sectors; mounts, swap, and a file system that hangs. Needs root."""

from __future__ import annotations

import contextlib
import os
import random
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from errno import ENOSPC, ETIMEDOUT
from pathlib import Path

import pytest

from mirrortui.device import usage
from mirrortui.device.base import Extent, Op
from mirrortui.device.block import BlockDevice
from mirrortui.device.claims import check_distinct
from mirrortui.device.file import FileDevice
from mirrortui.device.ioengine import IoEngine
from mirrortui.device.opening import open_member
from mirrortui.device.probe import check_candidate, probe
from mirrortui.device.threads import ThreadEngine
from mirrortui.errors import InUseError, MemberError, RefusedError, RequestError
from tests.devices import Answers, Driver, command, loop_device, needs_root, tiny_tmpfs, until, uring
from tests.support import needs

pytestmark = pytest.mark.interop

SIZE = 16 << 20


@pytest.fixture(autouse=True)
def _possible() -> None:
    needs_root()
    needs("losetup", "mkfs.ext4", "mkswap", "fsfreeze")


@pytest.fixture(params=["uring", "threads"])
def engine(request: pytest.FixtureRequest) -> Iterator[IoEngine]:
    engine = uring() if request.param == "uring" else ThreadEngine()
    yield engine
    engine.close()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.touch()
    os.truncate(path, SIZE)
    return path


@pytest.fixture(params=[512, 4096])
def sector(request: pytest.FixtureRequest) -> int:
    assert isinstance(request.param, int)
    return request.param


@pytest.fixture
def loop(image: Path, sector: int) -> Iterator[str]:
    with loop_device(image, "--sector-size", str(sector)) as path:
        yield path


@pytest.fixture(params=[False, True], ids=["page cache", "direct"])
def device(request: pytest.FixtureRequest, loop: str, engine: IoEngine) -> Iterator[BlockDevice]:
    device = open_member(loop, engine, direct=request.param)
    assert isinstance(device, BlockDevice)
    yield device
    device.close()


def test_geometry(device: BlockDevice, sector: int) -> None:
    assert (device.size, device.atom) == (SIZE, sector)
    assert device.block_size in (1, sector)
    assert device.can_punch
    assert (device.pwrite is None) == (device.block_size > 1)


def test_what_is_written_is_read_and_durable(device: BlockDevice, engine: IoEngine, image: Path) -> None:
    driver = Driver(engine, device)
    data = random.Random(4).randbytes(1 << 20)
    assert driver.write(device.atom, data, fua=True) == len(data)
    assert driver.read(device.atom, len(data)) == data
    assert image.read_bytes()[device.atom : device.atom + len(data)] == data
    assert driver.run(Op.FLUSH) == 0
    assert driver.read(SIZE - device.atom, device.atom) == bytes(device.atom)
    assert device.extents(0, SIZE) == [Extent(0, SIZE, hole=False)]
    assert device.extents(0, 0) == []


@pytest.mark.parametrize("op", [Op.ZERO, Op.ZERO_KEEP])
@pytest.mark.parametrize("helpless", [False, True], ids=["fallocate", "no fallocate"])
def test_zeroes(device: BlockDevice, engine: IoEngine, image: Path, op: Op, helpless: bool) -> None:
    if helpless:
        device.unsupported |= {Op.ZERO, Op.ZERO_KEEP}
    driver = Driver(engine, device)
    driver.write(0, b"x" * (4 << 20), fua=True)
    before = image.stat().st_blocks
    start, length = device.atom, (2 << 20) + device.atom
    assert driver.run(op, start, None, length, fua=True) == 0
    assert driver.read(0, 4 << 20) == b"x" * start + bytes(length) + b"x" * ((4 << 20) - start - length)
    if op is Op.ZERO and not helpless:
        assert image.stat().st_blocks < before, "nothing was given back"


def test_parts_of_a_sector_are_zeroed_too(loop: str, engine: IoEngine) -> None:
    device = open_member(loop, engine)
    driver = Driver(engine, device)
    driver.write(0, b"x" * 8192)
    assert driver.run(Op.ZERO, 100, None, 300) == 0
    assert driver.read(0, 8192) == b"x" * 100 + bytes(300) + b"x" * (8192 - 400)
    device.close()


def test_a_block_device_is_claimed_exclusively(loop: str, engine: IoEngine, tmp_path: Path) -> None:
    device = open_member(loop, engine)
    alias = tmp_path / "alias"
    alias.symlink_to(loop)
    node = tmp_path / "node"
    os.mknod(node, 0o600 | 0o060000, Path(loop).stat().st_rdev)
    for path in (loop, str(alias), str(node)):
        with pytest.raises(
            InUseError, match=rf"^{path} is in use by .*\(pid {os.getpid()}\); nothing was written"
        ):
            open_member(path, engine)
        assert probe(path).in_use
    assert subprocess.run(["mkfs.ext4", "-q", loop], capture_output=True, timeout=20).returncode != 0
    device.close()
    open_member(loop, engine).close()


def test_a_loop_device_and_its_image_are_one(
    loop: str, image: Path, engine: IoEngine, tmp_path: Path
) -> None:
    with pytest.raises(InUseError, match=f"is the backing file of {loop}"):
        open_member(str(image), engine)
    other = tmp_path / "other"
    other.touch()
    check_distinct([loop, str(other)])
    with pytest.raises(RequestError, match=f"{loop} has its bytes in {image}"):
        check_distinct([loop, str(image)])
    with pytest.raises(RequestError, match=f"{loop} has its bytes in {image}"):
        check_distinct([str(image), loop])


def test_a_loop_device_over_a_running_member_is_refused(image: Path, engine: IoEngine) -> None:
    member = open_member(str(image), engine)
    with loop_device(image) as path:
        with pytest.raises(InUseError, match=f"has its bytes in {image}, which is in use"):
            open_member(path, engine)
        member.close()
        open_member(path, engine).close()


@contextlib.contextmanager
def mounted(source: str | Path, where: Path, *options: str) -> Iterator[Path]:
    where.mkdir()
    command("mount", *options, source, where)
    try:
        yield where
    finally:
        command("umount", "--lazy", where)


def test_what_is_mounted_names_the_place(loop: str, image: Path, tmp_path: Path, engine: IoEngine) -> None:
    command("mkfs.ext4", "-q", "-L", "photos", loop)
    with pytest.raises(RefusedError, match=f"{loop} holds ext4, label photos"):
        check_candidate(loop)
    with mounted(loop, tmp_path / "my photos") as where:
        with pytest.raises(InUseError) as caught:
            open_member(loop, engine)
        assert caught.value.what == f"{loop} is mounted on {where}; nothing was written."
        assert caught.value.hint == f"Unmount it first: umount {where}"
        with pytest.raises(InUseError, match=f"is mounted on {where}"):
            check_candidate(loop, force=True)
    assert check_candidate(loop, force=True).kind == "block device"


def test_swap_space_in_use(image: Path, engine: IoEngine) -> None:
    with loop_device(image) as path:
        command("mkswap", "-q", path)
        with pytest.raises(RefusedError, match="holds swap"):
            check_candidate(path)
        command("swapon", path)
        try:
            with pytest.raises(InUseError, match=rf"{path} is swap space in use; nothing .* swapoff {path}"):
                open_member(path, engine)
        finally:
            command("swapoff", path)
        open_member(path, engine).close()


def test_a_read_only_block_device_says_so(image: Path, engine: IoEngine) -> None:
    with loop_device(image, "--read-only") as path:
        with pytest.raises(MemberError, match="is read-only; nothing was written"):
            open_member(path, engine)
        with pytest.raises(MemberError, match="is read-only"):
            check_candidate(path)
        device = open_member(path, engine, readonly=True)
        assert Driver(engine, device).read(0, 4096) == bytes(4096)
        device.close()


def test_a_partition_and_its_disk_are_one(image: Path) -> None:
    with loop_device(image) as path:
        command("addpart", path, "1", "2048", "4096")
        partition = f"{path}p1"
        device = os.makedev(
            *map(int, Path(f"/sys/class/block/{Path(partition).name}/dev").read_text().split(":"))
        )
        try:
            assert usage.parent(device) == Path(path).stat().st_rdev
            assert usage.partitions(Path(path).stat().st_rdev) == {device: Path(partition).name}
            if Path(partition).exists():
                with pytest.raises(RequestError, match=f"{partition} has its bytes in {path}"):
                    check_distinct([path, partition])
                with pytest.raises(RequestError, match=f"{partition} has its bytes in {image}"):
                    check_distinct([partition, str(image)])
        finally:
            command("delpart", path, "1")


def test_a_full_disk_is_an_error_of_the_write(tmp_path: Path, engine: IoEngine) -> None:
    with tiny_tmpfs(tmp_path / "tiny", "1m") as tiny:
        image = tiny / "image"
        image.touch()
        os.truncate(image, 4 << 20)
        device = open_member(str(image), engine)
        driver = Driver(engine, device)
        assert driver.write(0, b"x" * (2 << 20)) == -ENOSPC
        assert driver.write(0, b"y" * 4096) == 4096, "what has its space can still be written"
        device.close()
        engine.flush()


@contextlib.contextmanager
def freezable(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    backing = tmp_path / "backing.img"
    backing.touch()
    os.truncate(backing, 64 << 20)
    with loop_device(backing) as path:
        command("mkfs.ext4", "-q", path)
        with mounted(path, tmp_path / "freezable") as where:
            yield where


@contextlib.contextmanager
def frozen(where: Path) -> Iterator[None]:
    """Writes to the file system wait for the thaw."""
    command("fsfreeze", "--freeze", where)
    try:
        yield
    finally:
        command("fsfreeze", "--unfreeze", where)


def member(where: Path, engine: IoEngine, timeout: float) -> FileDevice:
    (where / "image").touch()
    os.truncate(where / "image", SIZE)
    return open_member(str(where / "image"), engine, timeout=timeout)


def test_a_frozen_file_system_is_given_up_and_harms_nobody_else(tmp_path: Path, engine: IoEngine) -> None:
    """I16, on a kernel that really hangs."""
    with (
        freezable(tmp_path) as where,
        contextlib.closing(member(where, engine, timeout=0.5)) as stuck,
        contextlib.closing(member(tmp_path, engine, timeout=30)) as well,
    ):
        driver, answers = Driver(engine, well), Answers()
        buffers = [driver.pool.take(b"late" * 1024) for _ in range(40)]
        with frozen(where):
            for index, buffer in enumerate(buffers):
                stuck.submit(Op.WRITE, index * 4096, buffer, 4096, False, answers, index)
                stuck.submit(Op.ZERO, (1 << 20) + index * 4096, None, 4096, False, answers, 100 + index)
            engine.flush()
            for _ in range(20):
                assert driver.write(0, b"w" * 4096, fua=True) == 4096
                assert driver.run(Op.FLUSH) == 0
            until(engine, lambda: len(answers.results) == 80, expire=True)
            assert set(answers.results.values()) == {-ETIMEDOUT}
            for buffer in buffers:
                buffer.drop()
            landing = sum(buffer.refs for buffer in buffers)
            assert 0 < landing <= 40, "the kernel will read these bytes"
            assert landing <= stuck.zombies <= 80
        until(engine, lambda: stuck.zombies == 0)
        assert not any(buffer.refs for buffer in buffers)
        assert (where / "image").read_bytes().count(b"late" * 1024) == landing, "they landed after all"


@contextlib.contextmanager
def counting_medium(image: Path, log: Path) -> Iterator[None]:
    """A file of SIZE bytes that writes down every flush that reaches it: nbdkit, mounted by nbdfuse."""
    image.touch()
    server = ["nbdkit", "--exit-with-parent", "-s", "--filter=log", "memory", str(SIZE), f"logfile={log}"]
    medium = subprocess.Popen(["nbdfuse", image, "--command", *server])
    try:
        end = time.monotonic() + 20
        while image.stat().st_size != SIZE:
            assert time.monotonic() < end and medium.poll() is None, "nbdfuse does not mount"
            select.select([], [], [], 0.01)
        yield
    finally:
        command("umount", "--lazy", image)
        try:
            medium.wait(20)
        finally:
            medium.kill()


def test_flush_and_fua_reach_the_medium(tmp_path: Path, engine: IoEngine) -> None:
    needs("nbdkit", "nbdfuse")
    image, log = tmp_path / "medium", tmp_path / "log"
    with counting_medium(image, log):
        device = open_member(str(image), engine)
        try:
            assert device.pwrite is None and device.pread is None, "FUSE may hang: no inline doors"
            driver = Driver(engine, device)
            assert driver.write(0, b"y" * 4096) == 4096
            acts: list[Callable[[], int]] = [
                lambda: driver.run(Op.FLUSH),
                lambda: driver.write(4096, b"x" * 4096, fua=True),
                lambda: driver.run(Op.ZERO, 0, None, 8192, fua=True),
                lambda: driver.run(Op.ZERO_KEEP, 0, None, 8192, fua=True),
            ]
            for act in acts:
                before = log.read_text().count(" Flush ")
                assert act() >= 0
                assert log.read_text().count(" Flush ") > before, "not durable"
        finally:
            device.close()
