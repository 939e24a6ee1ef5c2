"""When a mirror says of itself that it is clean (I3, I13)."""

from __future__ import annotations

import errno

import pytest

from mirrortui.format import superblock
from mirrortui.mirror.verbs import access, manage
from mirrortui.testing.simulated import SimDisk
from tests.simulation.races import Played, data_write
from tests.stage import Stage


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


def test_it_is_clean_when_who_kept_it_from_being_equal_goes_out_at_the_last_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage()
    mirror = stage.create([stage.disk("a"), stage.disk("b")], clean=False)
    stage.run(mirror.sync.stop())
    member = mirror.array.find("b")
    assert member
    assert mirror.array.unsynced()
    quiet = mirror.daemon._quiet

    def then_b_goes() -> bool:
        was = quiet()
        mirror.scribe.fault(member, "it was pulled")
        return was

    monkeypatch.setattr(mirror.daemon, "_quiet", then_b_goes)
    stage.run(access.make_readonly(mirror))
    assert not mirror.array.active
