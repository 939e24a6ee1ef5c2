"""Lines that fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

from mirrortui.tui import drawing

WIDTHS = st.integers(0, 60)
TEXTS = st.text(max_size=80)


@given(TEXTS, WIDTHS, st.sampled_from(["left", "right"]))
def test_cell_is_exactly_as_wide_as_told(text: str, width: int, align: drawing.Align) -> None:
    drawn = drawing.cell(text, width, "bold", align)
    assert drawn.cell_length == width
    assert "\n" not in drawn.plain


@given(TEXTS, WIDTHS)
def test_path_cell_is_exactly_as_wide_as_told(path: str, width: int) -> None:
    assert drawing.path_cell(path, width).cell_length == width


def test_a_long_path_keeps_its_end() -> None:
    assert drawing.path_cell("/srv/storage/pool/member-3.img", 16).plain == "…/member-3.img  "
    assert drawing.path_cell("/srv/storage/pool/member-3.img", 10).plain == "…ber-3.img"
    assert drawing.path_cell("/srv/a.img", 12).plain == "/srv/a.img  "


def test_nothing_from_outside_moves_the_cursor() -> None:
    assert drawing.cell("a\x1b[2J\nb\r", 9).plain == "a�[2J�b� "


def test_rule_fills_the_line() -> None:
    title, note = Content("MIRRORS"), Content("3 mirrors")
    assert drawing.rule(title, note, 30, "").plain == "MIRRORS ──────────── 3 mirrors"
    assert drawing.rule(title, Content(""), 12, "").plain == "MIRRORS ────"
    assert drawing.rule(title, note, 10, "").plain == "MIRRORS"


@given(st.floats(-1, 2), st.integers(1, 100))
def test_bar_has_its_width_and_grows(share: float, width: int) -> None:
    filled, empty = drawing.bar(share, width)
    assert len(filled) + len(empty) == width
    more, _ = drawing.bar(share + 0.1, width)
    assert len(more) >= len(filled)


def test_bar_counts_eighths() -> None:
    assert drawing.bar(0.5, 4) == ("██", "  ")
    assert drawing.bar(1 / 32, 4) == ("▏", "   ")
    assert drawing.bar(1.0, 4) == ("████", "")


@given(st.lists(st.integers(0, 1 << 40), max_size=50), st.integers(1, 40), st.integers(1, 5))
def test_graph_fills_its_box(samples: list[float], width: int, height: int) -> None:
    drawn = drawing.graph(samples, width, height)
    assert [len(line) for line in drawn] == [width] * height


def test_graph_shows_the_newest_right_and_the_least_bit() -> None:
    assert drawing.graph([0, 1, 800, 400], 5) == ["  ▁█▄"]
    assert drawing.graph([400, 800], 2, height=2) == [" █", "██"]
    assert drawing.graph([400], 2, top=800) == [" ▄"]


@given(st.text(alphabet="bsnd.", min_size=1, max_size=300), st.integers(1, 300))
def test_resampling_loses_nothing_wrong(cells: str, slots: int) -> None:
    drawn = drawing.resample(cells, slots, "bsnd.")
    assert len(drawn) == slots
    assert set(drawn) <= set(cells)
    assert min(drawn, key="bsnd.".index) == min(cells, key="bsnd.".index)


def test_resampling_of_nothing() -> None:
    assert drawing.resample("", 5, "bsnd.") == ""
