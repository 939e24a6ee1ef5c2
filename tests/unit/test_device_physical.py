"""Which disks a member lies on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirrortui.device import physical, usage
from mirrortui.device.physical import disks


@pytest.fixture
def sys_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """sdb with a partition, sdc, and dm-0 on both."""
    for name, number in {"sdb": "8:16", "sdb/sdb1": "8:17", "sdc": "8:32", "dm-0": "253:0"}.items():
        directory = tmp_path / "devices" / name
        directory.mkdir(parents=True)
        (directory / "dev").write_text(number + "\n")
        link = tmp_path / "dev/block" / number
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(directory)
    (tmp_path / "devices/sdb/sdb1/partition").write_text("1\n")
    slaves = tmp_path / "devices/dm-0/slaves"
    slaves.mkdir()
    (slaves / "sdb1").symlink_to(tmp_path / "devices/sdb/sdb1")
    (slaves / "sdc").symlink_to(tmp_path / "devices/sdc")
    monkeypatch.setattr(usage, "SYS", tmp_path)
    return tmp_path


def test_through_partitions_and_stacked_devices(sys_: Path) -> None:
    sdb, sdc = {os.makedev(8, 16): "sdb"}, {os.makedev(8, 32): "sdc"}
    assert physical._under(os.makedev(8, 16), 4) == sdb
    assert physical._under(os.makedev(8, 17), 4) == sdb
    assert physical._under(os.makedev(253, 0), 4) == sdb | sdc


def test_devices_that_hold_each_other_come_to_an_end(sys_: Path) -> None:
    slaves = sys_ / "devices/sdc/slaves"
    slaves.mkdir()
    (slaves / "dm-0").symlink_to(sys_ / "devices/dm-0")
    assert os.makedev(8, 16) in physical._under(os.makedev(253, 0), 6)


def test_images_on_one_file_system_lie_on_one_disk(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "ab"]
    for path in paths:
        path.touch()
    first, second = (disks(str(path)) for path in paths)
    assert first == second
    assert len(first) >= 1
    assert disks(str(tmp_path / "gone")) == {}
