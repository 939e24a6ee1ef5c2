"""Every wait ends (I16): members that do not answer, a stop in the middle, a mirror that writes nothing."""

from __future__ import annotations

import pytest

from mirrortui.errors import FormatError
from mirrortui.mirror.array import State
from mirrortui.mirror.verbs import bitmaps, manage
from tests.golden import members
from tests.stage import Stage, image, states

BLOCK = b"b" * 4096


def test_a_read_only_mirror_answers_flushes_after_a_member_hung() -> None:
    stage = Stage()
    disks = [stage.golden(member) for member in members("spare")]
    before = [image(disk) for disk in disks]
    mirror = stage.assemble(disks, readonly=True)
    disks[0].faults, stage.scheduler.rates.hang = True, 1.0
    assert stage.read(mirror, 0, 4096) == bytes(4096)
    stage.until(lambda: [m.path for m in mirror.array.in_sync()] == ["spare-1"])  # the other answered before
    answers: list[int] = []
    mirror.start_flush(answers.append)
    stage.until(lambda: bool(answers))
    assert answers == [0]
    assert states(mirror)["spare-2"] is State.SPARE
    assert [image(disk) for disk in disks] == before


@pytest.mark.parametrize("bits", [True, False], ids=["bitmap", "none"])
def test_a_write_waits_once_for_several_that_hang(bits: bool) -> None:
    stage = Stage()
    disks = [stage.disk(name) for name in "abcd"]
    mirror = stage.create(disks)
    if not bits:
        stage.run(bitmaps.remove_bitmap(mirror))
    stage.wait(30)
    assert not mirror.array.active
    for disk in disks[1:]:
        disk.faults = True
    stage.scheduler.rates.hang = 1.0
    begun = stage.scheduler.time
    assert stage.write(mirror, 0, BLOCK) == 0
    assert stage.scheduler.time - begun < stage.scheduler.TIMEOUT + 1
    assert [m.path for m in mirror.array.in_sync()] == ["a"]


def test_a_stop_does_not_wait_for_a_slow_sync() -> None:
    stage = Stage()
    mirror = stage.create([stage.disk("a"), stage.disk("b")])
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.remove(mirror, "b"))
    mirror.sync.courtesy.most = 1024
    stage.write(mirror, 0, BLOCK)
    stage.run(manage.add(mirror, stage.disk("c")))
    stage.until(lambda: mirror.sync.progress.moved > 0)
    begun = stage.scheduler.time
    stage.run(manage.stop(mirror))
    assert stage.scheduler.time - begun < 5


def test_bits_of_a_finished_resync_go_at_once() -> None:
    """A member that fails in the first seconds of a mirror's life is re-added by what was written, not in full."""
    stage = Stage()
    mirror = stage.create([stage.disk("a"), stage.disk("b")], clean=False)
    assert mirror.intent.dirty == mirror.array.chunks
    stage.until(lambda: not mirror.sync.running)
    stage.until(lambda: not mirror.intent.dirty and mirror.scribe.settled)
    assert stage.scheduler.time < mirror.tuning.daemon_delay
    assert not mirror.array.active


def test_a_former_member_that_hangs_is_waited_for_once() -> None:
    """Not once for every place that may have a superblock: the other verbs wait for that."""
    stage = Stage()
    disks = [stage.disk(name) for name in "ab"]
    mirror = stage.create(disks)
    stage.run(manage.fail(mirror, "b"))
    stage.wait(1)
    disks[1].faults, stage.scheduler.rates.hang = True, 1.0
    begun = stage.scheduler.monotonic()
    with pytest.raises(FormatError, match="b could not be read at byte 4096: no answer in time"):
        stage.run(manage.re_add(mirror, disks[1]))
    assert stage.scheduler.monotonic() - begun < 1.5 * stage.scheduler.TIMEOUT
