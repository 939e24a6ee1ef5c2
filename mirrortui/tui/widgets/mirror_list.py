"""All mirrors, worst first."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from textual.content import Content
from textual.events import Click
from textual.message import Message

from mirrortui.api.mirrors import Mirror, Sync
from mirrortui.tui import keymap
from mirrortui.tui.drawing import Fitted, bar, cell, lines, printable, row
from mirrortui.tui.drives import worry
from mirrortui.tui.store import Picture
from mirrortui.tui.widgets.row_list import RIGHT, Row, RowList
from mirrortui.tui.widgets.tick import CHOSEN
from mirrortui.tui.wording import names_in, shorten
from mirrortui.tui.words import in_sync, mirror_face, percent
from mirrortui.units import format_duration, format_rate, format_size

_HOLD = 8.0
"""Seconds after a key during which rows keep their places: nobody's cursor is to find another row under it."""

_SIGNS = 3
"""Cells before a name: the cursor, the sign, a blank; one more for marks, once there are any."""
_LONGEST_BAR = 60
_WORD = 9
_MARK = 4
_WHY = 2
"""Lines to say why in."""


class MirrorList(RowList):
    """One row a mirror, two where there is something to say. Several may be marked."""

    class Marked(Message):
        """Others are marked now."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's word)
        super().__init__(id=id)
        self.marks: set[str] = set()
        """Names of mirrors that are marked, also of those that are not listed now."""
        self._moved = float("-inf")
        self._now = 0.0

    def draw(self, picture: Picture, mirrors: Sequence[Mirror]) -> None:
        """Show these mirrors, which come worst first."""
        self._now = picture.now
        self.marks &= {mirror.name for mirror in picture.mirrors}
        if self._now - self._moved < _HOLD:
            places = [option.id for option in self.options]
            mirrors = sorted(mirrors, key=lambda m: places.index(m.name) if m.name in places else len(places))
        names = max((len(mirror.name) for mirror in mirrors), default=0)
        names = min(max(names, 6), 20)
        marked = any(mirror.driver == "kernel" for mirror in picture.mirrors)
        self.show(
            [
                Row(mirror.name, Fitted(_Drawing(mirror, names, marked, self._sign(mirror))))
                for mirror in mirrors
            ]
        )

    def _sign(self, mirror: Mirror) -> str:
        """A column of its own, as long as something is marked."""
        return "" if not self.marks else CHOSEN if mirror.name in self.marks else " "

    def toggle_mark(self, name: str | None) -> None:
        """Mark a mirror, or not any more."""
        if name is not None:
            self.marks ^= {name}
            self.post_message(self.Marked())

    def toggle_all(self) -> None:
        """Mark all that are listed; none, if they are."""
        listed = {option.id for option in self.options if option.id}
        self.marks = self.marks - listed if listed <= self.marks else self.marks | listed
        self.post_message(self.Marked())

    async def _on_click(self, event: Click) -> None:
        """On a mirror's sign, or with ctrl, a click marks."""
        index = event.style.meta.get("option")
        on_sign = event.ctrl or event.x < _SIGNS + bool(self.marks)
        if isinstance(index, int) and on_sign and event.button != RIGHT:
            event.prevent_default()
            self.toggle_mark(self.get_option_at_index(index).id)

    def let_rows_move(self) -> None:
        """Another order was asked for."""
        self._moved = float("-inf")

    def on_key(self) -> None:
        self._moved = self._now


class _Drawing:
    """Draws a mirror's row for a width."""

    def __init__(self, mirror: Mirror, names: int, marked: bool, sign: str) -> None:
        """`names`: cells for a name; `marked`: there is a column that tells the kernel's arrays; `sign`: of a mark."""
        self._mirror = mirror
        self._names = names
        self._marked = marked
        self._sign = sign

    def __call__(self, width: int) -> Content:
        mirror, face = self._mirror, mirror_face(self._mirror)
        calm = face.tone in ("good", "quiet")
        count = "" if mirror.state == "stopped" else f"{in_sync(mirror)}/{mirror.raid_disks}"
        head = row(
            " ",
            (face.glyph, f"${face.tone}"),
            " ",
            (self._sign, "$accent bold"),
            " " if self._sign else "",
            cell(mirror.name, self._names, "bold"),
            cell("md" if mirror.driver == "kernel" else "", _MARK, "$quiet", "right") if self._marked else "",
            "  ",
            cell(format_size(mirror.size), 8, "$quiet", "right"),
            "  ",
            cell(face.word, 9, "$quiet" if calm else f"${face.tone}"),
            " ",
            cell(count, 5, "$quiet" if calm else ""),
            " ",
        )
        room = width - head.cell_length - 1
        if mirror.sync:
            held = f"paused; {keymap.key('resume', 'P')} resumes it" if mirror.paused else ""
            pace = shorten(held or _pace(mirror.sync), names_in(mirror))
            tone = "$attention" if held else "$quiet"
            return lines([row(head, _progress(mirror, room)), _below(pace, width, tone)])
        said = "" if mirror.state == "stopped" else mirror.why
        why = Content(printable(shorten(said, names_in(mirror)) or ("" if calm else worry(mirror))))
        if not why:
            return row(head, _traffic(mirror, room))
        if why.cell_length <= room:
            return row(head, why)
        return lines([head, *(_below(line, width) for line in _folded(why.plain, width - 4))])


def _below(text: str, width: int, style: str = "") -> Content:
    return row("   ", cell(text, width - 4, style))


def _folded(text: str, width: int) -> list[str]:
    """The text in lines; what the last one has no room for is cut off."""
    folded = textwrap.wrap(text, max(10, width), break_on_hyphens=False)
    return [*folded[: _WHY - 1], " ".join(folded[_WHY - 1 :])] if len(folded) > _WHY else folded


def _progress(mirror: Mirror, room: int) -> Content:
    """What runs, and how far it is."""
    assert mirror.sync
    word = "recovery" if mirror.sync_action == "recover" else mirror.sync_action
    share = percent(mirror.sync.completed, mirror.sync.total)
    length = max(4, min(_LONGEST_BAR, room - _WORD - len(share) - 2))
    filled, empty = bar(mirror.sync.completed / max(1, mirror.sync.total), length)
    return row(
        cell(word, _WORD, "$working"),
        ("▕", "$line"),
        (filled + empty, "$working on $working-soft"),
        ("▏", "$line"),
        share,
    )


def _pace(sync: Sync) -> str:
    """When it ends, how fast it is, what holds it back, and why it runs; the most wanted first."""
    if not sync.speed:
        return "; ".join(said for said in (sync.queued, sync.reason) if said)
    never = "never at this write rate" if sync.endless else "no end in sight"
    left = never if sync.eta_s is None else f"{format_duration(sync.eta_s)} left"
    limit = f", held back by {sync.limit}" if sync.limit else ""
    pace = f"{left} at {format_rate(sync.speed).rjust(10)}{limit}"
    return f"{pace}; {sync.reason}" if sync.reason else pace


def _traffic(mirror: Mirror, room: int) -> Content:
    if mirror.state == "stopped":
        return cell(f"{keymap.key('assemble', 'A')} assembles it", room, "$quiet")
    if mirror.paused:
        return cell(f"paused; {keymap.key('resume', 'P')} resumes it", room, "$attention")
    if mirror.mismatches:
        return cell(f"{format_size(mirror.mismatches)} differ between its members", room)
    if not (mirror.read_rate or mirror.write_rate):
        return cell("idle", room, "$quiet")
    parts = [
        cell(f"{word} {format_rate(rate).rjust(10)}", 18, "$quiet", "left")
        for word, rate in (("read", mirror.read_rate), ("write", mirror.write_rate))
    ]
    return row(parts[0], parts[1]).truncate(room)
