"""What a guest boots into: busybox, mdadm, the modules that they take, and a script."""

from __future__ import annotations

import lzma
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.interop.kernels import tool

REACHED = "STATE-REACHED"
"""Said when the script has come to its end."""

_MODULES = ("virtio_pci", "virtio_blk", "virtio_scsi", "sd_mod", "md-mod", "raid1")
_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin MDADM_NO_UDEV=1
mkdir -p /proc /sys /dev /run /tmp /etc
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sys /sys
stty -F /dev/ttyS1 raw
hostname golden
say() { echo "$@" > /dev/ttyS1; }
mdadm() { /bin/mdadm "$@" </dev/null; }
set -e
for module in /modules/*; do insmod $module; done
. /script
say STATE-REACHED
# A restart that stops nothing: no driver is told, and an array stays as it is.
echo b > /proc/sysrq-trigger
"""


def base(root: Path, modules: Sequence[str] = ()) -> bytes:
    """The archive without its script, for a kernel whose package lies unpacked there.

    `modules`: of the kernel's, besides those that a RAID-1 takes.
    """
    return b"".join(_base_entries(root, modules))


def finished(base: bytes, texts: Mapping[str, str]) -> bytes:
    """The archive with these files by their path, one of them `script`."""
    entries = [_entry(path, text.encode(), 0o644) for path, text in texts.items()]
    return base + b"".join(entries) + _entry("TRAILER!!!", b"", 0)


def _base_entries(root: Path, modules: Sequence[str]) -> Iterator[bytes]:
    for directory in ("bin", "modules", "lib", "lib64", "dev", "proc", "sys", "scenes"):
        yield _entry(directory, b"", stat.S_IFDIR | 0o755)
    yield _entry("init", _INIT.encode(), 0o755)
    for program in ("busybox", "mdadm"):
        path = Path(tool("which", program).strip())
        yield _entry(f"bin/{program}", path.read_bytes(), 0o755)
    for library in _libraries("mdadm"):
        for parent in reversed(library.parents[:-1]):
            yield _entry(str(parent).lstrip("/"), b"", stat.S_IFDIR | 0o755)
        yield _entry(str(library).lstrip("/"), library.read_bytes(), 0o755)
    for number, module in enumerate(_load_order(root, modules)):
        # Numbered, so that a glob is the order they need each other in.
        yield _entry(f"modules/{number:02}-{module.name.removesuffix('.xz')}", _module_bytes(module), 0o644)


def _libraries(program: str) -> list[Path]:
    path = tool("which", program).strip()
    return [Path(found) for found in re.findall(r"(/\S+) \(0x", tool("ldd", path))]


def _load_order(root: Path, modules: Sequence[str]) -> list[Path]:
    """The modules and all that they depend on, depended-on ones first."""
    files = {path.name.split(".")[0].replace("-", "_"): path for path in root.glob("lib/modules/**/*.ko*")}
    (built_in,) = root.glob("lib/modules/*/modules.builtin")
    there = {Path(line).name.split(".")[0].replace("-", "_") for line in built_in.read_text().splitlines()}
    order: list[Path] = []

    def add(name: str) -> None:
        name = name.replace("-", "_")
        if name in there or (path := files[name]) in order:
            return
        found = re.search(rb"\0depends=([^\0]*)\0", _module_bytes(path))
        for dependency in found[1].decode().split(",") if found and found[1] else ():
            add(dependency)
        order.append(path)

    for module in _MODULES:
        add(module)
    for module in modules:
        if module in files:  # a level that a kernel was built without cannot be made on it
            add(module)
    return order


def _module_bytes(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def _entry(name: str, data: bytes, mode: int) -> bytes:
    """One file of a cpio archive in the "newc" format that the kernel unpacks."""
    mode = mode if stat.S_IFMT(mode) else mode | stat.S_IFREG
    numbers = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % number for number in numbers) + name.encode() + b"\0"
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
