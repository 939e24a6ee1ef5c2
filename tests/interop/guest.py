"""A real kernel with md, in QEMU: runs a shell script over disk images and loses its power.

Debian's cloud kernel (kernels.py) with an initramfs of busybox, mdadm and the modules that they take. With KVM where it
works, else emulated: then it takes some three seconds from start to script.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.interop import initramfs, kernels
from tests.interop.kernels import Kernel

PROGRAMS = (*kernels.PROGRAMS, "qemu-system-x86_64", "busybox", "mdadm")
"""What the host must have."""
CUT = "CUT"
"""What a script says when its power may be cut at any moment."""
TIMEOUT = 300.0
"""Seconds for a boot and its script."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_PARAMETERS = "console=ttyS0 quiet panic=-1 no_timer_check"
"""The timer's check counts ticks, and panics on a host too busy to deliver them."""
_FIRST_SLOT, _FUNCTIONS = 3, 8
"""Of the PCI bus: what slots are free, and how many disks share one."""
_POLL = 0.01


@dataclass(frozen=True)
class Report:
    """What came of a boot."""

    console: str
    said: list[list[str]]
    """Lines that the script gave to `say`, in words."""


class Guest:
    """A kernel and its initramfs. Boots share nothing: several may run at a time."""

    def __init__(self, kernel: Kernel, modules: Sequence[str] = ()) -> None:
        """`modules`: of the kernel's, besides those that a RAID-1 takes."""
        self.release = kernel.release
        """`uname -r`."""
        self._kernel = kernel
        self._base = initramfs.base(kernel.root, modules)

    def run(self, script: str, images: Sequence[Path]) -> str:
        """Boot with a script that has nothing to report but what it prints; returns the console."""
        return self.boot(script, images).console

    def boot(
        self,
        script: str,
        images: Sequence[Path],
        *,
        readonly: Sequence[Path] = (),
        scsi: bool = False,
        files: Mapping[str, str] | None = None,
        cut: float | None = None,
        hardware: Sequence[str] = (),
    ) -> Report:
        """Run the script as root, the images as /dev/vda, /dev/vdb and so on, the `readonly` ones behind them, then cut
        the power. `files`: texts by their path in the guest. `hardware`: words for QEMU, of what else the machine has.

        With `scsi` they are units 0, 1 and so on of one controller, whose names in /dev are in any order: emulated,
        dozens of them are found in a second, where each of the others takes a fifth of one.

        With `cut`, QEMU is killed that many seconds after the script said CUT. Raises RuntimeError with the console
        when the script fails or takes too long.
        """
        words = [*_acceleration(self._kvm_works), *hardware]
        if scsi:
            words += ["-device", "virtio-scsi-pci,id=scsi"]
        for index, image in enumerate([*images, *readonly]):
            words += _disk(index, image, readonly=index >= len(images), scsi=scsi)
        reached, report = self._attend(words, {"script": script, **(files or {})}, cut, TIMEOUT)
        if not reached:
            raise RuntimeError(f"the script did not reach its end:\n{report.console}\nIt said: {report.said}")
        return report

    def _kvm_works(self) -> bool:
        try:
            return self._attend(_KVM, {"script": ":"}, None, _KVM_TIMEOUT)[0]
        except RuntimeError:
            return False

    def _attend(
        self, words: Sequence[str], texts: Mapping[str, str], cut: float | None, timeout: float
    ) -> tuple[bool, Report]:
        """Run QEMU to its end, or to the cut. False: the script did not come to its end, or not in time."""
        with tempfile.TemporaryDirectory(prefix="guest-") as scratch:
            initrd, console, said = (Path(scratch) / name for name in ("initrd", "console", "said"))
            initrd.write_bytes(initramfs.finished(self._base, texts))
            console.touch()
            said.touch()
            words = [*_machine(self._kernel, initrd, console, said), *words]
            with subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as qemu:
                try:
                    reached = _watch(qemu, said, cut, time.monotonic() + timeout)
                finally:
                    qemu.kill()
                if qemu.wait() > 0:
                    assert qemu.stderr
                    raise RuntimeError(f"QEMU failed: {qemu.stderr.read().decode(errors='replace')}")
            lines = said.read_text(errors="replace").splitlines()
            return reached, Report(console.read_text(errors="replace"), [line.split() for line in lines])


def _watch(qemu: subprocess.Popen[bytes], said: Path, cut: float | None, deadline: float) -> bool:
    """Whether the script came to its end, or to where it is to be cut."""
    while qemu.poll() is None and time.monotonic() < deadline:
        if cut is not None and _says(said, CUT):
            time.sleep(cut)
            return True
        time.sleep(_POLL)
    return cut is None and _says(said, initramfs.REACHED)


def _says(said: Path, word: str) -> bool:
    return word in said.read_text(errors="replace").split()


def _machine(kernel: Kernel, initrd: Path, console: Path, said: Path) -> list[str]:
    words = [
        "qemu-system-x86_64",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
        "-m",
        "512",
    ]
    words += ["-kernel", str(kernel.image), "-initrd", str(initrd), "-append", _PARAMETERS]
    return [*words, "-serial", f"file:{console}", "-serial", f"file:{said}"]


def _disk(index: int, image: Path, *, readonly: bool, scsi: bool) -> list[str]:
    drive = f"file={image},format=raw,if=none,id=d{index},readonly={'on' if readonly else 'off'}"
    if scsi:
        return ["-drive", drive, "-device", f"scsi-hd,bus=scsi.0,lun={index},drive=d{index}"]
    slot, function = _FIRST_SLOT + index // _FUNCTIONS, index % _FUNCTIONS
    device = f"virtio-blk-pci,drive=d{index},num-queues=1,addr={slot:#x}.{function:#x},multifunction=on"
    return ["-drive", drive, "-device", device]


def disk_name(index: int) -> str:
    """Of the disk of that number in the guest: vda, vdb, ..., vdz, vdaa."""
    more, last = divmod(index, len(_LETTERS))
    return f"vd{_LETTERS[more - 1] if more else ''}{_LETTERS[last]}"


def _acceleration(kvm_works: Callable[[], bool]) -> list[str]:
    """What makes QEMU fast here. A KVM that is there need not work: it is tried once, until the host restarts."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with kernels.lock("acceleration"):
        found = kernels.CACHE / f"acceleration-{boot}"
        if not found.exists():
            found.write_text("kvm" if Path("/dev/kvm").exists() and kvm_works() else "tcg")
        return list(_KVM if found.read_text() == "kvm" else _TCG)


_KVM, _TCG = ["-accel", "kvm", "-cpu", "host"], ["-accel", "tcg", "-cpu", "max"]
_KVM_TIMEOUT = 20.0
