"""What every refusal has: a sentence that says what is wrong, a next step, an exit code, and not one byte written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.conftest import Outcome, digest

REFUSED, USAGE, NOT_FOUND = 1, 2, 3


def assert_refused(outcome: Outcome, code: int, *told: str) -> None:
    """One sentence that says what and which, a hint on a line of its own, nothing on stdout."""
    assert outcome.code == code, outcome
    for words in told:
        assert words in outcome.err, outcome.err
    lines = [line for line in outcome.err.splitlines() if not line.startswith("mirrortui: started an engine")]
    assert lines[0].startswith("mirrortui: ")
    assert outcome.out == ""
    assert "Traceback" not in outcome.err


def assert_hinted(outcome: Outcome) -> None:
    assert outcome.err.splitlines()[-1].startswith("  "), f"no next step: {outcome.err}"


@contextlib.contextmanager
def untouched(*members: Path) -> Iterator[None]:
    """Not one byte of these changes."""
    before = digest(*members)
    yield
    assert digest(*members) == before
