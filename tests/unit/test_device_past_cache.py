"""What is asked of the medium itself, and not of the page cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirrortui.device.base import Op
from mirrortui.device.file import FileDevice
from mirrortui.device.filters.fault import FaultFilter
from mirrortui.device.ioengine import IoEngine
from mirrortui.device.memory import MemoryDevice
from mirrortui.device.opening import open_member
from mirrortui.device.pastcache import PastCache
from mirrortui.device.threads import ThreadEngine
from tests.devices import Driver, uring

SIZE = 1 << 20
PAGE = 4096


@pytest.fixture(params=["uring", "threads"])
def engine(request: pytest.FixtureRequest) -> Iterator[IoEngine]:
    engine = uring() if request.param == "uring" else ThreadEngine()
    yield engine
    engine.close()


@pytest.fixture
def device(tmp_path: Path, engine: IoEngine) -> Iterator[FileDevice]:
    image = tmp_path / "image"
    image.touch()
    os.truncate(image, SIZE)
    device = open_member(str(image), engine)
    if not isinstance(device.past_cache(0, PAGE), PastCache):
        pytest.skip("no O_DIRECT here")
    yield device
    device.close()


def test_both_doors_lead_to_the_same_bytes(engine: IoEngine, device: FileDevice) -> None:
    through, beside = Driver(engine, device), Driver(engine, device.past_cache(0, PAGE))
    assert through.write(0, b"a" * PAGE) == PAGE
    assert beside.write(0, b"b" * PAGE) == PAGE
    assert through.read(0, PAGE) == b"b" * PAGE
    assert through.write(0, b"c" * PAGE) == PAGE
    assert beside.read(0, PAGE) == b"c" * PAGE, "what still waits to be written is there, too"


def test_what_is_not_in_whole_blocks_goes_the_usual_way(engine: IoEngine, device: FileDevice) -> None:
    assert device.past_cache(100, 200) is device
    beside = device.past_cache(0, PAGE)
    with pytest.raises(ValueError, match="beside the page cache"):
        Driver(engine, beside).write(100, b"x")
    with pytest.raises(ValueError, match="FLUSH"):
        Driver(engine, beside).run(Op.FLUSH)


def test_what_times_out_there_counts_as_the_members(device: FileDevice) -> None:
    beside = device.past_cache(0, PAGE)
    beside.zombies += 1
    assert device.zombies == 1
    beside.zombies -= 1
    assert device.zombies == 0


def test_it_ends_with_its_owner(engine: IoEngine, device: FileDevice) -> None:
    beside = device.past_cache(0, PAGE)
    assert isinstance(beside, PastCache)
    device.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(beside.fd)
    assert device.past_cache(0, PAGE) is device


def test_others_have_no_cache_to_pass(tmp_path: Path, engine: IoEngine) -> None:
    memory = MemoryDevice("memory", SIZE, lambda callback: None)
    assert memory.past_cache(0, PAGE) is memory
    fault = FaultFilter(memory, [], lambda seconds, callback: None)
    assert fault.past_cache(0, PAGE) is fault
    image = tmp_path / "direct"
    image.write_bytes(bytes(SIZE))
    direct = open_member(str(image), engine, direct=True)
    assert direct.past_cache(0, PAGE) is direct
    direct.close()
