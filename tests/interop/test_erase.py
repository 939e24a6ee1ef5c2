"""After `create`, mdadm and libblkid find the new mirror's superblock and no other, wherever the old one lay."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from mirrortui.units import KIB
from tests.e2e.conftest import PATIENCE, World, world
from tests.golden import members
from tests.support import needs

pytestmark = pytest.mark.interop
__all__ = ["world"]
VERSIONS = {"legacy/clean": "0.90", "clean-1.0": "1.0", "clean-1.1": "1.1", "clean-1.2": "1.2"}


def version(image: Path) -> str:
    """Of the array that mdadm finds; empty: none."""
    words = ["mdadm", "--examine", str(image)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    found = re.search(r"Version : (\S+)", done.stdout)
    return found[1] if found else ""


def places(image: Path) -> list[str]:
    """Where libblkid sees arrays."""
    words = ["wipefs", "--no-act", "--noheadings", "--output=OFFSET,TYPE", str(image)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return [line.split()[0] for line in done.stdout.splitlines() if "linux_raid_member" in line]


@pytest.mark.parametrize("state", VERSIONS)
def test_nobody_finds_the_earlier_life(world: World, state: str) -> None:
    needs("mdadm", "wipefs")
    used, blank = world.place / "used.img", world.image("blank.img")
    members(state)[0].write(used)
    assert version(used).startswith(VERSIONS[state])
    assert len(places(used)) == 1
    world.do("create", "vault", used, blank, "--force", "--yes")
    world.do("stop", "vault")
    assert places(used) == [hex(4 * KIB)]
    assert version(used) == "1.2"
    with used.open("r+b") as file:
        file.seek(4 * KIB)
        file.write(bytes(4 * KIB))
    assert version(used) == "", "without ours there is none"
