"""The file that keeps ranges of a mirror: sparse, new, whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from mirrortui.errors import MirrortuiError, RefusedError
from mirrortui.units import MIB
from mirrortui.worker.sparse_file import SparseFile


def test_ranges_lie_at_their_own_places_and_the_rest_takes_no_room(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    file = SparseFile(str(path))
    file.begin(64 * MIB)
    file.put(48 * MIB, memoryview(b"x" * 4096))
    file.finish()
    assert path.exists()
    assert path.stat().st_size == 64 * MIB
    assert path.stat().st_blocks * 512 <= MIB
    assert path.read_bytes()[48 * MIB :][:4097] == b"x" * 4096 + b"\0"


def test_what_exists_is_never_touched(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.write_text("mine")
    file = SparseFile(str(path))
    with pytest.raises(RefusedError, match="mine exists already"):
        file.begin(MIB)
    file.discard()
    assert path.read_text() == "mine"


def test_a_file_that_was_not_finished_is_gone(tmp_path: Path) -> None:
    file = SparseFile(str(tmp_path / "kept"))
    file.begin(MIB)
    file.put(0, memoryview(b"x"))
    file.discard()
    assert not any(tmp_path.iterdir())


def test_no_room_is_an_error_in_words() -> None:
    file = SparseFile("/dev/null/kept")
    with pytest.raises(MirrortuiError, match="/dev/null/kept cannot be written: Not a directory"):
        file.begin(MIB)
