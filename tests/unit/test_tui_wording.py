"""The engine's sentences, said shorter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrortui.tui.wording import beside_its_name, file_names, paths_in, short_names, shorten

HERE = "/tmp/mirrortui-demo-xyz"
NAMES = short_names([f"{HERE}/a.img", f"{HERE}/b.img", "/dev/sdb", "nbd://host/x"])


def test_members_go_by_their_file_names_unless_two_share_one() -> None:
    assert {f"{HERE}/a.img": "a.img", f"{HERE}/b.img": "b.img"} == NAMES
    assert short_names(["/one/a.img", "/two/a.img", "/two/b.img"]) == {"/two/b.img": "b.img"}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            f"{HERE}/b.img is out of demo: failed by the operator.",
            "b.img is out of demo: failed by the operator.",
        ),
        (f"demo was created on {HERE}/a.img, {HERE}/b.img.", "demo was created on a.img, b.img."),
        (f"{HERE}/a.img.old and {HERE}/b.img2 stay", f"{HERE}/a.img.old and {HERE}/b.img2 stay"),
        (f"/mnt{HERE}/a.img is another", f"/mnt{HERE}/a.img is another"),
        ("/dev/sdb failed", "/dev/sdb failed"),
    ],
)
def test_paths_of_members_are_shortened(said: str, shown: str) -> None:
    assert shorten(said, NAMES) == shown


def test_a_path_that_begins_like_another() -> None:
    assert shorten("/x/a and /x/a/b", short_names(["/x/a", "/x/a/b"])) == "a and b"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("demo was assembled: 2 of 2 in sync.", "was assembled: 2 of 2 in sync."),
        ("demo: resync is done.", "resync is done."),
        ("b.img is out of demo: failed.", "b.img is out: failed."),
        ("python3 (pid 7) connected to demo.", "python3 (pid 7) connected."),
        ("python3 (pid 7) left demo.", "python3 (pid 7) left."),
        ("The worker of demo was killed.", "The worker of demo was killed."),
        ("c.img is back in demodulated.", "c.img is back in demodulated."),
    ],
)
def test_a_mirror_is_not_named_beside_its_name(said: str, shown: str) -> None:
    assert beside_its_name(said, "demo") == shown


def test_a_count_is_no_name() -> None:
    assert beside_its_name("it has 1 of 2 in sync", "2") == "it has 1 of 2 in sync"
    assert beside_its_name("The engine started.", "") == "The engine started."


@given(st.text(max_size=60), st.text(max_size=10))
def test_any_text_survives(text: str, name: str) -> None:
    assert len(beside_its_name(text, name)) <= len(text)
    assert shorten(text, NAMES) == text or HERE in text


def test_every_path_of_a_title_is_cut() -> None:
    title = f"Create demo, 1 GiB, on {HERE}/a.img, {HERE}/b.img"
    assert file_names(title) == "Create demo, 1 GiB, on a.img, b.img"
    assert file_names("Add /dev/sdb to vault") == "Add /dev/sdb to vault"
    assert paths_in(f"It is without {HERE}/a.img.") == [f"{HERE}/a.img"]
