"""The screens on the keys 1 to 6: what each shows, and that it is found again as it was left."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.mirrors import CheckRun, Member
from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.testing.fake_states import healthy
from mirrortui.testing.staging import settle
from mirrortui.tui.actions import by_id
from mirrortui.tui.inventory import Inventory
from mirrortui.tui.jobs import jobs
from mirrortui.tui.screens.export import ExportDialog
from mirrortui.tui.views.devices import DevicesView
from mirrortui.tui.views.events import EventsView
from mirrortui.tui.views.mirror import MirrorView
from mirrortui.tui.views.mirrors import MirrorsView
from mirrortui.tui.widgets.action_bar import ActionBar
from mirrortui.tui.widgets.device_tree import DeviceTree, tree
from mirrortui.tui.widgets.headline import Headline
from mirrortui.tui.widgets.heat_map import HeatMap, _page
from mirrortui.tui.widgets.job_list import JobList
from mirrortui.tui.widgets.lines import Lines
from mirrortui.tui.widgets.member_details import details
from mirrortui.tui.widgets.mirror_list import MirrorList
from mirrortui.tui.widgets.row_list import RowList
from mirrortui.tui.widgets.tab_strip import TabStrip
from mirrortui.units import GIB, TIB
from tests.tui_stage import Stage, playing

pytestmark = pytest.mark.slow  # together they start some thirty apps


def place(play: Stage) -> str:
    return play.home.situation.place


def rows(listed: RowList) -> list[str]:
    """As they are drawn."""
    return [listed.render_line(y).text.rstrip() for y in range(listed.size.height)]


async def test_each_number_is_a_screen_and_escape_goes_back_the_way_it_came() -> None:
    async with playing("rebuilding") as play:
        seen = []
        for key in "213456":
            await play.press(key)
            seen.append(place(play))
        assert seen == ["mirror", "mirrors", "devices", "events", "jobs", "help"]
        for expected in ["jobs", "events", "devices", "mirrors", "mirrors"]:
            await play.press("escape")
            assert place(play) == expected


async def test_the_list_says_that_what_runs_is_paused() -> None:
    async with playing("rebuilding") as play:
        play.engine._mirrors["vault"] = replace(play.vault, paused=True)
        play.app.store.wake()
        await settle(play.pilot)
        shown = rows(play.home.query_one(MirrorList))
        assert any(line.strip(" ▌") == "paused; P resumes it" for line in shown), shown


async def test_a_member_that_does_not_answer_is_told_of_while_all_are_in_sync() -> None:
    said = "/dev/sda does not answer now: what is written waits for it."
    async with playing("healthy") as play:
        play.engine._mirrors["vault"] = replace(play.vault, why=said)
        play.app.store.wake()
        await settle(play.pilot)
        assert "does not answer now" in " ".join(rows(play.home.query_one(MirrorList)))


async def test_a_tab_can_be_clicked() -> None:
    async with playing("healthy") as play:
        strip = play.home.query_one(TabStrip)
        at = strip._draw(80).plain.index("events")
        await play.pilot.click(TabStrip, offset=(at, 0))
        await settle(play.pilot)
        assert place(play) == "events"


async def test_the_palette_goes_to_screens() -> None:
    async with playing("healthy") as play:
        await play.press("ctrl+p")
        await play.type("copies and checks")
        await play.press("enter")
        assert place(play) == "jobs"


@pytest.mark.slow
async def test_each_screen_keeps_its_cursor_its_focus_and_its_filter() -> None:
    async with playing("several", size=(120, 40)) as play:
        await play.press("3", "G")
        device = play.home.query_one(DeviceTree).key
        await play.press("slash")
        await play.type("img")
        await play.press("enter", "2", "tab")
        assert play.home.focused and play.home.focused.id == "heat-map"
        await play.press("4", "1", "slash")
        assert play.home.query_one("#filter").display
        await play.press("escape", "3")
        listed = play.home.query_one(DeviceTree)
        assert play.home.focused is listed and listed.key == device
        assert 0 < listed.option_count < len(play.home._inventory.stock.devices)
        await play.press("2")
        assert play.home.focused and play.home.focused.id == "heat-map"


async def test_sort_goes_round_and_is_said() -> None:
    async with playing("several", size=(120, 40)) as play:
        listed, view = play.home.query_one(MirrorList), play.home.query_one(MirrorsView)
        worst_first = [option.id for option in listed.options]
        await play.press("O")
        assert [option.id for option in listed.options] == sorted(map(str, worst_first))
        assert "by name" in view.note.plain
        await play.press("O")
        assert listed.options[0].id == "archive-2026"
        await play.press("O", "O")
        assert [option.id for option in listed.options] == worst_first


async def test_a_frozen_screen_stands_still_but_for_its_first_line() -> None:
    async with playing("healthy", size=(120, 40)) as play:
        await play.press("ctrl+f")
        play.engine._mirrors["vault"] = replace(play.vault, state="failed", why="All is lost.")
        play.app.store.wake()
        await settle(play.pilot)
        assert "healthy" in rows(play.home.query_one(MirrorList))[2]
        assert "vault has failed" in play.home.query_one(Headline)._draw(120).plain
        assert "frozen" in play.home.query_one(TabStrip)._draw(120).plain
        await play.press("ctrl+f")
        assert any("failed" in line for line in rows(play.home.query_one(MirrorList)))


async def test_the_mirror_under_the_cursor_is_shown_in_full() -> None:
    async with playing("rebuilding", size=(120, 60)) as play:
        await play.press("2")
        cards = "\n".join(rows(play.home.query_one("#member-cards", RowList)))
        assert all(
            fact in cards for fact in ("serial PN2134P6", "events 4131", "0 read, 1 write", "recovering")
        )
        summary = play.home.query_one("#summary", Lines)._draw(118).plain
        assert "held back by writes to /dev/sdc" in summary
        assert "qemu-system-x86" in play.home.query_one("#client-lines", Lines)._draw(118).plain
        await play.press("right_square_bracket")
        assert play.home.mirror and play.home.mirror.name == "photos"
        await play.press("1")
        assert play.home.query_one(MirrorList).key == "photos"


async def test_a_copy_that_is_guided_by_the_bitmap_is_as_far_everywhere() -> None:
    async with playing("rebuilding", size=(120, 40)) as play:
        assert play.vault.sync
        guided = replace(play.vault.sync, completed=GIB // 4, total=GIB)
        play.engine._mirrors["vault"] = replace(play.vault, sync=guided)
        play.app.store.wake()
        await settle(play.pilot)
        shown = "\n".join(
            [*rows(play.home.query_one(MirrorList)), *rows(play.home.query_one("#members", RowList))]
        )
        assert shown.count("25.0 %") == 2, shown


async def test_members_are_failed_from_their_own_screen_too() -> None:
    async with playing("healthy") as play:
        await play.press("2", "down", "f")
        assert play.plan() == "mirrortui fail vault /dev/sdc --yes"


async def test_checks_have_a_history() -> None:
    async with playing("healthy", size=(120, 60)) as play:
        run = CheckRun(
            action="check", begun=1.0, ended=2.0, complete=True, size=TIB, position=TIB, differing=0,
            repaired=0, unread=0,
        )  # fmt: skip
        early = replace(run, begun=3.0, ended=4.0, complete=False, position=GIB)
        differed = replace(run, action="repair", begun=5.0, ended=6.0, differing=8192, repaired=4096)
        play.engine._mirrors["vault"] = replace(play.vault, checks=[differed, early, run])
        play.app.store.wake()
        await play.press("2")
        told = play.home.query_one("#check-lines", Lines)._draw(118).plain.splitlines()
        assert "8.00 KiB differed, 4.00 KiB made equal" in told[0]
        assert "stopped at 1.00 GiB of 1.00 TiB; no difference" in told[1]
        assert told[2].rstrip().endswith("no difference")
        await play.press("5")
        words = [job.face.word for job in jobs(play.home.picture) if job.mirror == "vault"]
        assert words == ["differed", "stopped early", "done"]


@pytest.mark.parametrize("width", [40, 78, 118, 198])
@pytest.mark.parametrize("height", [1, 4, 8, 16])
def test_the_heat_map_fits_its_box_and_loses_nothing_wrong(width: int, height: int) -> None:
    mirror = replace(healthy(0.0).mirrors[0], map="." * 200 + "b" + "." * 55)
    drawn = _page(mirror, width - 12, height).plain.splitlines()
    assert len(drawn) <= height
    assert all(len(line) <= width for line in drawn)
    assert sum("✖" in line for line in drawn) == 1


async def test_devices_are_a_tree_and_each_says_why_or_why_not() -> None:
    async with playing("healthy", size=(120, 40)) as play:
        await play.press("3")
        listed = play.home.query_one(DeviceTree)
        shown = rows(listed)
        under = next(number for number, line in enumerate(shown) if "/dev/sdf1" in line)
        assert "/dev/sdf " in shown[under - 1] and "└ /dev/sdf1" in shown[under]
        assert "mounted on /backup" in shown[under]
        assert any("/dev/sdg" in line and "✔ can be one" in line for line in shown)
        assert any("scratch-a.img" in line and "● member of scratch" in line for line in shown)
        listed.put_cursor("/dev/sdb")
        await play.press("enter")
        assert place(play) == "mirror"
        assert play.home.mirror and play.home.mirror.name == "vault"


async def test_a_device_that_is_plugged_in_comes_by_itself() -> None:
    async with playing("healthy") as play:
        inventory, plugged = play.home._inventory, ["nothing"]
        inventory._mark = lambda: plugged[0]
        await play.press("3")
        play.engine._devices.append(DeviceInfo(path="/dev/sdz", size=GIB))
        listed = play.home.query_one(DeviceTree)
        play.app.store.wake()
        await settle(play.pilot)
        assert "/dev/sdz" not in [option.id for option in listed.options]
        plugged[0] = "a disk"
        play.app.store.wake()
        await settle(play.pilot)
        assert "/dev/sdz" in [option.id for option in listed.options]


async def test_devices_of_an_engine_that_is_lost() -> None:
    async with playing("healthy") as play:
        play.engine.lose()
        await play.press("3")
        assert "No engine answers" in play.home.query_one(DevicesView).note.plain


def test_the_tree_is_whole_whatever_is_said_of_parents() -> None:
    found = [DeviceInfo(path=f"/dev/sda{n}", size=1, parent="/dev/sda") for n in (10, 2)]
    found += [DeviceInfo(path="/dev/sda", size=1), DeviceInfo(path="/dev/dm-0", size=1, parent="/dev/gone")]
    loop = DeviceInfo(path="/dev/x", size=1, parent="/dev/x")
    assert [branch.device.path for branch in tree([*found, loop])] == [
        "/dev/dm-0", "/dev/sda", "/dev/sda2", "/dev/sda10", "/dev/x",
    ]  # fmt: skip


def test_an_inventory_asks_only_when_something_changed() -> None:
    engine, marks = FakeEngine("healthy"), iter([1, 1, 2])
    inventory = Inventory(engine, lambda: next(marks))
    assert inventory.look(engine.mirrors()) is not None
    assert inventory.look(engine.mirrors()) is None
    assert inventory.look(engine.mirrors()) is not None


async def test_events_by_severity_and_by_mirror() -> None:
    async with playing("rebuilding") as play:
        await play.press("4")
        view = play.home.query_one(EventsView)
        assert len(view.shown) == len(play.home.picture.events)
        await play.press("v", "v")
        assert {event.severity for event in view.shown} == {"error"}
        await play.press("v", "M")
        assert {event.mirror for event in view.shown} == {"vault"}
        await play.press("M", "slash")
        await play.type("resync")
        assert [event.kind for event in view.shown] == ["resync-finished"]
        await play.press("enter", "enter")
        assert place(play) == "mirror"
        assert play.home.mirror and play.home.mirror.name == "scratch"


async def test_events_are_written_to_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    async with playing("rebuilding") as play:
        await play.press("4", "v", "v", "ctrl+s")
        assert isinstance(play.screen, ExportDialog)
        path = tmp_path / "events.txt"
        entry = play.screen.query_one("#path")
        entry.value = str(path)  # type: ignore[attr-defined]
        await play.press("enter")
        assert play.at_home
        assert path.read_text().splitlines() == [
            "2026-03-14 13:48:02  error    vault  /dev/sda failed a write at 1.20 TiB; it is out, nothing is lost."
        ]
        path.write_text("mine")
        await play.press("ctrl+s")
        play.screen.query_one("#path").value = str(path)  # type: ignore[attr-defined]
        await play.press("enter")
        assert isinstance(play.screen, ExportDialog)
        assert path.read_text() == "mine"
        await play.press("escape")
        assert play.at_home


async def test_jobs_run_pause_and_end() -> None:
    async with playing("rebuilding") as play:
        await play.press("5")
        shown = rows(play.home.query_one(JobList))
        assert "vault" in shown[0] and "running" in shown[0]
        assert any("scratch" in line and "done" in line for line in shown)
        await play.press("p")
        play.app.store.wake()
        await settle(play.pilot)
        assert "paused" in rows(play.home.query_one(JobList))[0]
        await play.press("enter")
        assert place(play) == "mirror"


async def test_the_actions_of_a_job_are_about_its_mirror() -> None:
    async with playing("several", size=(120, 40)) as play:
        await play.press("5", "down")
        assert play.home.mirror and play.home.mirror.name == "archive-2026"


async def test_the_bar_begins_with_what_a_screen_is_for() -> None:
    async with playing("rebuilding") as play:
        await play.press("4")
        assert play.home.query_one(ActionBar)._draw(80).plain.startswith(" / filter  v severity")


async def test_what_belongs_to_another_screen_says_so() -> None:
    async with playing("healthy") as play:
        await play.press("ctrl+s")
        assert play.at_home
        notes = [note.message for note in play.app._notifications]
        assert notes == ["write: only on the screen of events"]
        assert by_id("write_events").refuse(play.home.situation)


@pytest.mark.slow
@pytest.mark.parametrize("state", ["empty", "failed", "kernel"])
async def test_every_screen_stands_every_state(state: str) -> None:
    async with playing(state) as play:
        await play.press(*(key for place in "123456" for key in (place, "tab", "down")))
        play.engine.lose()
        play.app.store.wake()
        await play.press(*"654321")
        assert play.app.is_running


def test_member_details_say_what_is_wrong() -> None:
    member = Member(
        path="/dev/sdb", slot=0, state="in_sync", size=GIB, read_errors=2, corrected=16, write_mostly=True,
        latency_p50=0.001, latency_p99=0.25, bad=4096,
    )  # fmt: skip
    told = "\n".join(line.plain for line in details(member, None, 0.0, 80))
    assert all(
        words in told
        for words in (
            "2 read, 0 write, 8.00 KiB corrected", "p50 1.00 ms, p99 250 ms", "write-mostly", "4.00 KiB in its bad",
        )
    )  # fmt: skip
    assert all(line.cell_length < 80 for line in details(member, None, 0.0, 80))


async def test_zoom_on_the_mirrors_screen() -> None:
    async with playing("healthy") as play:
        await play.press("2", "tab", "z")
        view = play.home.query_one(MirrorView)
        assert [pane.id for pane in view.query("Pane.-zoom")] == ["heat"]
        assert play.home.query_one(HeatMap).size.height > 10
        await play.press("escape")
        assert not view.query("Pane.-zoom")
        assert place(play) == "mirror"


async def test_the_newest_event_is_in_sight_from_the_start() -> None:
    async with playing("several", size=(120, 40)) as play:
        feed = play.home.query_one("#event-list", RowList)
        assert "Recovery of /dev/sdc started" in rows(feed)[-1]
