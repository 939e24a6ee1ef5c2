"""What people read on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import rich_click as click
from msgspec.structs import replace

from mirrortui.api.answers import Event
from mirrortui.api.mirrors import Bitmap, CheckRun, Client, CopyOf, Export, Lag, Member, Mirror, Sync
from mirrortui.cli.mismatches import _side_by_side
from mirrortui.cli.session import absolute
from mirrortui.cli.text import event_line, mirror_lines, summary, table
from mirrortui.errors import RequestError
from mirrortui.units import GIB, MIB

HEALTHY = Mirror(
    name="vault",
    uuid="0:0:0:1",
    size=2 * GIB,
    state="active",
    sync_action="idle",
    sync=None,
    events=7,
    mismatches=0,
    bitmap=Bitmap(chunk=65536, dirty=3, chunks=4096),
    uri="nbd+unix:///vault?socket=/run/vault.nbd",
    members=[
        Member(path="/x/a.img", slot=0, state="in_sync", size=2 * GIB),
        Member(path="/x/longer.img", slot=1, state="in_sync", size=2 * GIB, read_errors=2, write_errors=1),
    ],
    raid_disks=2,
    exports=[
        Export(uri="nbd+unix:///vault?socket=/run/vault.nbd", kind="unix"),
        Export(uri="nbd://127.0.0.1:10809/vault", kind="tcp", readonly=True),
    ],
    clients=[Client(peer="qemu (pid 7)", since=1.0)],
    read_rate=10 * MIB,
    write_rate=0,
)


def plain(mirror: Mirror) -> list[str]:
    return [click.unstyle(line) for line in mirror_lines(mirror)]


def test_a_healthy_mirror() -> None:
    assert plain(HEALTHY) == [
        "● vault  2.00 GiB  active  2 of 2 in sync",
        "  served at nbd+unix:///vault?socket=/run/vault.nbd",
        "  served at nbd://127.0.0.1:10809/vault (read-only)",
        "  1 client: qemu (pid 7); 3 of 4096 chunks dirty; read 10.0 MiB/s, write 0 B/s",
        "  slot     member         state        size  errors",
        "     0  ●  /x/a.img       in sync  2.00 GiB       0",
        "     1  ●  /x/longer.img  in sync  2.00 GiB       3",
    ]


def test_how_long_members_take_and_how_far_they_lag() -> None:
    timed = replace(HEALTHY.members[0], latency_p50=0.0005, latency_p99=0.02)
    lines = plain(
        replace(
            HEALTHY,
            members=[timed, HEALTHY.members[1]],
            write_behind=64,
            lag=Lag(writes=3, bytes=12288, seconds=0.2),
        )
    )
    assert lines[3] == (
        "  write-behind: write-mostly members may lag by 64 writes; 3 writes (12.0 KiB) under way for 200 ms"
    )
    assert lines[-3:] == [
        "  slot     member         state        size      p50      p99  errors",
        "     0  ●  /x/a.img       in sync  2.00 GiB  0.50 ms  20.0 ms       0",
        "     1  ●  /x/longer.img  in sync  2.00 GiB        -        -       3",
    ]


def test_a_mirror_that_is_being_filled() -> None:
    recovering = replace(
        HEALTHY,
        state="degraded",
        sync_action="recover",
        sync=Sync(
            completed=999, total=1000, speed=5 * MIB, eta_s=62, reason="b.img was added: full copy", limit=""
        ),
        why="/x/b.img is out: write error; one copy is left.",
        members=[
            HEALTHY.members[0],
            Member(path="/x/b.img", slot=1, state="recovering", size=2 * GIB),
            Member(path="/x/c.img", slot=None, state="faulty", size=0, why="write error at 1 GiB"),
        ],
    )
    lines = plain(recovering)
    assert lines[0] == "▲ vault  2.00 GiB  degraded  1 of 2 in sync"
    assert lines[1] == "  /x/b.img is out: write error; one copy is left."
    assert lines[2].startswith("  recovery  ███")
    assert lines[2].endswith("░ 99.9 %  5.00 MiB/s, 0:01:02 to go. b.img was added: full copy")
    assert "◐  /x/b.img  recovering" in lines[-2]
    assert lines[-1].split() == ["-", "✖", "/x/c.img", "faulty", "-", "0", "write", "error", "at", "1", "GiB"]


def test_a_stopped_mirror_alarms_nobody() -> None:
    stopped = replace(
        HEALTHY,
        state="stopped",
        uri="",
        exports=[],
        clients=[],
        members=[replace(member, state="missing", size=0, slot=None) for member in HEALTHY.members],
    )
    assert plain(stopped) == ["○ vault  2.00 GiB  stopped", "  members /x/a.img, /x/longer.img"]
    assert summary(stopped) == "vault is stopped."


def test_a_mirror_in_a_sentence() -> None:
    assert summary(HEALTHY) == "vault is active: 2 of 2 in sync."


def test_an_event() -> None:
    event = Event(
        seq=1,
        time=0.0,
        mirror="vault",
        kind="member-failed",
        severity="error",
        text="b.img is out.",
        member="b.img",
    )
    line = click.unstyle(event_line(event))
    assert line.endswith(":00 ✖ vault      b.img is out.")


def test_columns_are_as_wide_as_they_must_be() -> None:
    rows = [("name", "size"), (click.style("a", fg="red"), "1"), ("long name", "100")]
    assert [click.unstyle(line) for line in table(rows, right=(1,))] == [
        "name       size",
        "a             1",
        "long name   100",
    ]


def test_the_quick_verbs_load_nothing_heavy() -> None:
    code = (
        "import sys, mirrortui.cli.main, mirrortui.cli.status, mirrortui.cli.members, mirrortui.cli.wait;"
        "heavy = {'textual', 'asyncio', 'starlette', 'uvicorn', 'psutil', 'pyudev', 'mirrortui.engine',"
        " 'mirrortui.device', 'mirrortui.format', 'mirrortui.mirror', 'mirrortui.worker'};"
        "sys.stdout.write(' '.join(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b""


def test_a_check_that_found_nothing_is_worth_a_line() -> None:
    run = CheckRun(
        action="check", begun=1, ended=2, complete=True, size=1, position=1, differing=0, repaired=0, unread=0
    )
    assert any("all copies were equal" in line for line in plain(replace(HEALTHY, checks=[run])))
    for spoiled in (replace(run, complete=False), replace(run, differing=1)):
        assert not any("equal" in line for line in plain(replace(HEALTHY, checks=[spoiled])))


def test_a_check_that_could_not_read_all_says_how_much() -> None:
    run = CheckRun(
        action="check",
        begun=1,
        ended=2,
        complete=True,
        size=1 << 20,
        position=1 << 20,
        differing=0,
        repaired=0,
        unread=65536,
    )
    (line,) = [line for line in plain(replace(HEALTHY, checks=[run])) if "checked" in line]
    assert line.endswith(
        '64.0 KiB could not be compared, all else was equal; "mirrortui check vault" tries again'
    )


def test_what_is_paused_is_not_called_under_way() -> None:
    sync = Sync(completed=1, total=2, speed=0, eta_s=None, reason="", limit="a pause")
    paused = replace(HEALTHY, sync_action="check", sync=sync, paused=True)
    assert summary(paused) == "vault is active: 2 of 2 in sync, check paused."


def test_of_many_lines_those_that_differ_are_shown_with_their_neighbours() -> None:
    spoiled = bytes(2048) + b"!" + bytes(2047)
    lines = _side_by_side([CopyOf(path="/a", data=bytes(4096)), CopyOf(path="/b", data=spoiled)], 0x10000)
    assert [click.unstyle(line)[:17] for line in lines[3:]] == [
        "           *  =  ",
        "       107f0  =  ",
        "       10800  1  ",
        "       10800  2  ",
        "       10810  =  ",
        "           *  =  ",
    ]
    assert len(_side_by_side([CopyOf(path="/a", data=bytes(256))] * 2, 0)) == 3 + 16, "a few are all shown"


def test_a_path_from_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(RequestError, match="the folder that you are in was removed"):
        absolute("a.img")
    assert absolute("/srv/a.img") == "/srv/a.img"
