"""What the operator wrote down once: config.toml. Wrong entries are errors at the start, not surprises later."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from mirrortui.errors import RequestError

Desktop = Literal["off", "osc9", "osc777"]
"""How the terminal is asked to show a notice on the desktop, if it can."""


class Screen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[screen]"""

    theme: str | None = None
    ascii: bool = False


class Notify(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[notify]: what happens beside the notice on the screen when something fails."""

    bell: bool = True
    desktop: Desktop = "off"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file."""

    screen: Screen = Screen()
    notify: Notify = Notify()
    keys: dict[str, str | list[str]] = {}
    """By the id of the action."""


def config_path() -> Path:
    """Where it is looked for."""
    from platformdirs import user_config_path

    return user_config_path("mirrortui") / "config.toml"


def load(path: Path) -> Config:
    """What is written there; nothing, if there is no such file. Raises RequestError."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), Config)
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise RequestError(
            f"{path} cannot be read: {error.strerror}.", hint="Mend it, or move it away."
        ) from None
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{path}: {error}.", hint="Mend it, or move it away.") from None
