"""How long a sync takes yet: what is put back counts against what is copied."""

from __future__ import annotations

import pytest

from mirrortui.mirror.syncing.progress import Progress
from mirrortui.mirror.verbs import manage
from mirrortui.units import KIB, MIB
from tests.stage import Stage


def begun(total: int) -> Progress:
    progress = Progress()
    progress.begin(total, 0.0, "why")
    return progress


def test_nothing_is_known_at_the_beginning() -> None:
    progress = begun(1000)
    assert (progress.speed, progress.eta, progress.endless) == (0, None, False)


def test_the_first_moment_is_no_measure() -> None:
    """Of a sync that is held back it would be a thousand times too fast."""
    progress = begun(1000)
    progress.copied(10, 0.002)
    assert (progress.speed, progress.eta) == (0, None)
    progress.copied(10, 2.0)
    assert progress.speed == 10
    assert progress.eta == pytest.approx(98.0)


def test_it_ends_at_the_rate_of_late() -> None:
    progress = begun(1000)
    for second in range(1, 6):
        progress.copied(100, float(second))
        progress.left(1000 - 100 * second)
    assert progress.speed == 100
    assert progress.eta == pytest.approx(5.0)
    assert not progress.endless


def test_what_is_put_back_makes_it_longer() -> None:
    progress, needed = begun(1000), 1000
    for second in range(1, 5):
        progress.copied(100, float(second))
        needed += 50 - 100
        progress.left(needed)
    progress.copied(0, 4.0)
    assert progress.speed == 100
    assert progress.eta == pytest.approx(needed / 50)


@pytest.mark.parametrize("put_back", [100, 130])
def test_where_as_much_is_put_back_as_is_copied_it_never_ends(put_back: int) -> None:
    progress, needed = begun(1000), 1000
    for second in range(1, 9):
        needed += put_back - 100
        progress.copied(100, float(second))
        progress.left(needed)
    progress.copied(0, 8.0)
    assert (progress.eta, progress.endless) == (None, True)
    for second in range(9, 30):
        needed -= 100
        progress.copied(100, float(second))
        progress.left(needed)
    assert not progress.endless
    assert progress.eta is not None


def test_what_is_skipped_is_no_measure() -> None:
    progress = begun(1000)
    progress.skipped(800)
    progress.copied(100, 1.0)
    assert progress.eta == pytest.approx(1.0)


@pytest.mark.parametrize("chunk", [4 * KIB, 64 * KIB, 4 * MIB])
def test_beside_clients_that_only_write_it_has_an_end(chunk: int) -> None:
    stage = Stage()
    mirror = stage.create([stage.disk(name, 6 * MIB) for name in "ab"], chunk=chunk)
    for at in range(0, mirror.size, MIB):
        stage.write(mirror, at, b"x" * MIB)
    stage.run(manage.fail(mirror, "b"))
    mirror.sync.courtesy.most = 2 * MIB
    stage.run(manage.add(mirror, stage.disk("c", 6 * MIB)))
    progress, total = mirror.sync.progress, 0
    while mirror.array.degraded():
        stage.write(mirror, stage.scheduler.rng.randrange(mirror.size // 4096) * 4096, b"y" * 4096)
        stage.wait(0.1)
        total = total or progress.total
        assert not progress.endless
    assert progress.total == total == mirror.size
