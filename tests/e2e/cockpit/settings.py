"""Plays about what is settled for a mirror while it runs."""

from __future__ import annotations

from tests.e2e.cockpit.ground import DATA, SIZE, Ground
from tests.e2e.cockpit.hands import Hands
from tests.e2e.cockpit.play import Play, agree, tick, write


def _menu(hands: Hands) -> bool:
    return bool(hands.screen.query("#deeds")) and hands.sees("THE MIRROR")


SETTINGS = [
    Play("readonly", Ground.pair, [agree], lambda ground: ground.vault.state == "readonly"),
    Play("readwrite", Ground.readonly, [], lambda ground: ground.vault.state in ("clean", "active")),
    Play(
        "grow",
        lambda ground: ground.after("add", "c.img"),
        [write("#members", "3"), agree],
        lambda ground: ground.vault.raid_disks == 3 and ground.role("c.img") == "in_sync",
    ),
    Play(
        "size",
        Ground.roomy,
        [write("#size", "max"), agree],
        lambda ground: ground.vault.size == SIZE - DATA,
    ),
    Play(
        "bitmap",
        lambda ground: ground.flagged(bitmap=True),
        [agree],
        lambda ground: ground.vault.bitmap is None,
        about="taken away",
    ),
    Play(
        "bitmap",
        lambda ground: ground.flagged(bitmap=False),
        [agree],
        lambda ground: ground.vault.bitmap,
        about="given",
    ),
    Play(
        "rename",
        Ground.pair,
        [write("#name", "cellar"), agree],
        lambda ground: ground.names == {"cellar"},
    ),
    Play(
        "export",
        Ground.pair,
        [write("#address", "{}/more.sock"), tick("#readonly"), agree],
        lambda ground: any(each.readonly for each in ground.vault.exports),
    ),
    Play(
        "copy_uri",
        Ground.pair,
        [],
        lambda ground: ground.vault.uri,
        shown=lambda hands: hands.at_home and hands.app.clipboard == hands.home.picture.mirrors[0].uri,
    ),
    Play("more", Ground.pair, [], lambda ground: ground.vault, shown=_menu),
]
