"""How the operator wants the screen: from the command line, the configuration, the environment, and the last time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mirrortui.errors import RequestError
from mirrortui.tui import ascii as only_ascii
from mirrortui.tui import config, keymap
from mirrortui.tui.memory import Memory, memory_path
from mirrortui.tui.themes import NAMES

_DEFAULT = "night"


@dataclass(frozen=True)
class Preferences:
    """What was asked for, all of it checked."""

    theme: str = _DEFAULT
    """One of themes.NAMES."""
    ascii: bool = False
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notify: config.Notify = field(default_factory=lambda: config.Notify(bell=False))
    memory: Memory = field(default_factory=lambda: Memory(None))


def gather(
    theme: str | None = None,
    ascii: bool = False,  # noqa: A002 (the option's name)
    *,
    environ: Mapping[str, str] = os.environ,
    config_file: Path | None = None,
    memory_file: Path | None = None,
) -> Preferences:
    """Everything that has a say. Raises RequestError for what is wrong in the configuration."""
    from mirrortui.tui.actions import ACTIONS

    path = config_file or config.config_path()
    written = config.load(path)
    memory = Memory(memory_file or memory_path())
    remembered = memory.left.theme if memory.left.theme in NAMES else None
    if written.screen.theme is not None and written.screen.theme not in NAMES:
        raise RequestError(
            f"{path}: there is no theme called {written.screen.theme}.", hint=f"There are {', '.join(NAMES)}."
        )
    colourless = "mono" if "NO_COLOR" in environ else None
    return Preferences(
        theme=theme or colourless or remembered or written.screen.theme or _DEFAULT,
        ascii=ascii or written.screen.ascii or only_ascii.wanted(environ),
        keys=keymap.parse(written.keys, ACTIONS, str(path)),
        notify=written.notify,
        memory=memory,
    )
