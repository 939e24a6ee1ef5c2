"""A disk that is full is copied into a slightly larger one, by the command line, with real processes."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from mirrortui.units import KIB, MIB
from tests.e2e.conftest import World, digest, state_of, until
from tests.e2e.fuse_disk import check_host, fuse_disk
from tests.e2e.test_adopt import SIZE, check, file_system

pytestmark = pytest.mark.slow


def test_a_full_disk_becomes_a_mirror_and_is_not_touched(world: World) -> None:
    old, new = file_system(world, "full.img", SIZE), world.image("new.img", SIZE + 256 * KIB)
    before = digest(old)
    assert "--into NEW" in world.try_to("adopt", "vault", "full.img", "--yes").err
    told = world.do("adopt", "vault", "full.img", "--into", "new.img", "--plan", "--json").data
    assert told["confirm"] == "yes"
    assert told["command"] == f"mirrortui adopt vault {old} --into {new} --yes"
    assert any("Nothing is written to" in note for note in told["notes"])
    assert any("too small by 256 KiB" in note for note in told["notes"])
    uri = world.do("adopt", "vault", "full.img", "--into", "new.img", "--yes").out.strip()
    with world.connected(uri) as client:
        assert client.size == SIZE
        served = client.read(0, SIZE)
    assert served == old.read_bytes()
    assert digest(old) == before
    assert world.client.mirror("vault").state == "degraded"
    assert "was copied to" in world.events("mirror-adopted")[0]
    outcome = world.try_to("add", "vault", "full.img", "--force", "--yes")
    assert outcome.code
    assert "is too small for vault" in outcome.err
    third = world.image("third.img", SIZE + 256 * KIB)
    world.do("add", "vault", third, "--yes")
    world.do("wait", "vault", "--for", "in-sync", "--timeout", "20")
    world.do("stop", "vault")
    for member in (new, third):
        copy = world.place / "copy.img"
        copy.write_bytes(member.read_bytes()[:SIZE])
        check(copy)
        assert digest(copy) == before
    world.do("assemble", "vault")
    assert {m.state for m in world.client.mirror("vault").members} == {"in_sync"}


@pytest.mark.parametrize("size", [SIZE, SIZE + 100 * KIB])
def test_who_is_too_small_is_told_by_how_much(world: World, size: int) -> None:
    old, new = file_system(world, "full.img", SIZE), world.image("new.img", size)
    before = digest(old, new)
    outcome = world.try_to("adopt", "vault", "full.img", "--into", "new.img", "--yes")
    assert outcome.code == 1
    assert "new.img is too small by" in outcome.err
    assert f"{SIZE + 256 * KIB} bytes or more fits" in outcome.err
    assert digest(old, new) == before


def test_what_cannot_be_copied_is_refused_before_anything_is_written(world: World) -> None:
    old, new = world.image("old.img", SIZE), world.image("new.img", SIZE + MIB)
    before = digest(old, new)
    for words, why in (
        (("old.img", "other.img", "--into", "new.img"), "do not go with it"),
        (("old.img", "--into", "new.img", "--extend"), "do not go with it"),
        (("old.img", "--into", "old.img"), "are the same"),
        (("gone.img", "--into", "new.img"), "does not exist"),
    ):
        outcome = world.try_to("adopt", "vault", *words, "--yes")
        assert outcome.code, words
        assert why in outcome.err, words
    with old.open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        assert "is in use" in world.try_to("adopt", "vault", "old.img", "--into", "new.img", "--yes").err
    with old.open("ab") as file:
        file.write(b"x")
    assert "truncate -s +511" in world.try_to("adopt", "vault", "old.img", "--into", "new.img", "--yes").err
    assert digest(new) == before[1:]
    Path(old).write_bytes(bytes(SIZE))
    world.do("create", "one", "old.img", world.image("b.img", SIZE), "--yes")
    world.do("stop", "one")
    assert (
        "is a member of an array"
        in world.try_to("adopt", "vault", "old.img", "--into", "new.img", "--yes").err
    )


@pytest.mark.interop
def test_how_far_it_is_can_be_seen_and_it_can_be_given_up(world: World) -> None:
    check_host()
    new = world.image("new.img", 48 * MIB + 256 * KIB)
    with fuse_disk(world.place / "fuse", 48 * MIB, delay=0.3) as disk:
        copying = world.start(
            "mirrortui.cli.main", "adopt", "vault", str(disk.path), "--into", str(new), "--yes"
        )
        until(lambda: state_of(world), "the engine knows of it")
        until(lambda: "is being copied: " in world.client.mirror("vault").why, "it says how far it is")
        assert state_of(world) == "stopped"
        assert "Give up copying" in world.do("stop", "vault", "--plan").out
        world.do("stop", "vault")
        _, said = copying.communicate(timeout=20)
        assert copying.returncode == 1
        assert b"The worker of vault did not start" in said
        assert not world.client.mirrors()
        assert world.try_to("assemble", "vault", new).code
        world.kill_all()
