"""What the small matters of daily use leave on disk, read by the real mdadm."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.devices import loop_device, needs_root
from tests.e2e.conftest import PATIENCE, World, world
from tests.interop.kernels import tool
from tests.support import needs

pytestmark = pytest.mark.interop
__all__ = ["world"]


def examined(path: Path) -> dict[str, str]:
    """What mdadm says of a member, by its own words; empty where it finds none."""
    needs("mdadm")
    words = ["mdadm", "--examine", str(path)]
    said = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE).stdout
    return dict(re.findall(r"^ *([A-Z][\w ]*?) : (.*?) *$", said, re.MULTILINE))


def test_mdadm_sees_spares_flags_names_and_a_clean_mirror(world: World) -> None:
    images = [world.image(f"{name}.img") for name in "abc"]
    world.do("create", "vault", *images[:2], "--spare", images[2])
    world.do("wait", "vault")
    assert examined(images[2])["Device Role"] == "spare"
    assert {examined(image)["Raid Devices"] for image in images} == {"2"}
    world.do("set", "vault", "a.img", "write-mostly", "on")
    world.do("set", "vault", "a.img", "failfast", "on")
    world.do("set", "vault", "b.img", "failfast", "on")
    world.do("set", "vault", "c.img", "write-mostly", "on")
    flags = [examined(image).get("Flags") for image in images]
    assert flags == ["write-mostly failfast", "failfast", "write-mostly"]
    world.do("set", "vault", "b.img", "failfast", "off")
    world.do("rename", "vault", "attic")
    with world.connected(world.client.mirror("attic").uri) as client:
        client.write(0, b"x" * 4096)
    assert examined(images[0])["State"] == "active"
    world.do("readonly", "attic")
    for image in images:
        said = examined(image)
        assert said["Name"] == "attic"
        assert said["State"] == "clean"
        assert said["Checksum"].endswith("correct")
        assert said["Events"] == str(world.client.mirror("attic").events)
    assert "Flags" not in examined(images[1])


def test_mdadm_finds_nothing_where_the_superblock_was_erased(world: World) -> None:
    world.create()
    world.do("stop", "vault")
    assert examined(world.place / "a.img")["Name"] == "vault"
    world.do("zero-superblock", "a.img", "--yes")
    assert examined(world.place / "a.img") == {}
    assert examined(world.place / "b.img")["Name"] == "vault"


def test_mdadm_reads_the_bitmap_that_came_later(world: World) -> None:
    world.create()
    world.do("set", "vault", "bitmap", "none", "--yes")
    assert "Internal Bitmap" not in examined(world.place / "a.img")
    world.do("set", "vault", "bitmap", "internal", "--bitmap-chunk", "128K")
    for name in ("a.img", "b.img"):
        said = examined(world.place / name)
        assert said["Internal Bitmap"] == "8 sectors from superblock"
        assert said["Checksum"].endswith("correct")
    needs_root()
    needs("losetup")
    with loop_device(world.place / "a.img", "--read-only") as device:
        listed = tool("mdadm", "--examine-bitmap", device)
    assert re.search(r"Chunksize : 128 KB", listed)
    assert re.search(r"State : OK", listed)
    assert re.search(r"Bitmap : 120 bits \(chunks\), \d+ dirty", listed)
