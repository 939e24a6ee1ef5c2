"""Pictures are compared as SVG files, one a test. ``pytest tests/snapshot --snapshot-update`` draws them anew."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from mirrortui.testing.staging import quiet_environment


class SvgFiles(SingleFileSnapshotExtension):
    """One SVG a test, as text, so that a change can be read in a diff."""

    _write_mode = WriteMode.TEXT
    file_extension = "svg"


@pytest.fixture
def picture(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """What the screen is compared with."""
    return snapshot.use_extension(SvgFiles)


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = dict(os.environ)
    quiet_environment()
    monkeypatch.chdir("/")
    yield
    os.environ.clear()
    os.environ.update(before)
    time.tzset()
