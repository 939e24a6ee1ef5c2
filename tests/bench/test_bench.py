"""The benchmark itself runs; what it measures is for people to read, on a quiet machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import needs


@pytest.mark.bench
def test_it_prints_every_row(tmp_path: Path) -> None:
    needs("fio", "qemu-storage-daemon", "dd")
    words = ["--seconds=0.2", "--ramp=0.1", "--rounds=1", "--size=64M", "--dirty=64M", f"--disk={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", *words],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert not done.returncode, done.stderr
    print(done.stdout)
    for words_of_row in (
        "4K read qd32",
        "1M write",
        "fsync each 32",
        "recovery",
        "re-add",
        "low, against none",
        "16.0 TiB",
    ):
        assert words_of_row in done.stdout
