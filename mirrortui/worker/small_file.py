"""Small files that are replaced whole, so that a crash leaves the old or the new one."""

from __future__ import annotations

import os
from pathlib import Path

from mirrortui.log import logger


def replace_file(path: Path, content: bytes) -> bool:
    """False: it could not be written, and the log says why. Blocks on the file system."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        logger.warning("%s could not be written: %s", path, error)
        return False
    return True
