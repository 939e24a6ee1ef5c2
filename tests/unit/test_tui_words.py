"""What states are called."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mirrortui.api.mirrors import Mirror
from mirrortui.testing.fake_states import STATES
from mirrortui.tui import words

NOW = 1_773_496_931.0


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def mirrors(state: str) -> list[Mirror]:
    return sorted(STATES[state](NOW).mirrors, key=words.rank)


@pytest.mark.parametrize(
    "faces",
    [
        words.MIRRORS,
        (*words.MEMBERS.values(), words.AT_REST),
        words.CELLS.values(),
        words.SEVERITIES.values(),
    ],
)
def test_glyph_or_word_alone_is_enough(faces: list[words.Face]) -> None:
    faces = list(faces)
    assert len({face.glyph for face in faces}) == len({face.word for face in faces}) == len(faces)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("healthy", "all 3 mirrors are healthy"),
        ("degraded", "vault is degraded since 13:48: 1 of 2 in sync, F fixes it"),
        ("rebuilding", "vault is degraded since 13:48: 1 of 2 in sync, safe again in 1:37:26"),
        (
            "failed",
            "vault has failed since 14:00: the last copy, /dev/sdc, is gone from the system; "
            "clients read and write errors",
        ),
        ("empty", "no mirror yet"),
        ("several", "vault is degraded since 13:48: 1 of 2 in sync, safe again in 1:37:26; 2 more below"),
    ],
)
def test_headline(state: str, expected: str) -> None:
    assert words.headline(mirrors(state), NOW)[1] == expected


def test_headline_of_the_small_and_the_stopped() -> None:
    vault = next(mirror for mirror in mirrors("healthy") if mirror.name == "vault")
    stopped = replace(vault, name="attic", state="stopped")
    assert words.headline([vault], NOW)[1] == "vault is healthy"
    assert words.headline([vault, stopped], NOW)[1] == "vault is healthy, 1 stopped"
    assert words.headline([stopped], NOW)[1] == "every mirror is stopped"


def test_eta_is_never_a_lie() -> None:
    vault = mirrors("rebuilding")[0]
    assert vault.sync
    unknown = replace(vault.sync, eta_s=None, speed=0)
    never = replace(vault.sync, eta_s=None, speed=1 << 20)
    assert words.sentence(replace(vault, sync=unknown), NOW).endswith("rebuilding")
    assert words.sentence(replace(vault, sync=never), NOW).endswith("no end in sight at this rate")


def test_a_mirror_whose_member_is_replaced_is_whole() -> None:
    vault = mirrors("rebuilding")[0]
    members = [replace(m, state="replacing" if m.state == "recovering" else "in_sync") for m in vault.members]
    replacing = replace(vault, state="active", members=members)
    assert words.mirror_face(replacing).word == "replacing"
    assert words.sentence(replacing, NOW).startswith("is whole and replaces a member, done in ")


def test_worst_first() -> None:
    assert [mirror.name for mirror in mirrors("several")][:3] == ["vault", "mail", "archive-2026"]
    assert mirrors("several")[-1].state == "stopped"


@given(completed=st.integers(0, 1 << 64), total=st.integers(0, 1 << 64))
def test_percent_stays_within_bounds_and_is_whole_only_when_done(completed: int, total: int) -> None:
    text = words.percent(completed, total)
    assert len(text) == 7
    assert 0 <= float(text.removesuffix(" %")) <= 100
    assert (float(text.removesuffix(" %")) == 100) == (completed >= total)


@given(st.floats(0, 86_400))
def test_latency_keeps_its_column(seconds: float) -> None:
    assert len(words.latency(seconds)) <= 7


@dataclass
class Case:
    at: float
    shown: str


@pytest.mark.parametrize(
    "case", [Case(NOW - 849, "13:48:02"), Case(NOW - 86_400, "  13 Mar"), Case(NOW - 5 * 86_400, "   9 Mar")]
)
def test_stamp_is_always_eight_cells(case: Case) -> None:
    assert words.stamp(case.at, NOW) == case.shown
    assert len(case.shown) == 8


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-1, "0 s"), (12, "12 s"), (119, "119 s"), (150, "2 min"), (9000, "2 h"), (1e6, "12 days")],
)
def test_age(seconds: float, shown: str) -> None:
    assert words.age(seconds) == shown
