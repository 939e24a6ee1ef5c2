"""The screens on the keys 2 to 6, in colour and without."""

from __future__ import annotations

import asyncio

import pytest
from syrupy.assertion import SnapshotAssertion

from mirrortui.testing.screenshots import Shot, draw

pytestmark = pytest.mark.slow  # together they start some thirty apps

SIZES = [(80, 24), (120, 40), (200, 60)]
VIEWS = {"mirror": "2", "devices": "3", "events": "4", "jobs": "5", "help": "6"}


@pytest.mark.parametrize("theme", ["night", "mono"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("view", VIEWS)
def test_view(view: str, size: tuple[int, int], theme: str, picture: SnapshotAssertion) -> None:
    shot = Shot(view, "rebuilding", size, [VIEWS[view]], f"mirror-{theme}")
    assert asyncio.run(draw(shot)) == picture
