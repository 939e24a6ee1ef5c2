"""Nothing in use is taken (I12): images, by everything that can be tried without root."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirrortui.device import usage
from mirrortui.device.claims import check_distinct, claim
from mirrortui.errors import InUseError, MemberError, RequestError
from tests.devices import nobody

SIZE = 1 << 20


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def claimed(image: Path) -> Iterator[Path]:
    fd = claim(str(image))
    yield image
    os.close(fd)


def test_a_claimed_image_is_refused_by_any_of_its_names(claimed: Path, tmp_path: Path) -> None:
    hard, soft = tmp_path / "hard", tmp_path / "soft"
    hard.hardlink_to(claimed)
    soft.symlink_to(claimed)
    for path in (claimed, hard, soft):
        with pytest.raises(InUseError) as caught:
            claim(str(path))
        assert str(caught.value).startswith(f"{path} is in use by ")
        assert f"(pid {os.getpid()}); nothing was written." in caught.value.what
        assert caught.value.hint


def test_a_claim_ends_with_its_descriptor(image: Path) -> None:
    os.close(claim(str(image)))
    os.close(claim(str(image)))


def test_readers_share_and_keep_writers_out(image: Path) -> None:
    one, two = claim(str(image), readonly=True), claim(str(image), readonly=True)
    with pytest.raises(InUseError):
        claim(str(image))
    os.close(one)
    os.close(two)
    writer = claim(str(image))
    with pytest.raises(InUseError):
        claim(str(image), readonly=True)
    os.close(writer)


CLAIMS = "from mirrortui.device.claims import claim; claim(sys.argv[1])"
LOCKS = "import fcntl; image = open(sys.argv[1], 'r+'); fcntl.lockf(image, fcntl.LOCK_EX)"


@pytest.mark.parametrize("takes", [CLAIMS, LOCKS], ids=["a worker", "a program with a classic lock"])
def test_another_process_is_named_and_gives_back_when_it_dies(image: Path, takes: str) -> None:
    script = f"import sys; {takes}; print('mine', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(image)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout and other.stdout.readline() == "mine\n"
        with pytest.raises(InUseError, match=rf"\(pid {other.pid}\)"):
            claim(str(image))
        other.kill()
        other.wait()
        os.close(claim(str(image)))


def test_what_is_no_image_is_named_for_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    wrong = {
        tmp_path: "is a directory",
        tmp_path / "fifo": "is a FIFO",
        tmp_path / "socket": "is a socket",
        Path("/dev/zero"): "is a character device",
        tmp_path / "none": "does not exist",
        tmp_path / "none" / "below": "does not exist",
        tmp_path / "dangling": "does not exist",
    }
    for path, why in wrong.items():
        with pytest.raises(MemberError) as caught:
            claim(str(path))
        assert caught.value.what == f"{path} {why}; nothing was written."
        assert caught.value.hint
    with pytest.raises(MemberError, match="cannot be opened"):
        claim("a\0b")


def test_an_unreadable_image_says_permission() -> None:
    with nobody(0o000) as image, pytest.raises(MemberError, match="permission denied; nothing was written"):
        claim(str(image))


def test_an_image_replaced_while_it_is_opened_is_not_taken(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    another = image.with_name("another")
    another.touch()

    def replacing(path: str, flags: int, mode: int = 0o777) -> int:
        another.rename(image)
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", replacing)
    with pytest.raises(MemberError, match="was replaced"):
        claim(str(image))


def test_one_storage_by_two_names_is_found_before_anything_is_opened(image: Path, tmp_path: Path) -> None:
    other, hard, soft = tmp_path / "other", tmp_path / "hard", tmp_path / "soft"
    other.touch()
    hard.hardlink_to(image)
    soft.symlink_to(image)
    check_distinct([str(image), str(other), str(tmp_path / "missing"), str(tmp_path / "missing too")])
    for twin in (image, hard, soft):
        with pytest.raises(RequestError) as caught:
            check_distinct([str(image), str(other), str(twin)])
        assert caught.value.what == f"{image} and {twin} are the same file; nothing was written."


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine made of files: what /proc and /sys would say."""
    monkeypatch.setattr(usage, "PROC", tmp_path / "proc")
    monkeypatch.setattr(usage, "SYS", tmp_path / "sys")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "sys/dev/block").mkdir(parents=True)
    (tmp_path / "sys/block").mkdir()
    return tmp_path


def test_mounts_and_swaps_are_read_as_the_kernel_writes_them(machine: Path) -> None:
    (machine / "proc/self/mountinfo").write_text(
        "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
        "40 35 0:33 / /home/an\\040old\\134disk rw shared:7 master:2 - btrfs /dev/sd\\040b1 rw\n"
    )
    assert usage.mounts() == [
        usage.Mount(os.makedev(98, 0), "/mnt2", "ext3", "/dev/root"),
        usage.Mount(os.makedev(0, 33), "/home/an old\\disk", "btrfs", "/dev/sd b1"),
    ]
    (machine / "proc/swaps").write_text("Filename Type Size Used Priority\n/swap\\040file file 1024 0 -2\n")
    assert usage.swaps() == ["/swap file"]


def test_a_swap_file_is_in_use(machine: Path, image: Path) -> None:
    (machine / "proc/swaps").write_text(f"Filename Type Size Used Priority\n{image} file 1024 0 -2\n")
    with pytest.raises(InUseError, match=r"swap file in use; nothing was written\. .* swapoff"):
        claim(str(image))


def test_a_file_system_that_hangs_is_not_asked_for_what_cannot_lie_on_it(
    machine: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, backing in ((7, "/far/away.img"), (8, "/away/beside.img"), (9, "/merged/x.img")):
        (machine / f"sys/block/loop{number}/loop").mkdir(parents=True)
        (machine / f"sys/block/loop{number}/loop/backing_file").write_text(f"{backing}\n")
    (machine / "proc/self/mountinfo").write_text(
        "36 35 8:17 / / rw - ext4 /dev/sdq1 rw\n"
        "37 36 0:41 / /far rw - fuse.hangs x rw\n"
        "38 36 0:42 / /merged rw - overlay x rw\n"
    )
    asked = []
    monkeypatch.setattr(usage, "_stat", lambda path: asked.append(path))
    found = os.stat_result((0, 1, os.makedev(8, 17), 0, 0, 0, 0, 0, 0, 0))
    assert usage.loop_devices(found) == []
    assert asked == ["/away/beside.img", "/merged/x.img"]


def test_the_image_behind_a_loop_device_is_in_use(machine: Path, image: Path) -> None:
    (machine / "sys/block/loop7/loop").mkdir(parents=True)
    (machine / "sys/block/loop7/loop/backing_file").write_text(f"{image}\n")
    with pytest.raises(InUseError, match="is the backing file of /dev/loop7"):
        claim(str(image))


def disk(machine: Path, name: str, numbers: str, *, of: str = "") -> Path:
    """A block device's directory in the made-up sysfs."""
    directory = machine / "sys/devices" / of / name
    directory.mkdir(parents=True)
    (directory / "dev").write_text(f"{numbers}\n")
    if of:
        (directory / "partition").write_text("1\n")
    (machine / "sys/dev/block" / numbers).symlink_to(directory)
    (directory / "holders").mkdir()
    return directory


def test_a_disk_is_in_use_by_its_partitions_and_a_partition_by_its_disk(machine: Path) -> None:
    whole = disk(machine, "sdq", "8:16")
    part = disk(machine, "sdq1", "8:17", of="sdq")
    sdq, sdq1 = os.makedev(8, 16), os.makedev(8, 17)
    assert usage.parent(sdq1) == sdq
    assert usage.parent(sdq) is None
    assert usage.partitions(sdq) == {sdq1: "sdq1"}
    assert usage._use_of_block(sdq) is None

    (machine / "proc/self/mountinfo").write_text("36 35 8:17 / /srv rw - ext4 /dev/sdq1 rw\n")
    use = usage._use_of_block(sdq)
    assert use and use.reason == "is mounted on /srv by its partition sdq1"
    assert use.hint == "Unmount it first: umount /srv"
    (machine / "proc/self/mountinfo").write_text("")

    (part / "holders/dm-3/dm").mkdir(parents=True)
    (part / "holders/dm-3/dm/name").write_text("vg-home\n")
    use = usage._use_of_block(sdq1)
    assert use and use.reason == "is held by the device-mapper volume vg-home"

    (whole / "holders/md9/md").mkdir(parents=True)
    (part / "holders/dm-3/dm/name").unlink()
    (part / "holders/dm-3/dm").rmdir()
    (part / "holders/dm-3").rmdir()
    use = usage._use_of_block(sdq1)
    assert use and use.reason == "is part of a disk that is a member of the kernel's array md9"
