"""What a block device lies on, as udev and sysfs tell it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mirrortui.device.discovery import _parent


@dataclass
class Known:
    """What of a pyudev.Device is asked for."""

    device_type: str
    sys_path: str = "/nowhere"
    device_node: str | None = None
    disk: Known | None = None

    def find_parent(self, subsystem: str) -> Known | None:
        assert subsystem == "block"
        return self.disk


def test_a_partition_lies_on_its_disk() -> None:
    assert _parent(Known("partition", disk=Known("disk", device_node="/dev/sda"))) == "/dev/sda"
    assert _parent(Known("partition")) == ""


def test_a_volume_lies_on_the_first_device_below_it(tmp_path: Path) -> None:
    for name in ("sdb1", "cciss!c0d0"):
        (tmp_path / "slaves" / name).mkdir(parents=True)
    assert _parent(Known("disk", str(tmp_path))) == "/dev/cciss/c0d0"


def test_a_disk_lies_on_nothing(tmp_path: Path) -> None:
    (tmp_path / "slaves").mkdir()
    assert _parent(Known("disk", str(tmp_path))) == ""
