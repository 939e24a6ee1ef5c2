"""The kernel's own arrays under our command line, and mirrors that change their driver: in a guest with a Python."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mirrortui.kernel.metadata import read_member
from mirrortui.units import MIB, SECTOR
from tests.interop import kernels, python_disk
from tests.interop.guest import PROGRAMS, Guest, disk_name
from tests.interop.inside.stage import pattern
from tests.interop.kernels import Kernel
from tests.support import needs

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(600)]

BLOCK = 64 << 10


@dataclass(frozen=True)
class Stage:
    """A Python for guests, on a disk."""

    disk: Path
    enter: str
    """The script that makes `python` run it."""

    def play(self, scene: str, kernel: Kernel, images: list[Path]) -> None:
        """Run a scene of tests/interop/inside on that kernel; the images are vda, vdb and so on."""
        guest = Guest(kernel, python_disk.MODULES)
        enter = self.enter.replace("DISK", disk_name(len(images)))
        guest.boot(f"{enter}\npython -m tests.interop.inside.{scene}\n", images, readonly=[self.disk])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    needs(*PROGRAMS, *python_disk.PROGRAMS)
    disk = tmp_path_factory.mktemp("python") / "python.img"
    yield Stage(disk, python_disk.make(disk))
    disk.unlink()


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Blank disks."""
    found = [tmp_path / disk_name(index) for index in range(3)]
    for path in found:
        path.touch()
        os.truncate(path, 16 * MIB)
    return found


def data(image: Path) -> bytes:
    """What a member holds of the array."""
    found = read_member(str(image)).superblock
    with image.open("rb") as file:
        file.seek(found.data_offset * SECTOR)
        return file.read(found.size * SECTOR)


def expected(blocks: dict[int, int], size: int) -> bytes:
    """The array's content: patterns, by the MiB where they begin."""
    content = bytearray(size)
    for place, seed in blocks.items():
        content[place * MIB : place * MIB + BLOCK] = pattern(seed)
    return bytes(content)


def test_every_verb_works_on_an_array_of_the_kernels(
    stage: Stage, guests: list[Guest], images: list[Path]
) -> None:
    stage.play("verbs", kernels.get(guests[-1].release), images)
    a, _, c = (data(image) for image in images)
    assert a == c == expected({0: 1, 2: 2}, len(a))


def test_a_mirror_goes_to_the_kernel_and_comes_back(
    stage: Stage, guests: list[Guest], images: list[Path]
) -> None:
    stage.play("exchange", kernels.get(guests[0].release), images[:2])
    a, b = (data(image) for image in images[:2])
    assert a == b == expected({0: 1, 2: 2, 4: 3, 6: 4}, len(a))
