"""Arrays without a write-intent bitmap: nothing is written where one would be, and a crash doubts everything."""

from __future__ import annotations

from mirrortui.format import ondisk
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.mirror import Mirror
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import MIB
from tests.golden import members
from tests.stage import Stage

BLOCK = b"b" * 4096


def start(state: str) -> tuple[Stage, list[SimDisk], Mirror]:
    stage = Stage()
    disks = [stage.golden(member) for member in members(state)]
    return stage, disks, stage.assemble(disks)


def test_the_lazy_pass_leaves_the_superblocks_alone() -> None:
    """A bitmap that is not there has the place 0 from the superblock: the superblock's own."""
    stage, disks, mirror = start("no-bitmap")
    assert stage.write(mirror, 0, BLOCK) == 0
    for _ in range(30):  # the first chunk falls idle; the other keeps the array from being clean
        assert stage.write(mirror, 1 * MIB, BLOCK) == 0
        stage.wait(1.0)
        assert all(ondisk.has_magic(bytes(disk.current[4096:4100])) for disk in disks)
    assert mirror.array.active
    assert mirror.intent.heat[0] == 0


def test_the_first_write_doubts_what_an_interrupted_resync_had_done() -> None:
    """What it had made equal a crash may tear again: the superblocks must not promise it any longer."""
    stage, disks, mirror = start("mid-resync-stopped")
    assert mirror.array.resync_from > 0
    assert stage.write(mirror, 0, BLOCK) == 0
    found = [stage.run(read_member(disk, stage.pool)) for disk in disks]
    assert [one.superblock.resync_offset for one in found] == [0, 0]
