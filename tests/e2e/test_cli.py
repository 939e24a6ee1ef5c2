"""The command line as scripts and people use it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import mirrortui
from mirrortui.units import MIB
from tests.e2e.conftest import PATIENCE, World, state_of, until

pytestmark = pytest.mark.slow  # together they start some hundred processes


def answer(world: World, typed: str, *words: str | Path) -> tuple[int, str]:
    """Run a verb at a terminal where somebody types; its exit code, and what the terminal showed."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mirrortui.cli.main", *map(str, words)],
        cwd=world.place,
        env=world.environ,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    os.write(master, typed.encode())
    shown = b""
    while True:
        try:
            shown += os.read(master, 4096)
        except OSError:  # the terminal is closed
            break
    os.close(master)
    return process.wait(PATIENCE), shown.decode()


def test_a_person_is_asked(world: World) -> None:
    world.do("create", "vault", *[world.image(f"{name}.img") for name in "abc"])
    code, shown = answer(world, "n\n", "fail", "vault", "b.img")
    assert code == 1
    assert "Go ahead?" in shown
    assert "Nothing was done." in shown
    assert state_of(world) in ("clean", "active")
    code, shown = answer(world, "y\n", "fail", "vault", "b.img")
    assert (code, state_of(world)) == (0, "degraded"), shown


def test_a_person_types_the_name(world: World) -> None:
    a, b = world.image("a.img"), world.image("b.img")
    a.write_bytes(b"XFSB".ljust(16 * MIB, b"\0"))
    code, shown = answer(world, "valut\n", "create", "vault", a, b, "--force")
    assert code == 1
    assert f"erases      {a} holds XFS." in shown
    assert "Type vault to go ahead" in shown
    assert a.read_bytes().startswith(b"XFSB")
    code, shown = answer(world, "vault\n", "create", "vault", a, b, "--force")
    assert code == 0, shown
    code, shown = answer(world, "vault\n", "fail", "vault", b)
    assert (code, state_of(world)) == (0, "degraded"), shown


def test_data_on_stdout_and_words_on_stderr(world: World) -> None:
    a, b = world.image("a.img"), world.image("b.img")
    created = world.do("create", "vault", a, b)
    assert created.out == f"nbd+unix:///vault?socket={world.paths.export('vault')}\n"
    assert "started an engine in the background" in created.err
    assert "vault is " in created.err
    failed = world.do("fail", "vault", "b.img", "--yes", "--json")
    assert failed.data["state"] == "degraded"
    assert failed.err == ""
    assert world.do("re-add", "vault", "b.img").out == ""
    stopped = world.do("stop", "--all", "--json").data
    assert [mirror["state"] for mirror in stopped] == ["stopped"]
    assert [mirror["state"] for mirror in world.do("status", "--json").data] == ["stopped"]


def test_exit_codes_of_status(world: World) -> None:
    assert world.try_to("status").code == 4
    assert world.try_to("events").code == 4
    assert world.try_to("engine", "stop").code == 4
    world.create()
    assert world.do("status").code == 0
    world.do("fail", "vault", "a.img", "--yes")
    assert world.try_to("status").code == 1
    assert world.try_to("status", "vault", "--json").code == 1
    assert world.try_to("status", "other").code == 3


def test_events_are_followed(world: World) -> None:
    world.create()
    seen = len(list(world.client.events()))
    process = subprocess.Popen(
        [sys.executable, "-m", "mirrortui.cli.main", "events", "--follow", "--json", "--since", str(seen)],
        env=world.environ,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    world.do("fail", "vault", "b.img", "--yes")
    event = json.loads(process.stdout.readline())
    assert (event["seq"], event["kind"], event["mirror"]) == (seen + 1, "member-failed", "vault")
    assert event["member"] == str(world.place / "b.img")
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    process.stdout.close()
    text = world.do("events").out.splitlines()
    assert len(text) == seen + 1
    assert "b.img is out of vault: failed by the operator" in text[-1]


def test_event_numbers_survive_the_engine(world: World) -> None:
    world.create()
    before = [event.seq for event in world.client.events()]
    world.do("engine", "stop")
    world.do("devices")
    after = [event.seq for event in world.client.events()]
    assert after[: len(before)] == before
    assert after == list(range(1, len(after) + 1))


def test_who_is_the_engine(world: World) -> None:
    assert world.do("--version").out == f"mirrortui, version {mirrortui.__version__}\n"
    world.do("devices")
    info = world.do("engine", "status", "--json").data
    assert info["socket"] == str(world.paths.socket)
    assert Path(f"/proc/{info['pid']}").exists()
    assert str(info["pid"]) in world.do("engine", "status").out


def test_an_engine_in_the_foreground(world: World) -> None:
    process = world.start("mirrortui.cli.main", "engine", "run")
    assert process.stderr
    line = process.stderr.readline().decode()
    while "answers on" not in line:
        assert line, "it ended"
        line = process.stderr.readline().decode()
    assert world.client.engine().pid == process.pid
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0
    process.communicate()
    assert not world.paths.socket.exists()


def test_examine_needs_no_engine(world: World) -> None:
    world.create()
    world.do("stop", "vault")
    world.do("engine", "stop")
    found = world.do("examine", "a.img", "b.img", "--json").data
    assert [one["superblock"]["role"] for one in found] == [0, 1]
    assert "member of vault" in world.do("examine", "a.img").out
    blank = world.image("blank.img")
    outcome = world.try_to("examine", "a.img", blank, "nix")
    assert outcome.code == 1
    assert "blank.img: no MD superblock" in outcome.out
    assert "nix does not exist" in outcome.err
    assert world.try_to("status").code == 4, "examine started an engine"


def test_a_plan_changes_nothing(world: World) -> None:
    a, b = world.image("a.img"), world.image("b.img")
    assert world.do("create", "vault", a, b, "--plan").out.startswith("Create vault, 15.0 MiB")
    assert world.do("status", "--json").data == []
    world.do("create", "vault", a, b)
    refused = world.try_to("re-add", "vault", a, "--plan", "--json")
    assert (refused.code, refused.data["refused"]) == (1, f"{a} is in sync in vault already.")
    assert world.do("stop", "vault", "--plan", "--json").data["confirm"] == "none"
    assert world.try_to("stop", "--all", "--plan").code == 2
    assert world.try_to("assemble", "--scan", "--plan").code == 2
    assert state_of(world) in ("clean", "active")


def test_everything_that_is_remembered_is_assembled(world: World) -> None:
    for name in ("one", "two"):
        world.do("create", name, world.image(f"{name}-a.img"), world.image(f"{name}-b.img"), "--assume-clean")
    with world.connected(world.client.mirror("one").uri):
        outcome = world.try_to("stop", "--all")
    assert outcome.code == 1, "one of them is in use"
    assert [state_of(world, name) for name in ("one", "two")] == ["clean", "stopped"]
    world.do("stop", "one")
    found = world.do("assemble", "--scan").out.splitlines()
    assert found == [f"nbd+unix:///{name}?socket={world.paths.export(name)}" for name in ("one", "two")]
    assert [state_of(world, name) for name in ("one", "two")] == ["clean", "clean"]


def test_the_help_names_every_verb(world: World) -> None:
    shown = world.do("--help").out
    for verb in (
        "status",
        "create",
        "assemble",
        "stop",
        "fail",
        "remove",
        "re-add",
        "replace",
        "check",
        "repair",
        "sync",
        "handover",
        "takeover",
        "export",
        "wait",
        "examine",
    ):
        assert verb in shown
        assert world.do(verb, "--help").out


@pytest.mark.slow
def test_the_demo_plays_without_a_screen(world: World) -> None:
    world.environ["TMPDIR"] = str(world.place)
    tally = world.do("demo", "--headless", "--seconds", "6").data
    assert (tally["errors"], tally["mismatches"], tally["reconnects"]) == (0, 0, 0)
    assert tally["reads"] > 0
    assert tally["writes"] > 100
    assert tally["state"] == "active"
    until(lambda: not world.processes(), "all its processes have ended")
    assert list(world.place.glob("mirrortui-demo-*")) == []


def test_a_demo_that_is_told_to_end_cleans_up(world: World) -> None:
    world.environ["TMPDIR"] = str(world.place)
    process = world.start("mirrortui.cli.main", "demo", "--headless", "--seconds", "60")
    until(lambda: any(world.place.glob("mirrortui-demo-*/traffic.ndjson")), "its traffic runs")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM
    until(lambda: not world.processes(), "all its processes have ended")
    assert list(world.place.glob("mirrortui-demo-*")) == []


@pytest.mark.skipif(Path("/sys/module/md_mod").exists(), reason="for machines whose kernel has no md")
def test_a_mirror_is_handed_over_to_another_machines_kernel(world: World) -> None:
    world.create()
    refused = world.try_to("handover", "vault")
    assert (refused.code, "--yes" in refused.err) == (1, True)
    plan = world.do("handover", "vault", "--plan", "--json").data
    assert "Linux 3.0 and later can assemble it." in plan["notes"]
    assert world.client.mirror("vault").worker_pid
    done = world.do("handover", "vault", "--yes").out.splitlines()
    images = [str(world.place / name) for name in ("a.img", "b.img")]
    assert done == [
        f"loop0=$(losetup --find --show {images[0]})",
        f"loop1=$(losetup --find --show {images[1]})",
        'mdadm --assemble /dev/md/vault "$loop0" "$loop1"',
    ]
    assert world.client.mirror("vault").state == "stopped"
    assert world.events("mirror-handed-over")
    again = world.do("handover", "vault", "--yes", "--json").data
    assert again["commands"] == done
    world.do("assemble", "vault")
    assert world.client.mirror("vault").sync_action == "idle"


def test_what_makes_no_sense_for_our_own_mirrors_says_so(world: World) -> None:
    world.create()
    assert "nothing to pause" in world.try_to("sync", "vault", "pause").err
    assert "No check or repair runs on vault" in world.try_to("sync", "vault", "cancel").err
    assert world.try_to("sync", "vault", "jump").code == 2
    assert "MIN and MAX" in world.try_to("sync", "vault", "speed", "1M").err
    assert world.do("sync", "vault", "speed", "0", "1M").code == 0
    assert "mirrortui's own already" in world.try_to("takeover", "vault", "--yes").err
    assert world.try_to("takeover", "/dev/md777").code == 3
