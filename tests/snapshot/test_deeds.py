"""The dialogs that change something, and those that explain, in a small terminal and in a larger one."""

from __future__ import annotations

import asyncio

import pytest
from syrupy.assertion import SnapshotAssertion

from mirrortui.testing.screenshots import Shot, draw_in

pytestmark = pytest.mark.slow  # together they start some thirty apps

DIALOGS = {
    "menu-of-a-member": ("degraded", ["enter", "space"]),
    "menu-of-a-mirror": ("healthy", ["space"]),
    "create-options": (
        "healthy",
        ["c", *"new", "enter", "space", "down", "space", "enter", "tab", "tab", "tab"],
    ),
    "create-plan": (
        "healthy",
        ["c", *"new", "enter", "space", "tab", *"/b.img", "enter"],
    ),
    "device": ("degraded", ["3", *["down"] * 6, "enter"]),
    "gather": ("split", ["N"]),
    "at-risk": ("at-risk", ["F"]),
    "replace-whom": ("healthy", ["R"]),
    "replace-by-what": ("healthy", ["enter", "R"]),
    "if-it-fails": ("healthy", ["i"]),
    "differences-of-three": ("differs", ["D"]),
    "differences-of-two": ("differs", ["down", "D", "n"]),
    "winner-of-three": ("differs", ["D", "w"]),
    "winner-of-two": ("differs", ["down", "D", "W", "down"]),
    "settled": ("differs", ["down", "D", "n", "n", "w", "down", "y"]),
    "fix": ("degraded", ["F"]),
    "fix-differences": ("differs", ["down", "F"]),
    "two-histories": ("split", ["G", "A"]),
    "marked": ("several", ["plus", "plus"]),
    "check-several": ("several", ["asterisk", "C"]),
    "fix-several": ("several", ["asterisk", "F"]),
    "pace": ("healthy", ["I"]),
    "pace-several": ("healthy", ["asterisk", "I"]),
    "export": ("rebuilding", ["E"]),
    "zero": ("healthy", ["Z"]),
    "assemble-all": ("several", ["S"]),
    "bad-blocks": ("worn", ["G", "B"]),
    "write-mostly": ("healthy", ["w"]),
    "failfast": ("healthy", ["W"]),
    "repair": ("healthy", ["H"]),
    "read-only": ("healthy", ["l"]),
    "members": ("healthy", ["m", "3", "enter"]),
    "size": ("healthy", ["equals_sign", *"max", "enter"]),
    "bitmap": ("healthy", ["b"]),
    "rename": ("healthy", ["n", *"cellar", "enter"]),
    "lab": ("worn", ["G", "X"]),
    "adopt": ("healthy", ["T"]),
    "adopt-plan": ("healthy", ["T", *"old", "tab", *"/dev/sdh", "enter"]),
    "write-events": ("healthy", ["4", "ctrl+s"]),
}


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("dialog", DIALOGS)
def test_dialog(dialog: str, size: tuple[int, int], picture: SnapshotAssertion) -> None:
    state, keys = DIALOGS[dialog]
    night, mono = asyncio.run(draw_in(Shot(dialog, state, size, keys), ["mirror-night", "mirror-mono"]))
    assert night == picture
    assert mono == picture(name="mono")
