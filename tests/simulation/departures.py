"""What is remembered of members that went out must not be taken for more than it is (mirror.assembly.departed)."""

from __future__ import annotations

from collections.abc import Callable

from mirrortui.errors import DivergedError
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.departed import keep_in_mind
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import KIB
from tests.stage import Stage, states

CHUNK = 64 * KIB


class _Forked:
    """e fails, then b, so that a alone is left; e lacks what was written between."""

    def __init__(self) -> None:
        self.stage = stage = Stage()
        self.a, self.b, self.e = (stage.disk(name) for name in "abe")
        mirror = stage.create([self.a, self.b, self.e], chunk=CHUNK)
        for name, letter in (("e", b"1"), ("b", b"2")):
            assert stage.write(mirror, 0, letter * 4096) == 0
            stage.run(manage.fail(mirror, name))
            stage.run(manage.remove(mirror, name))
        self.end(mirror)

    def end(self, mirror: Mirror) -> None:
        """It is stopped, and what is known is kept."""
        keep_in_mind(mirror.array)
        self.known = mirror.array.departed
        self.stage.run(manage.stop(mirror))

    def alone(self, disk: SimDisk) -> None:
        """It is started without the others, and comes to more events than they had."""
        mirror = self.stage.assemble([disk], run=True, departed=self.known)
        for _ in range(4):
            assert self.stage.write(mirror, CHUNK, b"4" * 4096) == 0
            self.stage.wait(10)  # it is clean again
        self.end(mirror)

    def take_in(self, disk: SimDisk, newcomer: SimDisk) -> None:
        """Another is filled from it."""
        mirror = self.stage.assemble([disk], run=True, departed=self.known)
        self.stage.run(manage.add(mirror, newcomer))
        self.stage.until(lambda: not mirror.sync.running)
        self.end(mirror)


def who_was_out_before_does_not_vouch_for_who_went_on() -> None:
    """What was acknowledged between is on b alone, neither on e nor on what is filled from it."""
    forked = _Forked()
    c = forked.stage.disk("c")
    forked.alone(forked.e)
    forked.take_in(forked.e, c)
    for newer in ([forked.e], [c], [forked.e, c]):
        try:
            forked.stage.assemble([forked.b, *newer], departed=forked.known, run=True)
        except DivergedError:
            continue
        raise AssertionError(f"{[d.path for d in newer]} went on as if b had nothing that they lack")


def who_went_on_vouches_for_what_it_takes_in() -> None:
    """Over a restart, too."""
    forked = _Forked()
    c = forked.stage.disk("c")
    forked.alone(forked.a)
    forked.take_in(forked.a, c)
    mirror = forked.stage.assemble([forked.b, c, forked.e], departed=forked.known, run=True)
    assert states(mirror) == {"c": State.IN_SYNC}
    assert forked.stage.read(mirror, 0, 4096) == b"2" * 4096


def who_is_known_to_be_older_still_explains_others() -> None:
    """m went out unseen, and knows b alone; b is known to be older than c, which was filled from it."""
    stage = Stage()
    m, b, c = (stage.disk(name) for name in "mbc")
    mirror = stage.create([m, b], chunk=CHUNK)
    stage.run(manage.fail(mirror, "m"))
    stage.run(manage.remove(mirror, "m"))
    mirror.array.departed = mirror.array.departed[:0]
    stage.run(manage.add(mirror, c))
    stage.until(lambda: not mirror.sync.running)
    stage.run(manage.fail(mirror, "b"))
    keep_in_mind(mirror.array)
    known = mirror.array.departed
    stage.run(manage.stop(mirror))
    assert known
    mirror = stage.assemble([m, b, c], departed=known)
    assert states(mirror) == {"c": State.IN_SYNC}
    assert {note.path for note in mirror.array.left_out} == {"m", "b"}


DEPARTURES: list[Callable[[], None]] = [
    who_was_out_before_does_not_vouch_for_who_went_on,
    who_went_on_vouches_for_what_it_takes_in,
    who_is_known_to_be_older_still_explains_others,
]
