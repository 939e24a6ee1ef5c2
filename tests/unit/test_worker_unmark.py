"""zero-superblock: what was not seen when it was planned is not erased."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from mirrortui.errors import FormatError
from mirrortui.mirror.assembly.reading import find_superblocks
from mirrortui.worker import unmark
from tests.golden import members


def test_a_place_that_cannot_be_read_is_not_written_to(tmp_path: Path) -> None:
    member, image = members("clean-1.2")[0], tmp_path / "a.img"
    with image.open("wb") as file:
        file.truncate(member.size)
        for sector, data in member.sectors.items():
            file.seek(sector * 512)
            file.write(data)
    before = image.read_bytes()
    plan = unmark.plan(str(image))

    async def blind(*device: Any) -> Any:
        found, _ = await find_superblocks(*device)
        return found, {0: FormatError("it could not be read at byte 0")}

    with (
        patch("mirrortui.worker.unmark.find_superblocks", blind),
        pytest.raises(FormatError, match="at byte 0"),
    ):
        unmark.carry_out(plan, str(image))
    assert image.read_bytes() == before
    unmark.carry_out(plan, str(image))
    assert image.read_bytes() != before
