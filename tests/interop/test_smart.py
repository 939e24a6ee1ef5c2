"""Disks that have SMART, which QEMU plays: an NVMe and an ATA one, healthy and not, under a mirror in a guest."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path

import pytest

from mirrortui.units import MIB
from tests.interop import kernels, python_disk
from tests.interop.guest import PROGRAMS, Guest, disk_name
from tests.interop.inside.smart import DONE, READY
from tests.support import needs

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(600)]

MODULES = (*python_disk.MODULES, "nvme", "ahci")
SPARE_IS_LOW = 1
"""Of an NVMe disk's critical warnings."""


def _hardware(nvme: Path, ata: Path, control: Path) -> list[str]:
    words = ["-qmp", f"unix:{control},server=on,wait=off", "-device", "ahci,id=ahci,addr=0x10"]
    words += [
        "-drive",
        f"file={nvme},format=raw,if=none,id=nvme",
        "-drive",
        f"file={ata},format=raw,if=none,id=ata",
    ]
    words += ["-device", "nvme,id=nvme0,serial=one,drive=nvme,addr=0x11"]
    return [*words, "-device", "ide-hd,serial=two,drive=ata,bus=ahci.0"]


def _warn_when_ready(letterbox: Path, control: Path, over: threading.Event) -> None:
    """When the guest says so, let the NVMe disk warn, and tell the guest."""
    while not over.wait(0.05):
        with letterbox.open("r+b", buffering=0) as file:
            if file.read(len(READY)) == READY:
                _command(control, SPARE_IS_LOW)
                file.seek(0)
                file.write(DONE)
                return


def _command(control: Path, warning: int) -> None:
    with socket.socket(socket.AF_UNIX) as qmp:
        qmp.settimeout(30)
        qmp.connect(str(control))
        answers = qmp.makefile("r")
        answers.readline()
        value = {"path": "/machine/peripheral/nvme0", "property": "smart_critical_warning", "value": warning}
        for words in ({"execute": "qmp_capabilities"}, {"execute": "qom-set", "arguments": value}):
            qmp.sendall(json.dumps(words).encode())
            while "return" not in (answer := json.loads(answers.readline())):
                assert "error" not in answer, answer


def test_disks_say_how_they_are_and_one_that_warns_is_told_of(guests: list[Guest], tmp_path: Path) -> None:
    needs(*PROGRAMS, *python_disk.PROGRAMS, "smartctl")
    disk, letterbox, control = tmp_path / "python.img", tmp_path / "letterbox", tmp_path / "qmp"
    enter = python_disk.make(disk, ["smartctl"], udev=True).replace("DISK", disk_name(1))
    images = [letterbox, tmp_path / "nvme", tmp_path / "ata"]
    for image in images:
        image.touch()
        os.truncate(image, 64 * MIB)
    guest = Guest(kernels.get(guests[-1].release), MODULES)
    over = threading.Event()
    host = threading.Thread(target=_warn_when_ready, args=(letterbox, control, over))
    host.start()
    try:
        guest.boot(
            f"{enter}\npython -m tests.interop.inside.smart\n",
            [letterbox],
            readonly=[disk],
            hardware=_hardware(images[1], images[2], control),
        )
    finally:
        over.set()
        host.join()
