"""One mirror's ward, whose worker comes and goes while it is asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest
from msgspec.structs import replace

from mirrortui.api.mirrors import Member, Mirror
from mirrortui.api.paths import resolve
from mirrortui.api.requests import MemberRequest, ReplaceRequest
from mirrortui.engine.house import House
from mirrortui.engine.journal import Journal
from mirrortui.engine.link import GoneError, Link
from mirrortui.engine.state import Remembered, State
from mirrortui.engine.ward import Ward
from mirrortui.errors import MemberError, MirrortuiError
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


class Deaf:
    """A link whose worker dies in the middle of a verb, or refuses it; what is remembered by then is kept."""

    pid = os.getpid()

    def __init__(self, ward: Ward, answer: MirrortuiError) -> None:
        self._ward = ward
        self._answer = answer
        self.remembered: list[str] = []

    async def call(self, *_: object) -> Mirror:
        assert self._ward.memory
        self.remembered = self._ward.memory.members
        raise self._answer

    async def status(self) -> Mirror:
        if isinstance(self._answer, GoneError):
            raise self._answer
        return replace(
            MIRROR, members=[Member(path=path, slot=0, state="in_sync", size=0) for path in ("/a", "/b")]
        )


@pytest.mark.parametrize(
    ("verb", "request_"),
    [
        ("add", MemberRequest(member="/c")),
        ("re-add", MemberRequest(member="/c")),
        ("replace", ReplaceRequest(member="/a", replacement="/c")),
    ],
)
@pytest.mark.parametrize(
    ("answer", "kept"),
    [(GoneError("It is dead."), ["/a", "/b", "/c"]), (MemberError("/c is too small."), ["/a", "/b"])],
)
async def test_who_is_about_to_be_a_member_is_remembered(
    tmp_path: Path,
    verb: str,
    request_: MemberRequest | ReplaceRequest,
    answer: MirrortuiError,
    kept: list[str],
) -> None:
    """The power may go when superblocks count on it already, and it would be missed at the next start."""
    paths = resolve(str(tmp_path / "s"))
    house = House(paths, State(tmp_path / "state"), Journal(tmp_path / "journal", ManualClock()))
    house.state.put(Remembered(name="vault", uuid="", members=["/a", "/b"], size=0))
    ward = Ward(house, "vault")
    link = Deaf(ward, answer)
    ward.link = cast(Link, link)
    with pytest.raises(type(answer)):
        await (
            ward.replace_member(request_)
            if isinstance(request_, ReplaceRequest)
            else ward.change(verb, request_)
        )
    assert link.remembered == ["/a", "/b", "/c"]
    assert ward.memory
    assert ward.memory.members == kept


async def test_a_mirror_that_is_only_now_made_has_not_failed(tmp_path: Path) -> None:
    paths = resolve(str(tmp_path / "s"))
    ward = Ward(
        House(paths, State(tmp_path / "state"), Journal(tmp_path / "journal", ManualClock())), "vault"
    )
    assert (await ward.status()).state == "stopped", (
        "or the screen would call it healthy again a moment later"
    )
