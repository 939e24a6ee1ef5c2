"""How much of a file system is used: by what the real tools say of what they made, and by superblocks made here."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirrortui.device import fullness
from mirrortui.device.ends import Ends
from mirrortui.device.signatures import Signature, identify
from mirrortui.units import GIB, KIB, MIB, TIB
from tests.support import needs

PAYLOAD = 5 * MIB
SIZE = 64 * MIB


def device(*pieces: tuple[int, str, int], size: int = SIZE) -> Ends:
    """A device that holds numbers: (offset, struct format, value)."""
    head = bytearray(256 * KIB)
    for offset, form, value in pieces:
        struct.pack_into(form, head, offset, value)
    return Ends(lambda at, length: bytes(head[at : at + length]).ljust(length, b"\0"), size)


def ext(
    *,
    blocks: int,
    free: int,
    shift: int = 2,
    wide: bool = True,
    overhead: int = 0,
    cluster: int | None = None,
) -> Ends:
    base = 1024
    pieces = [
        (base + 0x4, "<I", blocks & 0xFFFFFFFF),
        (base + 0xC, "<I", free & 0xFFFFFFFF),
        (base + 0x18, "<I", shift),
        (base + 0x1C, "<I", shift if cluster is None else cluster),
        (base + 0x60, "<I", 0x80 if wide else 0),
        (base + 0x150, "<I", blocks >> 32),
        (base + 0x158, "<I", free >> 32),
        (base + 0x248, "<I", overhead),
    ]
    return device(*pieces)


def test_of_ext_the_upper_halves_count_only_where_they_are_in_use() -> None:
    large = 40 * TIB // 4096
    assert fullness.ext(ext(blocks=large, free=large - GIB // 4096)) == 1 * GIB
    low = large & 0xFFFFFFFF
    assert fullness.ext(ext(blocks=large, free=low - 10, wide=False)) == 10 * 4096
    assert fullness.ext(ext(blocks=1000, free=400, overhead=100)) == 500 * 4096
    assert fullness.ext(ext(blocks=3200, free=1600, overhead=10, cluster=6)) == (1600 - 160) * 4096


@pytest.mark.parametrize(
    "broken", [ext(blocks=0, free=0), ext(blocks=10, free=11), ext(blocks=10, free=1, shift=7)]
)
def test_of_ext_counts_that_cannot_be_are_none(broken: Ends) -> None:
    assert fullness.ext(broken) is None


def test_of_ext_without_a_sum_tables_and_journal_are_not_what_is_used() -> None:
    base = 1024
    pieces = [
        (base + 0x4, "<I", 4 * 32768),
        (base + 0xC, "<I", 4 * 32768 - 10_000),
        (base + 0x18, "<I", 2),
        (base + 0x20, "<I", 32768),
        (base + 0x28, "<I", 8192),
        (base + 0x4C, "<I", 1),
        (base + 0x58, "<H", 256),
        (base + 0x14C, "<I", 16 * MIB),
    ]
    assert fullness.ext(device(*pieces)) == (10_000 - 4 * (512 + 2) - 4096) * 4096


def xfs(*, free: int, block: int = 4096, log: int = 500, inside: int = 1) -> Ends:
    return device(
        (4, ">I", block), (8, ">Q", 100_000), (48, ">Q", inside), (96, ">I", log), (144, ">Q", free)
    )


def test_of_xfs_its_log_counts_where_it_lies_inside() -> None:
    assert fullness.xfs(xfs(free=90_000)) == 9_500 * 4096
    assert fullness.xfs(xfs(free=90_000, inside=0)) == 10_000 * 4096
    assert fullness.xfs(xfs(free=100_001)) is None
    assert fullness.xfs(xfs(free=1, block=1 << 30)) is None


def btrfs(total: int, used: int, devices: int) -> Ends:
    base = 64 * KIB
    return device((base + 0x70, "<Q", total), (base + 0x78, "<Q", used), (base + 0x88, "<Q", devices))


def test_of_btrfs_only_one_device_tells_its_share() -> None:
    assert fullness.btrfs(btrfs(GIB, 212 * MIB, 1)) == 212 * MIB
    assert fullness.btrfs(btrfs(GIB, 212 * MIB, 2)) is None
    assert fullness.btrfs(btrfs(GIB, 2 * GIB, 1)) is None


def fat32(free: int, *, signature: int = 0x41615252, each: int = 8) -> Ends:
    pieces = [
        (11, "<H", 512),
        (13, "<B", each),
        (14, "<H", 32),
        (16, "<B", 2),
        (32, "<I", 32 + 2 * 100 + 8 * 1000 + 7),
        (36, "<I", 100),
        (48, "<H", 1),
        (512, "<I", signature),
        (512 + 484, "<I", 0x61417272),
        (512 + 488, "<I", free),
    ]
    return device(*pieces)


def test_of_fat32_what_is_free_may_not_be_known() -> None:
    assert fullness.fat32(fat32(400)) == 600 * 8 * 512
    assert fullness.fat32(fat32(0xFFFFFFFF)) is None
    assert fullness.fat32(fat32(1001)) is None
    assert fullness.fat32(fat32(400, signature=1)) is None
    assert fullness.fat32(fat32(400, each=0)) is None


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 127 * KIB), st.integers(0, 2**64 - 1)), max_size=40))
def test_any_bytes_say_something_or_nothing(numbers: list[tuple[int, int]]) -> None:
    ends = device(*((offset, "<Q", value) for offset, value in numbers))
    for of in (fullness.ext, fullness.xfs, fullness.btrfs, fullness.fat32):
        used = of(ends)
        assert used is None or used >= 0


def test_it_stands_behind_the_label() -> None:
    assert str(Signature("ext4", "label photos", 0x438, 212 * GIB)) == "ext4, label photos, 212 GiB used"
    assert str(Signature("ext4", "", 0x438, 0)) == "ext4, 0 B used"
    assert str(Signature("NTFS", "", 3)) == "NTFS"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With something to fill a file system with."""
    folder = tmp_path / "content"
    folder.mkdir()
    (folder / "photos").write_bytes(os.urandom(PAYLOAD))
    return folder


def made(image: Path, size: int, *command: str | Path) -> int | None:
    """What is used on an image that a real tool made a file system on."""
    with image.open("wb") as file:
        file.truncate(size)
    subprocess.run([*command, image], check=True, capture_output=True, timeout=60)
    with image.open("rb") as file:
        fd = file.fileno()
        (found,) = identify(lambda at, length: os.pread(fd, length, at), size)
    return found.used


@pytest.mark.parametrize(
    "options",
    [
        "-t ext4",
        *(
            pytest.param(options, marks=pytest.mark.slow)
            for options in (
                "-t ext2",
                "-t ext3",
                "-t ext4 -b 1024 -O 64bit",
                "-t ext4 -b 4096 -O ^64bit",
                "-t ext4 -O bigalloc",
            )
        ),
    ],
)
def test_what_mke2fs_filled(tmp_path: Path, folder: Path, options: str) -> None:
    needs("mke2fs", "dumpe2fs")
    image = tmp_path / "image"
    used = made(image, SIZE, "mke2fs", "-q", "-F", *options.split(), "-d", folder)
    told = subprocess.run(["dumpe2fs", "-h", image], check=True, capture_output=True, text=True).stdout
    count, free, own, block = (
        int(re.findall(rf"^{name}:\s+(\d+)", told, re.MULTILINE)[0])
        for name in ("Block count", "Free blocks", "Overhead clusters", "Block size")
    )
    cluster = re.findall(r"^Cluster size:\s+(\d+)", told, re.MULTILINE)
    own *= int(cluster[0]) // block if cluster else 1
    assert used == (count - free - own) * block
    assert PAYLOAD <= used < PAYLOAD + 512 * KIB


@pytest.mark.slow
def test_what_mkfs_btrfs_filled(tmp_path: Path, folder: Path) -> None:
    needs("mkfs.btrfs")
    used = made(tmp_path / "image", 256 * MIB, "mkfs.btrfs", "-q", "--rootdir", folder)
    assert used is not None
    assert PAYLOAD <= used < PAYLOAD + MIB


@pytest.mark.slow
def test_what_mkfs_xfs_filled(tmp_path: Path, folder: Path) -> None:
    needs("mkfs.xfs")
    protofile = tmp_path / "prototype"
    protofile.write_text(f"/\n0 0\nd--755 0 0\nphotos ---644 0 0 {folder / 'photos'}\n$\n")
    used = made(tmp_path / "image", 400 * MIB, "mkfs.xfs", "-q", "-p", protofile)
    assert used is not None
    assert PAYLOAD <= used < PAYLOAD + MIB


@pytest.mark.slow
def test_what_mkfs_vfat_and_mcopy_filled(tmp_path: Path, folder: Path) -> None:
    needs("mkfs.vfat", "mcopy")
    image = tmp_path / "image"
    made(image, 300 * MIB, "mkfs.vfat", "-F", "32")
    subprocess.run(["mcopy", "-i", image, folder / "photos", "::"], check=True, timeout=60)
    with image.open("rb") as file:
        fd = file.fileno()
        (found,) = identify(lambda at, length: os.pread(fd, length, at), 300 * MIB)
    assert found.used is not None
    assert PAYLOAD <= found.used < PAYLOAD + MIB
