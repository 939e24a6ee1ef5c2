"""Names out of superblocks, which may hold any bytes, made fit for a terminal, for JSON and for a path."""

from __future__ import annotations

import re

_LONGEST = 32
"""Bytes: what api.names takes."""


def printable(name: str) -> str:
    """Safe for a terminal and for JSON: what is not text becomes an escape."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def label(set_name: str) -> str:
    """What a mirror may be called: the name without the host it was made on, with "_" for what a path or a command line
    would take amiss. Empty if there is none.
    """
    text = re.sub(r"[\s/]|^[.-]", "_", printable(set_name.partition(":")[2] or set_name))
    return text.encode()[:_LONGEST].decode(errors="ignore")


def renamed(set_name: str, name: str) -> str:
    """The name for a superblock: with the host of the old one in front where that fits, as mdadm writes it."""
    host, colon, _ = set_name.partition(":")
    whole = f"{host}:{name}"
    fits = len(whole.encode("utf-8", "surrogateescape")) <= _LONGEST
    return whole if colon and host and fits and ":" not in name else name
