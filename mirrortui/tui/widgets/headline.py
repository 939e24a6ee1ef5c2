"""The first line: how everything is, in one sentence and one colour."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive

from mirrortui.tui.drawing import row
from mirrortui.tui.store import Picture
from mirrortui.tui.widgets.drawn import Drawn
from mirrortui.tui.words import Face, age, clock_time, headline

_LOST = Face("?", "lost", "attention")


class Headline(Drawn):
    """Takes the colour of the worst mirror; plain while all is well."""

    picture: reactive[Picture | None] = reactive(None, repaint=False)

    def watch_picture(self, picture: Picture | None) -> None:
        tone = "quiet" if picture is None else self._say(picture)[0].tone
        if not self.has_class(f"-{tone}"):
            self.set_classes(f"-{tone}")
        self.look_again()

    def _draw(self, width: int) -> Content:
        if self.picture is None:
            return Content(" mirrortui  asking the engine …")
        face, words = self._say(self.picture)
        brand = Content(" mirrortui ").stylize("bold")
        said = row(" ", (face.glyph, f"${face.tone}"), " ", words)
        clock = Content(f"  {clock_time(self.picture.now)[:5]} ").stylize("dim")
        room = width - said.cell_length
        if room < brand.cell_length + clock.cell_length:  # what is wrong goes before who says it
            return (brand + said if room >= brand.cell_length else said).truncate(width, ellipsis=True)
        return row((brand + said).truncate(width - clock.cell_length, pad=True), clock)

    @staticmethod
    def _say(picture: Picture) -> tuple[Face, str]:
        if picture.lost and picture.taken is None:
            return _LOST, "no engine answers yet; trying again"
        if picture.lost and picture.taken is not None:
            since = age(picture.now - picture.taken)
            return (
                _LOST,
                f"the engine is lost, trying again; as it was at {clock_time(picture.taken)}, {since} ago",
            )
        if picture.taken is None:
            return Face("·", "starting", "quiet"), "asking the engine …"
        return headline(picture.mirrors, picture.now)
