"""`keys`, and a configuration that is wrong, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mirrortui.cli.main import main
from mirrortui.tui.actions import ACTIONS


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the configuration would be."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "mirrortui").mkdir()
    return tmp_path / "mirrortui" / "config.toml"


def test_keys_lists_every_action_with_its_id(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys"]) == 0
    told = capsys.readouterr().out
    assert all(f"\n{action.id} " in told for action in ACTIONS)
    assert str(config) in told


def test_keys_knows_what_was_given(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text('[keys]\nfail = "ctrl+x ?"\nhelp = "f1"\n')
    assert main(["keys", "--json"]) == 0
    keys = {action["id"]: action["keys"] for action in json.loads(capsys.readouterr().out)}
    assert keys["fail"] == ["ctrl+x", "question_mark"]
    assert keys["add"] == ["a"]


@pytest.mark.parametrize("words", [["keys"], [], ["--serve"]])
def test_a_wrong_configuration_is_an_error_before_anything_starts(
    words: list[str], config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config.write_text('[keys]\nfial = "f"\n')
    assert main(["--socket", str(tmp_path / "s"), *words]) == 2
    assert f"{config}: there is no action called fial" in capsys.readouterr().err
    assert not (tmp_path / "s").exists(), "no engine was started for nothing"


def test_an_unknown_theme_is_refused(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--theme", "pink"]) == 2
    assert "colour-blind" in capsys.readouterr().err
