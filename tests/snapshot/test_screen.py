"""What the operator sees, in the states and at the sizes that matter."""

from __future__ import annotations

import asyncio

import pytest
from syrupy.assertion import SnapshotAssertion

from mirrortui.testing.screenshots import Shot, draw, draw_in

THEMES = ["mirror-night", "mirror-mono"]
SIZES = [(80, 24), (120, 40), (200, 60)]
STATES = ["healthy", "degraded", "rebuilding", "failed", "empty", "lost", "at-risk"]
DIALOGS = {
    "create": ("healthy", ["c"]),
    "create-refused": ("healthy", ["c", *"vault", "tab", "space", "down", "space"]),
    "fail": ("healthy", ["f"]),
    "add": ("degraded", ["a"]),
    "stop": ("degraded", ["s"]),
    "survivor": ("split", ["G", "A", "down"]),
    "leave": ("degraded", ["q"]),
    "help": ("degraded", ["question_mark"]),
    "filter": ("several", ["slash", *"ar", "enter"]),
    "kernel": ("kernel", []),
    "kernel-replace": ("kernel", ["enter", "down", "R"]),
    "kernel-handover": ("kernel", ["G", "o"]),
    "kernel-takeover": ("kernel", ["t"]),
    "zoom": ("several", ["tab", "tab", "z"]),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("state", STATES)
def test_home(state: str, size: tuple[int, int], picture: SnapshotAssertion) -> None:
    night, mono = asyncio.run(draw_in(Shot(state, state, size), THEMES))
    assert night == picture
    assert mono == picture(name="mono")


@pytest.mark.slow
@pytest.mark.parametrize("dialog", DIALOGS)
def test_dialog_in_a_small_terminal(dialog: str, picture: SnapshotAssertion) -> None:
    state, keys = DIALOGS[dialog]
    night, mono = asyncio.run(draw_in(Shot(dialog, state, (80, 24), keys), THEMES))
    assert night == picture
    assert mono == picture(name="mono")


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES[1:], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("dialog", DIALOGS)
def test_dialog_in_a_larger_terminal(dialog: str, size: tuple[int, int], picture: SnapshotAssertion) -> None:
    state, keys = DIALOGS[dialog]
    night, mono = asyncio.run(draw_in(Shot(dialog, state, size, keys), THEMES))
    assert night == picture
    assert mono == picture(name="mono")


@pytest.mark.parametrize("theme", THEMES)
def test_palette(theme: str, picture: SnapshotAssertion) -> None:
    assert asyncio.run(draw(Shot("palette", "degraded", (80, 24), ["ctrl+p"], theme))) == picture


def test_many_mirrors_on_a_broad_terminal(picture: SnapshotAssertion) -> None:
    assert asyncio.run(draw(Shot("several", "several", (200, 60)))) == picture


def test_daylight(picture: SnapshotAssertion) -> None:
    assert asyncio.run(draw(Shot("daylight", "rebuilding", (80, 24), theme="mirror-day"))) == picture


def test_no_engine_ever(picture: SnapshotAssertion) -> None:
    assert asyncio.run(draw(Shot("none", "none", (80, 24)))) == picture
