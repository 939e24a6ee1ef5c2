"""Jobs, those that run first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from textual.content import Content

from mirrortui.tui.drawing import Fitted, bar, cell, lines, row
from mirrortui.tui.jobs import Job
from mirrortui.tui.widgets.row_list import Row, RowList
from mirrortui.tui.wording import beside_its_name
from mirrortui.tui.words import percent, stamp
from mirrortui.units import format_duration, format_rate

_WHAT = 11
_STATE = 13
_LONGEST_BAR = 60


class JobList(RowList):
    """A line or two for what ended, three for what runs."""

    def draw(self, jobs: Sequence[Job], now: float) -> None:
        """Show these."""
        names = min(max([6, *(len(job.mirror) for job in jobs)]), 20)
        self.show([Row(job.key, Fitted(partial(_draw, job, names, now))) for job in jobs])


def _draw(job: Job, names: int, now: float, width: int) -> Content:
    head = row(
        " ",
        (job.face.glyph, f"${job.face.tone}"),
        " ",
        cell(job.mirror, names, "bold"),
        "  ",
        cell(job.what, _WHAT),
        "  ",
        cell(job.face.word, _STATE, f"${job.face.tone}"),
    )
    room = width - head.cell_length - 1
    text = beside_its_name(job.text, job.mirror)
    if job.ended is None:
        drawn = [row(head, _progress(job, room) if job.sync else cell(text, room))]
        if job.sync:
            drawn += [row("   ", cell(line, width - 4, "$quiet")) for line in _pace(job)]
        return lines(drawn)
    head = row(head, (stamp(job.ended, now), "$quiet"), "  ")
    if len(text) <= room - 10:
        return row(head, (text, "$quiet"))
    return lines([head, row("   ", cell(text, width - 4, "$quiet"))])


def _progress(job: Job, room: int) -> Content:
    assert job.sync
    share = percent(job.sync.completed, job.sync.total)
    length = max(4, min(_LONGEST_BAR, room - len(share) - 2))
    filled, empty = bar(job.sync.completed / max(1, job.sync.total), length)
    return row(("▕", "$line"), (filled + empty, "$working on $working-soft"), ("▏", "$line"), share)


def _pace(job: Job) -> list[str]:
    """When it ends, how fast it is, what holds it back, and why it runs."""
    sync = job.sync
    assert sync
    if not sync.speed or job.face.word == "paused":
        return [job.text]
    left = "no end in sight" if sync.eta_s is None else f"{format_duration(sync.eta_s)} left"
    limit = f", held back by {sync.limit}" if sync.limit else ""
    return [f"{left} at {format_rate(sync.speed).rjust(10)}{limit}", sync.reason]
