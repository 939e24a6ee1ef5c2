"""A mirror whose engine was killed in mid-replacement, with copies that differ where it was being written.

Linux 6.1 fills the replacement first, clears the bits of what it has filled, and its resync then skips what was
different; 6.12 resyncs first, and so do we. `examine` warns of it, and the repair that it asks for mends it.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mirrortui.units import KIB, SECTOR
from tests.e2e.conftest import World, until
from tests.interop.guest import Guest
from tests.interop.kernel.content import BLOCK, Content, Ink
from tests.interop.kernel.scenes import SIZE, Outcome, Scene, blank, play
from tests.interop.kernel.turns import Turn, cut

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(400)]

_TORN = (1110, 1710)
"""Blocks of chunks that were being written when the engine was killed: b took them, a did not."""

_TAKE_OVER = """
assemble $a $b $c
settle
actions
check
mend
check
digest
stop
"""


def test_a_torn_mirror_becomes_equal_in_mid_replacement(
    guests: list[Guest], engine: World, ink: Ink, tmp_path: Path
) -> None:
    old, new, ours = [_whole(engine, f"torn-{name}", tmp_path, ink) for name in ("old", "new", "ours")]
    for turn in (old, new, ours):
        _replace_and_write(turn)
    cut(engine, [old, new, ours], random.Random(1))
    for turn in (old, new, ours):
        _tear(turn)
        assert "After such a kernel took it, run a repair" in " ".join(turn.image("a").examine().warnings)

    with ThreadPoolExecutor(2) as pool:
        by_old, by_new = pool.map(_taken_over, (guests[0], guests[-1]), (old, new))
    assert guests[0].release.startswith("6.1.")
    assert by_old.one("actions") == ["recovery", "resync"]
    assert by_old.all("mismatches") == [["256"], ["0"]], "it forgets both, and a repair makes them equal"
    assert by_new.one("actions") == ["resync", "recover"]
    assert by_new.all("mismatches") == [["0"], ["0"]]

    engine.do("devices")  # another one, which goes on with what was running
    ours.settle()
    ours.check()
    ours.stop()
    for turn in (old, new, ours):
        for letter in "bc":
            turn.content.check(*turn.image(letter).data())


def _whole(engine: World, name: str, directory: Path, ink: Ink) -> Turn:
    images = blank(directory, {f"{name}-{letter}.img": SIZE for letter in "abc"})
    turn = Turn(engine, name, images, Content(ink))
    turn.create("ab")
    turn.settle()
    turn.fill(3)
    return turn


def _replace_and_write(turn: Turn) -> None:
    """So slowly that minutes pass before a torn chunk is copied: it is killed long before."""
    turn.speed(16 * KIB)
    turn.replace("a", "c")
    for block in _TORN:
        turn.put(4, block + 1, 1)
    turn.write_on()
    writer = turn.writer
    assert writer
    until(lambda: writer.written > 10, "it is being written")


def _tear(turn: Turn) -> None:
    superblock = turn.image("c").examine().superblock
    assert superblock
    assert superblock.recovery_offset * SECTOR < _TORN[0] * BLOCK, "too much has been copied"
    for block in _TORN:
        turn.image("b").spoil(block * BLOCK, turn.content.ink.block(5, block))
        turn.content.began(5, block)


def _taken_over(guest: Guest, turn: Turn) -> Outcome:
    outcome = play(guest, [Scene(turn.name, _TAKE_OVER, turn.images)], turn.content.ink)[turn.name]
    assert not outcome.failure, outcome.failure
    return outcome
