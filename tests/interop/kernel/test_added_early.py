"""A member comes back to an unclean array whose copies have not been made equal yet.

Linux 6.1 fills it first, clears the bits of what it has filled, and its resync then skips what was different: with
`start_ro` set, which holds the resync back until the first write, its next check found 128 sectors. Here all is equal.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mirrortui.units import KIB
from tests.e2e.conftest import World
from tests.interop.guest import Guest
from tests.interop.kernel.content import BLOCK, Content, Ink
from tests.interop.kernel.scenes import SIZE, Scene, blank, play
from tests.interop.kernel.turns import Turn

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(400)]

_CUT = """
create --raid-devices=3 $bitmap $a $b $c; settle
fill 1 1024; idle_bits $a
manage --fail $b; manage --remove $b
put 2 0 1000
busy 3 652
"""
_TORN = 640
"""A block of a chunk that was being written when the power went: one copy took it, the other did not."""


def test_copies_are_equal_whoever_is_filled_meanwhile(
    guests: list[Guest], engine: World, ink: Ink, tmp_path: Path
) -> None:
    images = blank(tmp_path, {f"early-{letter}.img": SIZE for letter in "abc"})
    outcome = play(guests[0], [Scene("early", _CUT, images)], ink)["early"]
    assert not outcome.failure, outcome.failure
    turn = Turn(engine, "early", images, Content(ink).hear(outcome.told))
    turn.image("c").spoil(_TORN * BLOCK, ink.block(4, _TORN))
    turn.content.began(4, _TORN)

    turn.assemble("ac")
    turn.speed(256 * KIB)
    turn.do("re-add", "b")
    turn.check()
    turn.speed(0)
    turn.settle()
    turn.check()
    turn.stop()
    for letter in "abc":
        turn.content.check(*turn.image(letter).data())
