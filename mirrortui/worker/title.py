"""What a worker is called in ps and by those who ask who uses a member."""

from __future__ import annotations

import contextlib
import ctypes

_PR_SET_NAME = 15


def show_name(mirror: str) -> None:
    """Be the process "mirror NAME", as far as the kernel has room for it. Main thread only."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_NAME, f"mirror {mirror}".encode()[:15], 0, 0, 0)
