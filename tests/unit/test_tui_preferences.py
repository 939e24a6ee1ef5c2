"""How the operator wants the screen: files, options, the environment, and the last time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual.theme import Theme

import mirrortui.tui
from mirrortui.cli.screen import THEMES as CLI_THEMES
from mirrortui.errors import RequestError
from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.testing.manual_clock import ManualClock
from mirrortui.testing.staging import press, settle
from mirrortui.tui import keymap, themes
from mirrortui.tui.actions import ACTIONS, by_id
from mirrortui.tui.app import MirrorApp
from mirrortui.tui.memory import Memory
from mirrortui.tui.modals.members import FailDialog
from mirrortui.tui.preferences import Preferences, gather
from mirrortui.tui.screens.home import HomeScreen
from mirrortui.tui.widgets.action_bar import ActionBar
from mirrortui.tui.words import headline


@dataclass
class Files:
    """Where they would be."""

    config: Path
    memory: Path

    def gather(self, theme: str | None = None, environ: Mapping[str, str] | None = None) -> Preferences:
        return gather(theme, environ=environ or {}, config_file=self.config, memory_file=self.memory)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Neither of them is there."""
    return Files(tmp_path / "config.toml", tmp_path / "state" / "screen.json")


@pytest.fixture(autouse=True)
def _own_keys() -> Iterator[None]:
    yield
    keymap.give({})


def told(files: Files, text: str) -> Preferences:
    files.config.write_text(text)
    return files.gather()


def refused(files: Files, text: str) -> str:
    with pytest.raises(RequestError) as caught:
        told(files, text)
    assert caught.value.hint
    return caught.value.what


def test_without_any_file_all_is_as_it_comes(files: Files) -> None:
    plain = files.gather()
    assert (plain.theme, plain.ascii, plain.keys, plain.notify.bell) == ("night", False, {}, True)
    assert not plain.memory.notice


def test_the_command_line_goes_before_the_environment_before_the_last_time_before_the_file(
    files: Files,
) -> None:
    assert told(files, '[screen]\ntheme = "day"').theme == "day"
    Memory(files.memory).keep(theme="contrast")
    assert files.gather().theme == "contrast"
    assert files.gather(environ={"NO_COLOR": ""}).theme == "mono"
    assert files.gather("day", {"NO_COLOR": "1"}).theme == "day"


def test_what_is_wrong_in_the_file_is_said(files: Files) -> None:
    assert "there is no theme called pink" in refused(files, '[screen]\ntheme = "pink"')
    assert "bel" in refused(files, "[notify]\nbel = true")
    assert "there is no action called fial" in refused(files, '[keys]\nfial = "f"')
    assert "would do two things" in refused(files, '[keys]\nfail = "a"')
    assert "'ctrl+nothing', given to fail, is no key" in refused(files, '[keys]\nfail = "ctrl+nothing"')
    assert "j is for the cursor" in refused(files, '[keys]\nfail = "j"')
    assert "no key is given to fail" in refused(files, '[keys]\nfail = ""')
    assert str(files.config) in refused(files, "[keys")


def test_keys_may_be_swapped_and_written_as_they_look(files: Files) -> None:
    keys = told(files, '[keys]\nfail = "a"\nadd = "f ctrl+a"\nhelp = ["?", "f2"]').keys
    assert keys == {"fail": ("a",), "add": ("f", "ctrl+a"), "help": ("question_mark", "f2")}
    assert [keymap.written(key) for key in (*keys["add"], *keys["help"])] == ["f", "^a", "?", "f2"]


async def test_keys_that_were_given_work_and_are_shown_everywhere() -> None:
    engine = FakeEngine("degraded", clock := ManualClock())
    app = MirrorApp(
        engine,
        clock,
        every=None,
        preferences=Preferences(keys={"fail": ("a",), "add": ("f",), "fix": ("!",)}),
    )
    async with app.run_test() as pilot:
        await settle(pilot)
        home = app.screen
        assert isinstance(home, HomeScreen)
        assert "! fix it" in home.query_one(ActionBar)._draw(200).plain
        assert "a fail" in home.query_one(ActionBar)._draw(200).plain
        assert headline(home.picture.mirrors, clock.now())[1].endswith("! fixes it")
        await press(pilot, "a")
        assert isinstance(app.screen, FailDialog)
        await press(pilot, "escape", "F")
        assert len(app.screen_stack) == 1


def test_the_keys_that_sentences_name_are_those_of_the_registry() -> None:
    place = Path(next(iter(mirrortui.tui.__path__)))
    pattern = re.compile(r"keymap\.key\([\"'](\w+)[\"'], [\"'](.+?)[\"']\)")
    named = {found for file in place.rglob("*.py") for found in pattern.findall(file.read_text())}
    assert len(named) > 5
    assert {(action, by_id(action).key) for action, _ in named} == named


def test_ids_of_actions_are_told_apart() -> None:
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)


async def test_the_screen_opens_as_it_was_left(files: Files) -> None:
    memory = files.memory
    # Help is no place to come back to, and a demo begins where everything is in sight.
    for keys, expected, throwaway in (
        (["ctrl+t", "O", "4", "question_mark"], "help", False),
        ([], "events", False),
        ([], "mirrors", True),
    ):
        preferences = files.gather()
        engine, clock = FakeEngine("healthy", ManualClock()), ManualClock()
        app = MirrorApp(engine, clock, every=None, throwaway=throwaway, preferences=preferences)
        async with app.run_test() as pilot:
            await settle(pilot)
            await press(pilot, *keys)
            home = app.screen
            assert isinstance(home, HomeScreen)
            assert home.situation.place == expected
            assert app.theme == "mirror-day"
    assert Memory(memory).left.order == "by name"


async def test_a_memory_that_is_spoilt_is_ignored_and_said(files: Files) -> None:
    files.memory.parent.mkdir()
    files.memory.write_text("{not json")
    preferences = files.gather()
    app = MirrorApp(FakeEngine("healthy", clock := ManualClock()), clock, every=None, preferences=preferences)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert ["is forgotten" in note.message for note in app._notifications] == [True]
        await press(pilot, "3")
    assert Memory(files.memory).left.place == "devices"


def test_a_memory_that_cannot_be_kept_disturbs_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    Memory(tmp_path / "file" / "screen.json").keep(theme="day")


def test_the_command_line_knows_the_themes() -> None:
    assert themes.NAMES == CLI_THEMES


@pytest.mark.parametrize("theme", themes.THEMES, ids=lambda theme: theme.name)
def test_every_tone_can_be_read(theme: Theme) -> None:
    """WCAG's 4.5 for what is said, 3 for what is quiet, on the ground and on the ground of the first line."""
    tones = {name: theme.variables[name] for name in ("good", "working", "attention", "bad", "quiet")}
    assert theme.background and theme.foreground
    for name, colour in tones.items():
        least = 3.0 if name == "quiet" else 4.5
        assert _contrast(colour, theme.background) >= least, name
        if name in ("working", "attention", "bad"):
            assert _contrast(theme.foreground, theme.variables[f"{name}-soft"]) >= 4.5, name


def test_high_contrast_is_high() -> None:
    theme = themes.CONTRAST
    assert theme.background
    assert all(
        _contrast(theme.variables[t], theme.background) >= 7
        for t in ("good", "working", "attention", "bad", "quiet")
    )


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
