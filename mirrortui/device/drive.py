"""How a disk is: its temperature by sysfs, its health by smartmontools. Only the one under a member counts, so
partitions, volumes and images are looked through before (mirrortui.device.physical).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mirrortui.device import usage
from mirrortui.device.smart import Health, ask, find_smartctl

_SENSORS = "device/hwmon*/temp1_input", "device/hwmon/hwmon*/temp1_input", "device/nvme*/hwmon*/temp1_input"
"""nvme; drivetemp; nvme where one disk has several controllers."""


@dataclass(frozen=True, slots=True)
class Warmth:
    """A temperature, or why there is none."""

    celsius: int | None
    why_not: str = ""


def temperature(disk: str) -> Warmth:
    """By the disk's own sensor. It asks the disk, so it blocks while that hangs."""
    for pattern in _SENSORS:
        for sensor in sorted(_directory(disk).glob(pattern)):
            try:
                return Warmth(round(int(sensor.read_text()) / 1000))
            except (OSError, ValueError):
                return Warmth(None, "its sensor does not answer")
    return Warmth(None, "no sensor")


def health(disk: str) -> Health:
    """By smartctl; never wakes a disk. Blocks for smart.TIMEOUT at most."""
    program = find_smartctl()
    if program is None:
        return Health(None, "smartctl is not installed")
    return ask(program, f"/dev/{disk.replace('!', '/')}", _kind(disk))


def exists(disk: str) -> bool:
    """It is a disk of this machine: no loop device, RAM disk, or file system."""
    return "/" not in disk and (_directory(disk) / "device").exists()


def activity(disk: str) -> str:
    """Something else whenever the disk has read or written since. To read it disturbs nobody."""
    return _text(disk, "stat")


def sleeps_at_times(disk: str) -> bool:
    """It has a motor, which a question may keep running."""
    return _text(disk, "queue/rotational").strip() == "1"


def _kind(disk: str) -> str:
    """For ``smartctl -d``: named where it is sure."""
    if disk.startswith("nvme"):
        return "nvme"
    return "sat" if _text(disk, "device/vendor").strip() == "ATA" else ""


def _directory(disk: str) -> Path:
    return usage.SYS / "block" / disk


def _text(disk: str, name: str) -> str:
    try:
        return (_directory(disk) / name).read_text(errors="replace")
    except OSError:
        return ""
