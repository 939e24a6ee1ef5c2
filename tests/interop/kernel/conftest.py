"""What the kernel's and our turns share: ink, and an engine whose mirrors live as long as a module's tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import World
from tests.interop.kernel.content import Ink


@pytest.fixture(scope="session")
def ink(tmp_path_factory: pytest.TempPathFactory) -> Ink:
    """What is written."""
    return Ink.made(tmp_path_factory.mktemp("ink") / "ink")


@pytest.fixture(scope="module")
def engine() -> Iterator[World]:
    """A directory and an engine for all tests of a module."""
    place = Path(tempfile.mkdtemp(prefix="mk-"))
    world = World(place)
    world.do("devices")
    try:
        yield world
    finally:
        world.kill_all()
        shutil.rmtree(place)
