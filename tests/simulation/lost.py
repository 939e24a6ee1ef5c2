"""Members whose file somebody cuts beneath the mirror (losses.py)."""

from __future__ import annotations

from mirrortui.device.base import Loss
from mirrortui.errors import RefusedError
from mirrortui.mirror.array import State
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import SimDisk
from tests.stage import Stage, states

CUT = Loss("its file was cut to 1.00 MiB", already=True)


def made(stage: Stage) -> tuple[Mirror, SimDisk, SimDisk]:
    """A mirror, and its two disks."""
    a, b = stage.disk("a"), stage.disk("b")
    return stage.create([a, b]), a, b


def who_was_cut_is_out() -> None:
    stage = Stage()
    mirror, _, b = made(stage)
    b.loss = CUT
    mirror.losses.look()
    assert states(mirror) == {"a": State.IN_SYNC, "b": State.FAULTY}


def the_last_copy_takes_no_more_writes_when_it_was_cut() -> None:
    """They would make it longer again, with zeroes in between."""
    stage = Stage()
    mirror, a, b = made(stage)
    b.loss = a.loss = CUT
    mirror.losses.look()
    assert mirror.array.broken == f"b, the last copy: {CUT.why}"
    assert stage.write(mirror, 0, b"x" * 4096) != 0


def refused(stage: Stage, mirror: Mirror, disk: SimDisk) -> str:
    """Why it is not re-added."""
    try:
        stage.run(manage.re_add(mirror, disk))
    except RefusedError as error:
        assert "its file was cut since" in error.what
        return str(error)
    raise AssertionError("zeroes pass for data")


def who_was_cut_is_filled_in_full() -> None:
    """However long its file is by then: what was cut off is zeroes now, and no bitmap tells."""
    stage = Stage()
    mirror, _, b = made(stage)
    stage.run(manage.fail(mirror, "b"))
    b.loss = CUT
    mirror.losses.look()
    b.loss = None
    for away in (False, True):
        if away:
            stage.run(manage.remove(mirror, "b"))
        assert '"mirrortui add vault b --force" copies' in refused(stage, mirror, b)
    stage.run(manage.add(mirror, b))
    stage.in_sync(mirror)
    stage.run(manage.fail(mirror, "b"))
    stage.run(manage.re_add(mirror, b))
