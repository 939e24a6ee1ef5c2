"""One mirror's ward, whose worker comes and goes while it is asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from mirrortui.api.mirrors import Mirror
from mirrortui.api.paths import resolve
from mirrortui.engine.house import House
from mirrortui.engine.journal import Journal
from mirrortui.engine.link import Link
from mirrortui.engine.state import State
from mirrortui.engine.ward import Ward
from mirrortui.testing.manual_clock import ManualClock

MIRROR = Mirror(
    name="vault",
    uuid="",
    size=0,
    state="clean",
    sync_action="idle",
    sync=None,
    events=0,
    mismatches=0,
    bitmap=None,
    uri="",
    members=[],
    raid_disks=2,
)


class Leaving:
    """A link whose worker answers once more, and is stopped meanwhile."""

    pid = os.getpid()

    def __init__(self, ward: Ward) -> None:
        self._ward = ward

    async def status(self) -> Mirror:
        self._ward.link = None
        return MIRROR


async def test_a_mirror_that_is_stopped_while_it_is_asked_answers_what_it_said_last(tmp_path: Path) -> None:
    paths = resolve(str(tmp_path / "s"))
    ward = Ward(
        House(paths, State(tmp_path / "state"), Journal(tmp_path / "journal", ManualClock())), "vault"
    )
    ward.link = cast(Link, Leaving(ward))
    answer = await ward.status()
    assert (answer.state, answer.worker_pid) == ("clean", os.getpid())


async def test_a_mirror_that_is_only_now_made_has_not_failed(tmp_path: Path) -> None:
    paths = resolve(str(tmp_path / "s"))
    ward = Ward(
        House(paths, State(tmp_path / "state"), Journal(tmp_path / "journal", ManualClock())), "vault"
    )
    assert (await ward.status()).state == "stopped", (
        "or the screen would call it healthy again a moment later"
    )
