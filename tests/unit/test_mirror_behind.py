"""How far write-mostly members may lag is kept in the bitmap, and changes nothing for a mirror where none may."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mirrortui.errors import RefusedError
from mirrortui.format.superblock import WRITE_MOSTLY
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.traffic.behind import MOST_BYTES
from mirrortui.mirror.verbs import bitmaps, manage, settings
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB
from tests.stage import Stage


def lagging(stage: Stage, limit: int = 4, disks: Sequence[SimDisk] = ()) -> Mirror:
    """A mirror whose second member may lag."""
    mirror = stage.create(disks or [stage.disk("a"), stage.disk("b")])
    stage.run(settings.set_flag(mirror, "b", WRITE_MOSTLY, True))
    stage.run(settings.set_write_behind(mirror, limit))
    return mirror


def test_it_is_kept_over_a_stop_and_in_another_bitmap() -> None:
    stage = Stage()
    disks = [stage.disk("a"), stage.disk("b")]
    mirror = lagging(stage, disks=disks)
    stage.run(bitmaps.add_bitmap(mirror, 8 * KIB))
    assert mirror.lag.limit == 4
    stage.run(manage.stop(mirror))
    again = stage.assemble(disks)
    assert again.lag.limit == 4
    assert [m.path for m in again.lag.members()] == ["b"]
    stage.run(settings.set_write_behind(again, 0))
    assert not again.lag.members()


def test_it_needs_a_bitmap() -> None:
    stage = Stage()
    mirror = lagging(stage)
    stage.run(bitmaps.remove_bitmap(mirror))
    assert not mirror.lag.limit
    with pytest.raises(RefusedError, match="has no write-intent bitmap"):
        stage.run(settings.set_write_behind(mirror, 4))


def test_somebody_is_always_waited_for() -> None:
    stage = Stage()
    mirror = lagging(stage)
    stage.run(settings.set_flag(mirror, "a", WRITE_MOSTLY, True))
    assert not mirror.lag.members()
    stage.run(settings.set_flag(mirror, "a", WRITE_MOSTLY, False))
    stage.run(manage.fail(mirror, "a"))
    assert not mirror.lag.members()


def test_what_is_kept_for_who_lags_is_bounded() -> None:
    stage = Stage()
    mirror = lagging(stage)
    assert mirror.lag.room(MOST_BYTES)
    assert not mirror.lag.room(MOST_BYTES + 1)
    for number in range(50):
        assert stage.write(mirror, number * 4096, b"x" * 4096) == 0
    assert mirror.lag.early > 0
    assert mirror.lag.writes <= 4
    flushed: list[int] = []
    mirror.start_flush(flushed.append)
    stage.until(lambda: bool(flushed))
    assert (mirror.lag.writes, mirror.lag.bytes, mirror.lag.since) == (0, 0, None)
