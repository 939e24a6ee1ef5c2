"""A disk with data on it becomes a mirror, by the command line, with real processes."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from mirrortui.units import KIB, MIB
from tests.e2e.conftest import World, digest, until
from tests.support import needs

pytestmark = pytest.mark.slow

SIZE = 16 * MIB


def file_system(world: World, name: str, size: int) -> Path:
    """An image of SIZE with an ext4 of `size` bytes, and files in it."""
    needs("mkfs.ext4", "e2fsck")
    files = world.place / f"{name}-files"
    files.mkdir()
    for number in range(20):
        (files / f"file{number}").write_bytes(bytes([number]) * 100_000)
    image = world.image(name, SIZE)
    command = ["mkfs.ext4", "-q", "-F", "-d", str(files), str(image), f"{size // KIB}k"]
    subprocess.run(command, check=True, capture_output=True, timeout=20)
    return image


def check(image: Path) -> None:
    """The file system is whole."""
    done = subprocess.run(["e2fsck", "-fn", image], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stdout


def start_of(path: Path, length: int) -> bytes:
    return path.read_bytes()[:length]


def test_a_file_system_becomes_a_mirror_where_it_is(world: World) -> None:
    image = file_system(world, "old.img", SIZE - 512 * KIB)
    before, kept = image.read_bytes(), SIZE - 128 * KIB
    new = world.image("new.img", SIZE)
    told = world.do("adopt", "vault", "old.img", "new.img", "--plan", "--json").data
    assert told["confirm"] == "yes"
    assert told["erases"] == []
    assert "All before byte 16646144 stays as it is" in " ".join(told["notes"])
    outcome = world.try_to("adopt", "vault", "old.img", "new.img")
    assert outcome.code == 1
    assert "wants a confirmation" in outcome.err
    assert image.read_bytes() == before
    uri = world.do("adopt", "vault", "old.img", "new.img", "--yes").out.strip()
    world.do("wait", "vault", "--for", "in-sync", "--timeout", "20")
    with world.connected(uri) as client:
        assert client.size == kept
        served = client.read(0, kept)
    assert served == before[:kept]
    copy = world.place / "copy.img"
    copy.write_bytes(served)
    check(copy)
    world.do("stop", "vault")
    assert start_of(image, kept) == start_of(new, kept) == before[:kept]
    assert image.stat().st_size == SIZE
    for member in (image, new):
        check(member)
    assert world.do("examine", "old.img", "--json").data[0]["version"] == "1.0"
    world.do("assemble", "vault")
    assert {m.state for m in world.client.mirror("vault").members} == {"in_sync"}
    assert world.events("mirror-adopted")


def test_one_that_reaches_to_the_end_is_made_longer_or_left_alone(world: World) -> None:
    image = file_system(world, "full.img", SIZE)
    before = digest(image)
    for words in ((), ("--tail-is-free",)):
        outcome = world.try_to("adopt", "vault", "full.img", "--yes", *words)
        assert outcome.code == 1
        assert re.search(r"holds ext4, [^,]+ used, which reaches to byte 16777215", outcome.err)
        assert "resize2fs" in outcome.err
        assert "--extend" in outcome.err
    told = world.do("adopt", "vault", "full.img", "--extend", "--plan", "--json").data
    assert "is made longer first: 17039360 bytes" in " ".join(told["notes"])
    assert digest(image) == before
    content = image.read_bytes()
    world.do("adopt", "vault", "full.img", "--extend", "--yes")
    mirror = world.client.mirror("vault")
    assert mirror.size == SIZE
    assert mirror.state == "degraded"
    os.kill(mirror.worker_pid or 0, 9)
    until(lambda: world.events("worker-died"), "the death is noticed")
    until(lambda: world.client.mirror("vault").state == "degraded", "it runs again")
    with world.connected(mirror.uri) as client:
        assert client.read(0, SIZE) == content
    world.do("stop", "vault")
    assert start_of(image, SIZE) == content


def test_what_is_at_the_end_is_not_overwritten_without_a_word(world: World) -> None:
    image = world.image("raw.img", SIZE)
    with image.open("r+b") as file:
        file.seek(SIZE - 100_000)
        file.write(b"precious")
    before = image.read_bytes()
    outcome = world.try_to("adopt", "vault", "raw.img", "--yes")
    assert outcome.code == 1
    assert f"bytes {SIZE - 100_000} to {SIZE - 100_000 + 7} are not zero" in outcome.err
    assert image.read_bytes() == before
    told = world.do("adopt", "vault", "raw.img", "--tail-is-free", "--plan", "--json").data
    assert told["confirm"] == "name"
    assert "are not zero" in told["erases"][0]
    world.do("adopt", "vault", "raw.img", "--extend", "--yes")
    with world.connected(world.client.mirror("vault").uri) as client:
        assert client.read(0, SIZE) == before
    world.do("stop", "vault")
    assert "is a member of an array already" in world.try_to("adopt", "other", "raw.img", "--yes").err


def with_gpt(image: Path, last: int) -> None:
    """A partition table as sgdisk writes one, with a partition that ends at that sector."""
    sectors = SIZE // 512
    entry = struct.pack("<16s16sQQQ", b"t" * 16, b"u" * 16, 2048, last, 0).ljust(128, b"\0")
    table = entry.ljust(128 * 128, b"\0")

    def header(here: int, other: int, entries: int) -> bytes:
        fields = (b"EFI PART", 0x10000, 92, 0, 0, here, other, 34, sectors - 34)
        rest = struct.pack("<16sQIII", b"d" * 16, entries, 128, 128, zlib.crc32(table))
        raw = struct.pack("<8sIIIIQQQQ", *fields) + rest
        return raw[:16] + struct.pack("<I", zlib.crc32(raw)) + raw[20:]

    with image.open("r+b") as file:
        file.seek(512)
        file.write(header(1, sectors - 1, 2).ljust(512, b"\0") + table)
        file.seek((sectors - 33) * 512)
        file.write(table + header(sectors - 1, 1, sectors - 33).ljust(512, b"\0"))


def test_the_copy_of_a_gpt_goes_only_by_the_operator_s_word(world: World) -> None:
    image = world.image("gpt.img", SIZE)
    with_gpt(image, last=20_000)
    before = image.read_bytes()
    outcome = world.try_to("adopt", "vault", "gpt.img", "--yes")
    assert outcome.code == 1
    assert "keeps its second copy in the last sectors" in outcome.err
    assert image.read_bytes() == before
    world.do("adopt", "vault", "gpt.img", "--tail-is-free", "--yes")
    world.do("stop", "vault")
    kept = SIZE - 128 * KIB
    assert image.read_bytes()[:kept] == before[:kept]


def test_a_partition_that_reaches_into_the_tail_is_not_cut_off(world: World) -> None:
    image = world.image("gpt.img", SIZE)
    with_gpt(image, last=SIZE // 512 - 35)
    before = digest(image)
    outcome = world.try_to("adopt", "vault", "gpt.img", "--tail-is-free", "--yes")
    assert outcome.code == 1
    assert "adopt its partitions one by one" in outcome.err
    assert digest(image) == before


def test_who_is_too_small_to_be_filled_is_told_before_the_disk_is_touched(world: World) -> None:
    image = file_system(world, "old.img", SIZE - MIB)
    world.image("new.img", SIZE - MIB)
    before = digest(image)
    outcome = world.try_to("adopt", "vault", "old.img", "new.img", "--yes")
    assert outcome.code == 1
    assert "new.img is too small" in outcome.err
    assert "bytes or more fits" in outcome.err
    assert digest(image) == before
    for words in (("old.img", "old.img"), ("gone.img",)):
        assert world.try_to("adopt", "vault", *words, "--yes").code, words
    assert digest(image) == before
