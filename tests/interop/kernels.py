"""Linux kernels to boot: Debian's cloud images, fetched by apt once and kept in the user's cache directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

PROGRAMS = ("apt-cache", "apt-get", "dpkg")
"""What the host must have to fetch one."""
CACHE = Path(platformdirs.user_cache_dir("mirrortui-tests"))
"""Shared by all test processes of a user; it can be removed at any time."""

_PACKAGE = re.compile(r"^linux-image-((\d+\.\d+)\.\d\S*-cloud-amd64) ", re.MULTILINE)
_TIMEOUT = 300


@dataclass(frozen=True)
class Kernel:
    """One that is unpacked here."""

    release: str
    """`uname -r`."""
    root: Path
    """Its package's files: boot/vmlinuz-RELEASE, lib/modules/RELEASE."""

    @property
    def image(self) -> Path:
        """What QEMU boots."""
        return self.root / "boot" / f"vmlinuz-{self.release}"


def releases() -> list[str]:
    """The newest of each series that apt offers, oldest series first. Raises RuntimeError when there are none."""
    offered = _offered()
    if not offered and os.geteuid() == 0:
        tool("apt-get", "update", "-qq")  # a machine that was just installed has no lists yet
        offered = _offered()
    if not offered:
        raise RuntimeError('apt knows no linux-image-*-cloud-amd64: run "apt-get update" first')
    ascending = sorted(offered, key=lambda found: _version(found[0]))
    return list({series: release for release, series in ascending}.values())


def _offered() -> list[tuple[str, str]]:
    return _PACKAGE.findall(tool("apt-cache", "search", "--names-only", "^linux-image-.*-cloud-amd64$"))


def _version(release: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", release.partition("-cloud")[0])]


def get(release: str) -> Kernel:
    """Fetch and unpack it, unless that was done before; others who want the same wait for it.

    Raises subprocess.CalledProcessError when apt cannot.
    """
    root = CACHE / "kernels" / release
    with lock(f"kernel-{release}"):
        if not root.exists():
            root.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=root.parent) as scratch:
                tool("apt-get", "download", "-qq", f"linux-image-{release}", cwd=Path(scratch))
                (archive,) = Path(scratch).glob("*.deb")
                tool("dpkg", "-x", str(archive), f"{scratch}/root")
                shutil.move(f"{scratch}/root", root)
    return Kernel(release, root)


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Only one process of this user is inside."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def tool(*command: str, cwd: Path | None = None) -> str:
    """Run a program and return what it prints; raises subprocess.CalledProcessError when it fails."""
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=_TIMEOUT, check=True
    )
    return done.stdout
