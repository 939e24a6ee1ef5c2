"""The engine's memory survives whatever happens while it is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from mirrortui.api.requests import ExportRequest, SpeedRequest
from mirrortui.engine.state import Remembered, State
from mirrortui.errors import MirrortuiError

VAULT = Remembered(
    name="vault",
    uuid="00000000:00000000:00000000:00000001",
    members=["/x/a.img", "/x/b.img"],
    size=1 << 30,
    exports=[ExportRequest(tcp="127.0.0.1:10809")],
)


def test_remembers_what_was_put(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    State(path).put(VAULT)
    assert State(path).all() == [VAULT]


def test_forgets(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state = State(path)
    state.put(VAULT)
    state.put(replace(VAULT, name="photos"))
    state.forget("vault")
    assert [mirror.name for mirror in State(path).all()] == ["photos"]


def test_a_crash_before_the_rename_leaves_the_old_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    state = State(path)
    state.put(VAULT)

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(MirrortuiError, match="No space left on device"):
        state.put(replace(VAULT, running=False))
    assert state.get("vault") == VAULT
    assert State(path).get("vault") == VAULT


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "truncated"),
        (b'{"version": 1, "mirrors": [{"name": "vault"', "truncated"),
        (b'{"version": 2, "mirrors": []}', "version 2, expected 1"),
        (b'{"version": 1, "mirrors": [{"name": 7}]}', "Expected `str`, got `int`"),
    ],
)
def test_a_memory_that_cannot_be_understood_is_left_alone(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(MirrortuiError, match=told) as caught:
        State(path)
    assert str(path) in caught.value.what
    assert "Move it away" in caught.value.hint
    assert path.read_bytes() == content


def test_the_speed_of_all_mirrors_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state = State(path)
    assert state.speed == SpeedRequest(max=0)
    state.set_speed(SpeedRequest(min=1, max=2))
    state.put(VAULT)
    assert State(path).speed == SpeedRequest(min=1, max=2)
    assert State(path).all() == [VAULT]
