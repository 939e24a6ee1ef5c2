"""`status` where no engine runs: the kernel's arrays are there all the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mirrortui.cli.main import main
from mirrortui.engine import unattended
from mirrortui.kernel.sysfs import Sysfs
from tests.sysfs import plant


@pytest.fixture
def socket(tmp_path: Path) -> str:
    """Nobody answers there."""
    return str(tmp_path / "nobody")


def planted(monkeypatch: pytest.MonkeyPatch, state: str, where: Path) -> None:
    """The kernel runs an array in that state."""
    where.mkdir()
    sysfs = plant(state, where)
    monkeypatch.setattr(unattended, "Sysfs", lambda: sysfs)


@pytest.mark.parametrize(("state", "code"), [("clean", 0), ("failed", 1)])
@pytest.mark.parametrize("name", [[], ["md0"], ["/dev/md0"]], ids=["all", "name", "device"])
def test_the_kernel_s_arrays_are_shown_and_the_exit_code_is_as_ever(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    socket: str,
    state: str,
    code: int,
    name: list[str],
) -> None:
    planted(monkeypatch, state, tmp_path / "kernel")
    assert main(["status", *name, "--socket", socket, "--json"]) == code
    said = capsys.readouterr()
    found = json.loads(said.out)
    (mirror,) = [found] if name else found
    assert mirror["driver"] == "kernel"
    assert "No engine answers" in said.err


def test_without_any_there_is_no_engine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, socket: str
) -> None:
    (tmp_path / "kernel").mkdir()
    monkeypatch.setattr(unattended, "Sysfs", lambda: Sysfs(tmp_path / "kernel"))
    assert main(["status", "--socket", socket]) == 4
    assert "No engine answers" in capsys.readouterr().err
    planted(monkeypatch, "clean", tmp_path / "other")
    assert main(["status", "vault", "--socket", socket]) == 4
