"""A mirror's life by the command line, with real processes and a foreign client."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirrortui.api.requests import SpeedRequest
from mirrortui.nbd.client import NbdClient
from mirrortui.nbd.protocol import NbdError
from mirrortui.units import MIB
from tests.e2e.conftest import World, data_areas, until
from tests.support import needs


def qemu_io(uri: str, *commands: str) -> str:
    """Run qemu-io's commands on an export; all must succeed."""
    words = [word for command in commands for word in ("-c", command)]
    done = subprocess.run(
        ["qemu-io", "-f", "raw", *words, uri], capture_output=True, text=True, timeout=30, check=True
    )
    assert "failed" not in done.stdout, done.stdout
    return done.stdout


@pytest.mark.interop
def test_from_creation_to_assembly(world: World) -> None:
    needs("qemu-io", "mdadm")
    a, b = world.image("a.img"), world.image("b.img")
    uri = world.do("create", "vault", "a.img", "b.img", "--assume-clean").out.strip()
    qemu_io(uri, "write -P 1 0 4M")

    world.do("fail", "vault", "b.img", "--yes")
    assert world.try_to("status", "vault").code == 1
    qemu_io(uri, "write -P 2 1M 64k", "read -P 2 1M 64k", "read -P 1 0 1M")
    world.do("re-add", "vault", b)
    world.do("wait", "vault", "--for", "in-sync")
    assert world.do("status", "vault").code == 0
    (told,) = world.events("member-re-added")
    assert "64 of 240 chunks to copy" in told, "the 4 MiB that were written, and no more"

    world.do("stop", "vault")
    assert len(set(data_areas(a, b))) == 1
    for member in (a, b):
        examined = subprocess.run(
            ["mdadm", "--examine", member], capture_output=True, text=True, check=True
        ).stdout
        assert "State : clean" in examined
        assert "Checksum" in examined
        assert "correct" in examined

    before = data_areas(a, b)
    uri = world.do("assemble", "vault").out.strip()
    qemu_io(uri, "read -P 2 1M 64k", "read -P 1 0 1M")
    mirror = world.client.mirror("vault")
    assert (mirror.state, mirror.sync_action) == ("clean", "idle")
    world.do("stop", "vault")
    assert data_areas(a, b) == before
    assert world.events("resync-started", "recovery-started")[1:] == [], "a clean mirror has nothing to copy"


@pytest.mark.slow
def test_a_new_member_is_filled(world: World) -> None:
    mirror = world.create()
    with NbdClient.connect(mirror.uri) as client:
        client.write(3 * MIB, b"x" * MIB)
    world.do("fail", "vault", "b.img", "--yes")
    world.do("remove", "vault", "b.img")
    world.do("add", "vault", world.image("c.img"))
    world.do("wait", "vault", "--for", "in-sync")
    world.do("stop", "vault")
    assert len(set(data_areas(world.place / "a.img", world.place / "c.img"))) == 1
    found = world.do("assemble", "c.img", "a.img", "--json").data
    assert sorted(member["path"] for member in found["members"]) == [
        str(world.place / "a.img"),
        str(world.place / "c.img"),
    ]


@pytest.mark.slow
def test_what_comes_back_is_looked_at_anew(world: World) -> None:
    """The file that failed has been replaced by a copy of it: that is what is taken back."""
    mirror = world.create()
    world.do("fail", "vault", "b.img", "--yes")
    b = world.place / "b.img"
    content = b.read_bytes()
    b.unlink()
    b.write_bytes(content)
    with NbdClient.connect(mirror.uri) as client:
        client.write(MIB, b"n" * MIB)
    world.do("re-add", "vault", b)
    world.do("wait", "vault", "--for", "in-sync")
    world.do("stop", "vault")
    assert len(set(data_areas(world.place / "a.img", b))) == 1


def test_a_spare_waits_and_takes_over(world: World) -> None:
    world.create()
    world.do("add", "vault", world.image("spare.img"))
    assert [member.state for member in world.client.mirror("vault").members] == [
        "in_sync",
        "in_sync",
        "spare",
    ]
    world.do("fail", "vault", "a.img", "--yes")
    world.do("wait", "vault", "--for", "in-sync", "--timeout", "20")
    states = {Path(member.path).name: member.state for member in world.client.mirror("vault").members}
    assert states == {"b.img": "in_sync", "spare.img": "in_sync", "a.img": "faulty"}


@pytest.mark.slow
def test_a_rebuild_can_be_slowed_watched_and_outlives_its_worker(world: World) -> None:
    mirror = world.create(size=64 * MIB)
    with NbdClient.connect(mirror.uri) as client:
        for at in range(0, 60 * MIB, MIB):
            client.write(at, os.urandom(MIB))
    world.do("fail", "vault", "b.img", "--yes")
    world.client.set_speed("vault", SpeedRequest(max=16 * MIB))
    world.do("add", "vault", world.image("c.img", 64 * MIB))
    seen = [0]

    def further() -> bool:
        sync = world.client.mirror("vault").sync
        assert sync, "it is over already"
        assert sync.limit == "the speed set, 16.0 MiB/s"
        assert seen[-1] <= sync.completed <= sync.total == 63 * MIB
        seen.append(sync.completed)
        return sync.completed >= 8 * MIB

    until(further, "an eighth is copied")
    assert world.try_to("wait", "vault", "--timeout", "0").code == 5
    assert "◐" in world.try_to("status").out
    os.kill(world.client.mirror("vault").worker_pid or 0, signal.SIGKILL)
    until(lambda: world.events("worker-died"), "the death is noticed")
    until(lambda: world.client.mirror("vault").state != "failed", "it runs again")
    world.do("wait", "vault", "--for", "in-sync", "--timeout", "20")
    world.do("stop", "vault")
    assert len(set(data_areas(world.place / "a.img", world.place / "c.img"))) == 1


def test_a_member_may_be_named_by_any_path(world: World) -> None:
    world.create()
    link = world.place / "link.img"
    link.symlink_to("b.img")
    world.do("fail", "vault", "./link.img", "--yes")
    assert [member.state for member in world.client.mirror("vault").members] == ["in_sync", "faulty"]


def test_the_last_copy_is_never_failed(world: World) -> None:
    world.create()
    world.do("fail", "vault", "b.img", "--yes")
    outcome = world.try_to("fail", "vault", "a.img", "--yes")
    assert outcome.code == 1
    assert "the last member of vault that is in sync" in outcome.err
    assert [member.state for member in world.client.mirror("vault").members] == ["in_sync", "faulty"]


def test_a_full_disk_fails_one_member_and_not_the_mirror(world: World) -> None:
    """b.img lies on a file system that has no room for its content."""
    small = world.place / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", small], check=True, timeout=10)
    try:
        b = world.image("small/b.img", 32 * MIB)
        uri = world.do("create", "vault", world.image("a.img", 32 * MIB), b).out.strip()
        with NbdClient.connect(uri) as client:
            for at in range(0, 16 * MIB, MIB):
                client.write(at, os.urandom(MIB))
            client.flush()
        mirror = world.client.mirror("vault")
        assert [member.state for member in mirror.members] == ["in_sync", "faulty"]
        assert "No space left on device" in mirror.members[1].why
    finally:
        world.kill_all()
        world.unmount(small)


@pytest.mark.slow
def test_more_addresses_last_over_a_restart(world: World) -> None:
    world.create()
    other = world.place / "other.sock"
    unix = world.do("export", "vault", "--unix", other).out.strip()
    tcp = world.do("export", "vault", "--tcp", "127.0.0.1:0", "--readonly").out.strip()
    assert unix == f"nbd+unix:///vault?socket={other}"
    with NbdClient.connect(unix) as client:
        client.write(0, b"y" * 4096)
    with NbdClient.connect(tcp) as client:
        assert client.read(0, 4096) == b"y" * 4096
        with pytest.raises(NbdError, match="read-only"):
            client.write(0, b"z" * 4096)
    world.do("stop", "vault")
    assert not other.exists()
    world.do("assemble", "vault")
    with NbdClient.connect(unix) as client:
        assert client.read(0, 4096) == b"y" * 4096


def test_status_has_the_shape_that_scripts_rely_on(world: World) -> None:
    world.create()
    found = world.do("status", "vault", "--json").data
    assert {
        "name", "uuid", "size", "state", "sync_action", "sync", "events", "mismatches", "bitmap", "uri", "members",
    } <= found.keys()  # fmt: skip
    assert {
        "path", "slot", "state", "write_mostly", "read_errors", "write_errors", "corrected", "recovered",
    } <= found["members"][0].keys()  # fmt: skip
    assert found["bitmap"].keys() == {"chunk", "dirty", "chunks"}
    (listed,) = world.do("status", "--json").data
    assert listed.keys() == found.keys()


@pytest.fixture
def loops(world: World) -> Iterator[list[str]]:
    """Two loop devices."""
    needs("losetup")
    devices: list[str] = []
    try:
        for name in ("one.img", "two.img"):
            words = ["losetup", "-f", "--show", str(world.image(name, 32 * MIB))]
            done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=False)
            if done.returncode:
                pytest.skip(f"no loop device: {done.stderr.strip()}")
            devices.append(done.stdout.strip())
        yield devices
    finally:
        world.kill_all()
        for device in devices:
            subprocess.run(["losetup", "-d", device], check=True, timeout=10)


@pytest.mark.interop
def test_block_devices(world: World, loops: list[str]) -> None:
    """The same on block devices; and they are found again by what is on them, not by memory."""

    def listed() -> dict[str, str]:
        found = world.do("devices", "--json").data
        return {device["path"]: device["why_not"] for device in found if device["path"] in loops}

    assert listed() == dict.fromkeys(loops)
    uri = world.do("create", "vault", *loops, "--direct").out.strip()
    assert listed() == dict.fromkeys(loops, "member of vault")
    qemu_io(uri, "write -P 5 1M 2M")
    world.do("fail", "vault", loops[1], "--yes")
    qemu_io(uri, "write -P 6 2M 1M")
    world.do("re-add", "vault", loops[1])
    world.do("wait", "vault", "--for", "in-sync")
    world.do("stop", "vault")

    world.do("engine", "stop")
    world.paths.state.unlink()
    uri = world.do("assemble", "--scan").out.strip()
    qemu_io(uri, "read -P 5 1M 1M", "read -P 6 2M 1M")
    assert sorted(member.path for member in world.client.mirror("vault").members) == sorted(loops)
    world.do("stop", "vault")
    assert len(set(data_areas(*map(Path, loops)))) == 1


@pytest.mark.slow
def test_an_address_that_is_taken_keeps_nobody_from_the_others(world: World) -> None:
    world.create()
    other = world.place / "other.sock"
    world.do("export", "vault", "--unix", other)
    world.do("stop", "vault")
    other.write_text("mine")
    uri = world.do("assemble", "vault").out.strip()
    with NbdClient.connect(uri) as client:
        client.read(0, 4096)
    assert "exists and is not a socket" in world.events("export-failed")[0]
    assert other.read_text() == "mine"
