"""What tests of many stories share: only those that were chosen are played, and one that goes wrong says why."""

from __future__ import annotations

from types import ModuleType
from typing import TypeGuard

import pytest

from tests.e2e.conftest import World

_LOG = 4000
"""Characters of a log that are of interest."""


def wanted(request: pytest.FixtureRequest, parameter: str) -> list[str]:
    """Values of a parameter in the chosen tests of the fixture's module, in order."""
    items = [item for item in request.session.items if _is_of(item, request.module)]
    return list(dict.fromkeys(str(item.callspec.params[parameter]) for item in items))


def _is_of(item: pytest.Item, module: ModuleType) -> TypeGuard[pytest.Function]:
    return isinstance(item, pytest.Function) and item.module is module


def engine_says(world: World) -> str:
    """The end of its log, for a message."""
    return f"The engine's log ends:\n{world.paths.engine_log.read_text()[-_LOG:]}"
