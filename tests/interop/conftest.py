"""Kernels with md, for the tests that want one."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.interop import kernels
from tests.interop.guest import PROGRAMS, Guest
from tests.support import needs


@pytest.fixture(scope="session")
def guests() -> list[Guest]:
    """The newest kernel of each series that there is, oldest series first."""
    needs(*PROGRAMS)
    try:
        return [Guest(kernels.get(release)) for release in kernels.releases()]
    except (subprocess.CalledProcessError, RuntimeError) as error:
        if os.environ.get("CI") == "true":
            raise
        reason = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else error
        pytest.skip(f"no kernel from apt: {reason}")


@pytest.fixture(scope="session")
def guest(guests: list[Guest]) -> Guest:
    """The oldest."""
    return guests[0]
