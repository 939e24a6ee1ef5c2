"""What a mirror may be called, and how a file must be named: what comes from outside is checked here (I15)."""

from __future__ import annotations

from mirrortui.errors import RequestError

LONGEST = 32
"""Bytes of UTF-8 that a superblock has room for a mirror's name."""


def checked(name: str) -> str:
    """The name itself. Raises RequestError, naming what is wrong with it."""
    wrong = _fault(name)
    if wrong:
        raise RequestError(
            f"{name!r} cannot name a mirror: {wrong}.",
            hint=f"Use up to {LONGEST} letters, digits, dots, dashes and underscores.",
        )
    return name


def checked_path(path: str) -> str:
    """The path itself, if it means the same file to every process. Raises RequestError."""
    if not path.startswith("/"):
        raise RequestError(f"{path!r} is not an absolute path.", hint="Begin it with a slash.")
    if "\0" in path:
        raise RequestError(f"{path!r} cannot name a file: it has a zero byte.")
    return path


def _fault(name: str) -> str:
    if not name:
        return "it is empty"
    if not name.isprintable():
        return "it has control characters"
    if "/" in name:
        return "it has a slash"
    if any(c.isspace() for c in name):
        return "it has spaces"
    if name[0] in ".-":
        return f"it begins with {name[0]!r}"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "it is not valid text"
    return f"it takes {length} bytes of at most {LONGEST}" if length > LONGEST else ""
