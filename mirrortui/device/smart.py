"""What smartmontools says of a disk: field names and exit codes by smartctl(8), {ata,nvme,scsi}print.cpp."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

import msgspec

TIMEOUT = 20.0
"""Seconds that a disk may take to answer."""
_ASLEEP = 3
"""The exit code that smartctl is told to end with rather than wake a disk."""
_SEARCHED = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))
"""Where it is besides PATH: ordinary users have no sbin there."""


@dataclass(frozen=True, slots=True)
class Health:
    """What a disk says of itself."""

    failing: bool | None
    """None: not known."""
    words: str
    """What fails, or why it is not known; empty when it is well."""
    temperature: int | None = None
    """Degrees Celsius."""
    asleep: bool = False
    """It was not asked, because that would have woken it."""


def find_smartctl() -> str | None:
    """Its path, where it is installed."""
    return shutil.which("smartctl") or shutil.which("smartctl", path=_SEARCHED)


def ask(program: str, device: str, kind: str = "", timeout: float = TIMEOUT) -> Health:
    """Run smartctl on a device, without waking it. Blocks for `timeout` seconds at most.

    `kind`: what ``-d`` is given, so that the disk is not woken by guessing at it; empty: smartctl guesses.
    """
    command = [program, "--json=c", "-H", "-A", "-n", f"standby,{_ASLEEP}"]
    command += [*(("-d", kind) if kind else ()), device]
    try:
        run = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"LC_ALL": "C"},
        )
    except OSError as error:
        return Health(None, f"smartctl cannot be run: {error.strerror}")
    try:
        output, _ = run.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _give_up(run)
        return Health(None, f"no answer in {timeout:.0f} s")
    return read(output, run.returncode)


def _give_up(run: subprocess.Popen[bytes]) -> None:
    run.kill()
    assert run.stdout
    run.stdout.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        run.wait(1.0)  # not for ever: a disk that hangs may keep it beyond its end


def read(output: bytes, code: int) -> Health:
    """Understand what smartctl printed. Whatever it is, there is an answer."""
    try:
        told = msgspec.json.decode(output)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Health(None, "smartctl answered nothing that can be read")
    if code == _ASLEEP:
        return Health(None, "not asked: it sleeps", asleep=True)
    current = _at(told, "temperature", "current")
    temperature = current if type(current) is int and -99 < current < 200 else None
    passed = _at(told, "smart_status", "passed")
    worn = [name for name, failed in _attributes(told) if failed]
    if passed is False or worn:
        return Health(True, _why(told, worn), temperature)
    if passed is True:
        return Health(False, "", temperature)
    return Health(None, _trouble(told), temperature)


def _at(told: Any, *names: str) -> Any:
    """What lies at the end of these names; None where one is missing."""
    for name in names:
        told = told.get(name) if isinstance(told, dict) else None
    return told


def _attributes(told: Any) -> list[tuple[str, bool]]:
    """Of an ATA disk: names, and whether one that foretells a failure is past its limit now."""
    table = _at(told, "ata_smart_attributes", "table")
    return [
        (str(_at(one, "name")), _at(one, "when_failed") == "now" and _at(one, "flags", "prefailure") is True)
        for one in (table if isinstance(table, list) else [])
    ]


def _why(told: Any, worn: list[str]) -> str:
    if worn:
        return f"past the limit: {', '.join(worn)}"
    warnings = _at(told, "smart_status", "nvme")
    if isinstance(warnings, dict) and (set_ := [name for name, on in warnings.items() if on is True]):
        return ", ".join(name.replace("_", " ") for name in set_)
    said = _at(told, "smart_status", "scsi", "ie_string")
    return said.lower() if isinstance(said, str) and said else "it expects to fail soon"


def _trouble(told: Any) -> str:
    """Why there is no verdict, in as few words as will do."""
    messages = _at(told, "smartctl", "messages")
    texts = [str(_at(one, "string")) for one in (messages if isinstance(messages, list) else [])]
    said = texts[-1] if texts else ""
    if "Permission denied" in said or "Operation not permitted" in said:
        return "only root may ask"
    if "Unable to detect device type" in said or "Unknown USB bridge" in said or not said:
        return "it has none"
    return said.partition("\n")[0]
