"""Sizes and times, as numbers and as people write them. Bytes and seconds everywhere unless a name says otherwise."""

from __future__ import annotations

import re
import time

SECTOR = 512
"""Bytes in an MD sector, on every device whatever its own sector size."""
KIB, MIB, GIB, TIB = 1 << 10, 1 << 20, 1 << 30, 1 << 40

_SUFFIXES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGTPE]?)(?:i?B)?\s*", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Bytes meant by ``"64K"``, ``"1.5 GiB"`` or ``"4096"``: binary units, as mdadm and qemu-img read them.

    Raises ValueError, naming what was expected.
    """
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is not a size: expected a number with K, M, G or T, such as 64K or 1.5G")
    number, letter = found.groups()
    return int(float(number) * (1 << 10 * " KMGTPE".index(letter.upper() or " ")))


def format_size(count: float) -> str:
    """``"2.00 TiB"``: binary unit, three significant digits; exact below 1 KiB."""
    value = float(count)
    for suffix in _SUFFIXES:
        if abs(value) < 999.5 or suffix == _SUFFIXES[-1]:
            break
        value /= 1024
    if suffix == "B":
        return f"{int(count)} B"
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:.{digits}f} {suffix}"


def format_rate(per_second: float) -> str:
    """``"212 MiB/s"``."""
    return f"{format_size(per_second)}/s"


def format_duration(seconds: float) -> str:
    """``"1:37:05"``, always h:mm:ss."""
    whole = max(0, round(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def roughly(seconds: float) -> str:
    """``"about 25 min"``, ``"about 3 h 20 min"``, ``"about 9 days"``: no finer than an estimate is known."""
    minutes = round(seconds / 60)
    if seconds < 10:
        return "some seconds"
    if minutes < 2:
        return f"about {round(seconds / 10) * 10} s"
    if minutes < 100:
        return f"about {minutes} min"
    if minutes < 48 * 60:
        return f"about {minutes // 60} h {minutes % 60 // 10 * 10} min"
    return f"about {round(minutes / 60 / 24)} days"


def format_latency(seconds: float) -> str:
    """``"1.20 ms"``, ``"2.50 s"``."""
    if seconds >= 0.9995:
        return f"{seconds:.3g} s"
    milliseconds = seconds * 1000
    digits = 2 if milliseconds < 9.995 else 1 if milliseconds < 99.95 else 0
    return f"{milliseconds:.{digits}f} ms"


def format_moment(seconds: float) -> str:
    """``"2026-11-25 14:02:11"``: seconds since 1970 UTC as local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
