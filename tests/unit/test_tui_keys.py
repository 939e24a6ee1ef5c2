"""The screen by its keys, on a fake engine: what it shows, and how one moves about."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from mirrortui.testing.staging import settle, stage
from mirrortui.tui.actions import ACTIONS, Situation
from mirrortui.tui.modals.create import CreateDialog
from mirrortui.tui.modals.leave import LeaveDialog
from mirrortui.tui.modals.whole import StopDialog
from mirrortui.tui.themes import THEMES
from mirrortui.tui.views.help import HelpPage, HelpView
from mirrortui.tui.views.mirrors import MirrorsView
from mirrortui.tui.widgets.event_feed import EventFeed
from mirrortui.tui.widgets.mirror_list import MirrorList
from mirrortui.tui.widgets.row_list import RowList
from tests.tui_stage import playing


async def test_members_of_a_stopped_mirror_are_not_missing() -> None:
    async with playing("healthy") as play:
        unseen = [replace(member, state="missing", slot=None, size=0) for member in play.vault.members]
        play.engine._mirrors["vault"] = replace(play.vault, state="stopped", clients=[], members=unseen)
        play.app.store.wake()
        await settle(play.pilot)
        table = play.home.query_one("#members", RowList)
        shown = [strip.text for strip in (table.render_line(row) for row in range(2))]
        assert all("stopped" in line and "missing" not in line for line in shown)
        assert ["/dev/sd" in line for line in shown] == [True, True]
        await play.press("A")
        assert play.at_home
        assert play.vault.state == "clean"


async def test_an_event_is_short_in_its_row_and_whole_when_zoomed(tmp_path: Path) -> None:
    async with playing("healthy") as play:
        path = f"{tmp_path}/b.img"
        text = f"{path} is out of vault: failed by the operator. Nothing is lost: 1 of 2 in sync."
        with play.engine._changed:
            play.engine._tell(play.vault, "member-failed", "error", text, path)
        play.app.store.wake()
        await settle(play.pilot)
        feed = play.home.query_one(EventFeed)
        assert "b.img is out: failed by the operator." in newest(feed, 1)
        await play.press("shift+tab", "z")
        assert "".join(text.split()) in "".join(newest(feed, 6).replace("▌", " ").split())
        await play.press("escape")
        assert "b.img is out: failed by the operator." in newest(feed, 1)


def newest(feed: EventFeed, lines: int) -> str:
    """The last lines of the feed."""
    height = feed.virtual_size.height
    top = feed.scroll_offset.y
    return "\n".join(feed.render_line(line - top).text for line in range(max(0, height - lines), height))


async def test_what_cannot_be_done_says_why() -> None:
    async with playing("healthy") as play:
        await play.press("e")
        assert play.at_home
        assert [note.message for note in play.app._notifications] == ["re-add: no member of vault is out"]


async def test_a_lost_engine_is_said_and_found_again() -> None:
    async with playing("rebuilding") as play:
        play.engine.lose()
        while not play.home.picture.lost:
            await play.pilot.pause()
        assert play.home.mirror and play.home.mirror.name == "vault"
        assert play.home.has_class("-lost")
        play.engine.come_back()
        play.app.store.wake()
        while play.home.picture.lost:
            await play.pilot.pause()
        assert not play.home.has_class("-lost")


async def test_filter_narrows_mirrors_and_events_and_escape_widens() -> None:
    async with playing("several") as play:
        await play.press("slash")
        await play.type("scr")
        listed, feed = play.home.query_one(MirrorList), play.home.query_one(EventFeed)
        assert [option.id for option in listed.options] == ["scratch"]
        assert 0 < feed.option_count < len(play.home.picture.events)
        await play.press("enter", "escape")
        assert listed.option_count == 11
        assert feed.option_count == len(play.home.picture.events)


async def test_tab_goes_round_the_panes_and_zoom_gives_one_the_screen() -> None:
    async with playing("healthy") as play:
        seen = []
        for _ in range(5):
            seen.append(play.home.focused.id if play.home.focused else None)
            await play.press("tab")
        assert seen == ["mirror-list", "members", "chunks", "event-list", "mirror-list"]
        await play.press("z")
        assert [pane.id for pane in play.home.query("Pane.-zoom")] == ["member-pane"]
        await play.press("tab")
        assert [pane.id for pane in play.home.query("Pane.-zoom")] == ["map"]
        await play.press("escape")
        assert not play.home.query("Pane.-zoom")
        await play.press("shift+tab")
        assert play.home.focused and play.home.focused.id == "event-list"


async def test_vi_keys_and_the_mouse_move_the_cursor() -> None:
    async with playing("several", size=(120, 40)) as play:
        await play.press("g", "j")
        assert play.home.mirror and play.home.mirror.name == "mail"
        await play.press("k", "G")
        assert play.home.mirror and play.home.mirror.name == "attic"
        await play.press("g")
        await play.pilot.click(MirrorList, offset=(10, 2))
        await settle(play.pilot)
        assert play.home.mirror and play.home.mirror.name == "mail"


async def test_the_bar_can_be_clicked() -> None:
    async with playing("healthy") as play:
        await play.pilot.click("ActionBar", offset=(3, 0))
        await settle(play.pilot)
        assert isinstance(play.screen, CreateDialog)


async def test_the_palette_runs_actions() -> None:
    async with playing("healthy") as play:
        await play.press("ctrl+p")
        await play.type("stop")
        await play.press("enter")
        assert isinstance(play.screen, StopDialog)


async def test_help_lists_every_action() -> None:
    async with playing("healthy", size=(120, 60)) as play:
        await play.press("question_mark")
        assert isinstance(play.home.view, HelpView)
        page = play.home.query_one(HelpPage)._draw(200).plain
        assert all(action.title in page for action in ACTIONS)
        await play.press("question_mark")
        assert isinstance(play.home.view, MirrorsView)


async def test_colours_go_round() -> None:
    async with playing("healthy") as play:
        seen = []
        for _ in THEMES:
            seen.append(play.app.theme)
            await play.press("ctrl+t")
        assert sorted(seen) == sorted(theme.name for theme in THEMES)
        assert play.app.theme == seen[0]


async def test_leaving_says_what_stays_in_use() -> None:
    async with playing("healthy") as play:
        await play.press("q")
        assert isinstance(play.screen, LeaveDialog)
        assert "stay so without this screen" in play.text()
        await play.press("y")
        assert not play.app.is_running


async def test_leaving_the_demo_says_that_it_all_goes() -> None:
    async with playing("healthy", throwaway=True) as play:
        await play.press("q")
        assert "mirror, traffic and files are removed" in play.text()
        assert "Come back" not in play.text()


async def test_leaving_what_nobody_uses_asks_nothing() -> None:
    async with playing("empty") as play:
        await play.press("q")
        assert not play.app.is_running


async def test_rows_keep_their_places_while_the_cursor_moves() -> None:
    async with playing("several") as play:
        listed = play.home.query_one(MirrorList)
        await play.press("g", "j")
        places = [option.id for option in listed.options]
        play.engine._mirrors["home"] = replace(play.engine.mirror("home"), state="failed")
        play.app.store.wake()
        while play.home.picture.mirrors[0].name != "home":
            await play.pilot.pause()
        assert [option.id for option in listed.options] == places
        play.pass_time(60)
        while listed.options[0].id != "home":
            await play.pilot.pause()
        assert listed.key == "mail"


def test_no_key_does_two_things() -> None:
    keys = [key for action in ACTIONS for key in action.keys]
    assert len(keys) == len(set(keys))


def test_every_action_without_a_mirror_is_refused_with_a_reason_or_safe() -> None:
    _, app = stage("empty", history=1)
    nowhere = Situation(app.store.picture, None, None)
    possible = {action.id for action in ACTIONS if action.refuse(nowhere) is None}
    places = {"mirrors", "mirror", "devices", "events", "jobs", "help"}
    deeds = {"create", "adopt", "scan", "gather", "zero_superblock", "more"}
    assert possible == deeds | {"previous_pane", "back", "colours", "menu", "leave"} | places
