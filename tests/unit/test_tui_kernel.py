"""The kernel's arrays on the screen: the same keys, on a fake engine."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mirrortui.testing.staging import settle
from mirrortui.tui.modals.add import ReplaceDialog
from mirrortui.tui.widgets.mirror_list import MirrorList
from mirrortui.tui.widgets.row_list import RowList
from tests.tui_stage import Stage, playing

pytestmark = pytest.mark.slow  # together they start some twenty apps


def listed(play: Stage) -> dict[str, str]:
    """The first line of each mirror, by its name."""
    rows = play.home.query_one(MirrorList)
    shown = [rows.render_line(at).text for at in range(rows.size.height)]
    return {
        mirror.name: next(line for line in shown if mirror.name in line) for mirror in play.engine.mirrors()
    }


async def go_to(play: Stage, mirror: str) -> None:
    play.home.query_one(MirrorList).put_cursor(mirror)
    await settle(play.pilot)


def driver(play: Stage, mirror: str) -> str:
    return play.engine.mirror(mirror).driver


def action(play: Stage, mirror: str) -> str:
    return play.engine.mirror(mirror).sync_action


def is_paused(play: Stage) -> bool:
    return play.engine.mirror("photos").paused


async def notes_on(play: Stage, *keys: str) -> list[str]:
    """What is said when a key is pressed; not what happened meanwhile, which has a title."""
    await play.press(*keys)
    return [note.message for note in play.app._notifications if not note.title]


async def test_a_column_tells_which_driver_runs_a_mirror() -> None:
    async with playing("kernel") as play:
        assert {name: " md " in line for name, line in listed(play).items()} == {
            "vault": False,
            "root": True,
            "photos": True,
        }
        await go_to(play, "root")
        assert "/dev/md0" in play.home.query_one("#address").render_line(0).text


async def test_there_is_no_such_column_where_there_is_no_array_of_the_kernels() -> None:
    async with playing("healthy") as play:
        assert not any(" md " in line for line in listed(play).values())


async def test_a_check_is_paused_resumed_and_cancelled() -> None:
    async with playing("kernel") as play:
        await go_to(play, "photos")
        await play.press("p")
        assert play.at_home
        assert is_paused(play)
        assert "paused; P resumes it" in listed(play)["photos"]
        await play.press("P")
        assert not is_paused(play)
        await play.press("C")
        assert action(play, "photos") == "check"
        await play.press("x")
        assert action(play, "photos") == "idle"


async def test_a_repair_wants_the_deliberate_key() -> None:
    async with playing("kernel") as play:
        await go_to(play, "photos")
        await play.press("x", "H")
        assert len(play.app.screen_stack) == 2
        assert action(play, "photos") == "idle"
        await play.press("y")
        assert play.at_home
        assert action(play, "photos") == "repair"


@pytest.mark.parametrize(
    ("mirror", "key", "reason"),
    [
        ("vault", "p", "pause: nothing to pause"),
        ("vault", "t", "take over: vault runs here"),
        ("root", "C", "check: there is one copy only"),
        ("root", "p", "pause: nothing to pause"),
        ("root", "P", "resume: root is not paused"),
        ("root", "x", "cancel: no check or repair runs on root"),
        ("root", "o", "hand over: the kernel has it"),
        ("root", "A", "assemble: the kernel has root, as /dev/md0"),
        ("root", "i", "if it fails: the kernel has it: use mdadm"),
        ("photos", "C", "check: photos is busy with a check"),
    ],
)
async def test_what_cannot_be_done_says_why(mirror: str, key: str, reason: str) -> None:
    async with playing("kernel") as play:
        await go_to(play, mirror)
        assert await notes_on(play, key) == [reason]
        assert play.at_home


async def test_what_the_kernel_did_not_start_can_only_be_stopped() -> None:
    async with playing("kernel") as play:
        root = play.engine.mirror("root")
        play.engine._mirrors["root"] = replace(root, state="failed", map="")
        play.app.store.wake()
        await settle(play.pilot)
        await go_to(play, "root")
        play.app.clear_notifications()  # the alarm that it failed
        reason = "the kernel has not started root: mdadm --run would"
        assert await notes_on(play, "a", "F", "C") == [
            f"{deed}: {reason}" for deed in ("add", "fix it", "check")
        ]
        await play.press("s", "y")
        assert play.engine.mirror("root").state == "stopped"


async def test_a_member_that_serves_is_replaced() -> None:
    async with playing("kernel") as play:
        await go_to(play, "root")
        await play.press("enter")
        play.home.query_one("#members", RowList).put_cursor("/dev/nvme0n1p2")
        await settle(play.pilot)
        await play.press("R")
        assert isinstance(play.screen, ReplaceDialog)
        assert play.plan() == "mirrortui replace root /dev/nvme0n1p2 --with /dev/sdg --yes"
        await play.press("y")
        assert play.at_home
        states = {member.path: member.state for member in play.engine.mirror("root").members}
        assert states["/dev/sdg"] == "replacing"


async def test_a_spare_can_be_the_replacement() -> None:
    async with playing("kernel") as play:
        photos = play.engine.mirror("photos")
        spare = replace(photos.members[0], path="/dev/sdz", slot=None, state="spare")
        play.engine._mirrors["photos"] = replace(photos, members=[*photos.members, spare])
        play.app.store.wake()
        await settle(play.pilot)
        await go_to(play, "photos")
        await play.press("enter", "R")
        assert play.plan() == "mirrortui replace photos /dev/sdd1 --with /dev/sdz --yes"


async def test_a_member_of_our_own_is_replaced_and_that_is_cancelled() -> None:
    async with playing("healthy") as play:
        await go_to(play, "vault")
        await play.press("enter")
        old = play.engine.mirror("vault").members[0]
        await play.press("R")
        assert isinstance(play.screen, ReplaceDialog)
        assert play.plan().startswith(f"mirrortui replace vault {old.path} --with ")
        await play.press("y")
        assert play.at_home
        vault = play.engine.mirror("vault")
        assert [member.slot for member in vault.members if member.state == "replacing"] == [old.slot]
        assert vault.state != "degraded"
        await play.press("x")
        assert [m.state for m in play.engine.mirror("vault").members] == [
            "faulty" if m.state == "replacing" else m.state for m in vault.members
        ]


async def test_a_mirror_goes_to_the_kernel_and_comes_back() -> None:
    async with playing("kernel") as play:
        await go_to(play, "vault")
        await play.press("o")
        assert play.plan() == "mirrortui handover vault --yes"
        await play.press("y")
        assert driver(play, "vault") == "kernel"
        assert " md " in listed(play)["vault"]
        await play.press("t")
        assert play.plan() == "mirrortui takeover /dev/md127 --yes"
        await play.press("y")
        assert driver(play, "vault") == "mirrortui"


async def test_image_files_go_to_the_kernel_on_loop_devices() -> None:
    async with playing("healthy") as play:
        await go_to(play, "scratch")
        await play.press("o", "y")
        assert driver(play, "scratch") == "mirrortui"
        await play.press("space", "y")
        assert driver(play, "scratch") == "kernel"


async def test_the_address_of_a_kernels_array_is_its_device() -> None:
    async with playing("kernel") as play:
        await go_to(play, "root")
        assert await notes_on(play, "u") == ["copied: /dev/md0"]
