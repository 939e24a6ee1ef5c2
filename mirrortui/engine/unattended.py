"""What can be told where no engine runs: the kernel's arrays are there all the same, and anyone may read of them."""

from __future__ import annotations

from mirrortui.api.mirrors import Mirror
from mirrortui.clock import SystemClock
from mirrortui.engine.supervisor import worst_first
from mirrortui.kernel.describe import describe
from mirrortui.kernel.lookout import Lookout
from mirrortui.kernel.sysfs import Sysfs


def kernel_mirrors(name: str | None = None, sysfs: Sysfs | None = None) -> list[Mirror]:
    """The kernel's RAID-1 arrays as they are now, worst first; of that name, or device. Blocks on their members."""
    found = worst_first(describe(seen) for seen in Lookout(sysfs or Sysfs(), SystemClock()).look())
    if name is None:
        return found
    exact = [mirror for mirror in found if mirror.name == name]
    return exact or [mirror for mirror in found if mirror.device == f"/dev/{name}"]
