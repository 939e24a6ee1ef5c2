"""This Python with mirrortui on a disk, for guests: a root directory to change into, with the few programs it takes.

An ext4 image that is made without being mounted. What is in it lies where it lies here, so that nothing needs telling.
"""

from __future__ import annotations

import compileall
import importlib.metadata
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.interop.kernels import tool

PROGRAMS = ("mke2fs", "mdadm", "losetup", "busybox", "ldd")
"""What the host must have."""
MODULES = ("ext4", "loop")
"""What a guest must load, besides what it has."""
ENTER = """
mkdir -p /py
mount -t ext4 -o ro /dev/DISK /py
mount -t proc proc /py/proc; mount -t sysfs sys /py/sys; mount -t devtmpfs dev /py/dev
for writable in run tmp var; do mount -t tmpfs tmp /py/$writable; done
python() { PYTHONPATH=APP PATH=/sbin:/bin HOME=/tmp chroot /py INTERPRETER "$@" </dev/null; }
"""
"""A guest's script that makes `python` run it, once DISK is filled in."""

_APP = Path("/app")
_LEFT_OUT = shutil.ignore_patterns(
    "test", "tests", "idlelib", "tkinter", "ensurepip", "site-packages", "*.a", "config-*"
)


def make(image: Path, programs: Iterable[str] = (), *, udev: bool = False) -> str:
    """Write the image; returns ENTER with all but the disk's name filled in. `programs`: of the host's, besides those
    that every guest has. `udev`: devices can be listed there.
    """
    interpreter = Path(sys.executable).resolve()
    with tempfile.TemporaryDirectory(prefix="python-disk-") as name:
        root = Path(name)
        stdlib = Path(sysconfig.get_path("stdlib"))
        shutil.copytree(stdlib, _within(root, stdlib), ignore=_LEFT_OUT, symlinks=True)
        _copy(interpreter, root)
        _install(root / _APP.relative_to("/"))
        for program in ("mdadm", "losetup", "busybox", *programs):
            found = Path(tool("which", program).strip())
            _copy(found, root)
            (root / "bin").mkdir(exist_ok=True)
            shutil.copy2(found, root / "bin" / program)
        if udev:
            _install_udev(root)
        binaries = [path for path in root.rglob("*") if _is_elf(path)]
        for library in _libraries(binaries):
            _copy(library, root)
        for directory in ("dev", "proc", "sys", "run", "tmp", "var", "mnt", "etc"):
            (root / directory).mkdir(exist_ok=True)
        compileall.compile_dir(root / "app", quiet=2, workers=1)
        mebibytes = 32 + sum(path.lstat().st_size for path in root.rglob("*")) * 5 // 4 >> 20
        tool(
            "mke2fs",
            "-q",
            "-t",
            "ext4",
            "-O",
            "^has_journal",
            "-d",
            str(root),
            str(image),
            f"{mebibytes + 32}M",
        )
    return ENTER.replace("APP", str(_APP)).replace("INTERPRETER", str(interpreter))


def _install(where: Path) -> None:
    """mirrortui as it is here, and the packages that it takes."""
    for distribution in _needed("mirrortui", set()):
        for file in distribution.files or ():
            source = Path(str(distribution.locate_file(file)))
            if ".." not in file.parts and source.is_file():
                target = where / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
    repository = Path(__file__).parents[2]
    for package in ("mirrortui", "tests/interop/inside"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(repository / package, where / package, ignore=ignored, dirs_exist_ok=True)
    for directory in ("tests", "tests/interop"):
        (where / directory / "__init__.py").touch()


def _install_udev(root: Path) -> None:
    """The library, and what ctypes finds it by."""
    cache = tool("ldconfig", "-p")
    library = re.search(r"libudev\.so\.1 \(libc6,x86-64\S* => (\S+)", cache)
    assert library, "libudev is not installed here"
    for file in (library[1], "/etc/ld.so.cache"):
        _copy(Path(file), root)
    (root / "sbin").mkdir(exist_ok=True)
    shutil.copy2(tool("which", "ldconfig").strip(), root / "sbin" / "ldconfig")


def _needed(name: str, seen: set[str]) -> Iterator[importlib.metadata.Distribution]:
    if name in seen:
        return
    seen.add(name)
    distribution = importlib.metadata.distribution(name)
    yield distribution
    for requirement in distribution.requires or ():
        wanted, _, condition = requirement.partition(";")
        found = re.match(r"[\w.-]+", wanted)
        if found and not condition.strip():
            yield from _needed(found[0].lower(), seen)


def _libraries(binaries: Iterable[Path]) -> set[Path]:
    found: set[Path] = set()
    for binary in binaries:
        done = subprocess.run(["ldd", binary], capture_output=True, text=True, timeout=60)
        found |= {Path(path) for path in re.findall(r"(?:=> |^\s)(/\S+) \(0x", done.stdout, re.MULTILINE)}
    return found


def _is_elf(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _copy(path: Path, root: Path) -> None:
    target = _within(root, path)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def _within(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")
