"""What all mirrors that one engine looks after have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mirrortui.api.paths import Paths
from mirrortui.engine.journal import Journal
from mirrortui.engine.spawn import WORKER
from mirrortui.engine.state import State


@dataclass(frozen=True, slots=True)
class House:
    """What the wards of one engine share."""

    paths: Paths
    state: State
    journal: Journal
    command: Sequence[str] = WORKER
