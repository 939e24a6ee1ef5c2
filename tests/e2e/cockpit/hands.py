"""Two ways to work the screen: with keys alone, and with the mouse. Both read what is on it, as people do."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from rich.cells import cell_len
from textual.command import CommandList
from textual.events import Click, MouseDown, MouseEvent, MouseScrollDown, MouseUp
from textual.geometry import Offset, Region
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from mirrortui.testing.staging import press, settle
from mirrortui.tui.actions import by_id
from mirrortui.tui.app import MirrorApp
from mirrortui.tui.drawing import Fitted
from mirrortui.tui.modals.dialog import PlanDialog
from mirrortui.tui.modals.menu import ActionMenu
from mirrortui.tui.screens.home import HomeScreen
from mirrortui.tui.widgets.action_bar import ActionBar
from mirrortui.tui.widgets.confirm import Confirm
from mirrortui.tui.widgets.plan_view import PlanView
from mirrortui.tui.widgets.row_list import RowList
from mirrortui.tui.widgets.tab_strip import PLACES
from tests.e2e.conftest import PATIENCE

_LOOK = 0.01
"""Seconds between looks at the screen."""
_FAR = 60
"""Steps of a cursor or a wheel after which something is not there."""
_RIGHT = 3
"""The button of the mouse."""


class Hands(ABC):
    """What a play asks for, in one of the two ways."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self.pilot = pilot
        assert isinstance(pilot.app, MirrorApp)
        self.app: MirrorApp = pilot.app

    # To look at.

    @property
    def screen(self) -> Screen[object]:
        """What is in front."""
        return self.app.screen

    @property
    def home(self) -> HomeScreen:
        home = self.app.screen_stack[0]
        assert isinstance(home, HomeScreen)
        return home

    @property
    def at_home(self) -> bool:
        return self.app.screen is self.home

    def lines(self, within: Region | None = None) -> list[str]:
        """What stands there, as text."""
        region = (within or self.screen.region).intersection(self.screen.region)
        strips = self.screen._compositor.render_strips()
        return [strip.crop(region.x, region.right).text for strip in strips[region.y : region.bottom]]

    def sees(self, words: str) -> bool:
        return any(words in line for line in self.lines())

    async def until(self, seen: Callable[[], object], what: str) -> None:
        """Wait until it is on the screen."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not seen():
                    await self.pilot.pause(_LOOK)
        except TimeoutError:
            raise AssertionError(f"waited in vain until {what}:\n" + "\n".join(self.lines())) from None
        await settle(self.pilot)

    async def press(self, *keys: str) -> None:
        await press(self.pilot, *keys)

    async def type(self, text: str) -> None:
        await self.press(*text)

    # To do.

    @abstractmethod
    async def put_on(self, member: str = "", mirror: str = "vault") -> None:
        """Put the cursor on a mirror; on one of its members, if one is named."""

    @abstractmethod
    async def mark_all(self) -> None:
        """Mark all mirrors."""

    @abstractmethod
    async def act(self, action: str) -> None:
        """Begin an action of the registry on what is under the cursor."""

    @abstractmethod
    async def move(self, action: str) -> None:
        """Begin an action that moves about on the screen."""

    @abstractmethod
    async def choose(self, words: str, listed: str = "#choice") -> None:
        """Put a dialog's cursor on the row with these words."""

    @abstractmethod
    async def mark(self, words: str) -> None:
        """Mark the row with these words as one of several."""

    @abstractmethod
    async def write(self, field: str, text: str) -> None:
        """Have a field say this, and nothing else."""

    @abstractmethod
    async def tick(self, box: str) -> None:
        """Tick a box."""

    @abstractmethod
    async def onward(self) -> None:
        """To a wizard's next step."""

    @abstractmethod
    async def follow(self, words: str, key: str) -> None:
        """Do what the words on the screen say that the key does."""

    @abstractmethod
    async def say_yes(self) -> None:
        """Go on to the confirmation, and give it; a name is typed either way."""

    async def agree(self) -> None:
        """Read the plan, say yes as it wants to be told, and see the dialog close."""
        dialog = self.screen
        assert isinstance(dialog, PlanDialog), "\n".join(self.lines())
        await self.until(lambda: dialog._plan or self._ended(dialog), "there is a plan")
        plan = dialog._plan
        assert plan and not plan.refused, "\n".join(self.lines())
        await self.say_yes()
        if plan.confirm == "name":
            await self.type(plan.mirror)
            await self.press("enter")
        await self.until(lambda: self._ended(dialog), "the dialog has closed")
        assert dialog not in self.app.screen_stack, "\n".join(self.lines())

    def _ended(self, dialog: PlanDialog) -> object:
        """It has closed, or says why it cannot."""
        return dialog not in self.app.screen_stack or dialog.query_one(PlanView).problem

    def _asked(self) -> str:
        """The words beside which a dialog is confirmed; none: it has closed."""
        return str(self.screen.query_one(Confirm).query_one("#ask").render()) if not self.at_home else ""

    def _listing(self, listed: str) -> RowList:
        return self.screen.query_one(listed, RowList)

    def _row(self, listed: str, words: str) -> int:
        """Which row of a list has these words; -1: none."""
        rows = self._listing(listed)
        width = rows.scrollable_content_region.width
        drawn = [(option.prompt, option.disabled) for option in rows.options]
        found = (
            at
            for at, (prompt, disabled) in enumerate(drawn)
            if isinstance(prompt, Fitted) and words in prompt.drawn(width).plain and not disabled
        )
        return next(found, -1)


class Keys(Hands):
    """With no mouse at all."""

    async def put_on(self, member: str = "", mirror: str = "vault") -> None:
        await self._down_to(lambda: (now := self.home.mirror) is not None and now.name == mirror, mirror)
        if member:
            await self.press("enter")
            await self._down_to(lambda: self._member_is(member), member)

    async def mark_all(self) -> None:
        await self.press("asterisk")

    def _member_is(self, name: str) -> bool:
        member = self.home.situation.member
        return member is not None and member.path.endswith(name)

    async def _down_to(self, there: Callable[[], bool], what: str) -> None:
        for _ in range(_FAR):
            if there():
                return
            await self.press("down")
        raise AssertionError(f"the cursor does not reach {what}:\n" + "\n".join(self.lines()))

    async def act(self, action: str) -> None:
        await self.press(by_id(action).keys[0])

    async def move(self, action: str) -> None:
        await self.act(action)

    async def choose(self, words: str, listed: str = "#choice") -> None:
        await self.until(lambda: self._row(listed, words) >= 0, f"{words} is listed")
        await self._tab_to(listed)
        await self._down_to(lambda: self._listing(listed).highlighted == self._row(listed, words), words)

    async def mark(self, words: str) -> None:
        await self.choose(words)
        await self.press("space")

    async def write(self, field: str, text: str) -> None:
        await self._tab_to(field)
        await self.press("end", "ctrl+u")
        await self.type(text)

    async def tick(self, box: str) -> None:
        await self._tab_to(box)
        await self.press("space")

    async def _tab_to(self, what: str) -> None:
        for _ in range(_FAR):
            if self.screen.query_one(what).has_focus:
                return
            await self.press("tab")
        raise AssertionError(f"tab does not reach {what}")

    async def onward(self) -> None:
        await self.press("enter")

    async def follow(self, words: str, key: str) -> None:
        assert self.sees(words), "\n".join(self.lines())
        await self.press(key)

    async def say_yes(self) -> None:
        if self._asked().startswith("enter"):
            await self.press("enter")
        if self._asked().startswith("y "):
            await self.press("y")


class Mouse(Hands):
    """With no key but for words to be typed, and the enter after a name."""

    def find(self, words: str, within: Region | None = None) -> Offset | None:
        """Where these words begin."""
        region = (within or self._front).intersection(self.screen.region)
        for y, line in enumerate(self.lines(region), region.y):
            if (x := line.find(words)) >= 0:
                return Offset(region.x + cell_len(line[:x]), y)
        return None

    @property
    def _front(self) -> Region:
        """What is in front: a dialog's box, or all."""
        boxes = self.screen.query("#dialog, #explorer, #export")
        return boxes.first().region if boxes else self.screen.region

    async def click(self, words: str, within: Region | None = None, *, button: int = 1) -> None:
        await self.until(lambda: self.find(words, within), f"{words!r} is to be seen")
        at = self.find(words, within)
        assert at
        await self.click_at(at, button)

    async def click_at(self, at: Offset, button: int = 1) -> None:
        await self._point(at, button, MouseDown, MouseUp, Click)

    async def _point(self, at: Offset, button: int, *kinds: type[MouseEvent]) -> None:
        """As Pilot does, which waits some hundredths of a second more before each."""
        self.app.mouse_position = at
        for kind in kinds:
            event = kind(None, at.x, at.y, 0, 0, button, False, False, False, at.x, at.y)
            self.screen._forward_event(event)
            await self.pilot.pause(0)
        await settle(self.pilot)

    async def _wheel_to(self, words: str, over: Widget) -> None:
        """Turn the wheel until they are in sight."""
        for _ in range(_FAR):
            if self.find(words, over.region):
                return
            await self._point(over.region.offset + Offset(1, 1), 0, MouseScrollDown)
        raise AssertionError(f"the wheel does not reach {words!r}:\n" + "\n".join(self.lines()))

    async def put_on(self, member: str = "", mirror: str = "vault") -> None:
        if member:
            await self.click(member, self.home.view.query_one("#members").region, button=_RIGHT)
        else:
            await self.click(mirror, self._mirrors, button=_RIGHT)
        assert isinstance(self.screen, ActionMenu)

    async def mark_all(self) -> None:
        for mirror in self.home.picture.mirrors:
            at = self.find(mirror.name, self._mirrors)
            assert at
            await self.click_at(Offset(1, at.y))

    @property
    def _bar(self) -> Region:
        return self.home.query_one(ActionBar).region

    @property
    def _mirrors(self) -> Region:
        return self.home.view.query_one("#mirror-list").region

    async def act(self, action: str) -> None:
        """By the menu of the row; of the mirror's, where none was opened."""
        if self.at_home:
            await self.click("more", self._bar)
        if action == "more":
            return
        deeds = self._listing("#deeds")
        title = by_id(action).title[:40]
        await self._wheel_to(title, deeds)
        await self.click(title, deeds.region)

    async def move(self, action: str) -> None:
        """By its tab; else by the palette, in which the wheel finds it."""
        found = by_id(action)
        if found.group == "place":
            await self.click(f"{[each.id for each in PLACES].index(action) + 1} {found.label}")
            return
        await self.click("menu", self._bar)
        if action != "menu":
            await self.until(lambda: self.screen.query(CommandList), "there is the palette")
            title = found.title[:40]
            await self._wheel_to(title, self.screen.query_one(CommandList))
            await self.click(title, self.screen.query_one(CommandList).region)

    async def choose(self, words: str, listed: str = "#choice") -> None:
        await self.until(lambda: self._row(listed, words) >= 0, f"{words} is listed")
        await self._wheel_to(words, self._listing(listed))
        await self.click(words, self._listing(listed).region)

    async def mark(self, words: str) -> None:
        await self.choose(words)

    async def write(self, field: str, text: str) -> None:
        entry = self.screen.query_one(field, Input)
        await self.click_at(entry.region.offset)
        await self.press("end", "ctrl+u")
        await self.type(text)

    async def tick(self, box: str) -> None:
        await self.click_at(self.screen.query_one(box).region.offset)

    async def onward(self) -> None:
        await self.click_at(self.screen.query_one("#onward").region.offset + Offset(2, 0))

    async def follow(self, words: str, key: str) -> None:
        await self.click(words)

    async def say_yes(self) -> None:
        await self.click_at(self.screen.query_one(Confirm).query_one("#ask").region.offset)
