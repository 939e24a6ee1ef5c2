"""Check and repair by the command line, on real files that somebody spoils behind the mirror's back."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from mirrortui.api.requests import SpeedRequest
from mirrortui.units import KIB, MIB
from tests.e2e.conftest import World, data_areas, until

DATA = 1 * MIB
"""Where the data of such a small member begins."""


def spoil(image: Path, offset: int, data: bytes) -> None:
    """Past mirrortui, as a bad cable would."""
    with image.open("r+b") as file:
        file.seek(DATA + offset)
        file.write(data)


def filled(world: World, size: int = 16 * MIB) -> Path:
    """A mirror with data on it; its second image."""
    mirror = world.create(size=size)
    with world.connected(mirror.uri) as client:
        for at in range(0, mirror.size, MIB):
            client.write(at, os.urandom(64 * KIB))
        client.flush()
    return world.place / "b.img"


def test_what_differs_is_listed_shown_and_repaired(world: World) -> None:
    b = filled(world)
    assert world.do("check", "vault", "--wait").err.endswith("vault: 0 B differed.\n")
    assert world.do("mismatches", "vault").code == 0
    spoil(b, 2 * MIB + 5, b"\0wrong\0")
    checked = world.try_to("check", "vault", "--wait")
    assert (checked.code, checked.err.splitlines()[-1]) == (1, "vault: 4.00 KiB differed.")
    found = world.try_to("mismatches", "vault", "--json")
    assert found.code == 1
    assert found.data[0]["ranges"] == [
        {"offset": 2 * MIB, "length": 4 * KIB, "odd": [], "kept": "", "left": ""}
    ]
    assert [run["complete"] for run in found.data] == [True, True]
    status = world.do("status", "vault", "--json").data
    assert status["mismatches"] == 4 * KIB
    assert "m" in status["map"]
    assert (
        'mirrortui_mirror_mismatch_bytes{driver="mirrortui",mirror="vault"} 4096.0' in world.do("metrics").out
    )

    shown = world.try_to("mismatches", "vault", "--show", "2M", "--length", "32")
    assert shown.code == 1
    assert f"2  {b}" in shown.out
    one, other, same = [line for line in shown.out.splitlines() if line.strip().startswith("2000")]
    assert "00 77 72 6f 6e 67 00" in other
    assert "00 77 72 6f 6e 67 00" not in one
    assert "  =  " in same

    refused = world.try_to("repair", "vault")
    assert refused.code == 1
    assert f"what {world.place}/a.img has wins" in refused.err
    assert world.do("repair", "vault", "--yes", "--wait").err.endswith("vault: 4.00 KiB differed.\n")
    assert world.do("status", "vault", "--json").data["mismatches"] == 0
    world.do("stop", "vault")
    assert len(set(data_areas(world.place / "a.img", b))) == 1


@pytest.mark.slow
def test_a_check_beside_clients_finds_nothing(world: World) -> None:
    mirror = world.create()
    traffic = world.traffic(mirror.uri, seed=1)
    traffic.goes_on()
    for _ in range(3):
        assert world.do("check", "vault", "--wait").err.endswith("vault: 0 B differed.\n")
    tally = traffic.end()
    assert (tally["errors"], tally["mismatches"]) == (0, 0), tally


@pytest.mark.slow
def test_a_check_is_paused_resumed_and_survives_its_worker(world: World) -> None:
    filled(world, 48 * MIB)
    client = world.client
    client.set_speed("vault", SpeedRequest(max=8 * MIB))
    world.do("check", "vault")
    until(lambda: client.mirror("vault").checks[0].position > 0, "it is under way")
    assert "already" in world.try_to("check", "vault").err
    assert client.mirror("vault").sync_action == "check"
    world.do("sync", "vault", "pause")
    paused = client.mirror("vault")
    assert (paused.paused, paused.sync_action) == (True, "check")
    world.do("sync", "vault", "resume")
    assert not client.mirror("vault").paused

    until(lambda: client.mirror("vault").checks[0].position > 8 * MIB, "it has come some way")
    (begun, first) = client.mirror("vault").checks[0].begun, world.events("check-started")
    world.do("stop", "vault")
    world.do("assemble", "vault")
    until(lambda: client.mirror("vault").checks[0].complete, "the check is done")
    assert client.mirror("vault").checks[0].begun == begun, "it is the same run"
    assert len(client.mirror("vault").checks) == 1
    assert world.events("check-started")[1] != first[0], "what was looked at is not looked at again"

    client.set_speed("vault", SpeedRequest(max=8 * MIB))
    world.do("check", "vault")
    pid = client.mirror("vault").worker_pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: client.mirror("vault").worker_pid not in (pid, None), "another worker has it")
    until(lambda: client.mirror("vault").checks[0].complete, "the check is done")
    assert len(client.mirror("vault").checks) == 2

    client.set_speed("vault", SpeedRequest(max=8 * MIB))
    world.do("check", "vault")
    world.do("sync", "vault", "cancel")
    until(lambda: client.mirror("vault").sync_action == "idle", "it has ended")
    assert not client.mirror("vault").checks[0].complete
    assert "No check or repair runs" in world.try_to("sync", "vault", "cancel").err
