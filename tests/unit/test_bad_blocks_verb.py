"""`badblocks`: our own mirrors and the kernel's, and what is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirrortui.api.answers import BadBlocks, BadRange
from mirrortui.api.requests import BadBlocksRequest
from mirrortui.cli.badblocks import summary
from mirrortui.clock import SystemClock
from mirrortui.engine.journal import Journal
from mirrortui.engine.kernel import Keeper, KernelArrays
from mirrortui.errors import NotFoundError, RefusedError
from mirrortui.mirror.verbs import manage
from mirrortui.units import KIB, SECTOR
from mirrortui.worker import badblocks
from tests.stage import METADATA, Stage
from tests.sysfs import plant, set_attribute
from tests.unit.test_mirror_bad_blocks import BAD, make_bad, stopped, without_log

LOG = "devices/virtual/block/md0/md/dev-vda/bad_blocks"


def test_a_member_of_ours() -> None:
    stage = Stage()
    a, b = stopped(stage)
    make_bad(a, BAD, (20 * KIB, 21 * KIB))
    without_log(b)
    mirror = stage.assemble([a, b], readonly=True)
    found = badblocks.listed(mirror, "a")
    assert found.ranges == [
        BadRange(start=8 * KIB, length=4 * KIB, sector=METADATA + 16, sectors=8),
        BadRange(start=20 * KIB, length=KIB, sector=METADATA + 40, sectors=2),
    ]
    assert badblocks.listed(mirror, "b") == BadBlocks(mirror="vault", member="b", ranges=[], logged=False)
    with pytest.raises(NotFoundError, match="no member c"):
        badblocks.listed(mirror, "c")
    with pytest.raises(RefusedError, match="it is read-only"):
        stage.run(badblocks.retested(mirror, "a"))


def test_a_retest_of_ours() -> None:
    stage = Stage()
    a, b = stopped(stage)
    mirror = stage.assemble([a, b])
    mirror.array.members[0].list_bad(*BAD)
    mirror.array.changed()
    found = stage.run(badblocks.retested(mirror, "a"))
    assert (found.ranges, found.healed, found.readable) == ([], 4 * KIB, 0)
    stage.run(manage.fail(mirror, "b"))
    with pytest.raises(RefusedError, match="b is not in use"):
        stage.run(badblocks.retested(mirror, "b"))


async def keeper(tmp_path: Path, log: str | None) -> Keeper:
    sysfs = plant("clean", tmp_path)
    if log is None:
        (sysfs.root / LOG).unlink()
    else:
        set_attribute(sysfs, LOG, log)
    arrays = KernelArrays(Journal(tmp_path / "journal", SystemClock()), SystemClock(), sysfs)
    found = await arrays.find("md0")
    assert found
    return found


async def test_a_member_of_the_kernels(tmp_path: Path) -> None:
    it = await keeper(tmp_path, "2600 16\n2048 1\nnonsense")
    vda = str(tmp_path / "dev/vda")
    found = await it.bad_blocks(BadBlocksRequest(member=vda))
    assert found.ranges == [
        BadRange(start=0, length=SECTOR, sector=2048, sectors=1),
        BadRange(start=552 * SECTOR, length=16 * SECTOR, sector=2600, sectors=16),
    ]
    with pytest.raises(RefusedError, match="tries its bad blocks again when they are written to"):
        await it.bad_blocks(BadBlocksRequest(member=vda, retest=True))
    with pytest.raises(NotFoundError):
        await it.bad_blocks(BadBlocksRequest(member="/dev/vdx"))


async def test_a_kernel_that_does_not_tell(tmp_path: Path) -> None:
    it = await keeper(tmp_path, None)
    with pytest.raises(RefusedError, match="does not tell"):
        await it.bad_blocks(BadBlocksRequest(member=str(tmp_path / "dev/vda")))


def test_the_summary() -> None:
    some = [BadRange(start=0, length=4096, sector=2048, sectors=8)]
    assert summary(BadBlocks(mirror="m", member="a", ranges=[])) == "The bad-block log of a is empty."
    assert summary(BadBlocks(mirror="m", member="a", ranges=some, healed=8192)) == (
        "8.00 KiB were bad and are good again. 4.00 KiB of a are bad."
    )
    assert "what is there may be old" in summary(
        BadBlocks(mirror="m", member="a", ranges=some, readable=4096)
    )
    assert "has no bad-block log" in summary(BadBlocks(mirror="m", member="a", ranges=[], logged=False))
