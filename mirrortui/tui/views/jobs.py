"""What copies and checks now, and what did."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList, Static

from mirrortui.api.mirrors import Mirror
from mirrortui.tui.jobs import Job, jobs, running
from mirrortui.tui.store import Picture
from mirrortui.tui.views.view import View, quiet
from mirrortui.tui.widgets.job_list import JobList

_NOTHING = """\
[bold]Nothing copies, nothing checks[/]

Whatever copies or compares shows here while it runs, with what holds it back and when it ends; \
below it, what ended."""


class JobsView(View):
    """Pause, resume and cancel are about the job under the cursor."""

    FIRST: ClassVar[str] = "#job-list"
    _jobs: list[Job]

    def compose(self) -> ComposeResult:
        yield JobList(id="job-list")
        yield Static(_NOTHING, classes="lesson")

    def show(self, picture: Picture, mirror: Mirror | None) -> None:
        found = jobs(picture)
        self._under_way = running(found)
        self._jobs = [job for job in found if self.words in f"{job.mirror} {job.what} {job.text}".lower()]
        listed = self.query_one(JobList)
        listed.draw(self._jobs, picture.now)
        self.query_one(".lesson").display = not found

    @property
    def note(self) -> Content:
        return quiet(f"{self._under_way} running" if self._under_way else "nothing runs")

    def place_cursor(self, mirror: str) -> None:
        self.query_one(JobList).put_cursor(f"{mirror} now")

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._choose(event, go=False)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self._choose(event, go=True)

    def _choose(self, event: OptionList.OptionMessage, *, go: bool) -> None:
        event.stop()
        job = next((job for job in self._jobs if job.key == event.option_id), None)
        if job:
            self.post_message(self.MirrorChosen(self, job.mirror, go))
