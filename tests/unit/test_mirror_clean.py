"""When a mirror says of itself that it is clean (I3, I13)."""

from __future__ import annotations

import errno

from mirrortui.format import superblock
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import SimDisk
from tests.simulation.races import Played, data_write


def is_clean(disk: SimDisk) -> bool:
    return superblock.decode(bytes(disk.current[4096:8192]), minor=2).clean


def test_not_while_a_timed_out_write_may_still_land() -> None:
    """A recovery could copy what landed, a power cut undo it, and of a clean mirror nothing is copied again."""
    played = Played("ab")
    stage, mirror, a = played.stage, played.mirror, played.disk("a")
    stage.run(manage.fail(mirror, "b"))
    answers = played.start_write(0, b"n" * 4096)
    late = played.until_waiting(data_write("a", 0))
    assert late.buffer
    late.buffer.hold()
    a.zombies += 1
    late.waiter.complete(late.index, -errno.ETIMEDOUT)
    stage.wait(60)
    assert answers == [errno.ETIMEDOUT]
    assert not is_clean(a)
    a.take_effect(late)
    a.zombies -= 1
    stage.wait(60)
    assert is_clean(a)
