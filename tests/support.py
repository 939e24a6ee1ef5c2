"""What tests share."""

from __future__ import annotations

import os
import shutil

import pytest


def needs(*programs: str) -> None:
    """Skip, with the reason, where a foreign program is missing; in CI that is a failure."""
    missing = [program for program in programs if not shutil.which(program)]
    if not missing:
        return
    reason = f"not installed: {', '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
