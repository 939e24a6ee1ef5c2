"""A file that holds some ranges of a mirror, each at its own place; the rest are holes."""

from __future__ import annotations

import os
from pathlib import Path

from mirrortui.errors import MirrortuiError, RefusedError


class SparseFile:
    """A new file (mirror.salvage.Shelf)."""

    def __init__(self, path: str) -> None:
        self.label = path
        self._path = Path(path)
        self._fd = -1
        self._made = False

    def begin(self, size: int) -> None:
        """Raises RefusedError if there is one already, MirrortuiError if it cannot be made."""
        try:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._made = True
            os.ftruncate(self._fd, size)
        except FileExistsError:
            raise RefusedError(
                f"{self.label} exists already; nothing was written.", hint="Name a new file."
            ) from None
        except OSError as error:
            self.discard()
            raise self._failed(error) from error

    def put(self, at: int, data: memoryview) -> None:
        try:
            while data:
                count = os.pwrite(self._fd, data, at)
                at, data = at + count, data[count:]
        except OSError as error:
            raise self._failed(error) from error

    def finish(self) -> None:
        try:
            os.fsync(self._fd)
            os.close(self._fd)
            self._fd = -1
            directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise self._failed(error) from error

    def discard(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._made:
            self._path.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> MirrortuiError:
        return MirrortuiError(
            f"{self.label} cannot be written: {error.strerror}. Nothing was written to the members.",
            hint="Name a file where there is room.",
        )
