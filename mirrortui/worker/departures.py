"""The file in which a worker keeps in mind who went out of its mirror, for mirror.assembly.departed."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mirrortui.log import logger
from mirrortui.mirror.notes import Departed
from mirrortui.worker.small_file import replace_file


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
    """Replace it; no file says that nobody is known. False: it could not be."""
    if departed:
        return replace_file(path, msgspec.json.encode(departed))
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("%s could not be removed: %s", path, error)
        return False
    return True
