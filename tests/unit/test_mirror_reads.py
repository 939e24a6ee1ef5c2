"""Reads that go wrong: what any good copy has is found there."""

from __future__ import annotations

from mirrortui.device.base import Op
from mirrortui.device.buffers import Buffer
from mirrortui.units import KIB
from tests.simulation.races import Played

DATA = bytes(range(256)) * 16


def test_a_read_that_one_copy_refuses_takes_from_another_what_it_has() -> None:
    """In the middle of a resync no other copy has it all, but one may have just what the first cannot read."""
    played = Played("ab")
    mirror, stage = played.mirror, played.stage
    assert stage.write(mirror, 64 * KIB, DATA) == 0
    mirror.array.members[1].need.add(0)  # not resynced yet
    mirror.array.changed()
    buffer = stage.pool.empty(8 * KIB)
    answers: list[tuple[int, Buffer]] = []
    mirror.start_read(60 * KIB, buffer, 8 * KIB, lambda *answer: answers.append(answer))
    for _ in range(2):  # by the shortcut, then by the book
        played.refuse(played.until_waiting(lambda r: r.op is Op.READ and r.length == 8 * KIB))
    stage.until(lambda: bool(answers))
    ((error, buffer),) = answers
    assert not error
    assert bytes(buffer.view[: 8 * KIB]) == bytes(4096) + DATA
