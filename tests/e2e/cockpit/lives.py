"""Plays about whole mirrors: how they come to be, rest, and start again."""

from __future__ import annotations

from tests.e2e.cockpit.ground import Ground
from tests.e2e.cockpit.hands import Hands
from tests.e2e.cockpit.play import Play, agree, choose, mark, onward, tick, write


def _runs(ground: Ground, *states: str) -> bool:
    return ground.vault.state in (states or ("clean", "active"))


async def _all(hands: Hands) -> None:
    """Mark both mirrors."""
    await hands.mark_all()


LIVES = [
    Play(
        "create",
        Ground.nothing,
        [write("#name", "vault"), mark("a.img"), mark("b.img"), onward, tick("#clean"), agree],
        lambda ground: (ground.role("a.img"), ground.role("b.img")) == ("in_sync", "in_sync"),
    ),
    Play(
        "adopt",
        Ground.disk,
        [
            write("#name", "vault"),
            write("#disk", "a.img"),
            write("#new", "b.img"),
            agree,
        ],
        lambda ground: ground.role("b.img") == "in_sync" and ground.vault.metadata == "1.0",
    ),
    Play("stop", Ground.pair, [agree], lambda ground: _runs(ground, "stopped")),
    Play("assemble", Ground.stopped, [], _runs),
    Play(
        "assemble",
        lambda ground: ground.stopped(without="b.img"),
        [tick("#run"), agree],
        lambda ground: _runs(ground, "degraded"),
        about="without a member",
    ),
    Play(
        "assemble",
        Ground.parted,
        [choose("b.img"), agree],
        lambda ground: (
            ground.role("a.img") == ground.role("b.img") == "in_sync"
            and ground.data("a.img", length=5) == ground.data("b.img", length=5) == b"b.img"
        ),
        about="one history of two",
    ),
    Play("scan", Ground.stopped, [agree], _runs),
    Play("gather", Ground.stopped, [write("#members", "a.img b.img"), agree], _runs),
    Play(
        "zero_superblock",
        Ground.stopped,
        [write("#path", "a.img"), agree],
        lambda ground: not ground.bears_superblock("a.img") and ground.bears_superblock("b.img"),
    ),
    Play(
        "check",
        Ground.two,
        [agree],
        lambda ground: all(
            any(run.complete for run in ground.client.mirror(name).checks) for name in ("vault", "photos")
        ),
        about="all that are marked",
        first=_all,
    ),
]
