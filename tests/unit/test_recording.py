"""The moving picture of the README: every frame is in it, each shown in its turn."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from mirrortui.testing.recording import film

FRAME = '<svg viewBox="0 0 9 9" xmlns="http://www.w3.org/2000/svg"><style>.screen-r1 {{}}</style><text>{}</text></svg>'


def test_each_frame_is_shown_in_its_turn() -> None:
    drawn = film([FRAME.format("one"), FRAME.format("two"), FRAME.format("three")], [1.0, 2.0, 1.0])
    root = ET.fromstring(drawn)
    assert [text.text for text in root.iter() if text.tag.endswith("}text")] == ["one", "two", "three"]
    assert "@keyframes show0{0%{visibility:visible}25.000%{visibility:hidden}}" in drawn
    assert (
        "@keyframes show1{0%{visibility:hidden}25.000%{visibility:visible}75.000%{visibility:hidden}}"
        in drawn
    )
    assert "@keyframes show2{0%{visibility:hidden}75.000%{visibility:visible}}" in drawn
    assert drawn.count("show2 4.0s step-end infinite") == 1
    assert "frame0-r1" in drawn and "screen-r1" not in drawn
