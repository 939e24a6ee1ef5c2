"""The engine's sentences, which stand alone, said shorter where everybody knows which mirror they are about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from mirrortui.api.mirrors import Mirror

_PATH = re.compile(r"(?<![^\s(])/[^\s,;:]+")

Names = Mapping[str, str]
"""What to call members, by path."""


def short_names(paths: Iterable[str]) -> Names:
    """Members by their file names, as far as no two share one. Devices are known by their paths."""
    files = {path for path in paths if path.startswith("/") and not path.startswith("/dev/")}
    shared = Counter(PurePosixPath(path).name for path in files)
    return {path: name for path in files if shared[name := PurePosixPath(path).name] == 1}


def names_in(mirror: Mirror) -> Names:
    """What to call this mirror's members."""
    return short_names(member.path for member in mirror.members)


def paths_in(text: str) -> list[str]:
    """The paths that a sentence names."""
    return [path.rstrip(".") for path in _PATH.findall(text)]


def shorten(text: str, names: Names) -> str:
    """The sentence with short names for the paths that have one."""
    for path in sorted(names, key=len, reverse=True):  # a path may be the beginning of another
        text = re.sub(rf"(?<!\S){re.escape(path)}(?![\w/-]|\.\w)", lambda _, name=names[path]: name, text)  # type: ignore[misc]
    return text


def beside_its_name(text: str, mirror: str) -> str:
    """The sentence without the mirror's name, for where that stands to its left."""
    if not mirror:
        return text
    name = re.escape(mirror)
    text = re.sub(rf"^{name}(: | )", "", text)
    return re.sub(rf"(?: of| to| from| in|(?<= left)) {name}(?=[.:,;]|$)", "", text)


def file_names(text: str) -> str:
    """The sentence with every path, but those of devices, cut to its last name."""
    return _PATH.sub(lambda found: _last_name(found[0]), text)


def _last_name(path: str) -> str:
    return path if path.startswith("/dev/") else PurePosixPath(path).name or path
