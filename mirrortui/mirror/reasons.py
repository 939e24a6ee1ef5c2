"""Why an operation on a member failed, in words."""

from __future__ import annotations

import os
from errno import ENXIO, ETIMEDOUT


def reason(result: int) -> str:
    """Of what it ended with: a negative errno, or less than was asked for. No connection need be involved where the
    kernel's own words speak of one.
    """
    if result == -ETIMEDOUT:
        return "no answer in time"
    if result == -ENXIO:
        return "there is nothing any more"
    return os.strerror(-result) if result < 0 else "only a part of it"
