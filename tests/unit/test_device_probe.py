"""Candidates are looked at, never touched; each refusal says why, and what to do."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from mirrortui.device import usage
from mirrortui.device.claims import claim
from mirrortui.device.probe import Peek, check_candidate, probe
from mirrortui.errors import InUseError, MemberError, RefusedError
from tests.devices import nobody

SIZE = 4 << 20
EXT4 = {0x438: b"\x53\xef", 0x460: b"\x40\0\0\0", 0x478: b"photos"}


def image(path: Path, content: dict[int, bytes] | None = None) -> str:
    """A sparse image with some bytes in it."""
    path.touch()
    os.truncate(path, SIZE)
    with path.open("r+b") as file:
        for offset, data in (content or {}).items():
            file.seek(offset)
            file.write(data)
    return str(path)


def test_a_fresh_image_is_a_candidate(tmp_path: Path) -> None:
    link = tmp_path / "link"
    path = image(tmp_path / "a.img")
    link.symlink_to(path)
    found = check_candidate(str(link))
    assert (found.path, found.real, found.kind) == (str(link), path, "image")
    assert (found.size, found.sector, found.blank, found.signatures) == (SIZE, 512, True, ())
    assert (found.in_use, found.readonly, found.problem) == (None, False, None)


def test_what_bears_something_needs_force(tmp_path: Path) -> None:
    path = image(tmp_path / "a.img", EXT4)
    with pytest.raises(RefusedError) as caught:
        check_candidate(path)
    assert caught.value.what == f"{path} holds ext4, label photos; nothing was written."
    assert "--force" in caught.value.hint
    assert [str(signature) for signature in check_candidate(path, force=True).signatures] == [
        "ext4, label photos"
    ]


@pytest.mark.parametrize(
    ("content", "blank"),
    [
        ({}, True),
        ({0: bytes(1 << 20), SIZE - (1 << 20): bytes(1 << 20)}, True),
        ({(2 << 20) + 9000: b"x"}, True),  # not met by any look between the ends
        ({(2 << 20) + 9000: b"x" * (1 << 20)}, False),
        ({0: b"x"}, False),
        ({(1 << 20) - 1: b"x"}, False),
        ({SIZE - 1: b"x"}, False),
    ],
)
def test_blank(tmp_path: Path, content: dict[int, bytes], blank: bool) -> None:
    assert probe(image(tmp_path / "a.img", content)).blank is blank


def test_what_is_in_use_is_not_freed_by_force(tmp_path: Path) -> None:
    path = image(tmp_path / "a.img", EXT4)
    fd = claim(path)
    with pytest.raises(InUseError, match=rf"is in use by .*\(pid {os.getpid()}\); nothing was written"):
        check_candidate(path, force=True)
    os.close(fd)
    check_candidate(path, force=True)


def test_readers_do_not_disturb_a_running_mirror(tmp_path: Path) -> None:
    path = image(tmp_path / "a.img", {8192: b"superblock"})
    fd = claim(path)
    with Peek(path) as peek:
        assert peek.read(8192, 10) == b"superblock"
        assert peek.read(SIZE - 2, 6) == bytes(6), "behind the end are zeroes"
    assert probe(path).in_use
    os.close(fd)


def test_an_empty_file_says_how_to_give_it_a_size(tmp_path: Path) -> None:
    (tmp_path / "a.img").write_bytes(b"x" * 511)
    with pytest.raises(MemberError, match="is empty; nothing was written") as caught:
        check_candidate(str(tmp_path / "a.img"))
    assert "truncate -s" in caught.value.hint


@pytest.mark.parametrize(("mode", "why"), [(0o000, "permission denied"), (0o444, "is read-only")])
def test_permission(mode: int, why: str) -> None:
    with nobody(mode) as image, pytest.raises(MemberError, match=f"{why}; nothing was written"):
        check_candidate(str(image))


def test_looking_writes_nothing(tmp_path: Path) -> None:
    path = Path(image(tmp_path / "a.img", {0: random.Random(1).randbytes(SIZE)}))
    before = (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_blocks)
    check_candidate(str(path), force=True)
    assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_blocks) == before


def test_a_swap_file_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = image(tmp_path / "a.img")
    monkeypatch.setattr(usage, "swaps", lambda: [path])
    with pytest.raises(InUseError, match="is a swap file in use"):
        check_candidate(path)
