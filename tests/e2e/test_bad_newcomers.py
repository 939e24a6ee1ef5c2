"""Members that `create` refuses, and options that it does not take."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mirrortui.units import KIB, MIB
from tests.e2e.conftest import World
from tests.e2e.refusals import REFUSED, USAGE, assert_hinted, assert_refused, untouched
from tests.support import needs

pytestmark = pytest.mark.slow  # together they start some hundred processes


def test_the_same_file_twice(world: World) -> None:
    a = world.image("a.img")
    (world.place / "symlink.img").symlink_to(a)
    os.link(a, world.place / "hardlink.img")
    for other in ("a.img", "./a.img", "symlink.img", "hardlink.img"):
        with untouched(a):
            outcome = world.try_to("create", "vault", "a.img", other)
        assert_refused(outcome, USAGE, "are the same file", "nothing was written")
        assert_hinted(outcome)


def test_a_member_of_a_running_mirror(world: World) -> None:
    world.create()
    c = world.image("c.img")
    with untouched(c):
        outcome = world.try_to("create", "other", "a.img", c, "--force", "--yes")
    assert_refused(outcome, REFUSED, "a.img is a member of vault, which runs", "nothing was written")
    assert_hinted(outcome)
    outcome = world.try_to("assemble", "a.img", "b.img")
    assert_refused(outcome, REFUSED, "is a member of vault, which runs")


def test_a_member_of_a_mirror_that_another_engine_runs(world: World) -> None:
    world.create()
    elsewhere = world.place / "t"
    c = world.image("c.img")
    outcome = world.try_to("create", "--socket", elsewhere, "other", "a.img", c, "--force", "--yes")
    assert_refused(outcome, REFUSED, "a.img is in use by", "nothing was written")
    world.do("engine", "stop", "--socket", elsewhere)


def test_a_member_that_a_program_holds(world: World) -> None:
    a, b = world.image("a.img"), world.image("b.img")
    with a.open("r+b") as held, untouched(a, b):
        fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        outcome = world.try_to("create", "vault", a, b)
    assert_refused(outcome, REFUSED, f"{a} is in use by", f"(pid {os.getpid()})", "nothing was written")
    assert_hinted(outcome)


@pytest.fixture
def loop(world: World) -> Iterator[Path]:
    """A loop device over disk.img."""
    needs("losetup", "mkfs.ext4", "mkswap")
    image = world.image("disk.img", 32 * MIB)
    done = subprocess.run(
        ["losetup", "-f", "--show", image], capture_output=True, text=True, timeout=10, check=False
    )
    if done.returncode:
        pytest.skip(f"no loop device: {done.stderr.strip()}")
    device = Path(done.stdout.strip())
    try:
        yield device
    finally:
        world.kill_all()
        subprocess.run(["losetup", "-d", device], check=True, timeout=10)


def run(*words: str | Path) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=20)


@pytest.mark.interop
def test_a_mounted_device(world: World, loop: Path) -> None:
    run("mkfs.ext4", "-q", "-L", "photos", loop)
    b = world.image("b.img", 32 * MIB)
    with untouched(loop, b):
        outcome = world.try_to("create", "vault", loop, b)
    assert_refused(outcome, REFUSED, f"{loop} holds ext4, label photos", "nothing was written", "--force")
    where = world.place / "mnt"
    where.mkdir()
    run("mount", loop, where)
    try:
        outcome = world.try_to("create", "vault", loop, b, "--force", "--yes")
    finally:
        run("umount", where)
    assert_refused(
        outcome, REFUSED, f"{loop} is mounted on {where}", "nothing was written", f"umount {where}"
    )


@pytest.mark.interop
def test_a_device_that_is_swapped_on(world: World, loop: Path) -> None:
    run("mkswap", loop)
    b = world.image("b.img", 32 * MIB)
    if subprocess.run(["swapon", loop], capture_output=True, timeout=10, check=False).returncode:
        pytest.skip("swapon is not allowed here")
    try:
        outcome = world.try_to("create", "vault", loop, b, "--force", "--yes")
    finally:
        run("swapoff", loop)
    assert_refused(outcome, REFUSED, f"{loop} is swap space in use", "nothing was written")


@pytest.mark.interop
def test_the_image_behind_a_loop_device(world: World, loop: Path) -> None:
    b = world.image("b.img", 32 * MIB)
    outcome = world.try_to("create", "vault", "disk.img", b)
    assert_refused(outcome, REFUSED, f"disk.img is the backing file of {loop}", "nothing was written")
    outcome = world.try_to("create", "vault", "disk.img", loop)
    assert_refused(outcome, USAGE, f"{loop} has its bytes in", "nothing was written")


@pytest.mark.parametrize(
    ("place", "content", "told"),
    [
        (0x438, b"\x53\xef", "holds ext2"),
        (510, b"\x55\xaa", "holds MBR partition table, 1 partition"),
        (512, b"EFI PART", "holds GPT partition table"),
        (0, b"LUKS\xba\xbe\0\2", "holds LUKS2"),
    ],
)
def test_a_member_that_bears_something(world: World, place: int, content: bytes, told: str) -> None:
    a, b = world.image("a.img"), world.image("b.img")
    with a.open("r+b") as file:
        file.seek(446)
        file.write(struct.pack("<8B2I", 0, 0, 0, 0, 0x83, 0, 0, 0, 2048, 4096) if place == 510 else bytes(16))
        file.seek(place)
        file.write(content)
    with untouched(a, b):
        outcome = world.try_to("create", "vault", a, b)
        assert_refused(outcome, REFUSED, f"{a} {told}", "nothing was written", "--force")
        outcome = world.try_to("create", "vault", a, b, "--force")
        assert outcome.code == REFUSED
        assert "wants a confirmation" in outcome.err
        assert f"  erases      {a} {told}" in outcome.err
    world.do("create", "vault", a, b, "--force", "--yes")


def test_another_arrays_member(world: World) -> None:
    world.create()
    world.do("stop", "vault")
    a, c = world.place / "a.img", world.image("c.img")
    with untouched(a, c):
        outcome = world.try_to("create", "other", a, c)
    assert_refused(outcome, REFUSED, f"{a} holds MD 1.2", "vault", "nothing was written")


def test_what_is_not_blank_wants_a_yes(world: World) -> None:
    a, b = world.image("a.img"), world.image("b.img")
    with a.open("r+b") as file:
        file.write(b"something that nobody knows")
    with untouched(a, b):
        outcome = world.try_to("create", "vault", a, b)
    assert outcome.code == REFUSED
    assert "is not empty, though nothing on it is known" in outcome.err
    world.do("create", "vault", a, b, "--yes")


def test_members_too_small(world: World) -> None:
    a, b = world.image("a.img"), world.image("b.img", 512 * KIB)
    with untouched(a, b):
        outcome = world.try_to("create", "vault", a, b)
    assert_refused(outcome, REFUSED, "512 KiB is too small for a member", "the least is")


def test_members_of_unequal_size(world: World) -> None:
    """The smallest counts, and what is wasted is said."""
    a, b = world.image("a.img", 64 * MIB), world.image("b.img", 16 * MIB)
    plan = world.do("create", "vault", a, b, "--plan", "--json").data
    assert plan["notes"] == [f"{a} is 48.0 MiB larger than the smallest member; that much is not used."]
    world.do("create", "vault", a, b)
    assert world.client.mirror("vault").size == 15 * MIB


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (Path.mkdir, "is a directory"),
        (lambda path: os.mkfifo(path), "is a FIFO"),
        (lambda path: None, "does not exist"),
        (lambda path: path.symlink_to("/dev/null"), "is a character device"),
        (lambda path: path.touch(), "is empty"),
    ],
)
def test_what_can_be_no_member(world: World, make: Callable[[Path], None], told: str) -> None:
    a = world.image("a.img")
    make(world.place / "odd")
    with untouched(a):
        outcome = world.try_to("create", "vault", a, "odd")
        assert_refused(outcome, REFUSED, f"odd {told}", "nothing was written")
        assert_hinted(outcome)
        assert_refused(world.try_to("assemble", "vault", a, "odd"), REFUSED)


def test_an_unreadable_member(world: World) -> None:
    a, b = world.image("a.img"), world.image("b.img")
    b.chmod(0)
    powerless: list[str] = []
    if os.geteuid() == 0:  # who may read everything
        needs("setpriv")
        powerless = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"]
    with untouched(a, b):
        outcome = world.try_to("create", "vault", a, b, prefix=powerless)
    assert_refused(outcome, REFUSED, f"{b} may not be opened: permission denied", "nothing was written")


@pytest.mark.parametrize("members", [1, 17])
def test_too_few_and_too_many_members(world: World, members: int) -> None:
    images = [world.image(f"{number}.img", 4 * MIB) for number in range(members)]
    outcome = world.try_to("create", "vault", *images)
    assert_refused(outcome, USAGE, f"2 to 16 members, not {members}")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a/b", "it has a slash"),
        ("a\nb", "it has control characters"),
        ("", "it is empty"),
        ("x" * 33, "of at most 32"),
    ],
)
def test_a_bad_name(world: World, name: str, told: str) -> None:
    a, b = world.image("a.img"), world.image("b.img")
    with untouched(a, b):
        outcome = world.try_to("create", name, a, b)
    assert_refused(outcome, USAGE, "cannot name a mirror", told)
    assert_hinted(outcome)


def test_a_name_in_use(world: World) -> None:
    world.create()
    c, d = world.image("c.img"), world.image("d.img")
    with untouched(c, d):
        assert_refused(world.try_to("create", "vault", c, d), REFUSED, "There is a mirror vault already")
        world.do("stop", "vault")
        assert_refused(
            world.try_to("create", "vault", c, d), REFUSED, "A stopped mirror vault is remembered", "--force"
        )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--bitmap-chunk", "5000"], "must be a power of two"),
        (["--bitmap-chunk", "lots"], "'lots' is not a size"),
        (["--size", "1T"], "the smallest member has room for"),
        (["--colour", "red"], "No such option"),
    ],
)
def test_bad_options(world: World, words: list[str], told: str) -> None:
    a, b = world.image("a.img"), world.image("b.img")
    with untouched(a, b):
        outcome = world.try_to("create", "vault", a, b, *words)
    assert_refused(outcome, USAGE, told)
