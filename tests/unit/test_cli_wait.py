"""`wait` against an engine that says what the test wants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from mirrortui.api.client import EngineClient
from mirrortui.api.mirrors import Member, Mirror, Sync
from mirrortui.cli.main import main

IN_SYNC = Member(path="/a.img", slot=0, state="in_sync", size=1)
SYNCED = Mirror(
    name="vault",
    uuid="",
    size=1,
    state="clean",
    sync_action="idle",
    sync=None,
    events=1,
    mismatches=0,
    bitmap=None,
    uri="",
    members=[IN_SYNC, replace(IN_SYNC, path="/b.img", slot=1)],
    raid_disks=2,
)
FILLING = replace(
    SYNCED,
    state="degraded",
    sync_action="recover",
    sync=Sync(completed=1, total=2, speed=1, eta_s=1.0, reason="", limit=""),
    members=[IN_SYNC, replace(IN_SYNC, path="/b.img", state="recovering")],
)
DEGRADED = replace(FILLING, sync_action="idle", sync=None, members=[IN_SYNC])
CHECKING = replace(SYNCED, sync_action="check")


def answers(monkeypatch: pytest.MonkeyPatch, *mirrors: Mirror) -> Iterator[Mirror]:
    """One mirror a question, the last one for ever."""
    left = iter(mirrors)
    monkeypatch.setattr(EngineClient, "mirror", lambda self, name: next(left, mirrors[-1]))
    return left


@pytest.mark.parametrize(
    ("goal", "mirrors", "code"),
    [
        ("idle", [SYNCED], 0),
        ("idle", [CHECKING, CHECKING, SYNCED], 0),
        ("idle", [DEGRADED], 0),
        ("in-sync", [FILLING, FILLING, SYNCED], 0),
        ("in-sync", [DEGRADED], 1),
        ("in-sync", [replace(DEGRADED, members=[IN_SYNC, replace(IN_SYNC, state="spare")]), SYNCED], 0),
        ("in-sync", [FILLING, replace(SYNCED, state="failed")], 1),
        ("idle", [replace(SYNCED, state="stopped")], 1),
        ("in-sync", [FILLING], 5),
        ("idle", [CHECKING], 5),
        ("in-sync", [replace(FILLING, paused=True)], 1),
    ],
)
def test_it_ends_when_the_goal_is_reached_or_out_of_reach(
    monkeypatch: pytest.MonkeyPatch, goal: str, mirrors: list[Mirror], code: int
) -> None:
    left = answers(monkeypatch, *mirrors)
    assert main(["wait", "vault", "--for", goal, "--timeout", "0.3"]) == code
    assert next(left, None) is None, "it did not look to the end"


def test_a_wait_in_vain_says_how_things_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(monkeypatch, FILLING)
    assert main(["wait", "vault", "--for", "in-sync", "--timeout", "0"]) == 5
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "mirrortui: Waited 0 s in vain: vault is degraded: 1 of 2 in sync, recovery under way.\n"
    )
