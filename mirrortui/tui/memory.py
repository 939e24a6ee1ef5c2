"""How the screen was left: a small file, of no consequence if it is lost."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered."""

    theme: str = ""
    place: str = ""
    order: str = ""


class Memory:
    """Reads once, writes at every change."""

    def __init__(self, path: Path | None) -> None:
        """None: nothing is remembered."""
        self._path = path
        self.left = Left()
        """As it is now."""
        self.notice = ""
        """Why nothing could be remembered; empty: it could, or there was nothing."""
        self._read()

    def _read(self) -> None:
        if self._path is None:
            return
        try:
            self.left = msgspec.json.decode(self._path.read_bytes(), type=Left)
        except FileNotFoundError:
            pass
        except (OSError, msgspec.MsgspecError) as error:
            self.notice = f"How the screen was left is forgotten: {self._path} cannot be read ({error})."

    def keep(self, **changes: str) -> None:
        """Remember this, too. A disk that is full is no reason to disturb anybody."""
        left = msgspec.structs.replace(self.left, **changes)
        if self._path is None or left == self.left:
            return
        self.left = left
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self._path.with_suffix(".new")
            fresh.write_bytes(msgspec.json.encode(left))
            fresh.replace(self._path)


def memory_path() -> Path:
    """Where it is kept."""
    from platformdirs import user_state_path

    return user_state_path("mirrortui") / "screen.json"
