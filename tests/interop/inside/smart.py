"""A mirror on an NVMe and an ATA disk, and what they say of themselves. Disk vda carries word to the host and back."""

from __future__ import annotations

import os
from typing import Any

from tests.interop.inside.stage import do, play, read, status, try_to, until, write

NVME, ATA = "/dev/nvme0n1", "/dev/sda"
READY, DONE = b"ready".ljust(512), b"done".ljust(512)


def scene() -> None:
    """Ends with the mirror stopped."""
    do("create", "vault", NVME, ATA, "--assume-clean")
    until(lambda: all(drive["failing"] is not None for drive in _drives().values()), "the disks were asked")
    for name, drive in _drives().items():
        assert (drive["name"], drive["failing"], drive["health"]) == (name, False, ""), drive
    assert _drives()["nvme0n1"]["temperature"] == 50, "QEMU's 323 K"
    assert _drives()["sda"]["temperature"] == 31, "QEMU's attribute 190"
    shown = do("status", "vault").out
    assert "50 °C" in shown, shown
    assert "31 °C" in shown, shown
    assert "failing" not in shown, shown
    assert _listed() == {NVME: ("50", "member of vault"), ATA: ("31", "member of vault")}
    _wait_for_the_warning()
    do("engine", "stop")  # the next one asks anew
    do("devices")
    until(lambda: _drives()["nvme0n1"]["failing"], "the disk says that it fails")
    shown = try_to("status", "vault").out
    assert "nvme0n1, the disk of /dev/nvme0n1, says that it is failing:" in shown, shown
    assert _drives()["sda"]["failing"] is False
    assert _listed() == {
        NVME: ("50", "member of vault; it says that it is failing: spare below threshold"),
        ATA: ("31", "member of vault"),
    }
    until(lambda: "says that it is failing" in do("events").out, "it is in the journal")
    do("stop", "vault")
    do("engine", "stop")


def _listed() -> dict[str, tuple[str, str]]:
    """Temperature and last column of `devices`, by path."""
    until(lambda: "50" in do("devices").out, "the disks were asked for their temperature")
    head, *rows = do("devices").out.splitlines()
    warmth, end = head.index("°C"), head.index("member?")
    found = {row.split()[0]: (row[warmth : warmth + 2].strip(), row[end:].strip()) for row in rows}
    return {path: found[path] for path in (NVME, ATA)}


def _drives() -> dict[str, dict[str, Any]]:
    """By their name."""
    found = [member["drives"] or [] for member in status("vault")["members"]]
    return {drive["name"]: drive for drives in found for drive in drives} or {"none": {"failing": None}}


def _wait_for_the_warning() -> None:
    """Until the host has made the disk's state critical."""
    write("/dev/vda", 0, READY)

    def told() -> bool:
        fd = os.open("/dev/vda", os.O_RDONLY)
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)
        return read("/dev/vda", 0, 512) == DONE

    until(told, "the host has answered")


if __name__ == "__main__":
    play(scene)
