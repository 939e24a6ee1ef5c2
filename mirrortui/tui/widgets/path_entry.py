"""A line to type paths in, which knows the local file system."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Callable, Container, Iterable
from itertools import islice
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.suggester import Suggester

from mirrortui.tui.widgets.entry import Entry

LISTED = 10_000
"""Entries of a directory that are looked at."""
IMAGE_SUFFIXES = frozenset({".img", ".raw"})
"""What image files are usually called."""


class PathEntry(Entry):
    """One path, or several with blanks between them. The right arrow and tab take the completion that shows."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", show=False)]

    def __init__(self, *, id: str, placeholder: str = "", start: str = "") -> None:  # noqa: A002 (Textual's word)
        """`start`: a directory, filled in, so that a file name is all that is left to type."""
        self.taken: Container[str] = ()
        """Real paths that are no choice, and so not suggested."""
        super().__init__(
            id=id, placeholder=placeholder, suggester=PathSuggester(lambda path: path in self.taken)
        )
        self.value = start if start == shlex.quote(start) else ""  # nobody types on after a quote

    @property
    def paths(self) -> list[str]:
        """The files and devices that were typed, absolute. Directories are what is typed on the way to them."""
        return split_paths(self.value)

    def insert_text_at_cursor(self, text: str) -> None:
        """A path that is begun anew after a directory replaces it: nobody has to delete what was filled in."""
        if text[:1] in ("/", "~") and self.cursor_at_end and self.value.endswith("/"):
            self.value = self.value[: _last_word(self.value)]
            self.cursor_position = len(self.value)
        super().insert_text_at_cursor(text)

    def action_complete(self) -> None:
        """Take the suggestion; without one, go on to the next field."""
        if self.cursor_at_end and len(self._suggestion) > len(self.value):
            self.action_cursor_right()
        else:
            self.screen.focus_next()


class PathSuggester(Suggester):
    """Completes the last of several paths, from the directory it is in."""

    def __init__(self, taken: Callable[[str], bool] = lambda _: False) -> None:
        """`taken`: whether a real path is no choice."""
        super().__init__(use_cache=False, case_sensitive=True)
        self._taken = taken

    async def get_suggestion(self, value: str) -> str | None:
        typed = value[_last_word(value) :]
        folder, _, start = typed.rpartition("/")
        if not start:
            return None
        place = Path(_home(f"{folder}/") if "/" in typed else ".")
        name = await asyncio.to_thread(self._complete, place, start)  # the directory may be far away
        return value + name[len(start) :] if name else None

    def _complete(self, place: Path, start: str) -> str | None:
        """The name in a directory that begins like this and is most likely meant, with a slash after a directory's."""
        try:
            found = [entry for entry in islice(place.iterdir(), LISTED) if entry.name.startswith(start)]
            fit = [entry for entry in found if not self._taken(os.path.realpath(entry))]
            best = min(fit, key=_likely, default=None)
            return f"{best.name}{'/' if best.is_dir() else ''}" if best else None
        except OSError:
            return None


def split_paths(text: str) -> list[str]:
    """The paths that were typed: separated by blanks, quoted as in a shell where they contain some.

    Absolute, because the engine lives in another directory; symbolic links keep the name they were given by. What
    ends with a slash is no file yet.
    """
    try:
        words = shlex.split(text)
    except ValueError:  # a quote that is still open
        words = text.split()
    files = (_home(word) for word in words if not word.endswith("/"))
    return [os.path.abspath(file) for file in files]  # noqa: PTH100 (resolve() would follow links)


def folder_of(paths: Iterable[str]) -> str:
    """The directory of the first of these that is a file's path, with its slash; "" where none is."""
    files = (Path(path) for path in paths if path.startswith("/") and not path.startswith("/dev/"))
    first = next(files, None)
    return "" if first is None else f"{first.parent}/".replace("//", "/")


def working_folder() -> str:
    """The directory that the screen was opened in, with its slash; "" if it is gone."""
    try:
        return f"{Path.cwd()}/".replace("//", "/")
    except OSError:
        return ""


def _likely(entry: Path) -> tuple[bool, bool, str]:
    """Sort key: image files first, then directories on the way to them."""
    image = entry.suffix in IMAGE_SUFFIXES
    return not image, not entry.is_dir(), entry.name


def _last_word(text: str) -> int:
    """Where the last of several paths begins."""
    return text.rfind(" ") + 1


def _home(path: str) -> str:
    return os.path.expanduser(path)  # noqa: PTH111 (Path.expanduser raises for a user that does not exist)
