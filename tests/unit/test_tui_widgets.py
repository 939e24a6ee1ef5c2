"""Pieces of the screen that must hold whatever the engine and the operator give them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.app import App, ComposeResult
from textual.content import Content

from mirrortui.api.mirrors import Member
from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.testing.manual_clock import ManualClock
from mirrortui.testing.staging import press, settle
from mirrortui.tui.app import MirrorApp
from mirrortui.tui.drawing import Fitted
from mirrortui.tui.modals.devices import images_in, list_devices
from mirrortui.tui.modals.members import ReAddDialog
from mirrortui.tui.themes import THEMES, defaults
from mirrortui.tui.widgets.path_entry import PathEntry, PathSuggester, folder_of, split_paths, working_folder
from mirrortui.tui.widgets.row_list import Row, RowList
from tests.tui_stage import playing


class Listing(App[None]):
    """A list and nothing else."""

    def compose(self) -> ComposeResult:
        yield RowList()


def rows(*keys: str) -> list[Row]:
    return [Row(key, Fitted(lambda width, key=key: Content(f" {key}"[:width]))) for key in keys]  # type: ignore[misc]


async def test_the_cursor_stays_with_its_row() -> None:
    async with Listing().run_test() as pilot:
        listing = pilot.app.query_one(RowList)
        listing.show(rows("a", "b", "c"))
        listing.put_cursor("b")
        listing.show(rows("x", "a", "b"))
        assert listing.key == "b"
        listing.show(rows("x", "y"))
        assert listing.key == "y"
        listing.show([])
        assert listing.key is None


async def test_a_key_that_comes_twice_is_one_row() -> None:
    async with Listing().run_test() as pilot:
        listing = pilot.app.query_one(RowList)
        listing.show(rows("a", "a", "b"))
        assert [option.id for option in listing.options] == ["a", "b"]


async def test_members_that_nobody_knows_are_shown_and_not_chosen() -> None:
    clock = ManualClock()
    engine = FakeEngine("degraded", clock)
    vault = engine.mirror("vault")
    lost = [Member(path="", slot=slot, state="missing", size=0) for slot in (2, 3)]
    engine._mirrors["vault"] = replace(vault, members=[*vault.members, *lost], raid_disks=4)
    app = MirrorApp(engine, clock, every=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert app.screen.query_one("#members", RowList).option_count == 4
        await pilot.press("enter", "G", "e")
        await settle(pilot)
        assert isinstance(app.screen, ReAddDialog), "the cursor was on another member: nothing runs at once"
        assert app.screen.query_one(RowList).key == "/dev/sdb"


def test_paths_are_split_as_a_shell_would_and_made_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert split_paths("a.img '/srv/my disk' ~/b.img") == [
        f"{tmp_path}/a.img",
        "/srv/my disk",
        "/home/me/b.img",
    ]
    assert split_paths("/a 'open") == ["/a", f"{tmp_path}/'open"]
    assert split_paths("  ") == []
    assert split_paths("/srv/ a.img /srv/b/") == [f"{tmp_path}/a.img"], "a directory is no member"
    assert split_paths("~nobodyhere/x") == [f"{tmp_path}/~nobodyhere/x"]


async def test_the_last_path_is_completed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "disks").mkdir()
    (tmp_path / "disks" / "alpha.img").touch()
    (tmp_path / "disks" / "beta.img").touch()
    complete = PathSuggester().get_suggestion
    assert await complete("di") == "disks/"
    assert await complete(f"x.img {tmp_path}/disks/be") == f"x.img {tmp_path}/disks/beta.img"
    (tmp_path / "disks" / "al").mkdir()
    (tmp_path / "disks" / "alias").touch()
    assert await complete("disks/al") == "disks/alpha.img", "an image file is most likely meant"
    busy = PathSuggester(lambda path: path == f"{tmp_path}/disks/alpha.img").get_suggestion
    assert await busy("disks/al") == "disks/al/", "and no member of a mirror"
    for hopeless in ("", "x ", "disks/", "nothing/a", "disks/gamma", "~nobodyhere/a"):
        assert await complete(hopeless) is None


class Typing(App[None]):
    """A path and another field."""

    def __init__(self, start: str) -> None:
        super().__init__()
        self._start = start

    def compose(self) -> ComposeResult:
        yield PathEntry(id="path", start=self._start)
        yield PathEntry(id="other")


async def test_a_directory_is_filled_in_and_only_the_name_is_typed(tmp_path: Path) -> None:
    (tmp_path / "spare.img").touch()
    app = Typing(f"{tmp_path}/")
    async with app.run_test() as pilot:
        entry = app.query_one("#path", PathEntry)
        entry.focus()
        assert entry.paths == []
        await press(pilot, "s")
        await press(pilot, "tab")
        assert entry.paths == [f"{tmp_path}/spare.img"]
        assert app.focused is entry
        await press(pilot, "tab")
        assert app.focused is app.query_one("#other")


async def test_a_path_begun_anew_replaces_what_was_filled_in(tmp_path: Path) -> None:
    app = Typing(f"{tmp_path}/")
    async with app.run_test() as pilot:
        entry = app.query_one("#path", PathEntry)
        entry.focus()
        await press(pilot, *"/srv/a.img ~/b.img")
        assert entry.value == "/srv/a.img ~/b.img"


def test_a_directory_that_would_need_quotes_is_not_filled_in() -> None:
    assert PathEntry(id="path", start="/srv/my disks/").value == ""


def test_the_directory_of_members_that_are_files() -> None:
    assert folder_of(["nbd://host/a", "/dev/sdb", "/srv/img/a.img", "/other/b.img"]) == "/srv/img/"
    assert folder_of(["/a.img"]) == "/"
    assert folder_of(["/dev/sdb"]) == ""


def test_a_directory_that_is_gone_is_not_filled_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert working_folder() == f"{tmp_path}/"
    tmp_path.rmdir()
    assert working_folder() == ""


def image(path: Path, size: int = 1 << 20) -> Path:
    path.touch()
    os.truncate(path, size)
    return path


def test_image_files_beside_the_members_are_offered(tmp_path: Path) -> None:
    member = image(tmp_path / "a.img")
    spare = image(tmp_path / "spare.img")
    image(tmp_path / "empty.img", 0)
    image(tmp_path / ".hidden.img")
    image(tmp_path / "notes.txt")
    (tmp_path / "folder.img").mkdir()
    (tmp_path / "link.img").symlink_to(member)
    found = images_in(str(tmp_path), {".img"}, {str(member)})
    assert [(device.path, device.size) for device in found] == [(str(spare), 1 << 20)]
    for number in range(20):
        image(tmp_path / f"more-{number}.img")
    assert len(images_in(str(tmp_path), {".img"}, ())) == 12
    assert images_in(str(tmp_path / "nowhere"), {".img"}, ()) == images_in("", {".img"}, ()) == []


def test_what_another_mirror_uses_is_not_offered(tmp_path: Path) -> None:
    engine = FakeEngine("healthy")
    vault = engine.mirror("vault")
    used, free = image(tmp_path / "used.vdisk"), image(tmp_path / "free.vdisk")
    member = replace(vault.members[0], path=str(used))
    engine._mirrors["vault"] = replace(vault, members=[member])
    first, listed = list_devices(engine, str(tmp_path))
    assert [device.path for device in first.devices] == [str(free)], "before any device is looked at"
    assert (first.complete, listed.complete) == (False, True)
    assert listed.devices[0].path == str(free), "members say what image files are called here"
    assert str(used) in listed.taken
    engine.lose()
    assert [listed.devices for listed in list_devices(engine, str(tmp_path))] == [[]]


def test_every_theme_has_every_tone() -> None:
    wanted = set(defaults(THEMES[0]))
    for theme in THEMES:
        assert wanted <= set(theme.variables)


async def test_the_clock_goes_on_and_nothing_else_is_touched() -> None:
    async with playing("healthy") as play:
        before = [strip.text for strip in play.screen._compositor.render_strips()]
        play.pass_time(60)
        await settle(play.pilot)
        after = [strip.text for strip in play.screen._compositor.render_strips()]
        assert ("14:02" in before[0], "14:03" in after[0]) == (True, True)
        assert after[0].replace("14:03", "14:02") == before[0]
