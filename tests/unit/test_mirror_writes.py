"""Writes that go wrong half way: copies that may differ are never taken for equal."""

from __future__ import annotations

from errno import ENOSPC

from mirrortui.device.base import Op
from mirrortui.device.filters.fault import Fault, FaultFilter
from mirrortui.mirror.verbs import manage
from mirrortui.units import MIB
from tests.stage import Stage

OLD, NEW = b"o" * 4096, b"n" * 4096


def test_an_inline_write_that_one_copy_refused_and_nobody_repeats_leaves_the_copies_equal() -> None:
    """Its client may go before the write is tried again by the book."""
    stage = Stage()
    a, b = stage.disk("a", inline=True), stage.disk("b", inline=True)
    mirror = stage.create([a, b])
    assert stage.write(mirror, 0, OLD) == 0
    b.faults, stage.scheduler.rates.error = True, 1.0
    assert not mirror.try_write(0, memoryview(NEW))
    b.faults = False
    stage.wait(60)
    assert not mirror.intent.dirty
    assert a.current[MIB:] == b.current[MIB:]


def test_what_a_member_took_is_counted_once_and_only_if_it_took_it() -> None:
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    mirror = stage.create([a, b])
    for _ in range(2):  # by the book, then by the shortcut
        assert stage.write(mirror, 0, OLD) == 0
    b.faults, stage.scheduler.rates.error = True, 1.0
    assert stage.write(mirror, 0, NEW) == 0
    assert {m.path: m.written_bytes for m in mirror.array.members} == {"a": 3 * 4096, "b": 2 * 4096}


def test_what_the_last_copy_refuses_is_told_once_and_seen_for_a_while() -> None:
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    mirror = stage.create([a, b])
    stage.run(manage.fail(mirror, "b"))
    member = mirror.array.in_sync()[0]
    fault = Fault(ENOSPC, Op.WRITE, start=member.data, times=3)
    member.device = FaultFilter(a, [fault], stage.scheduler.call_later)
    mirror.array.changed()
    for _ in range(3):
        assert stage.write(mirror, 0, bytes(4096)) == ENOSPC
    said = mirror.refusals.lately
    assert said == "a does not take what clients write: No space left on device"
    assert [kind for kind, _ in stage.events].count("write-refused") == 1
    assert stage.write(mirror, 0, bytes(4096)) == 0
    stage.wait(60)
    assert not mirror.refusals.lately
