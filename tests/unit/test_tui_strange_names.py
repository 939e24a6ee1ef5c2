"""Names that others chose may look like markup: on the screen they are text."""

from __future__ import annotations

from msgspec.structs import replace
from textual.widgets._toast import Toast

from mirrortui.format.names import label
from mirrortui.testing.staging import settle
from mirrortui.tui.widgets.mirror_list import MirrorList
from tests.tui_stage import Stage, playing

NAME = label("[/red][@click=app.quit]\udcff[b]")


async def called(play: Stage, name: str) -> None:
    """The mirror under the cursor has another name now."""
    play.engine._mirrors[name] = replace(play.engine._mirrors.pop("vault"), name=name)
    play.app.store.wake()
    await settle(play.pilot)
    play.home.query_one(MirrorList).put_cursor(name)
    await settle(play.pilot)


async def test_a_notice() -> None:
    async with playing("healthy", size=(120, 40), notices=True) as play:
        await called(play, NAME)
        await play.press("e")
        while not (toasts := list(play.screen.query(Toast))):
            await play.pilot.pause()
        (toast,) = toasts
        assert f"re-add: no member of {NAME} is out" in str(toast.render())


async def test_a_notice_with_a_path() -> None:
    async with playing("healthy", notices=True) as play:
        play.screen.notify("/srv/[/old]/a.img does not exist.", title="Add [/a]", severity="error")
        while not (toasts := list(play.screen.query(Toast))):
            await play.pilot.pause()
        assert str(toasts[0].render()) == "Add [/a]\n/srv/[/old]/a.img does not exist."


async def test_a_dialog() -> None:
    async with playing("degraded", size=(120, 40)) as play:
        await called(play, NAME)
        await play.press("s")
        await settle(play.pilot)
        assert NAME in play.plan()
        assert NAME in "".join(strip.text for strip in play.screen._compositor.render_strips())
