"""Processes are killed; what clients were told is kept, and whoever is left puts things right."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mirrortui.api.mirrors import Mirror
from tests.e2e.conftest import PATIENCE, Traffic, World, data_areas, state_of, until

KILLS = 20


pytestmark = pytest.mark.slow  # together they start some hundred processes


def kill(pid: int | None) -> None:
    assert pid
    os.kill(pid, signal.SIGKILL)


def worker_of(world: World) -> int:
    pid = world.client.mirror("vault").worker_pid
    assert pid
    return pid


def runs_again(world: World, dead: int) -> Mirror:
    """The mirror, served by another worker than the dead one."""

    def reborn() -> bool:
        return state_of(world) not in ("", "failed") and world.client.mirror("vault").worker_pid != dead

    until(reborn, "the mirror runs again", lambda: world.try_to("status"))
    return world.client.mirror("vault")


def assert_nothing_lost(world: World, traffic: Traffic) -> None:
    """The client saw no wrong byte, and the members end up equal."""
    tally = traffic.end()
    assert (tally["errors"], tally["mismatches"]) == (0, 0), tally
    world.do("wait", "vault", "--for", "in-sync", "--timeout", "20")
    world.do("stop", "vault")
    assert len(set(data_areas(world.place / "a.img", world.place / "b.img"))) == 1


def test_the_engine_is_killed_and_the_client_notices_nothing(world: World) -> None:
    mirror = world.create()
    traffic = world.traffic(mirror.uri, seed=1)
    traffic.goes_on()
    kill(world.client.engine().pid)
    assert world.try_to("status").code == 4
    traffic.goes_on()
    with world.connected(mirror.uri):
        pass
    world.do("devices")  # any verb that needs an engine starts one
    until(lambda: len(world.events("client-connected")) == 2, "it learns what happened without an engine")
    assert world.client.mirror("vault").worker_pid == mirror.worker_pid
    assert world.events("worker-found") == ["vault is running; its worker was found."]
    traffic.goes_on()
    assert traffic.tally()["reconnects"] == 0
    assert_nothing_lost(world, traffic)


def outlived(world: World) -> Mirror:
    """A mirror whose b.img failed, and whose a.img was replaced since: nobody is left that b.img knows."""
    world.create()
    spare, new = world.image("c.img"), world.image("d.img")
    world.do("add", "vault", spare)
    world.do("fail", "vault", world.place / "b.img", "--yes")
    world.do("wait", "vault", "--for", "in-sync", "--timeout", "20")
    world.do("replace", "vault", world.place / "a.img", "--with", new)
    until(lambda: len(world.events("member-replaced")) == 1, "d.img has taken the place of a.img")
    return world.client.mirror("vault")


def outcast(mirror: Mirror) -> str:
    (member,) = (member for member in mirror.members if member.state != "in_sync")
    return f"{Path(member.path).name}: {member.why}"


def test_a_member_that_failed_long_ago_keeps_nobody_from_starting(world: World) -> None:
    """Its superblock alone looks as if it had been used apart, together with the one that was replaced."""
    mirror = outlived(world)
    traffic = world.traffic(mirror.uri, seed=2)
    traffic.goes_on()
    kill(world.client.engine().pid)
    kill(mirror.worker_pid)
    world.do("devices")
    again = runs_again(world, mirror.worker_pid or 0)
    assert [member.state for member in again.members].count("in_sync") == 2
    assert outcast(again).startswith("b.img: it was out when the mirror ran here, and was not used since")
    traffic.goes_on()
    tally = traffic.end()
    assert tally["mismatches"] == 0, tally


def test_that_is_known_under_another_name_too(world: World) -> None:
    outlived(world)
    world.do("rename", "vault", "attic")
    world.do("stop", "attic")
    assert "b.img is left out: it was out" in world.do("assemble", "attic", "--plan").out
    world.do("assemble", "attic")
    assert outcast(world.client.mirror("attic")).startswith("b.img: it was out when the mirror ran here")
    world.do("stop", "attic")
    (world.paths.departed("attic")).unlink()
    assert "attic may have diverged" in world.try_to("assemble", "attic").err


def test_to_look_at_it_does_not_make_that_forgotten(world: World) -> None:
    """A refusal says to look at each with --readonly --run: nothing is used then, and nothing learnt."""
    outlived(world)
    world.do("stop", "vault")
    members = [world.place / f"{letter}.img" for letter in "bcd"]
    world.do("assemble", "vault", members[0], "--readonly", "--run")
    world.do("stop", "vault")
    world.do("assemble", "vault", *members)
    assert outcast(world.client.mirror("vault")).startswith("b.img: it was out when the mirror ran here")


def test_a_mirror_that_nobody_remembers_is_remembered_as_it_runs(world: World) -> None:
    """Its engine died before it wrote that down, or its memory is lost."""
    members = world.image("a.img"), world.image("b.img")
    world.do("create", "vault", *members, "--assume-clean", "--direct", "--lab", "--timeout", "7")
    world.do("export", "vault", "--unix", world.place / "more", "--readonly")
    world.do("export", "vault", "--tcp", "127.0.0.1:0")
    exports = world.client.mirror("vault").exports
    kill(world.client.engine().pid)
    world.paths.state.unlink()
    world.do("devices")
    found = world.client.mirror("vault")
    assert found.direct
    assert found.worker_pid
    kill(found.worker_pid)
    until(
        lambda: world.client.mirror("vault").worker_pid not in (None, found.worker_pid),
        "it is assembled again",
    )
    again = world.client.mirror("vault")
    assert again.direct
    assert again.lab == {}
    assert again.timeout == 7
    assert again.exports == exports
    assert len(exports) == 3


def test_a_killed_worker_is_reported_and_its_mirror_assembled(world: World) -> None:
    mirror = world.create()
    traffic = world.traffic(mirror.uri, seed=2)
    traffic.goes_on()
    dead = worker_of(world)
    kill(dead)
    again = runs_again(world, dead)
    assert again.uri == mirror.uri
    assert world.events("worker-died") == ["The worker of vault was killed by SIGKILL."]
    traffic.goes_on()
    assert traffic.tally()["reconnects"] == 1
    assert_nothing_lost(world, traffic)


@pytest.mark.timeout(300)
def test_workers_and_engines_are_killed_over_and_over(world: World) -> None:
    """Every second time both at once, so that only memory can tell what ran."""
    mirror = world.create()
    traffic = world.traffic(mirror.uri, seed=3)
    for round_ in range(KILLS):
        traffic.goes_on(300)
        dead = worker_of(world)
        if round_ % 2:
            engine = world.client.engine().pid
            kill(engine)
            kill(dead)
            world.do("devices")
        else:
            kill(dead)
        runs_again(world, dead)
    traffic.goes_on(300)
    assert traffic.tally()["reconnects"] == KILLS
    assert_nothing_lost(world, traffic)


def test_both_are_killed_while_degraded(world: World) -> None:
    """A member that failed before stays out: its old content must not come back."""
    mirror = world.create()
    traffic = world.traffic(mirror.uri, seed=4)
    world.do("fail", "vault", "b.img", "--yes")
    traffic.goes_on()
    dead = worker_of(world)
    kill(world.client.engine().pid)
    kill(dead)
    world.do("devices")
    again = runs_again(world, dead)
    assert {Path(member.path).name: member.state for member in again.members} == {
        "a.img": "in_sync",
        "b.img": "faulty",
    }
    traffic.goes_on()
    world.do("re-add", "vault", "b.img")
    assert_nothing_lost(world, traffic)


def test_a_mirror_that_was_stopped_stays_stopped(world: World) -> None:
    world.create()
    world.do("stop", "vault")
    kill(world.client.engine().pid)
    world.do("devices")
    assert state_of(world) == "stopped"
    assert world.try_to("status").code == 0
    assert world.try_to("status", "vault").code == 2


def test_a_mirror_that_cannot_be_brought_back_says_why(world: World) -> None:
    world.create()
    dead = worker_of(world)
    kill(world.client.engine().pid)
    kill(dead)
    (world.place / "b.img").rename(world.place / "elsewhere.img")
    world.do("devices")
    until(lambda: state_of(world) == "failed", "it is given up for now")
    mirror = world.client.mirror("vault")
    assert "1 more of 2 members in sync when it last ran" in mirror.why
    assert world.try_to("status", "vault").code == 2
    (world.place / "elsewhere.img").rename(world.place / "b.img")
    world.do("assemble", "vault")
    assert world.client.mirror("vault").state in ("active", "clean")


def test_an_engine_that_ends_lets_mirrors_run_on(world: World) -> None:
    mirror = world.create()
    traffic = world.traffic(mirror.uri, seed=5)
    outcome = world.do("engine", "stop")
    assert "go on" in outcome.err
    assert world.try_to("engine", "status").code == 4
    assert not world.paths.socket.exists()
    traffic.goes_on()
    world.do("devices")
    assert_nothing_lost(world, traffic)


def test_a_worker_told_to_end_stops_cleanly(world: World) -> None:
    """SIGTERM, as a shutting-down machine sends it, to engine and worker alike."""
    world.create()
    engine = world.client.engine().pid
    os.kill(worker_of(world), signal.SIGTERM)
    until(lambda: state_of(world) == "stopped", "the worker has stopped it")
    os.kill(engine, signal.SIGTERM)
    until(lambda: not world.processes(), "both have ended")
    for member in ("a.img", "b.img"):
        assert ", clean" in world.do("examine", member).out
    world.do("devices")
    assert state_of(world) == "clean", "the next engine starts what was not stopped on purpose"


def test_two_engines_at_once(world: World) -> None:
    world.do("devices")
    pid = world.client.engine().pid
    outcome = world.try_to("engine", "run")
    assert outcome.code == 1
    assert f"Another engine (pid {pid}) already serves {world.paths.socket}" in outcome.err
    assert world.client.engine().pid == pid


def test_many_callers_start_one_engine(world: World) -> None:
    callers = [world.start("mirrortui.cli.main", "engine", "run") for _ in range(3)]
    starters = [world.start("mirrortui.cli.main", "devices") for _ in range(3)]
    assert [starter.wait(PATIENCE) for starter in starters] == [0, 0, 0]
    pid = world.client.engine().pid
    # One that is only just starting would be a new engine after the stop.
    until(lambda: all(c.pid == pid or c.poll() is not None for c in callers), "all others have given up")
    world.do("engine", "stop")
    for process in callers + starters:
        process.communicate(timeout=PATIENCE)
    assert sum(caller.returncode == 1 for caller in callers) >= 2
    until(lambda: pid not in world.processes(), "the one that won has ended")


def test_a_stale_socket_is_replaced(world: World) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(world.paths.socket))
    outcome = world.try_to("status")
    assert outcome.code == 4
    assert f"No engine answers on {world.paths.socket}" in outcome.err
    world.do("devices")
    assert world.paths.socket.stat().st_mode & 0o777 == 0o600


def test_what_is_no_socket_is_left_alone(world: World) -> None:
    world.paths.socket.write_text("mine")
    outcome = world.try_to("devices")
    assert outcome.code == 4
    assert "exists and is not a socket" in outcome.err
    assert world.paths.socket.read_text() == "mine"


def test_a_socket_of_another_program_is_left_alone(world: World) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(world.paths.socket))
        other.listen()
        outcome = world.try_to("engine", "run")
    assert outcome.code == 1
    assert "Another program answers" in outcome.err


def test_a_damaged_memory_is_not_overwritten(world: World) -> None:
    world.paths.make()
    world.paths.state.write_text("{")
    outcome = world.try_to("engine", "run")
    assert outcome.code == 1
    assert "cannot be understood" in outcome.err
    assert world.paths.state.read_text() == "{"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_other_users_are_shut_out(world: World) -> None:
    """Even if somebody opens the doors that the file modes close."""
    world.do("devices")
    for place in (world.place, world.paths.runtime):
        place.chmod(0o777)
    world.paths.socket.chmod(0o777)
    ask = (
        "import os, pathlib, sys; from mirrortui.api.client import EngineClient;"
        f"os.setuid(12345); EngineClient(pathlib.Path({str(world.paths.socket)!r})).engine()"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, timeout=30, check=False
    )
    assert "NoEngineError" in done.stderr
