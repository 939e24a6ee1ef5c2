"""Discovery on real block devices. Needs root."""

from __future__ import annotations

import contextlib
import os
import select
from pathlib import Path

import pytest

from mirrortui.device.discovery import DiscoveredDevice, Hotplug, discover
from mirrortui.device.opening import open_engine, open_member
from mirrortui.device.probe import Peek
from tests.devices import command, loop_device, needs_root
from tests.support import needs

pytestmark = pytest.mark.interop
SIZE = 16 << 20


@pytest.fixture(autouse=True)
def _possible() -> None:
    needs_root()
    needs("losetup", "mkfs.ext4", "addpart")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.touch()
    os.truncate(path, SIZE)
    return path


def seen(path: str, at_least: int = 0) -> DiscoveredDevice:
    [device] = [device for device in discover(at_least=at_least) if device.path == path]
    return device


@pytest.mark.parametrize("sector", [512, 4096])
def test_a_free_device(image: Path, sector: int) -> None:
    with loop_device(image, "--sector-size", str(sector)) as path:
        found = seen(path)
        assert (found.size, found.sector, found.transport) == (SIZE, sector, "loop")
        assert (found.signatures, found.why_not) == ((), None)
        assert seen(path, at_least=SIZE + (1 << 20)).why_not == "too small: 1.00 MiB are missing"
    assert path not in {device.path for device in discover()}, "a drive without a medium is not offered"


def test_a_device_that_is_taken_says_by_whom(image: Path) -> None:
    with loop_device(image) as path:
        command("mkfs.ext4", "-q", "-L", "photos", path)
        why_not = seen(path).why_not or ""
        assert why_not.startswith("holds ext4, label photos, ") and why_not.endswith(" used")
        engine = open_engine()
        with contextlib.closing(open_member(path, engine)):
            why_not = seen(path).why_not or ""
            assert why_not.startswith("in use by ") and f"(pid {os.getpid()})" in why_not
            [member] = [device for device in discover({path: "vault"}) if device.path == path]
            assert member.why_not == "member of vault"
        engine.close()


def test_a_partitioned_disk_names_its_partitions(image: Path) -> None:
    with loop_device(image) as path:
        command("addpart", path, "1", "2048", "4096")
        try:
            assert seen(path).why_not == f"has partitions: {Path(path).name}p1"
            parents = {device.path: device.parent for device in discover()}
            assert parents.get(f"{path}p1") == path
        finally:
            command("delpart", path, "1")


def test_read_only(image: Path) -> None:
    with loop_device(image, "--read-only") as path:
        assert seen(path).why_not == "read-only"


@pytest.mark.parametrize("sector", [512, 4096])
def test_a_fresh_look_goes_past_the_page_cache(image: Path, sector: int) -> None:
    """The kernel's md writes to its members as the image's owner does to the loop device's here."""
    with (
        loop_device(image, "--sector-size", str(sector)) as path,
        Peek(path) as remembers,
        Peek(path, fresh=True) as looks,
        image.open("r+b") as file,
    ):
        assert remembers.read(5000, 8) == looks.read(5000, 8) == bytes(8)
        file.seek(5000)
        file.write(b"changed!")
        file.flush()
        assert remembers.read(5000, 8) == bytes(8), "the page cache has noticed: nothing is tested"
        assert looks.read(5000, 8) == b"changed!"
        assert looks.read(SIZE - 4, 8) == bytes(8)
        assert looks.read(SIZE + 8192, 4) == bytes(4)


def test_hotplug_is_heard(image: Path) -> None:
    hotplug = Hotplug()
    with loop_device(image) as path:
        changed: set[str] = set()
        while path not in changed:
            assert select.select([hotplug.fd], [], [], 20)[0], "no event"
            changed |= hotplug.drain()
