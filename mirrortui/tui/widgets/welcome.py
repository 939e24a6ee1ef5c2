"""What stands where there is no mirror yet."""

from __future__ import annotations

from textual.widgets import Static

from mirrortui.tui import keymap

_TEXT = """\
[bold]No mirror yet[/]

A mirror keeps the same data on two or more disks or disk images. When one of them breaks, \
whoever uses the data does not notice: it is said here, with what to do about it.

[$accent bold]{create}[/]  create one, from devices or from image files
[$accent bold]{scan}[/]  start those made before, here or by mdadm, that are found on devices
[$accent bold]{gather}[/]  start one whose members you name: image files, for example
[$accent bold]{help}[/]  see all keys and signs

[bold]mirrortui demo[/]  tries everything on a throw-away mirror"""

_LOST = """\
[bold]No engine answers[/]

{}

This screen keeps trying, once a second. Mirrors that run are not touched by this: \
each is served by a process of its own."""


class Welcome(Static):
    """Teaches what a mirror is, or says why nothing can be shown."""

    def teach(self) -> None:
        """There is an engine, and it has no mirror."""
        keys = {"create": "c", "scan": "S", "gather": "N", "help": "?"}
        self.update(_TEXT.format(**{action: keymap.key(action, key) for action, key in keys.items()}))

    def explain(self, why: str) -> None:
        """There is no engine, and there never was one."""
        self.update(_LOST.format(why.replace("[", r"\[")))
