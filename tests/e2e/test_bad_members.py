"""Members that `assemble` refuses."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mirrortui.format import superblock
from mirrortui.format.ondisk import SUPERBLOCK_BYTES
from mirrortui.format.superblock import Feature, Superblock
from mirrortui.units import MIB
from tests.e2e.conftest import World
from tests.e2e.refusals import NOT_FOUND, REFUSED, USAGE, assert_refused, untouched

pytestmark = pytest.mark.slow  # together they start some hundred processes


PLACE = 8 * 512


def forge(member: Path, change: Callable[[Superblock], Superblock]) -> None:
    """Change a superblock and give it a right checksum."""
    with member.open("r+b") as file:
        file.seek(PLACE)
        data = file.read(SUPERBLOCK_BYTES)
        sectors = os.fstat(file.fileno()).st_size // 512
        changed = change(superblock.decode(data, minor=2, device_sectors=sectors))
        file.seek(PLACE)
        file.write(changed.encode())


@pytest.fixture
def stopped(world: World) -> tuple[Path, Path]:
    """Members of a mirror that was stopped cleanly."""
    world.create()
    world.do("stop", "vault")
    return world.place / "a.img", world.place / "b.img"


def test_a_broken_checksum(world: World, stopped: tuple[Path, Path]) -> None:
    a, b = stopped
    with b.open("r+b") as file:
        file.seek(PLACE + 200)
        file.write(b"\xff")
    with untouched(a, b):
        outcome = world.try_to("assemble", a, b)
        assert_refused(outcome, REFUSED, f"{b}: superblock field sb_csum is", "expected", "--run")
        outcome = world.try_to("assemble", b)
        assert_refused(outcome, REFUSED, "field sb_csum is")
        outcome = world.try_to("examine", b)
        assert outcome.code == REFUSED
        assert "sb_csum" in outcome.out


def test_members_that_are_all_elsewhere_are_named(world: World, stopped: tuple[Path, Path]) -> None:
    moved = [path.rename(path.with_suffix(".moved")) for path in stopped]
    outcome = world.try_to("assemble", "vault")
    gone = "; ".join(f"{path} does not exist" for path in stopped)
    assert_refused(outcome, REFUSED, f"No member is there: {gone}.", "Say where they are now")
    world.do("assemble", "vault", *moved)


def test_a_foreign_uuid(world: World, stopped: tuple[Path, Path]) -> None:
    a, b = stopped
    c, d = world.image("c.img"), world.image("d.img")
    world.do("create", "other", c, d)
    world.do("stop", "other")
    with untouched(a, b, c, d):
        outcome = world.try_to("assemble", a, b, c)
        assert_refused(outcome, REFUSED, f"{c} belongs to another array", "UUID")
        outcome = world.try_to("assemble", "vault", c, d)
        assert_refused(outcome, USAGE, "belongs to a mirror called other, not vault")


def test_a_remembered_path_that_is_another_arrays_by_now(world: World, stopped: tuple[Path, Path]) -> None:
    """As disks are called after a reboot. Who failed before is not missed; who was in sync is."""
    a, b = stopped
    strange = world.image("c.img"), world.image("d.img")
    world.do("create", "other", *strange)
    world.do("stop", "other")
    world.do("assemble", "vault")
    world.do("fail", "vault", b, "--yes")
    world.do("stop", "vault")
    b.rename(world.place / "b.elsewhere")
    strange[0].rename(b)
    with untouched(b):
        assert (
            f"{b} is left out: {b} belongs to another array now, other."
            in world.do("assemble", "vault", "--plan").out
        )
        world.do("assemble", "vault")
    world.do("stop", "vault")
    a.rename(world.place / "a.elsewhere")
    strange[1].rename(a)
    with untouched(a, b):
        outcome = world.try_to("assemble", "vault")
        assert_refused(outcome, REFUSED, f"{a} belongs to another array now, other.")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda sb: replace(sb, feature_map=sb.feature_map | Feature(1 << 20)), "0x100000"),
        (lambda sb: replace(sb, level=5), "RAID-5"),
        (lambda sb: replace(sb, level=0, raid_disks=2), "RAID-0"),
        (lambda sb: replace(sb, feature_map=sb.feature_map | Feature.RESHAPE), "reshape"),
    ],
)
def test_what_is_not_understood_is_not_written(
    world: World, stopped: tuple[Path, Path], change: Callable[[Superblock], Superblock], told: str
) -> None:
    a, b = stopped
    for member in (a, b):
        forge(member, change)
    with untouched(a, b):
        assert_refused(world.try_to("assemble", a, b), REFUSED, str(a), told)
        assert_refused(world.try_to("assemble", "vault", "--run"), REFUSED, told)


def test_a_truncated_member(world: World, stopped: tuple[Path, Path]) -> None:
    a, b = stopped
    os.truncate(b, 4 * MIB)
    with untouched(a, b):
        outcome = world.try_to("assemble", a, b)
    assert_refused(outcome, REFUSED, f"{b}: superblock field data_size is", "no more are there", "--run")


def test_a_missing_member_needs_run(world: World, stopped: tuple[Path, Path]) -> None:
    a, b = stopped
    b.rename(world.place / "away.img")
    with untouched(a):
        assert_refused(world.try_to("assemble", "vault"), REFUSED, "1 more of 2 members in sync", "--run")
        assert_refused(world.try_to("assemble", a), REFUSED, "--run")
    world.do("assemble", a, "--run")
    assert world.client.mirror("vault").state == "degraded"


def test_a_split_brain_names_the_evidence(world: World, stopped: tuple[Path, Path]) -> None:
    a, b = stopped
    for one in (a, b):
        uri = world.do("assemble", one, "--run").out.strip()
        with world.connected(uri) as client:
            client.write(0, one.name.encode().ljust(4096, b"\0"))
        world.do("stop", "vault")
    with untouched(a, b):
        outcome = world.try_to("assemble", a, b)
        assert_refused(outcome, REFUSED, "has diverged", "--survivor")
        outcome = world.try_to("assemble", a, b, "--survivor", b)
        assert outcome.code == REFUSED
        assert f"What was written to {a} while it was used apart from {b}: 1 chunk" in outcome.err
    uri = world.do("assemble", a, b, "--survivor", b, "--yes").out.strip()
    world.do("wait", "vault", "--for", "in-sync")
    with world.connected(uri) as client:
        assert client.read(0, 5) == b"b.img"


def test_nothing_to_assemble(world: World) -> None:
    assert_refused(world.try_to("assemble", "vault"), NOT_FOUND, "No mirror 'vault' is remembered")
    assert_refused(world.try_to("assemble"), USAGE, "wants a name or members")
    a = world.image("a.img")
    assert_refused(world.try_to("assemble", a), REFUSED, f"{a} is no member of a mirror")
