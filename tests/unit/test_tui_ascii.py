"""A screen that has nothing but ASCII, and says the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.testing.manual_clock import ManualClock
from mirrortui.testing.staging import press, settle
from mirrortui.tui import words
from mirrortui.tui.app import MirrorApp
from mirrortui.tui.ascii import translate, wanted
from mirrortui.tui.jobs import STATES
from mirrortui.tui.preferences import Preferences
from mirrortui.tui.widgets.tick import CHOSEN, FREE


@pytest.mark.parametrize(
    "faces",
    [
        words.MIRRORS,
        (*words.MEMBERS.values(), words.AT_REST),
        words.CELLS.values(),
        words.SEVERITIES.values(),
        STATES,
    ],
)
def test_signs_of_a_kind_stay_different(faces: list[words.Face]) -> None:
    glyphs = [translate(face.glyph) for face in faces]
    assert "".join(glyphs).isascii()
    assert len(set(glyphs)) == len(glyphs), glyphs
    assert translate(CHOSEN) != translate(FREE)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=40))
def test_nothing_changes_its_width(text: str) -> None:
    assert translate(text).isascii()
    assert cell_len(translate(text)) == cell_len(text)


def test_lines_and_bars_look_like_lines_and_bars() -> None:
    assert translate("╭─┐│├└━") == "+-+|++-"
    assert translate("▕███▌  ▏") == "[###>  ]"


async def test_every_cell_of_every_screen_is_ascii() -> None:
    engine = FakeEngine("several", clock := ManualClock())
    app = MirrorApp(engine, clock, every=None, preferences=Preferences(ascii=True))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for keys in (
            ["1"],
            ["2"],
            ["3"],
            ["4"],
            ["5"],
            ["6"],
            ["1", "f"],
            ["escape", "ctrl+p"],
            ["escape", "c"],
        ):
            await press(pilot, *keys)
            shown = "".join(line.text for line in app.screen._compositor.render_strips())
            assert shown.isascii(), sorted({letter for letter in shown if not letter.isascii()})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        ({"LANG": "de_DE.UTF-8"}, False),
        ({"LANG": "C.utf8"}, False),
        ({"LANG": "de_DE.ISO-8859-1"}, True),
        ({"LANG": "C"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),  # Python did that
        ({"LC_CTYPE": "C.UTF-8"}, False),
        ({"LC_ALL": "POSIX", "LANG": "de_DE.UTF-8"}, True),
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, False),
    ],
)
def test_the_locale_chooses(environ: dict[str, str], expected: bool) -> None:
    assert wanted(environ) is expected
