"""Reads go to whoever has time for them, and not to a member that is much slower than the others."""

from __future__ import annotations

from collections import Counter

import pytest

from mirrortui.device.base import Op
from mirrortui.format.superblock import WRITE_MOSTLY
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.traffic.laggards import FLOOR, PATIENCE
from mirrortui.mirror.verbs import manage
from mirrortui.units import KIB, MIB
from tests.simulation.races import Played
from tests.stage import Stage


def made(stage: Stage, names: str) -> Mirror:
    """A mirror of members that take part in every read by turns."""
    return stage.create([stage.disk(name) for name in names])


def pretend(mirror: Mirror, **seconds: float) -> None:
    """Reads took so long on each member, and the mirror looks at that."""
    for member in mirror.array.members:
        for _ in range(50):
            member.timing.took_to_read(seconds[member.path])
    mirror.laggards.look()


def read_from(stage: Stage, mirror: Mirror) -> set[str]:
    """Who is asked, when all of the mirror is read."""
    before = {m.path: m.read_bytes for m in mirror.array.members}
    for at in range(0, mirror.size, MIB):
        stage.read(mirror, at, 4096)
    return {m.path for m in mirror.array.members if m.read_bytes > before[m.path]}


def test_a_slow_member_sits_out_and_comes_back() -> None:
    stage = Stage()
    mirror = made(stage, "ab")
    for _ in range(PATIENCE):
        assert read_from(stage, mirror) == {"a", "b"}
        pretend(mirror, a=0.001, b=0.050)
    assert read_from(stage, mirror) == {"a"}
    assert stage.events[-1] == (
        "member-slow",
        "b takes 49.9 ms to read, others 0.99 ms: vault does not read from it while that lasts.",
    )
    for _ in range(PATIENCE + 1):
        assert read_from(stage, mirror) == {"a"}
        mirror.laggards.look()
        stage.until(lambda: not stage.scheduler.ready)
    assert stage.events[-1][0] == "member-fast-again"
    assert read_from(stage, mirror) == {"a", "b"}


def test_it_is_asked_where_nobody_else_can_be() -> None:
    stage = Stage()
    mirror = made(stage, "ab")
    for _ in range(PATIENCE):
        pretend(mirror, a=0.001, b=0.050)
    stage.run(manage.fail(mirror, "a"))
    assert read_from(stage, mirror) == {"b"}
    mirror.laggards.look()
    assert not any(m.lags for m in mirror.array.members), "there is nobody to be slower than"


@pytest.mark.parametrize(
    "seconds",
    [{"a": 0.001, "b": 0.003}, {"a": FLOOR / 100, "b": FLOOR}, {"a": 0.050, "b": 0.050}],
    ids=["not much slower", "fast enough", "all are slow"],
)
def test_who_is_not_far_behind_goes_on(seconds: dict[str, float]) -> None:
    stage = Stage()
    mirror = made(stage, "ab")
    for _ in range(2 * PATIENCE):
        pretend(mirror, **seconds)
    assert not any(m.lags for m in mirror.array.members)


def test_one_bad_moment_is_forgiven() -> None:
    stage = Stage()
    mirror = made(stage, "ab")
    for _ in range(3):
        for _ in range(PATIENCE - 1):
            pretend(mirror, a=0.001, b=0.050)
        pretend(mirror, a=0.001, b=0.001)
    assert not any(m.lags for m in mirror.array.members)


def test_who_is_read_last_anyway_is_not_judged() -> None:
    stage = Stage()
    mirror = made(stage, "ab")
    slow = mirror.array.members[1]
    slow.devflags = WRITE_MOSTLY
    for _ in range(2 * PATIENCE):
        pretend(mirror, a=0.001, b=0.050)
    assert not slow.lags


def test_a_queue_is_shared() -> None:
    """All in one place, where one member's turn is: the others help."""
    played = Played("abc")
    mirror, stage = played.mirror, played.stage
    answers: list[int] = []
    buffers = [stage.pool.empty(4096) for _ in range(30)]
    for number, buffer in enumerate(buffers):
        mirror.start_read(number * 4 * KIB, buffer, 4096, lambda error, _: answers.append(error))
    asked = Counter(r.disk.path for r in stage.scheduler.ready if r.op is Op.READ)
    assert sorted(asked.values()) == [10, 10, 10]
    stage.until(lambda: len(answers) == 30)
    assert not any(m.reading for m in mirror.array.members)


def test_a_stream_stays_where_it_is() -> None:
    stage = Stage()
    mirror = made(stage, "ab")
    before = [m.read_bytes for m in mirror.array.members]
    for at in range(0, MIB, 64 * KIB):
        stage.read(mirror, at, 64 * KIB)
    assert sorted(m.read_bytes - b for m, b in zip(mirror.array.members, before, strict=True)) == [0, MIB]
