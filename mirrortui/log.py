"""One logger for the package, one line a record, to stderr; a service manager adds the time."""

from __future__ import annotations

import logging
import sys

logger = logging.getLogger("mirrortui")


def to_stderr(level: int = logging.INFO) -> None:
    """Send the package's records to stderr; for the long-running processes, not for the CLI."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(level)
