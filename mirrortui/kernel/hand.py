"""What changes a kernel's array: attributes written in sysfs, and mdadm where superblocks must be written."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from mirrortui.errors import ChangedError, MirrortuiError, RefusedError

WITHIN = 60.0
"""Seconds that a program may take."""
_PLACES = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where Debian keeps such programs, and a user's PATH does not reach."""

Run = Callable[[list[str]], str]


def find_program(name: str) -> str | None:
    """Where a program is; None: not installed."""
    return shutil.which(name) or shutil.which(name, path=_PLACES)


def program(name: str, package: str, why: str) -> str:
    """Where a program is. Raises RefusedError, which names the package that has it."""
    if found := find_program(name):
        return found
    raise RefusedError(
        f"{name} is not installed, and {why}; nothing was done.", hint=f"Install the package {package}."
    )


def run(words: list[str]) -> str:
    """A program's stdout. Raises RefusedError with its own words if it fails or takes too long."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=WITHIN,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RefusedError(
            f"{Path(words[0]).name} did not end within {WITHIN:.0f} s.",
            hint="Look at the kernel's log: a disk may hang.",
        ) from None
    if done.returncode:
        raise RefusedError(f"{Path(words[0]).name} refused: {_told(done.stderr or done.stdout)}.")
    return done.stdout


def _told(text: str) -> str:
    """All that it said, in one line and without its name."""
    lines = [line.partition(": ")[2] or line for line in text.splitlines() if line.strip()]
    return "; ".join(line.strip().rstrip(".") for line in lines) or "it did not say why"


class Hand:
    """Blocks, on the kernel and on what it waits for. `run` runs programs."""

    def __init__(self, run: Run = run) -> None:
        self.run = run

    def check_allowed(self, directory: Path) -> None:
        """Raises RefusedError unless this process may change the array."""
        if not os.access(directory / "array_state", os.W_OK, effective_ids=True):
            raise _not_root()

    def set(self, directory: Path, attribute: str, value: str) -> None:
        """Write an attribute. Raises RefusedError where the kernel will not have it now."""
        try:
            descriptor = os.open(directory / attribute, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
            try:
                os.write(descriptor, value.encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            raise _explain(error, directory, attribute, value) from error

    def mdadm(self, *words: str) -> str:
        """Run mdadm."""
        return self.run([program("mdadm", "mdadm", "it writes the superblocks of members"), *words])


def _not_root() -> RefusedError:
    return RefusedError(
        f"The kernel's arrays are changed by root; this engine runs as user {os.geteuid()}.",
        hint="Run the engine as root: sudo mirrortui engine run",
    )


def _explain(error: OSError, directory: Path, attribute: str, value: str) -> MirrortuiError:
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return _not_root()
        case errno.ENOENT | errno.ENODEV:
            return ChangedError(f"{directory} has gone: the array changed meanwhile.", hint="Look again.")
        case errno.EBUSY:
            return RefusedError(
                f"The kernel is busy: it does not take “{value}” for {attribute} now.",
                hint="Wait until what runs has ended, or stop what uses the array.",
            )
        case _:
            return RefusedError(
                f"The kernel did not take “{value}” for {attribute}: {os.strerror(error.errno or errno.EIO)}."
            )
