"""Which block devices this machine has: asked for again when something about them changed.

To look at every device's first and last bytes wakes disks that sleep, so it is not done every second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.interface import EngineApi
from mirrortui.api.mirrors import Mirror
from mirrortui.errors import MirrortuiError

_SYSFS = Path("/sys/class/block")
_TABLES = (Path("/proc/self/mountinfo"), Path("/proc/swaps"))

_AGAIN = 5
"""Looks for the answers of disks that were asked how they are."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What was found."""

    devices: tuple[DeviceInfo, ...] = ()
    lost: str = ""
    """Why the engine could not say."""

    @property
    def awaited(self) -> bool:
        """Disks were asked how they are, and have not answered yet."""
        return any(
            device.drives is None or any(drive.asked is None and not drive.health for drive in device.drives)
            for device in self.devices
        )

    def device(self, path: str) -> DeviceInfo | None:
        """The device of that path."""
        return next((device for device in self.devices if device.path == path), None)


class Inventory:
    """Keeps the last answer. Belongs to one thread at a time."""

    def __init__(self, client: EngineApi, mark: Callable[[], object] | None = None) -> None:
        """`mark` answers something else when devices came, went or are used otherwise; it is cheap."""
        self._client = client
        self._mark = mark or _state_of_the_machine
        self._seen: object = None
        self._again = 0
        self.stock = Stock()
        self.looked = False
        """There was an answer, or none could be got."""

    def look(self, mirrors: Sequence[Mirror]) -> Stock | None:
        """The devices, if something changed since the last look. Blocks."""
        members = {
            (mirror.name, mirror.state, member.path) for mirror in mirrors for member in mirror.members
        }
        seen = (self._mark(), members)
        if seen != self._seen:
            self._again = _AGAIN
        elif self.stock.awaited and self._again:
            self._again -= 1
        else:
            return None
        self.looked = True
        try:
            self.stock = Stock(tuple(self._client.devices()))
        except MirrortuiError as error:
            self.stock = Stock(self.stock.devices, str(error))
            return self.stock  # and ask again
        self._seen = seen
        return self.stock


def _state_of_the_machine() -> object:
    """Names, sizes, holders, mounts and swaps."""
    devices = []
    for entry in sorted(_SYSFS.glob("*")):
        holders = sorted(holder.name for holder in (entry / "holders").glob("*"))
        devices.append((entry.name, _text(entry / "size"), holders))
    return devices, [_text(table) for table in _TABLES]


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="surrogateescape")
    except OSError:
        return ""
