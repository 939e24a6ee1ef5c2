"""Plays about what copies, compares and repairs, and about how fast."""

from __future__ import annotations

from mirrortui.tui.modals.mismatches import MismatchScreen
from mirrortui.units import KIB, MIB
from tests.e2e.cockpit.ground import Ground
from tests.e2e.cockpit.hands import Hands
from tests.e2e.cockpit.play import Play, agree, choose, follow, tick, write

HERE, THERE = 64 * KIB, 2 * MIB
"""Places where copies differ."""


def _explorer(hands: Hands) -> bool:
    return isinstance(hands.screen, MismatchScreen)


def _equal(ground: Ground, content: bytes, *places: int) -> bool:
    """Both copies have this there, and nobody is at it."""
    held = {ground.data(name, place) for name in ("a.img", "b.img") for place in places}
    return ground.vault.sync_action == "idle" and held == {content}


async def _seen(hands: Hands) -> None:
    await hands.until(lambda: hands.sees("one place differs"), "the bytes are shown")


UPKEEP = [
    Play(
        "fix",
        lambda ground: ground.after("fail", "b.img"),
        [agree],
        lambda ground: ground.role("b.img") == "in_sync",
        about="re-adds",
    ),
    Play(
        "fix",
        lambda ground: ground.without("b.img"),
        [choose("c.img"), agree],
        lambda ground: ground.role("c.img") == "in_sync",
        about="asks for a device",
    ),
    Play(
        "fix",
        lambda ground: ground.flagged(bitmap=False),
        [agree],
        lambda ground: ground.vault.bitmap,
        about="gives a bitmap",
    ),
    Play(
        "fix",
        lambda ground: ground.stopped(),
        [],
        lambda ground: ground.vault.state in ("clean", "active"),
        about="starts it",
    ),
    Play("check", Ground.pair, [], lambda ground: any(run.complete for run in ground.vault.checks)),
    Play(
        "repair",
        lambda ground: ground.differing(HERE),
        [agree],
        lambda ground: not ground.vault.mismatches and _equal(ground, b"A" * 8, HERE),
    ),
    Play(
        "mismatches",
        lambda ground: ground.differing(HERE, THERE),
        [_seen, follow("w winner", "w"), choose("b.img"), agree],
        lambda ground: _equal(ground, b"B" * 8, HERE) and ground.data("a.img", THERE) == b"A" * 8,
        about="one winner here",
        shown=_explorer,
    ),
    Play(
        "mismatches",
        lambda ground: ground.differing(HERE, THERE),
        [_seen, follow("w winner", "w"), choose("b.img"), tick("#all"), agree],
        lambda ground: _equal(ground, b"B" * 8, HERE, THERE),
        about="one winner everywhere",
        shown=_explorer,
    ),
    Play(
        "mismatches",
        lambda ground: ground.differing(HERE, THERE),
        [_seen, follow("H repair", "H"), agree],
        lambda ground: _equal(ground, b"A" * 8, HERE, THERE),
        about="repair",
        shown=_explorer,
    ),
    Play("pause", lambda ground: ground.slow("check"), [], lambda ground: ground.vault.paused),
    Play(
        "resume",
        lambda ground: ground.slow("check", "pause"),
        [],
        lambda ground: not ground.vault.paused and ground.vault.sync_action == "check",
    ),
    Play(
        "cancel",
        lambda ground: ground.slow("check"),
        [],
        lambda ground: ground.vault.sync_action == "idle" and not ground.vault.checks[0].complete,
        about="a check",
    ),
    Play(
        "pace",
        Ground.pair,
        [choose("low"), write("#limit", "9M"), agree],
        lambda ground: ground.vault.impact == "low",
    ),
]
