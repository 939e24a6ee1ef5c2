"""This side: mirrors run by real workers under a real engine, driven over its API and used over NBD."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import StopRequest
from mirrortui.format.inspect import Examination, examine
from mirrortui.nbd.client import NbdClient
from mirrortui.units import SECTOR
from tests.e2e.conftest import World, until
from tests.interop.kernel.content import Read


class Image:
    """A member, read behind everybody's back."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def examine(self) -> Examination:
        """What its metadata says."""
        return examine(self.read, self.path.stat().st_size, str(self.path))

    def read(self, offset: int, length: int) -> bytes:
        """Bytes from the start of the device."""
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def data(self) -> tuple[Read, int]:
        """How to read its data area, and the array's size in bytes."""
        superblock = self.examine().superblock
        assert superblock
        start = superblock.data_offset * SECTOR
        return lambda offset, length: self.read(start + offset, length), superblock.size * SECTOR

    def spoil(self, offset: int, data: bytes) -> None:
        """Overwrite a part of the data area."""
        superblock = self.examine().superblock
        assert superblock
        with self.path.open("r+b") as file:
            file.seek(superblock.data_offset * SECTOR + offset)
            file.write(data)


@contextmanager
def client(mirror: Mirror) -> Iterator[NbdClient]:
    """A client of the mirror's own export."""
    with NbdClient.connect(mirror.uri) as connected:
        yield connected


def settled(world: World, name: str) -> Mirror:
    """Wait until the mirror copies nothing."""
    until(lambda: world.client.mirror(name).sync_action == "idle", f"{name} copies nothing")
    return world.client.mirror(name)


def stop(world: World, name: str) -> None:
    """Stop it cleanly."""
    world.client.stop(name, StopRequest(yes=True))


def states(mirror: Mirror, images: Sequence[Path]) -> dict[str, str]:
    """State by the member's letter."""
    letters = {str(image): letter for letter, image in zip("abcdefgh", images, strict=False)}
    return {letters[member.path]: member.state for member in mirror.members if member.path}
