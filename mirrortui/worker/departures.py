"""The file in which a worker keeps in mind who went out of its mirror, for mirror.assembly.departed."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from mirrortui.log import logger
from mirrortui.mirror.notes import Departed


def read(path: Path) -> list[Departed]:
    """What is kept there. What cannot be understood is forgotten: then a person is asked."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Departed])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError) as error:
        logger.warning("%s is not used: %s", path, error)
        return []


def write(path: Path, departed: tuple[Departed, ...]) -> bool:
    """Replace it whole, so that a crash leaves the old or the new one; no file says that nobody is known. False: it
    could not be.
    """
    fresh = path.with_name(f"{path.name}.new")
    try:
        if not departed:
            path.unlink(missing_ok=True)
            return True
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(departed))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        logger.warning("%s could not be written: %s", path, error)
        return False
    return True
